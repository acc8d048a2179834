//! Initial values of variables, drawn on the host so that every backend starts from the same numbers.

use crate::rng::{Purpose, Stream, index_of};
use crate::spec::Initializer;

/// The standard deviation of a standard normal distribution cut at ±2.
const CUT_NORMAL_STD: f64 = 0.879_625_661_034_239_8;

/// A variable's first values, the last dimension's one after the other. The numbers depend on the
/// seed and on the variable's name only, so that two networks that share a layer's name and shape
/// start alike.
///
/// Formulas: keras/src/initializers/random_initializers.py.
pub fn initial(initializer: Initializer, variable: &str, shape: &[usize], seed: u64) -> Vec<f32> {
    let (inputs, outputs) = fans(shape);
    let glorot = 2.0 / (inputs + outputs);
    let he = 2.0 / inputs;
    let lecun = 1.0 / inputs;
    let size = shape.iter().product();
    let mut stream = Stream::new(seed, Purpose::InitialWeights, 0, index_of(variable));
    match initializer {
        Initializer::GlorotUniform => uniform(stream, size, glorot),
        Initializer::HeUniform => uniform(stream, size, he),
        Initializer::LecunUniform => uniform(stream, size, lecun),
        Initializer::GlorotNormal => cut_normal(stream, size, glorot),
        Initializer::HeNormal => cut_normal(stream, size, he),
        Initializer::LecunNormal => cut_normal(stream, size, lecun),
        Initializer::RandomNormal(normal) => {
            (0..size).map(|_| (normal.mean + normal.stddev * stream.normal()) as f32).collect()
        }
        Initializer::TruncatedNormal(normal) => (0..size)
            .map(|_| (normal.mean + normal.stddev * stream.truncated_normal(2.0)) as f32)
            .collect(),
        Initializer::RandomUniform(range) => {
            let width = range.maxval - range.minval;
            let draw = |_| (range.minval + width * f64::from(stream.next_f32())) as f32;
            (0..size).map(draw).collect()
        }
        Initializer::Orthogonal(orthogonal) => {
            let columns = shape.last().copied().unwrap_or(1);
            orthogonal_matrix(stream, size / columns.max(1), columns, orthogonal.gain)
        }
        Initializer::Constant(constant) => vec![constant.value as f32; size],
        Initializer::Zeros => vec![0.0; size],
        Initializer::Ones => vec![1.0; size],
    }
}

/// fan_in and fan_out (`compute_fans`): of a convolution's kernel [height, width, in, out], the
/// channels times the window.
fn fans(shape: &[usize]) -> (f64, f64) {
    match shape {
        [] => (1.0, 1.0),
        [one] => (*one as f64, *one as f64),
        [window @ .., inputs, outputs] => {
            let window = window.iter().product::<usize>() as f64;
            (*inputs as f64 * window, *outputs as f64 * window)
        }
    }
}

/// A matrix whose shorter side's vectors are at right angles and of length `gain`.
///
/// Keras takes Q of a QR decomposition of normal numbers and turns its columns so that R's
/// diagonal is positive. That is what Gram and Schmidt's process gives; done twice, it is exact to
/// rounding.
fn orthogonal_matrix(mut stream: Stream, rows: usize, columns: usize, gain: f64) -> Vec<f32> {
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    while vectors.len() < count {
        let mut vector: Vec<f64> = (0..length).map(|_| stream.normal()).collect();
        for _ in 0..2 {
            for other in &vectors {
                let along: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                for (number, other) in vector.iter_mut().zip(other) {
                    *number -= along * other;
                }
            }
        }
        let norm = vector.iter().map(|number| number * number).sum::<f64>().sqrt();
        for number in &mut vector {
            *number /= norm;
        }
        vectors.push(vector);
    }
    let entry = |row: usize, column: usize| {
        if rows < columns { vectors[row][column] } else { vectors[column][row] }
    };
    (0..rows)
        .flat_map(|row| (0..columns).map(move |column| (row, column)))
        .map(|(row, column)| (gain * entry(row, column)) as f32)
        .collect()
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
    use crate::spec::{Constant, Normal, Orthogonal, RandomUniform};

    #[test]
    fn every_initializer_has_the_mean_and_spread_it_promises() {
        let normal = Normal { mean: 0.5, stddev: 0.1 };
        let range = RandomUniform { minval: -1.0, maxval: 3.0 };
        for (initializer, mean, variance) in [
            (Initializer::GlorotUniform, 0.0, 2.0 / 300.0),
            (Initializer::GlorotNormal, 0.0, 2.0 / 300.0),
            (Initializer::HeUniform, 0.0, 2.0 / 200.0),
            (Initializer::HeNormal, 0.0, 2.0 / 200.0),
            (Initializer::LecunUniform, 0.0, 1.0 / 200.0),
            (Initializer::LecunNormal, 0.0, 1.0 / 200.0),
            (Initializer::RandomNormal(normal), 0.5, 0.01),
            // A normal distribution cut at ±2 has 0.7737 of its variance left.
            (Initializer::TruncatedNormal(normal), 0.5, 0.01 * 0.7737),
            (Initializer::RandomUniform(range), 1.0, 16.0 / 12.0),
        ] {
            let values = initial(initializer, "dense/kernel", &[200, 100], 1);
            let count = values.len() as f64;
            let found = values.iter().map(|&w| f64::from(w)).sum::<f64>() / count;
            let spread =
                values.iter().map(|&w| (f64::from(w) - found).powi(2)).sum::<f64>() / count;
            assert_eq!(values.len(), 200 * 100);
            // 20,000 draws: the estimate of the variance is within 1 % to one standard deviation.
            assert!((spread / variance - 1.0).abs() < 0.04, "{initializer:?}: {spread}");
            let error = (found - mean).abs();
            assert!(error < 4.0 * (variance / count).sqrt(), "{initializer:?}: mean {found}");
        }
        let constant = Initializer::Constant(Constant { value: 0.25 });
        assert_eq!(initial(constant, "dense/bias", &[3], 1), [0.25; 3]);
    }

    #[test]
    fn a_convolution_counts_its_window_among_its_inputs() {
        assert_eq!(fans(&[3, 5, 7, 11]), (105.0, 165.0));
        assert_eq!(fans(&[7, 11]), (7.0, 11.0));
        assert_eq!(fans(&[4]), (4.0, 4.0));
    }

    #[test]
    fn orthogonal_vectors_are_at_right_angles_and_of_one_length() {
        for shape in [&[6, 4][..], &[4, 6], &[2, 2, 3, 5]] {
            let initializer = Initializer::Orthogonal(Orthogonal { gain: 2.0 });
            let values = initial(initializer, "conv2d/kernel", shape, 3);
            let columns = shape[shape.len() - 1];
            let rows = values.len() / columns;
            let along = |a: usize, b: usize| -> f32 {
                let entry = |vector: usize, i: usize| match rows < columns {
                    true => values[vector * columns + i],
                    false => values[i * columns + vector],
                };
                (0..rows.max(columns)).map(|i| entry(a, i) * entry(b, i)).sum()
            };
            for a in 0..rows.min(columns) {
                for b in 0..=a {
                    let expected = if a == b { 4.0 } else { 0.0 };
                    assert!((along(a, b) - expected).abs() < 1e-5, "{shape:?}: {a} {b}");
                }
            }
        }
    }

    #[test]
    fn names_and_seeds_decide_the_numbers_and_nothing_else_does() {
        let draw = |name, seed| initial(Initializer::HeNormal, name, &[3, 2], seed);
        assert_eq!(draw("dense/kernel", 1), draw("dense/kernel", 1));
        assert_ne!(draw("dense/kernel", 1), draw("dense_1/kernel", 1));
        assert_ne!(draw("dense/kernel", 1), draw("dense/kernel", 2));
    }
}
