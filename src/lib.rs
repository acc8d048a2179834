//! Declarative deep-learning experiments.
//!
//! An experiment file says what to try ([`spec`]; [`lint`] warns of what seldom works, [`schema`] and
//! [`explain`] tell what can be said). It is laid out into trials ([`plan`]), each of which is one
//! network trained with one seed ([`train`]): a layer stack built in burn ([`model`])
//! on a device ([`backend`], with a few fast operations of our own in [`kernels`]), fed from a data
//! set ([`data`]), improved by an optimizer ([`optim`]), with all randomness from a counter-based
//! generator ([`rng`]). Trials run side by side ([`launch`]) and leave files behind ([`record`]).
//! From those files alone come the numbers over seeds ([`analysis`]) and the charts and tables
//! ([`render`]); the weights among them can be put to work again ([`predict`]). [`cli`] puts it
//! together.
//!
//! Imports point one way: `cli` → `launch` → `train` → `model`, `optim`, `data`, `record` → `spec`,
//! and `render` → `analysis` → `record`. Only `backend`, `data::batches`, `kernels`, `model`,
//! `optim`, `predict` and `train` know burn.

// Before all others, which use its macro.
#[macro_use]
mod stderr;

pub mod analysis;
pub mod backend;
pub mod cli;
pub mod data;
pub mod explain;
pub mod kernels;
pub mod launch;
pub mod lint;
pub mod model;
pub mod numbers;
pub mod optim;
pub mod plan;
pub mod predict;
pub mod record;
pub mod render;
pub mod rng;
pub mod schema;
pub mod spec;
pub mod train;
