//! Operations that burn composes of many passes over memory, as one pass each on the CPU.
//!
//! [`batch_norm`] makes burn operations with backward passes of their own out of plain loops over
//! slices. They exist for `flex` alone; other backends take burn's.

pub mod batch_norm;
mod loops;
