//! Layers that are random while training and nothing otherwise.

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};

use super::Pass;
use crate::kernels::activation::{SELU_ALPHA, SELU_SCALE};
use crate::rng::{Purpose, Stream};

#[derive(Module, Debug)]
pub(super) struct Dropout {
    pub rate: f64,
    /// Tells the masks of a network's layers apart.
    pub ordinal: usize,
}

impl Dropout {
    /// Zeroes a share of the inputs and scales the others so that the expected sum stays.
    pub fn forward<const D: usize>(&self, x: Tensor<D>, pass: Pass) -> Tensor<D> {
        if self.rate == 0.0 || matches!(pass, Pass::Inference) {
            return x;
        }
        let mask = dropout_mask(self.rate as f32, self.ordinal, pass, x.shape().num_elements());
        let mask = Tensor::from_data(TensorData::new(mask, x.dims()), &x.device());
        x * mask
    }
}

/// What a dropout layer multiplies so many numbers by in a step of training.
pub fn dropout_mask(rate: f32, ordinal: usize, pass: Pass, count: usize) -> Vec<f32> {
    let scale = 1.0 / (1.0 - rate);
    let stream = stream(Purpose::Dropout, ordinal, pass).expect("a step of training");
    let mut mask = stream.uniform(count);
    for number in &mut mask {
        *number = if *number < rate { 0.0 } else { scale };
    }
    mask
}

#[derive(Module, Debug)]
pub(super) struct AlphaDropout {
    pub rate: f64,
    /// Tells the masks of a network's layers apart.
    pub ordinal: usize,
}

impl AlphaDropout {
    /// Puts selu's lower limit in place of a share of the inputs, then scales and shifts all so
    /// that mean 0 and variance 1 stay (keras/src/layers/regularization/alpha_dropout.py).
    pub fn forward<const D: usize>(&self, x: Tensor<D>, pass: Pass) -> Tensor<D> {
        let Some(stream) = stream(Purpose::AlphaDropout, self.ordinal, pass) else { return x };
        if self.rate == 0.0 {
            return x;
        }
        let limit = -SELU_ALPHA * SELU_SCALE;
        let scale = ((1.0 - self.rate) * (1.0 + self.rate * limit * limit)).powf(-0.5);
        let shift = -scale * limit * self.rate;
        let rate = self.rate as f32;
        // scale · (x · kept + limit · (1 − kept)) + shift, with all but x in one mask each
        let mut numbers = stream.uniform(x.shape().num_elements()).into_iter();
        let kept = like(&x, || f32::from(numbers.next().is_none_or(|number| number >= rate)));
        let offset = kept.clone().mul_scalar(-scale * limit).add_scalar(scale * limit + shift);
        x * kept.mul_scalar(scale) + offset
    }
}

#[derive(Module, Debug)]
pub(super) struct GaussianNoise {
    pub stddev: f64,
    /// Tells the noise of a network's layers apart.
    pub ordinal: usize,
}

impl GaussianNoise {
    /// Adds normal numbers of mean 0 (keras/src/layers/regularization/gaussian_noise.py).
    pub fn forward<const D: usize>(&self, x: Tensor<D>, pass: Pass) -> Tensor<D> {
        let Some(mut stream) = stream(Purpose::GaussianNoise, self.ordinal, pass) else {
            return x;
        };
        if self.stddev == 0.0 {
            return x;
        }
        let noise = like(&x, || (stream.normal() * self.stddev) as f32);
        x + noise
    }
}

/// The random numbers of a layer in a step of training; none in inference.
fn stream(purpose: Purpose, ordinal: usize, pass: Pass) -> Option<Stream> {
    match pass {
        Pass::Training { seed, epoch, step } => {
            let index = (ordinal as u64) << 32 | u64::from(step);
            Some(Stream::new(seed, purpose, epoch, index))
        }
        Pass::Inference => None,
    }
}

/// A tensor of the same shape, drawn on the host number by number.
fn like<const D: usize>(x: &Tensor<D>, mut draw: impl FnMut() -> f32) -> Tensor<D> {
    let numbers: Vec<f32> = (0..x.shape().num_elements()).map(|_| draw()).collect();
    Tensor::from_data(TensorData::new(numbers, x.dims()), &x.device())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    const PASS: Pass = Pass::Training { seed: 1, epoch: 1, step: 0 };

    fn mean_and_variance(x: &[f32]) -> (f64, f64) {
        let count = x.len() as f64;
        let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
        (mean, x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count)
    }

    /// 40,000 standard normal numbers as images of 10 × 10 with 40 channels.
    fn normal() -> Tensor<4> {
        let mut stream = Stream::new(5, Purpose::InitialWeights, 0, 0);
        let numbers: Vec<f32> = (0..40_000).map(|_| stream.normal() as f32).collect();
        Tensor::from_data(TensorData::new(numbers, [10, 10, 10, 40]), &Device::flex())
    }

    fn numbers(x: Tensor<4>) -> Vec<f32> {
        x.into_data().try_into_vec().unwrap()
    }

    #[test]
    fn alpha_dropout_keeps_mean_and_variance_and_puts_one_value_in_place() {
        let layer = AlphaDropout { rate: 0.3, ordinal: 2 };
        let out = numbers(layer.forward(normal(), PASS));
        let (mean, variance) = mean_and_variance(&out);
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
        // a · α′ + b, from Keras' formulas with rate 0.3
        let limit = -1.758_099_340_847_376_6_f64;
        let a = (0.7 * (1.0 + 0.3 * limit * limit)).powf(-0.5);
        let low = (a * limit - a * limit * 0.3) as f32;
        let dropped = out.iter().filter(|&&x| (x - low).abs() < 1e-6).count();
        assert!((11_600..12_400).contains(&dropped), "{dropped}");
        assert_eq!(numbers(layer.forward(normal(), Pass::Inference)), numbers(normal()));
    }

    #[test]
    fn gaussian_noise_has_the_spread_it_is_given() {
        let layer = GaussianNoise { stddev: 0.5, ordinal: 0 };
        let noise = numbers(layer.forward(normal(), PASS) - normal());
        let (mean, variance) = mean_and_variance(&noise);
        assert!(mean.abs() < 0.01 && (variance - 0.25).abs() < 0.01, "{mean} {variance}");
        assert_eq!(numbers(layer.forward(normal(), Pass::Inference)), numbers(normal()));
    }

    #[test]
    fn dropout_works_on_images_and_layers_have_masks_of_their_own() {
        let dropped = |ordinal| numbers(Dropout { rate: 0.25, ordinal }.forward(normal(), PASS));
        let zeros = dropped(0).iter().filter(|&&x| x == 0.0).count();
        assert!((9_600..10_400).contains(&zeros), "{zeros}");
        assert_ne!(dropped(0), dropped(1));
    }
}
