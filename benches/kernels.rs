//! The kernels at the sizes of the batch-normalization networks: `cargo bench --bench kernels`.

use bn_runner::kernels::convolution::conv2d;
use bn_runner::kernels::pair;
use bn_runner::kernels::product::{Finish, Left, product, transposed};
use bn_runner::kernels::windows::Windows;
use burn::tensor::{Device, Tensor, TensorData};
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

/// The second convolution of `experiments/convnet.yaml`, there and back.
#[divan::bench]
fn convolution(bencher: Bencher<'_, '_>) {
    let device = Device::flex().autodiff();
    let tensor = |shape: [usize; 4]| {
        let data = TensorData::new(numbers(shape.iter().product()), shape);
        Tensor::<4>::from_data(data, &device).require_grad()
    };
    let (x, kernel) = (tensor([32, 13, 13, 16]), tensor([3, 3, 16, 32]));
    let windows = Windows::over([13, 13, 16], [3, 3], [1, 1], [(0, 0); 2]);
    bencher.bench(|| conv2d(x.clone(), kernel.clone(), None, windows, true).sum().backward());
}
