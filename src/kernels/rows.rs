//! The loops over [rows, features], from two threads where there are many rows.
//!
//! A large matrix is cut into parts of some rows, whose sums are added up in their order. Whether and
//! where it is cut depends on its size alone, and so do the results.

#![allow(unsafe_code, reason = "fresh memory is filled and never cleared")]

use super::buffers::{Place, fresh};
use super::pointwise::{self, Function};
use super::{loops, pair};

/// Numbers up to which a matrix stays whole.
const SMALL: usize = 1 << 16;

/// Parts of a large one.
const PARTS: usize = 8;

/// Numbers of a part.
fn part(numbers: usize, features: usize) -> usize {
    let rows = numbers / features;
    (if numbers <= SMALL { rows } else { rows.div_ceil(PARTS) }).max(1) * features
}

/// Sums over rows in parts: `work` gets the place of a part and writes its
/// `count` sums.
fn summed(
    numbers: usize,
    features: usize,
    count: usize,
    work: impl Fn(std::ops::Range<usize>, &mut [f32]) + Sync,
) -> Vec<f32> {
    let part = part(numbers, features);
    let parts = numbers.div_ceil(part).max(1);
    let mut sums = vec![0.0; parts * count];
    let pieces = sums.chunks_exact_mut(count).enumerate().collect();
    pair::each(pieces, |(i, sums): (usize, &mut [f32])| {
        work(i * part..((i + 1) * part).min(numbers), sums);
    });
    let (first, others) = sums.split_at_mut(count);
    for part in others.chunks_exact(count) {
        for (sum, value) in first.iter_mut().zip(part) {
            *sum += value;
        }
    }
    sums.truncate(count);
    sums
}

/// Sums over rows, [features]. `x` is [rows, features].
pub fn sums(x: &[f32], features: usize) -> Vec<f32> {
    summed(x.len(), features, features, |part, sums| loops::sums(&x[part], sums))
}

/// Mean and biased variance of each feature. `x` is [rows, features]; both results [features].
pub fn statistics(x: &[f32], features: usize) -> [Vec<f32>; 2] {
    let share = features as f32 / x.len() as f32;
    let mut mean = sums(x, features);
    for sum in &mut mean {
        *sum *= share;
    }
    let mut variance = summed(x.len(), features, features, |part, sums| {
        loops::squares(&x[part], &mean, sums);
    });
    for sum in &mut variance {
        *sum *= share;
    }
    [mean, variance]
}

/// `(x − shift) · scale + offset` per feature, then max(·, 0) with `relu`: [rows, features].
pub fn normalize(x: &[f32], per_feature: [&[f32]; 3], relu: bool) -> Vec<f32> {
    // SAFETY: all of it is written.
    unsafe { fresh(x.len(), |out| normalize_to(x, per_feature, relu, out)) }
}

/// As [`normalize`], to a place of the same shape, all of which is written.
pub fn normalize_to(
    x: &[f32],
    [shift, scale, offset]: [&[f32]; 3],
    relu: bool,
    out: &mut [impl Place],
) {
    let features = shift.len();
    assert!(
        scale.len() == features && offset.len() == features && x.len().is_multiple_of(features)
    );
    assert_eq!(x.len(), out.len());
    let part = part(x.len(), features);
    let parts = out.chunks_mut(part).zip(x.chunks(part)).collect();
    pair::each(parts, |(out, x)| loops::normalize(x, shift, scale, offset, relu, out));
}

/// The gradients of gamma and beta, both [features], as [`loops::parameter_gradients`] has them.
pub fn parameter_gradients(
    x: &[f32],
    gradient: &[f32],
    mean: &[f32],
    inverse_deviation: &[f32],
) -> [Vec<f32>; 2] {
    let features = mean.len();
    let mut gamma = summed(x.len(), features, 2 * features, |part, sums| {
        let (gamma, beta) = sums.split_at_mut(features);
        loops::parameter_gradients(&x[part.clone()], &gradient[part], mean, gamma, beta);
    });
    let beta = gamma.split_off(features);
    for (gamma, inverse) in gamma.iter_mut().zip(inverse_deviation) {
        *gamma *= inverse;
    }
    [gamma, beta]
}

/// The gradient of the input, [rows, features], as [`loops::input_gradient`] has it.
pub fn input_gradient(x: &[f32], gradient: &[f32], per_feature: [&[f32]; 5]) -> Vec<f32> {
    // SAFETY: all of it is written.
    unsafe { fresh(x.len(), |out| input_gradient_to(x, gradient, per_feature, out)) }
}

/// As [`input_gradient`], to a place of the same shape, all of which is written.
pub fn input_gradient_to(
    x: &[f32],
    gradient: &[f32],
    per_feature: [&[f32]; 5],
    out: &mut [impl Place],
) {
    let features = per_feature[0].len();
    assert!(per_feature.iter().all(|numbers| numbers.len() == features));
    assert!(x.len() == gradient.len() && x.len().is_multiple_of(features));
    assert_eq!(x.len(), out.len());
    let part = part(x.len(), features);
    let parts = out.chunks_mut(part).zip(x.chunks(part)).zip(gradient.chunks(part));
    pair::each(parts.collect(), |((out, x), gradient)| {
        loops::input_gradient(x, gradient, per_feature, out);
    });
}

/// The function of each number.
pub fn values(function: Function, x: &[f32]) -> Vec<f32> {
    // SAFETY: all of it is written.
    unsafe { fresh(x.len(), |out| values_to(function, x, out)) }
}

/// As [`values`], to a place of as many, all of which is written.
pub fn values_to(function: Function, x: &[f32], out: &mut [impl Place]) {
    assert_eq!(x.len(), out.len());
    let part = part(x.len(), 1);
    let parts = out.chunks_mut(part).zip(x.chunks(part)).collect();
    pair::each(parts, |(out, x)| pointwise::values(function, x, out));
}

/// Multiplies each gradient of y, the function of x, by the function's slope there.
pub fn gradients(function: Function, [x, y]: [&[f32]; 2], gradient: &mut [f32]) {
    assert!(x.len() == gradient.len() && y.len() == gradient.len());
    let part = part(gradient.len(), 1);
    let parts = gradient.chunks_mut(part).zip(x.chunks(part)).zip(y.chunks(part)).collect();
    pair::each(parts, |((gradient, x), y)| pointwise::gradients(function, x, y, gradient));
}

/// Sets the gradient to zero where relu's output is; both are [rows, features].
pub fn relu_gradient(output: &[f32], gradient: &mut [f32], features: usize) {
    assert_eq!(gradient.len(), output.len());
    let part = part(output.len(), features);
    let parts = gradient.chunks_mut(part).zip(output.chunks(part)).collect();
    pair::each(parts, |(gradient, output)| loops::relu_gradient(output, gradient));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_rows_have_the_sums_of_few_and_the_same_from_two_threads() {
        let features = 24;
        let x: Vec<f32> = (0..4000 * features).map(|i| (i % 1013) as f32 / 1013.0).collect();
        assert!(x.len() > SMALL);
        let [mean, variance] = statistics(&x, features);
        for feature in 0..features {
            let column = || x.iter().skip(feature).step_by(features).map(|&x| f64::from(x));
            let expected = column().sum::<f64>() / 4000.0;
            assert!((f64::from(mean[feature]) - expected).abs() < 1e-6);
            let expected = column().map(|x| (x - expected).powi(2)).sum::<f64>() / 4000.0;
            assert!((f64::from(variance[feature]) - expected).abs() < 1e-6);
        }
        let _core = pair::at_work();
        assert_eq!(statistics(&x, features), [mean, variance]);
    }
}
