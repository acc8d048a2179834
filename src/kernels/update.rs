//! The steps of optimizers and of moving averages in one pass each; weights are changed where they are.

#![allow(
    missing_docs,
    reason = "what `#[backend_extension]` generates has no documentation of its own"
)]

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use super::buffers::{slice, whole};
use super::rules::{MOST_MEMORY, Step};
use super::{loops, pair};

/// Numbers below which a second thread costs more than it gives.
const WORTH_A_THREAD: usize = 50_000;

/// Numbers in a part.
const PART: usize = 20_000;

/// Changes a weight, and what is remembered of it, by its gradient: all of one size.
///
/// # Panics
/// On a backend other than flex, and when more is remembered than [`MOST_MEMORY`].
pub fn step(
    step: Step,
    weight: Tensor<1>,
    memory: Vec<Tensor<1>>,
    gradient: Tensor<1>,
) -> (Tensor<1>, Vec<Tensor<1>>) {
    let (remembered, device) = (memory.len(), gradient.device());
    assert!(remembered <= MOST_MEMORY);
    let mut memory = memory.into_iter();
    // Operations take no lists: no numbers stand for what is not remembered.
    let [a, b, c] = std::array::from_fn(|_| {
        memory.next().unwrap_or_else(|| Tensor::empty([0], &device)).into_dispatch()
    });
    let (weight, a, b, c) = <Dispatch as FusedUpdate>::step(
        weight.into_dispatch(),
        a,
        b,
        c,
        gradient.into_dispatch(),
        step,
    );
    let memory = [a, b, c].into_iter().take(remembered).map(Tensor::from_dispatch);
    (Tensor::from_dispatch(weight), memory.collect())
}

/// `moving · (1 − share) + batch · share`
///
/// # Panics
/// On a backend other than flex.
pub fn move_on(moving: Tensor<1>, batch: Tensor<1>, share: f64) -> Tensor<1> {
    let (moving, batch) = (moving.into_dispatch(), batch.into_dispatch());
    Tensor::from_dispatch(<Dispatch as FusedUpdate>::move_on(moving, batch, share))
}

type Four<B> = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>);

/// The operations on primitives of a backend.
#[backend_extension(Flex)]
pub trait FusedUpdate: Backend {
    fn move_on(
        moving: FloatTensor<Self>,
        batch: FloatTensor<Self>,
        share: f64,
    ) -> FloatTensor<Self>;

    /// Weight and memory.
    fn step(
        weight: FloatTensor<Self>,
        memory_1: FloatTensor<Self>,
        memory_2: FloatTensor<Self>,
        memory_3: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        step: Step,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl FusedUpdate for Flex {
    fn move_on(moving: FlexTensor, batch: FlexTensor, share: f64) -> FlexTensor {
        let (mut moving, batch) = (whole(moving), batch.to_contiguous());
        let shares = [1.0 - share, share].map(|share| share as f32);
        loops::move_on(moving.storage_mut(), slice(&batch), shares);
        moving
    }

    fn step(
        weight: FlexTensor,
        memory_1: FlexTensor,
        memory_2: FlexTensor,
        memory_3: FlexTensor,
        gradient: FlexTensor,
        step: Step,
    ) -> Four<Self> {
        let mut changed = [weight, memory_1, memory_2, memory_3].map(whole);
        let gradient = gradient.to_contiguous();
        in_parts(step, changed.each_mut().map(FlexTensor::storage_mut), slice(&gradient));
        let [weight, memory_1, memory_2, memory_3] = changed;
        (weight, memory_1, memory_2, memory_3)
    }
}

/// Takes a step in parts where that is worth a thread.
fn in_parts(step: Step, [weight, a, b, c]: [&mut [f32]; 4], gradient: &[f32]) {
    if gradient.len() < WORTH_A_THREAD {
        return step.take(weight, [a, b, c], gradient);
    }
    let mut memory = [a, b, c].map(|numbers| numbers.chunks_mut(PART));
    let parts = weight.chunks_mut(PART).zip(gradient.chunks(PART)).map(|(weight, gradient)| {
        let memory = memory.each_mut().map(|parts| parts.next().unwrap_or_default());
        (weight, memory, gradient)
    });
    pair::each(parts.collect(), |(weight, memory, gradient)| step.take(weight, memory, gradient));
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn a_moving_average_is_its_formula_to_the_bit_and_leaves_others_numbers_alone() {
        let device = Device::flex();
        let old = Tensor::<1>::from_data([0.5, -1.25, 3.0], &device);
        let new = Tensor::<1>::from_data([0.1, 7.0, -0.3], &device);
        let expected = old.clone().mul_scalar(1.0 - 0.01) + new.clone().mul_scalar(0.01);
        let moved = move_on(old.clone(), new, 0.01);
        assert_eq!(moved.into_data(), expected.into_data());
        assert_eq!(old.into_data(), TensorData::from([0.5_f32, -1.25, 3.0]));
    }
}
