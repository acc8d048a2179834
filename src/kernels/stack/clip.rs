//! Steps that wait until all gradients are there, to keep them short.

use std::ops::Range;

use super::super::loops;
use super::super::penalty::{penalty_of, penalty_of_blocks};
use super::super::rules::{Clip, Step};
use super::Parameter;

/// The factors that make a penalty the sum of all squares.
const SQUARES: [f32; 2] = [0.0, 1.0];

/// A trained variable, in one part or more.
pub struct Variable<'a> {
    /// Each with the columns that it has.
    pub parts: Vec<(&'a mut Parameter, Range<usize>)>,
    /// Of all parts together.
    pub columns: usize,
}

impl<'a> Variable<'a> {
    /// One that has no rows.
    pub fn of(parameter: &'a mut Parameter) -> Self {
        let columns = parameter.values.len();
        Self { parts: vec![(parameter, 0..columns)], columns }
    }

    /// The sum of the gradient's squares.
    fn square(&self) -> f32 {
        match &self.parts[..] {
            [(whole, _)] => penalty_of(&whole.gradient, self.columns, SQUARES),
            parts => {
                let blocks = parts
                    .iter()
                    .map(|(part, columns)| (&part.gradient[..], columns.len(), 0..columns.len()));
                penalty_of_blocks(blocks, SQUARES)
            }
        }
    }
}

/// Clips the gradients of all variables and takes the steps, in burn's order.
pub fn step_late<'a>(variables: Vec<Variable<'a>>, clip: Clip, step: Step) {
    let global = match clip {
        Clip::GlobalNorm(limit) => {
            let squares = variables.iter().map(Variable::square);
            let norm = squares.reduce(|sum, square| sum + square).unwrap_or(0.0).sqrt();
            let most = 1.0 / limit;
            let inverse = 1.0 / norm;
            let scale = if inverse > most { most } else { inverse } * limit;
            // As where infinite numbers are multiplied by 0.
            let scale = if norm.is_finite() { scale } else { f32::NAN };
            Some(scale)
        }
        Clip::Value(_) | Clip::Norm(_) => None,
    };
    for variable in variables {
        let norm = matches!(clip, Clip::Norm(_)).then(|| variable.square().sqrt());
        for (part, _) in variable.parts {
            match (clip, norm, global) {
                (Clip::Value(limit), ..) => loops::clamp(&mut part.gradient, limit),
                (Clip::Norm(limit), Some(norm), _) => {
                    let norm = if norm < limit { limit } else { norm };
                    loops::shorten(&mut part.gradient, [limit, norm]);
                }
                (_, _, Some(scale)) => loops::shorten(&mut part.gradient, [scale, 1.0]),
                (Clip::Norm(_) | Clip::GlobalNorm(_), ..) => unreachable!("the norm is there"),
            }
            part.take_late(step);
        }
    }
}
