//! Functions of single numbers and what they do to gradients, in loops that compilers make vectors of.
//!
//! The standard library's exponential is called once for each number, which for a layer of some hundred
//! units takes as long as its matrix product. Here all functions are made of additions,
//! multiplications, divisions and choices, in the same order on every processor. They are off by a few
//! units of the last of 24 bits.

use multiversion::multiversion;

use super::buffers::Place;

/// selu's constants (keras/src/activations/activations.py; Klambauer et al. 2017).
pub const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
/// As above.
pub const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

/// What is done to each number; as Keras defines them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    /// max(x, 0)
    Relu,
    /// x where positive, x times this slope elsewhere.
    LeakyRelu(f32),
    /// x where positive, eˣ − 1 elsewhere.
    Elu,
    /// `SELU_SCALE` · (x where positive, `SELU_ALPHA` · (eˣ − 1) elsewhere)
    Selu,
    /// x · Φ(x)
    Gelu,
    /// x / (1 + e⁻ˣ)
    Silu,
    /// log(1 + eˣ)
    Softplus,
    /// x / (1 + |x|)
    Softsign,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// x / 6 + ½, held between 0 and 1.
    HardSigmoid,
    /// x · tanh(log(1 + eˣ))
    Mish,
    /// eˣ
    Exponential,
}

/// Writes the function of each number to a place of as many.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn values(function: Function, x: &[f32], out: &mut [impl Place]) {
    match function {
        Function::Relu => each(x, out, relu),
        Function::LeakyRelu(slope) => each(x, out, |x| if x > 0.0 { x } else { x * slope }),
        Function::Elu => each(x, out, |x| if x > 0.0 { x } else { exp_minus_1(x) }),
        Function::Selu => each(x, out, |x| {
            let negative = (SELU_SCALE * SELU_ALPHA) as f32 * exp_minus_1(x);
            if x > 0.0 { x * SELU_SCALE as f32 } else { negative }
        }),
        Function::Gelu => each(x, out, |x| x * normal(x).0),
        Function::Silu => each(x, out, |x| x * sigmoid(x)),
        Function::Softplus => each(x, out, softplus),
        Function::Softsign => each(x, out, |x| x / (1.0 + x.abs())),
        Function::Tanh => each(x, out, tanh),
        Function::Sigmoid => each(x, out, sigmoid),
        Function::HardSigmoid => each(x, out, hard_sigmoid),
        Function::Mish => each(x, out, |x| {
            let n = mish_ratio(x).0;
            x * (n / (n + 2.0))
        }),
        Function::Exponential => each(x, out, exp),
    }
}

/// Multiplies each gradient of `y`, the function of `x`, by the function's slope there.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn gradients(function: Function, x: &[f32], y: &[f32], gradient: &mut [f32]) {
    match function {
        // Where the output is NaN the gradient stays, so that NaN comes through.
        Function::Relu => change(x, y, gradient, |_, y, g| if y <= 0.0 { 0.0 } else { g }),
        Function::LeakyRelu(slope) => {
            change(x, y, gradient, |x, _, g| if x > 0.0 { g } else { g * slope });
        }
        Function::Elu => {
            change(x, y, gradient, |x, y, g| if x > 0.0 { g } else { g * (y + 1.0) });
        }
        Function::Selu => change(x, y, gradient, |x, y, g| {
            let negative = y + (SELU_SCALE * SELU_ALPHA) as f32;
            g * if x > 0.0 { SELU_SCALE as f32 } else { negative }
        }),
        Function::Gelu => change(x, y, gradient, |x, _, g| {
            let (below, density) = normal(x);
            g * (below + x * density)
        }),
        Function::Silu => change(x, y, gradient, |x, _, g| {
            let share = sigmoid(x);
            g * (share * (1.0 + x * (1.0 - share)))
        }),
        Function::Softplus => change(x, y, gradient, |x, _, g| g * sigmoid(x)),
        Function::Softsign => change(x, y, gradient, |x, _, g| {
            let size = 1.0 + x.abs();
            g / (size * size)
        }),
        Function::Tanh => change(x, y, gradient, |_, y, g| g * (1.0 - y * y)),
        Function::Sigmoid => change(x, y, gradient, |_, y, g| g * (y * (1.0 - y))),
        Function::HardSigmoid => change(x, y, gradient, |x, _, g| {
            let outside = x <= -3.0 || x >= 3.0;
            if outside { 0.0 } else { g * (1.0 / 6.0) }
        }),
        Function::Mish => change(x, y, gradient, |x, _, g| {
            let (n, exponential) = mish_ratio(x);
            let (tanh, rest) = (n / (n + 2.0), 2.0 / (n + 2.0));
            let sigmoid = exponential / (1.0 + exponential);
            let x = if x > MISH_IS_X { MISH_IS_X } else { x };
            g * (tanh + x * sigmoid * (rest * (1.0 + tanh)))
        }),
        Function::Exponential => change(x, y, gradient, |_, y, g| g * y),
    }
}

#[inline(always)]
fn each(x: &[f32], out: &mut [impl Place], function: impl Fn(f32) -> f32) {
    for (out, x) in out.iter_mut().zip(x) {
        out.put(function(*x));
    }
}

#[inline(always)]
fn change(x: &[f32], y: &[f32], gradient: &mut [f32], by: impl Fn(f32, f32, f32) -> f32) {
    for ((gradient, x), y) in gradient.iter_mut().zip(x).zip(y) {
        *gradient = by(*x, *y, *gradient);
    }
}

#[inline(always)]
fn relu(x: f32) -> f32 {
    // Not max(), of which nothing is left of NaN.
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
fn hard_sigmoid(x: f32) -> f32 {
    let value = x * (1.0 / 6.0) + 0.5;
    let value = if value < 0.0 { 0.0 } else { value };
    if value > 1.0 { 1.0 } else { value }
}

/// Polynomials were fitted at Chebyshev's points in 64 bits; lowest power first.
#[inline(always)]
fn polynomial<const N: usize>(coefficients: [f32; N], x: f32) -> f32 {
    let mut value = coefficients[N - 1];
    let mut i = N - 1;
    while i > 0 {
        i -= 1;
        value = value * x + coefficients[i];
    }
    value
}

/// n and eʳ − 1 with x = n · log 2 + r and |r| ≤ ½ log 2, for |x| up to some hundreds.
#[inline(always)]
fn reduced(x: f32) -> (i32, f32) {
    // Added to a small number, this leaves it rounded to a whole one in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let whole = rounded - ROUND;
    // log 2 in two parts, of which the first times a whole number is exact.
    let r = (x - whole * 0.693_359_4) + whole * 2.121_944_4e-4;
    let curve = polynomial(
        [0.5, 0.166_666_67, 0.041_666_463, 0.008_333_298, 0.001_393_373_4, 0.000_198_993_92],
        r,
    );
    ((rounded.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32), r + r * r * curve)
}

/// 2ⁿ for −126 ≤ n ≤ 127.
#[inline(always)]
fn power_of_2(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

#[inline(always)]
fn exp(x: f32) -> f32 {
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let (n, curve) = reduced(x);
    // In two steps, as 2ⁿ alone may be too large or too small.
    let half = n >> 1;
    (curve + 1.0) * power_of_2(half) * power_of_2(n.wrapping_sub(half))
}

/// eˣ − 1 for x up to 80, nearly exact where x is small.
#[inline(always)]
fn exp_minus_1(x: f32) -> f32 {
    let x = if x > 80.0 { 80.0 } else { x };
    let x = if x < -30.0 { -30.0 } else { x };
    let (n, curve) = reduced(x);
    let power = power_of_2(n);
    curve * power + (power - 1.0)
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let size = if size > 20.0 { 20.0 } else { size };
    let grown = exp_minus_1(2.0 * size);
    (grown / (grown + 2.0)).copysign(x)
}

#[inline(always)]
fn softplus(x: f32) -> f32 {
    let small = exp(-x.abs());
    // log(1 + t) / t for 0 ≤ t ≤ 1.
    let curve = polynomial(
        [
            1.0,
            -0.499_999_82,
            0.333_325_68,
            -0.249_873_92,
            0.198_915_38,
            -0.161_086_32,
            0.124_251_03,
            -0.082_535_334,
            0.041_557_62,
            -0.013_444_831,
            0.002_037_690_5,
        ],
        small,
    );
    relu(x) + small * curve
}

/// Of the normal distribution, what lies below x, and its density there.
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    let size = x.abs();
    let bell = exp(-0.5 * (size * size));
    // erfc(z) · e^(z²) / t for t = 2 / (2 + z), z = |x| / √2 up to 9.7, from where on the bell is 0.
    let t = 1.0 / (1.0 + size * (0.5 * std::f32::consts::FRAC_1_SQRT_2));
    let curve = polynomial(
        [
            0.282_084_7,
            0.282_344_28,
            0.244_224_88,
            0.191_212_7,
            0.034_086_242,
            0.086_064_36,
            -0.104_451_68,
            -0.200_714_11,
            0.320_625_28,
            -0.167_133_29,
            0.031_656_623,
        ],
        t,
    );
    let beyond = 0.5 * bell * (t * curve);
    let below = if x > 0.0 { 1.0 - beyond } else { beyond };
    // 1 / √(2π)
    (below, bell * 0.398_942_3)
}

/// From where on mish of x is x.
const MISH_IS_X: f32 = 30.0;

/// n with tanh(log(1 + eˣ)) = n / (n + 2), and eˣ.
#[inline(always)]
fn mish_ratio(x: f32) -> (f32, f32) {
    let exponential = exp(if x > MISH_IS_X { MISH_IS_X } else { x });
    (exponential * (exponential + 2.0), exponential)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Function; 13] = [
        Function::Relu,
        Function::LeakyRelu(0.2),
        Function::Elu,
        Function::Selu,
        Function::Gelu,
        Function::Silu,
        Function::Softplus,
        Function::Softsign,
        Function::Tanh,
        Function::Sigmoid,
        Function::HardSigmoid,
        Function::Mish,
        Function::Exponential,
    ];

    /// By the standard library, in 64 bits.
    fn exactly(function: Function, x: f64) -> f64 {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        match function {
            Function::Relu => x.max(0.0),
            Function::LeakyRelu(slope) => x.max(0.0) + f64::from(slope) * x.min(0.0),
            Function::Elu => x.max(0.0) + x.min(0.0).exp_m1(),
            Function::Selu => SELU_SCALE * (x.max(0.0) + SELU_ALPHA * x.min(0.0).exp_m1()),
            Function::Gelu => x * normal_below(x.clamp(-40.0, 40.0)),
            Function::Silu => x * sigmoid(x),
            Function::Softplus => softplus(x),
            Function::Softsign => x / (1.0 + x.abs()),
            Function::Tanh => x.tanh(),
            Function::Sigmoid => sigmoid(x),
            Function::HardSigmoid => (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Function::Mish => x * softplus(x).tanh(),
            Function::Exponential => x.exp(),
        }
    }

    /// Φ(x), from the density's integral by Simpson's rule.
    fn normal_below(x: f64) -> f64 {
        let density = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
        let from = x.min(0.0) - 12.0;
        let (steps, width) = (4000, x - from);
        let h = width / f64::from(steps);
        let inner = |i: i32| f64::from(2 + 2 * (i % 2)) * density(from + f64::from(i) * h);
        (density(from) + density(x) + (1..steps).map(inner).sum::<f64>()) * h / 3.0
    }

    fn value(function: Function, x: f32) -> f32 {
        let mut out = [0.0];
        values(function, &[x], &mut out);
        out[0]
    }

    fn slope(function: Function, x: f32) -> f32 {
        let mut gradient = [1.0];
        gradients(function, &[x], &[value(function, x)], &mut gradient);
        gradient[0]
    }

    #[test]
    fn values_are_right_to_the_last_bits() {
        for function in ALL {
            for i in -400..=400 {
                let x = (i as f32 / 20.0) * (1.0 + i as f32 / 5000.0);
                let expected = exactly(function, f64::from(x));
                let given = f64::from(value(function, x));
                // What is a difference of larger numbers cannot be nearer to 0 than they are known.
                let differs = matches!(function, Function::Gelu | Function::HardSigmoid);
                let least = if differs { 0.1 } else { 1e-30 };
                let error = (given - expected).abs() / expected.abs().max(least);
                assert!(error < 1e-6, "{function:?} of {x}: {given}, not {expected}");
            }
        }
    }

    #[test]
    fn slopes_are_those_of_the_values() {
        for function in ALL {
            for i in -300..300 {
                // Not where there are corners.
                let x = (i as f32 + 0.5) / 37.0;
                let at = |x: f64| exactly(function, x);
                let h = 1e-5;
                let x64 = f64::from(x);
                let expected = (at(x64 + h) - at(x64 - h)) / (2.0 * h);
                let given = f64::from(slope(function, x));
                let error = (given - expected).abs() / expected.abs().max(1e-2);
                assert!(error < 3e-5, "{function:?} at {x}: {given}, not {expected}");
            }
        }
    }

    #[test]
    fn nothing_breaks_at_the_ends() {
        for function in ALL {
            assert!(value(function, f32::NAN).is_nan(), "{function:?}");
            // Those that are straight lines have the slope of one of them.
            let straight =
                matches!(function, Function::Relu | Function::LeakyRelu(_) | Function::HardSigmoid);
            assert!(straight || slope(function, f32::NAN).is_nan(), "{function:?}");
            for x in [-1e30, -1e4, -200.0, -104.5, -90.0, 200.0, 1e30_f32] {
                let (y, slope) = (value(function, x), slope(function, x));
                let expected = exactly(function, f64::from(x)) as f32;
                assert!(
                    y == expected || (y - expected).abs() <= expected.abs() * 1e-6 + 1e-36,
                    "{function:?} of {x}: {y}, not {expected}"
                );
                let grows = function == Function::Exponential && x > 0.0;
                assert!(slope.is_finite() || grows, "{function:?} at {x}: {slope}");
            }
        }
    }
}
