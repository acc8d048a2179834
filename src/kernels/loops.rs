//! Loops over rows of features, compiled for several instruction sets and chosen when run.
//!
//! Every number is made by the same operations in the same order whatever the instruction set, so
//! that results do not depend on the processor.

use multiversion::multiversion;

/// Mean and biased variance of each feature. `x` is [rows, features]; both results [features].
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn statistics(x: &[f32], mean: &mut [f32], variance: &mut [f32]) {
    let features = mean.len();
    let share = features as f32 / x.len() as f32;
    mean.fill(0.0);
    for row in x.chunks_exact(features) {
        for (sum, value) in mean.iter_mut().zip(row) {
            *sum += value;
        }
    }
    for sum in mean.iter_mut() {
        *sum *= share;
    }
    variance.fill(0.0);
    for row in x.chunks_exact(features) {
        for ((sum, value), mean) in variance.iter_mut().zip(row).zip(mean.iter()) {
            let centred = value - mean;
            *sum += centred * centred;
        }
    }
    for sum in variance.iter_mut() {
        *sum *= share;
    }
}

/// Writes `(x − shift) · scale + offset` per feature to `out`; both are [rows, features].
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn normalize(x: &[f32], shift: &[f32], scale: &[f32], offset: &[f32], out: &mut [f32]) {
    let features = shift.len();
    for (out, row) in out.chunks_exact_mut(features).zip(x.chunks_exact(features)) {
        for ((((out, value), shift), scale), offset) in
            out.iter_mut().zip(row).zip(shift).zip(scale).zip(offset)
        {
            *out = (value - shift) * scale + offset;
        }
    }
}

/// Sums over rows of the gradient (`beta_gradient`) and of the gradient times the normalized
/// input (`gamma_gradient`), both [features]. `x` and `gradient` are [rows, features].
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn parameter_gradients(
    x: &[f32],
    gradient: &[f32],
    mean: &[f32],
    inverse_deviation: &[f32],
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
    for (gamma, inverse) in gamma_gradient.iter_mut().zip(inverse_deviation) {
        *gamma *= inverse;
    }
}

/// The gradient of the input, `scale · (g − a − x̂ · b)` with x̂ = (x − mean) · inverse_deviation
/// and per feature: `scale` = γ/σ, `a` the mean of g and `b` the mean of g·x̂ over the batch.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn input_gradient(
    x: &[f32],
    gradient: &[f32],
    [mean, inverse_deviation, scale, a, b]: [&[f32]; 5],
    out: &mut [f32],
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
            out[j] = scale[j] * (gradient[j] - a[j] - normalized * b[j]);
        }
    }
}
