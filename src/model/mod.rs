//! Networks: a layer stack as built in burn, its shapes, weights and Keras-style summary.
//!
//! [`place`] works a stack out without allocating anything; [`Network::build`] makes it.

mod fit;
mod fold;
mod initializer;
mod layers;
mod shape;
mod summary;
mod weights;
mod window;

pub use fold::{Folded, Outcome, Step, fold};
pub use layers::{Network, Pass, Rows, Tap, dropout_mask};
pub use shape::{Placed, SampleShape, Variable, place};
pub use summary::{Counts, counts, summary_table, variables_table};
pub use weights::{InitialWeights, NamedTensor, Unfit, Weights, numbers_of, safetensors_file};
