//! The kernels at the sizes of the batch-normalization networks: `cargo bench --bench kernels`.

use bn_runner::kernels::pair;
use bn_runner::kernels::product::{Finish, Left, product, transposed};
use divan::Bencher;

fn main() {
    divan::main();
}

/// Rows, columns and inner dimension.
const FORWARD: [usize; 3] = [32, 300, 784];
const WEIGHT_GRADIENT: [usize; 3] = [784, 300, 32];

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i % 251) as f32 / 251.0 - 0.5).collect()
}

fn run(bencher: Bencher<'_, '_>, left: Left, shape: [usize; 3]) {
    let [rows, columns, depth] = shape;
    let (a, b) = (numbers(rows * depth), numbers(depth * columns));
    bencher.bench(|| product(&a, left, &b, shape, Finish::default()));
}

#[divan::bench]
fn forward(bencher: Bencher<'_, '_>) {
    run(bencher, Left::AsIs, FORWARD);
}

#[divan::bench]
fn forward_on_two_cores(bencher: Bencher<'_, '_>) {
    let _this = pair::at_work();
    run(bencher, Left::AsIs, FORWARD);
}

#[divan::bench]
fn weight_gradient(bencher: Bencher<'_, '_>) {
    run(bencher, Left::Transposed, WEIGHT_GRADIENT);
}

#[divan::bench]
fn weight_gradient_on_two_cores(bencher: Bencher<'_, '_>) {
    let _this = pair::at_work();
    run(bencher, Left::Transposed, WEIGHT_GRADIENT);
}

#[divan::bench]
fn transpose(bencher: Bencher<'_, '_>) {
    let values = numbers(32 * 300);
    bencher.bench(|| transposed(&values, 32, 300));
}
