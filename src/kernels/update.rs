//! The steps of the commonest optimizers and of moving averages in one pass each; weights are changed
//! where they are. Numbers are those of the formulas in [`crate::optim`], to the bit.

#![allow(
    missing_docs,
    reason = "what `#[backend_extension]` generates has no documentation of its own"
)]
#![allow(
    clippy::too_many_arguments,
    reason = "operations of a backend take tensors and numbers alone"
)]

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use super::buffers::{slice, whole};
use super::{loops, pair};

/// Numbers below which a second thread costs more than it gives.
const WORTH_A_THREAD: usize = 50_000;

/// Numbers in a part.
const PART: usize = 20_000;

/// `w − rate · g`
///
/// # Panics
/// On a backend other than flex.
pub fn descend<const D: usize>(weight: Tensor<D>, gradient: Tensor<D>, rate: f64) -> Tensor<D> {
    let (weight, gradient) = (weight.into_dispatch(), gradient.into_dispatch());
    Tensor::from_dispatch(<Dispatch as FusedUpdate>::descend(weight, gradient, rate))
}

/// `v ← momentum · v − rate · g`, then `w ← w + v`, or `w ← w + momentum · v − rate · g` with
/// `nesterov`; weight and velocity.
///
/// # Panics
/// On a backend other than flex.
pub fn descend_with_momentum<const D: usize>(
    weight: Tensor<D>,
    velocity: Tensor<D>,
    gradient: Tensor<D>,
    [rate, momentum]: [f64; 2],
    nesterov: bool,
) -> (Tensor<D>, Tensor<D>) {
    let (weight, velocity) = <Dispatch as FusedUpdate>::descend_with_momentum(
        weight.into_dispatch(),
        velocity.into_dispatch(),
        gradient.into_dispatch(),
        rate,
        momentum,
        nesterov,
    );
    (Tensor::from_dispatch(weight), Tensor::from_dispatch(velocity))
}

/// What Adam's step multiplies and adds.
#[derive(Debug, Clone, Copy)]
pub struct AdamFactors {
    /// 1 − β₁
    pub new_momentum: f64,
    /// 1 − β₂
    pub new_velocity: f64,
    /// The learning rate with both corrections.
    pub rate: f64,
    /// ε
    pub epsilon: f64,
}

/// `m ← m + (g − m)(1 − β₁)`, `v ← v + (g² − v)(1 − β₂)`, `w ← w − m · rate / (√v + ε)`; weight,
/// m and v.
///
/// # Panics
/// On a backend other than flex.
pub fn adam<const D: usize>(
    [weight, momentum, velocity, gradient]: [Tensor<D>; 4],
    factors: AdamFactors,
) -> [Tensor<D>; 3] {
    let (weight, momentum, velocity) = <Dispatch as FusedUpdate>::adam(
        weight.into_dispatch(),
        momentum.into_dispatch(),
        velocity.into_dispatch(),
        gradient.into_dispatch(),
        factors.new_momentum,
        factors.new_velocity,
        factors.rate,
        factors.epsilon,
    );
    [weight, momentum, velocity].map(Tensor::from_dispatch)
}

/// `moving · (1 − share) + batch · share`
///
/// # Panics
/// On a backend other than flex.
pub fn move_on(moving: Tensor<1>, batch: Tensor<1>, share: f64) -> Tensor<1> {
    let (moving, batch) = (moving.into_dispatch(), batch.into_dispatch());
    Tensor::from_dispatch(<Dispatch as FusedUpdate>::move_on(moving, batch, share))
}

/// The operations on primitives of a backend.
#[backend_extension(Flex)]
pub trait FusedUpdate: Backend {
    fn move_on(
        moving: FloatTensor<Self>,
        batch: FloatTensor<Self>,
        share: f64,
    ) -> FloatTensor<Self>;

    fn descend(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        rate: f64,
    ) -> FloatTensor<Self>;

    fn descend_with_momentum(
        weight: FloatTensor<Self>,
        velocity: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        rate: f64,
        momentum: f64,
        nesterov: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    fn adam(
        weight: FloatTensor<Self>,
        momentum: FloatTensor<Self>,
        velocity: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        new_momentum: f64,
        new_velocity: f64,
        rate: f64,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl FusedUpdate for Flex {
    fn move_on(moving: FlexTensor, batch: FlexTensor, share: f64) -> FlexTensor {
        let (mut moving, batch) = (whole(moving), batch.to_contiguous());
        let shares = [1.0 - share, share].map(|share| share as f32);
        loops::move_on(moving.storage_mut(), slice(&batch), shares);
        moving
    }

    fn descend(weight: FlexTensor, gradient: FlexTensor, rate: f64) -> FlexTensor {
        let (mut weight, gradient) = (whole(weight), gradient.to_contiguous());
        in_parts([weight.storage_mut()], slice(&gradient), |[weight], gradient| {
            loops::descend(weight, gradient, rate as f32);
        });
        weight
    }

    fn descend_with_momentum(
        weight: FlexTensor,
        velocity: FlexTensor,
        gradient: FlexTensor,
        rate: f64,
        momentum: f64,
        nesterov: bool,
    ) -> (FlexTensor, FlexTensor) {
        let (mut weight, mut velocity) = (whole(weight), whole(velocity));
        let gradient = gradient.to_contiguous();
        let factors = [rate as f32, momentum as f32];
        let changed = [weight.storage_mut(), velocity.storage_mut()];
        in_parts(changed, slice(&gradient), |[weight, velocity], gradient| {
            loops::descend_with_momentum(weight, velocity, gradient, factors, nesterov);
        });
        (weight, velocity)
    }

    fn adam(
        weight: FlexTensor,
        momentum: FlexTensor,
        velocity: FlexTensor,
        gradient: FlexTensor,
        new_momentum: f64,
        new_velocity: f64,
        rate: f64,
        epsilon: f64,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (mut weight, mut momentum) = (whole(weight), whole(momentum));
        let (mut velocity, gradient) = (whole(velocity), gradient.to_contiguous());
        let factors = [new_momentum, new_velocity, rate, epsilon].map(|factor| factor as f32);
        let changed = [weight.storage_mut(), momentum.storage_mut(), velocity.storage_mut()];
        in_parts(changed, slice(&gradient), |[weight, momentum, velocity], gradient| {
            loops::adam(weight, momentum, velocity, gradient, factors);
        });
        (weight, momentum, velocity)
    }
}

/// Takes a step that looks at each number alone, in parts where that is worth a thread.
fn in_parts<const N: usize>(
    changed: [&mut [f32]; N],
    gradient: &[f32],
    step: impl Fn([&mut [f32]; N], &[f32]) + Sync,
) {
    if gradient.len() < WORTH_A_THREAD {
        return step(changed, gradient);
    }
    let mut changed = changed.map(|numbers| numbers.chunks_mut(PART));
    let parts = gradient.chunks(PART).map(|gradient| {
        let numbers =
            changed.each_mut().map(|parts| parts.next().expect("as long as the gradient"));
        (numbers, gradient)
    });
    pair::each(parts.collect(), |(numbers, gradient)| step(numbers, gradient));
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    fn tensor(seed: u32, rows: usize) -> Tensor<2> {
        use crate::rng::{Purpose, Stream};
        let mut stream = Stream::new(1, Purpose::InitialWeights, seed, 0);
        let numbers: Vec<f32> = (0..rows * 5).map(|_| stream.next_f32() - 0.5).collect();
        Tensor::from_data(TensorData::new(numbers, [rows, 5]), &Device::flex())
    }

    #[test]
    fn steps_are_those_of_the_formulas_to_the_bit_and_leave_others_weights_alone() {
        let _core = pair::at_work();
        for rows in [37, WORTH_A_THREAD / 5 + 1] {
            check_steps(rows);
        }
    }

    fn check_steps(rows: usize) {
        let tensor = |seed| tensor(seed, rows);
        let (w, g, v) = (tensor(1), tensor(2), tensor(3).abs());
        let before = w.to_data();
        let step = g.clone() * 0.1;
        assert_eq!(
            descend(w.clone(), g.clone(), 0.1).into_data(),
            (w.clone() - step.clone()).into_data()
        );
        for nesterov in [false, true] {
            let (weight, velocity) =
                descend_with_momentum(w.clone(), v.clone(), g.clone(), [0.1, 0.9], nesterov);
            let expected = v.clone() * 0.9 - step.clone();
            let moved = if nesterov {
                w.clone() + expected.clone() * 0.9 - step.clone()
            } else {
                w.clone() + expected.clone()
            };
            assert_eq!(velocity.into_data(), expected.into_data());
            assert_eq!(weight.into_data(), moved.into_data());
        }
        let factors =
            AdamFactors { new_momentum: 0.1, new_velocity: 0.001, rate: 0.01, epsilon: 1e-7 };
        let m = tensor(4);
        let [weight, momentum, velocity] =
            adam([w.clone(), m.clone(), v.clone(), g.clone()], factors);
        let expected = m.clone() + (g.clone() - m) * 0.1;
        let square = v.clone() + (g.clone() * g - v) * 0.001;
        let spread = square.clone().sqrt().add_scalar(1e-7);
        let moved = w.clone() - expected.clone() * 0.01 / spread;
        assert_eq!(momentum.into_data(), expected.into_data());
        assert_eq!(velocity.into_data(), square.into_data());
        assert_eq!(weight.into_data(), moved.into_data());
        let (old, new) = (tensor(5).flatten(0, 1), w.clone().flatten(0, 1));
        let expected = old.clone().mul_scalar(1.0 - 0.01) + new.clone().mul_scalar(0.01);
        assert_eq!(move_on(old, new, 0.01).into_data(), expected.into_data());
        assert_eq!(w.into_data(), before, "what others hold stays as it was");
    }
}
