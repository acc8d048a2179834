//! Operations that burn composes of many passes over memory, as one pass each on the CPU.
//!
//! [`batch_norm`], [`dense`], [`convolution`], [`pooling`] and [`cross_entropy`] make burn operations
//! with backward passes of their own out of loops over slices and of [`product`]. They exist for
//! `flex` alone; other backends take burn's. [`update`] has the steps of optimizers and
//! of moving averages, [`early`] lets a backward pass take some of them, [`pair`] is how kernels use a
//! second core.

pub mod batch_norm;
mod buffers;
pub mod convolution;
pub mod cross_entropy;
pub mod dense;
pub mod early;
mod loops;
pub mod pair;
pub mod pooling;
pub mod product;
mod rows;
mod simd;
pub use simd::prefetch;
pub mod update;
pub mod windows;
