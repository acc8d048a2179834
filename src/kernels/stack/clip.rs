//! Steps that wait until all gradients are there, to keep them short.

use super::super::loops;
use super::super::penalty::penalty_of;
use super::super::rules::{Clip, Step};
use super::Parameter;

/// The factors that make a penalty the sum of all squares.
const SQUARES: [f32; 2] = [0.0, 1.0];

/// A trained variable, in one part or in [blocks](super::super::blocks).
pub struct Variable<'a> {
    pub parts: Vec<&'a mut Parameter>,
    /// Of all parts together.
    pub columns: usize,
}

impl<'a> Variable<'a> {
    /// One that has no rows.
    pub fn of(parameter: &'a mut Parameter) -> Self {
        let columns = parameter.values.len();
        Self { parts: vec![parameter], columns }
    }

    /// The sum of the gradient's squares.
    fn square(&self) -> f32 {
        let parts: Vec<_> = self.parts.iter().map(|part| &part.gradient[..]).collect();
        penalty_of(&parts, self.columns, SQUARES)
    }
}

/// Clips the gradients of all variables and takes the steps, in burn's order.
pub fn step_late(variables: Vec<Variable<'_>>, clip: Clip, step: Step) {
    let scale = match clip {
        Clip::GlobalNorm { limit, inverse } => {
            let squares = variables.iter().map(Variable::square);
            let norm = squares.reduce(|sum, square| sum + square).unwrap_or(0.0).sqrt();
            let scale = 1.0 / norm;
            let scale = if scale > inverse { inverse } else { scale } * limit;
            // As where infinite numbers are multiplied by 0.
            if norm.is_finite() { scale } else { f32::NAN }
        }
        Clip::Value(_) | Clip::Norm(_) => 1.0,
    };
    for variable in variables {
        let factors = match clip {
            Clip::Norm(limit) => {
                let norm = variable.square().sqrt();
                [limit, if norm < limit { limit } else { norm }]
            }
            Clip::Value(_) | Clip::GlobalNorm { .. } => [scale, 1.0],
        };
        for part in variable.parts {
            match clip {
                Clip::Value(limit) => loops::clamp(&mut part.gradient, limit),
                Clip::Norm(_) | Clip::GlobalNorm { .. } => {
                    loops::shorten(&mut part.gradient, factors);
                }
            }
            part.take_late(step);
        }
    }
}
