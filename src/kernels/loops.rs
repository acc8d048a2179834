//! Loops over rows of features, compiled for several instruction sets and chosen when run.
//!
//! Every number is made by the same operations in the same order whatever the instruction set, so
//! that results do not depend on the processor.

use multiversion::multiversion;

use super::buffers::Place;

/// Sums over rows of the squares of `x − mean`. `x` is [rows, features], mean and sums [features].
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn squares(x: &[f32], mean: &[f32], sums: &mut [f32]) {
    sums.fill(0.0);
    for row in x.chunks_exact(mean.len()) {
        for ((sum, value), mean) in sums.iter_mut().zip(row).zip(mean) {
            let centred = value - mean;
            *sum += centred * centred;
        }
    }
}

/// Writes `(x − shift) · scale + offset` per feature to `out`, with `relu` the larger of that and 0;
/// both are [rows, features].
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn normalize(
    x: &[f32],
    shift: &[f32],
    scale: &[f32],
    offset: &[f32],
    relu: bool,
    out: &mut [impl Place],
) {
    let features = shift.len();
    // Not max(), of which nothing is left of NaN.
    let least = if relu { 0.0 } else { f32::NEG_INFINITY };
    for (out, row) in out.chunks_exact_mut(features).zip(x.chunks_exact(features)) {
        for ((((out, value), shift), scale), offset) in
            out.iter_mut().zip(row).zip(shift).zip(scale).zip(offset)
        {
            let value = (value - shift) * scale + offset;
            out.put(if value < least { least } else { value });
        }
    }
}

/// Sums over rows of the gradient (`beta_gradient`) and of the gradient times `x − mean`
/// (`gamma_gradient`, which wants to be multiplied by 1/σ), both [features]. `x` and `gradient` are
/// [rows, features].
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn parameter_gradients(
    x: &[f32],
    gradient: &[f32],
    mean: &[f32],
    gamma_gradient: &mut [f32],
    beta_gradient: &mut [f32],
) {
    let features = mean.len();
    gamma_gradient.fill(0.0);
    beta_gradient.fill(0.0);
    for (row, gradient) in x.chunks_exact(features).zip(gradient.chunks_exact(features)) {
        for ((((gamma, beta), value), mean), gradient) in
            gamma_gradient.iter_mut().zip(beta_gradient.iter_mut()).zip(row).zip(mean).zip(gradient)
        {
            *gamma += (value - mean) * gradient;
            *beta += gradient;
        }
    }
}

/// The gradient of the input, `scale · (g − a − x̂ · b)` with x̂ = (x − mean) · inverse_deviation
/// and per feature: `scale` = γ/σ, `a` the mean of g and `b` the mean of g·x̂ over the batch.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn input_gradient(
    x: &[f32],
    gradient: &[f32],
    [mean, inverse_deviation, scale, a, b]: [&[f32]; 5],
    out: &mut [impl Place],
) {
    let features = mean.len();
    let rows = x.chunks_exact(features).zip(gradient.chunks_exact(features));
    for (out, (row, gradient)) in out.chunks_exact_mut(features).zip(rows) {
        // Slices of one length let the compiler drop every bounds check.
        let (row, gradient) = (&row[..features], &gradient[..features]);
        let (mean, inverse, scale) =
            (&mean[..features], &inverse_deviation[..features], &scale[..features]);
        let (a, b, out) = (&a[..features], &b[..features], &mut out[..features]);
        for j in 0..features {
            let normalized = (row[j] - mean[j]) * inverse[j];
            out[j].put(scale[j] * (gradient[j] - a[j] - normalized * b[j]));
        }
    }
}

/// Writes `(x − mean) · inverse_deviation` per feature to `out`; both are [rows, features].
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn standardize(x: &[f32], mean: &[f32], inverse_deviation: &[f32], out: &mut [f32]) {
    let features = mean.len();
    for (out, row) in out.chunks_exact_mut(features).zip(x.chunks_exact(features)) {
        for (((out, value), mean), inverse) in
            out.iter_mut().zip(row).zip(mean).zip(inverse_deviation)
        {
            *out = (value - mean) * inverse;
        }
    }
}

/// Sets the gradient to zero where relu's output is.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn relu_gradient(output: &[f32], gradient: &mut [f32]) {
    for (gradient, output) in gradient.iter_mut().zip(output) {
        // Not where the output is NaN, so that NaN comes through.
        *gradient = if *output <= 0.0 { 0.0 } else { *gradient };
    }
}

/// Sums over rows. `x` is [rows, features], the sums [features].
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn sums(x: &[f32], sums: &mut [f32]) {
    sums.fill(0.0);
    for row in x.chunks_exact(sums.len()) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
}

/// `moving · kept + batch · share`
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn move_on(moving: &mut [f32], batch: &[f32], [kept, share]: [f32; 2]) {
    assert_eq!(moving.len(), batch.len());
    for (moving, batch) in moving.iter_mut().zip(batch) {
        *moving = *moving * kept + batch * share;
    }
}

/// The products of numbers of the same place.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn multiply(x: &[f32], factors: &[f32], out: &mut [f32]) {
    assert!(factors.len() == x.len() && out.len() == x.len());
    for ((out, x), factor) in out.iter_mut().zip(x).zip(factors) {
        *out = x * factor;
    }
}

/// Numbers that are summed side by side, so that the order of sums is the same for every width of
/// vectors.
pub const LANES: usize = 16;

/// The sum of all numbers' sizes, and that of their squares.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn sizes_and_squares(x: &[f32]) -> [f32; 2] {
    let mut sums = [[0.0_f32; LANES]; 2];
    let (whole, rest) = x.as_chunks::<LANES>();
    for x in whole {
        for (lane, x) in x.iter().enumerate() {
            sums[0][lane] += x.abs();
            sums[1][lane] += x * x;
        }
    }
    for (lane, x) in rest.iter().enumerate() {
        sums[0][lane] += x.abs();
        sums[1][lane] += x * x;
    }
    sums.map(|lanes| lanes.iter().sum())
}

/// Adds the gradient of `l1 · Σ|w| + l2 · Σw²`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn add_penalty_gradient(weight: &[f32], [l1, l2]: [f32; 2], gradient: &mut [f32]) {
    assert_eq!(gradient.len(), weight.len());
    for (gradient, weight) in gradient.iter_mut().zip(weight) {
        // No slope at 0, as in Keras.
        let slope = if *weight > 0.0 { l1 } else { -l1 };
        let slope = if *weight == 0.0 { 0.0 } else { slope };
        *gradient += slope + 2.0 * l2 * weight;
    }
}

/// Each number to this size at most.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn clamp(x: &mut [f32], limit: f32) {
    for x in x {
        let least = if *x < -limit { -limit } else { *x };
        *x = if least > limit { limit } else { least };
    }
}

/// `x · factor / divisor`
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn shorten(x: &mut [f32], [factor, divisor]: [f32; 2]) {
    for x in x {
        *x = *x * factor / divisor;
    }
}
