//! Tensors of burn-flex as slices, and memory that is not cleared.

#![allow(unsafe_code, reason = "fresh memory is filled and never cleared")]

use std::cell::RefCell;
use std::mem::MaybeUninit;

use burn::backend::TensorMetadata;
use burn::tensor::TensorData;
use burn_flex::FlexTensor;

use super::rows;

/// The numbers of a contiguous tensor.
pub fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().expect("a contiguous tensor of 32-bit numbers")
}

pub fn tensor(values: Vec<f32>, shape: &[usize]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.to_vec()))
}

/// The tensor with its numbers, and nothing else, in memory in their order: what it shares with
/// others is copied by whoever writes to it.
pub fn whole(values: FlexTensor) -> FlexTensor {
    let values = if values.is_contiguous() { values } else { values.to_contiguous() };
    let numbers = values.storage::<f32>().len();
    if slice(&values).len() == numbers {
        return values;
    }
    let shape: Vec<usize> = values.layout().shape().iter().copied().collect();
    tensor(slice(&values).to_vec(), &shape)
}

/// What stands for a gradient that nobody asked for.
pub fn nothing() -> FlexTensor {
    tensor(Vec::new(), &[0])
}

/// Numbers that `fill` writes.
///
/// # Safety
/// It writes all of them.
pub unsafe fn fresh(count: usize, fill: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(count);
    fill(&mut numbers.spare_capacity_mut()[..count]);
    // SAFETY: they are written, as the caller promises.
    unsafe { numbers.set_len(count) };
    numbers
}

/// A place for a number, whether there is one already or not.
///
/// # Safety
/// It is laid out as a number is.
pub unsafe trait Place: Send {
    /// Writes a number.
    fn put(&mut self, number: f32);
}

// SAFETY: it is a number.
unsafe impl Place for f32 {
    #[inline(always)]
    fn put(&mut self, number: f32) {
        *self = number;
    }
}

// SAFETY: it has the layout of a number.
unsafe impl Place for MaybeUninit<f32> {
    #[inline(always)]
    fn put(&mut self, number: f32) {
        self.write(number);
    }
}

/// Gives numbers that are needed for a moment, of any value, in memory that each thread keeps. `work`
/// must not ask for more.
pub fn with_scratch<T>(count: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
    thread_local! {
        static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    }
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.len() < count {
            scratch.resize(count, 0.0);
        }
        work(&mut scratch[..count])
    })
}

/// The gradient before the relu that made `output`, both [rows, …, features], and its sums over all
/// but the features, [features].
pub fn before_relu(
    output: &FlexTensor,
    gradient: FlexTensor,
    relu: bool,
) -> (FlexTensor, Vec<f32>) {
    let features = *gradient.shape().last().expect("a gradient has dimensions");
    let mut values = whole(gradient);
    if relu {
        // In place, if nobody else has it.
        rows::relu_gradient(slice(&output.to_contiguous()), values.storage_mut(), features);
    }
    let sums = rows::sums(slice(&values), features);
    (values, sums)
}
