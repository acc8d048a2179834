//! Initial kernels, drawn on the host so that every backend starts from the same numbers.

use crate::rng::{Purpose, Stream, index_of};
use crate::spec::Initializer;

/// The standard deviation of a standard normal distribution cut at ±2.
const CUT_NORMAL_STD: f64 = 0.879_625_661_034_239_8;

/// A kernel of shape [fan_in, fan_out], row by row. The numbers depend on the seed and on the
/// variable's name only, so that two networks that share a layer's name and shape start alike.
///
/// Formulas: keras/src/initializers/random_initializers.py, `VarianceScaling`.
pub fn kernel(
    initializer: Initializer,
    variable: &str,
    [fan_in, fan_out]: [usize; 2],
    seed: u64,
) -> Vec<f32> {
    let (inputs, outputs) = (fan_in as f64, fan_out as f64);
    let glorot = 2.0 / (inputs + outputs);
    let he = 2.0 / inputs;
    let lecun = 1.0 / inputs;
    let size = fan_in * fan_out;
    let stream = Stream::new(seed, Purpose::InitialWeights, 0, index_of(variable));
    match initializer {
        Initializer::GlorotUniform => uniform(stream, size, glorot),
        Initializer::HeUniform => uniform(stream, size, he),
        Initializer::LecunUniform => uniform(stream, size, lecun),
        Initializer::GlorotNormal => cut_normal(stream, size, glorot),
        Initializer::HeNormal => cut_normal(stream, size, he),
        Initializer::LecunNormal => cut_normal(stream, size, lecun),
        Initializer::Zeros => vec![0.0; size],
        Initializer::Ones => vec![1.0; size],
    }
}

/// Uniform numbers of mean 0 and the given variance.
fn uniform(mut stream: Stream, size: usize, variance: f64) -> Vec<f32> {
    let limit = (3.0 * variance).sqrt();
    (0..size).map(|_| ((2.0 * f64::from(stream.next_f32()) - 1.0) * limit) as f32).collect()
}

/// Normal numbers of mean 0, cut at two standard deviations, with the given variance after the cut.
fn cut_normal(mut stream: Stream, size: usize, variance: f64) -> Vec<f32> {
    let scale = variance.sqrt() / CUT_NORMAL_STD;
    (0..size).map(|_| (stream.truncated_normal(2.0) * scale) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_initializer_has_the_spread_it_promises() {
        let (fan_in, fan_out) = (200, 100);
        for (initializer, variance) in [
            (Initializer::GlorotUniform, 2.0 / 300.0),
            (Initializer::GlorotNormal, 2.0 / 300.0),
            (Initializer::HeUniform, 2.0 / 200.0),
            (Initializer::HeNormal, 2.0 / 200.0),
            (Initializer::LecunUniform, 1.0 / 200.0),
            (Initializer::LecunNormal, 1.0 / 200.0),
        ] {
            let kernel = kernel(initializer, "dense/kernel", [fan_in, fan_out], 1);
            let count = kernel.len() as f64;
            let mean = kernel.iter().map(|&w| f64::from(w)).sum::<f64>() / count;
            let spread = kernel.iter().map(|&w| (f64::from(w) - mean).powi(2)).sum::<f64>() / count;
            assert_eq!(kernel.len(), fan_in * fan_out);
            // 20,000 draws: the estimate of the variance is within 1 % to one standard deviation.
            assert!((spread / variance - 1.0).abs() < 0.04, "{initializer:?}: {spread}");
            assert!(mean.abs() < 4.0 * (variance / count).sqrt(), "{initializer:?}: mean {mean}");
        }
    }

    #[test]
    fn names_and_seeds_decide_the_numbers_and_nothing_else_does() {
        let draw = |name, seed| kernel(Initializer::HeNormal, name, [3, 2], seed);
        assert_eq!(draw("dense/kernel", 1), draw("dense/kernel", 1));
        assert_ne!(draw("dense/kernel", 1), draw("dense_1/kernel", 1));
        assert_ne!(draw("dense/kernel", 1), draw("dense/kernel", 2));
    }
}
