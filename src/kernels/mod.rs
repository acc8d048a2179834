//! Operations that burn composes of many passes over memory, as one pass each on the CPU.
//!
//! [`activation`], [`batch_norm`], [`dense`], [`convolution`], [`pooling`], [`penalty`] and
//! [`cross_entropy`] make burn operations
//! with backward passes of their own out of loops over slices and of [`product`]. They exist for
//! `flex` alone; other backends take burn's. [`rules`] and [`update`] have the steps of optimizers and
//! of moving averages, [`pair`] is how kernels use a second core. [`stack`] takes whole steps of training
//! by the same loops, for networks of nothing but dense layers and what stands between them.

pub mod activation;
pub mod batch_norm;
mod blocks;
mod buffers;
pub mod convolution;
pub mod cross_entropy;
pub mod dense;
mod loops;
mod pace;
pub mod pair;
pub mod penalty;
mod pointwise;
pub mod pooling;
pub mod product;
mod rows;
pub mod rules;
mod simd;
pub use simd::prefetch;
pub mod stack;
mod unfold;
pub mod update;
pub mod windows;
