//! The steps of optimizers by burn's operations, for devices that have no kernel of our own.

use burn::tensor::Tensor;

use crate::kernels::rules::{Rule, Step};

type Numbers = Tensor<1>;

/// Weights and what is remembered of them after a step; all of one size. Numbers are those of
/// [`Step::take`], on `flex` to the bit, but that Lion's step along a NaN is none here.
pub fn step(
    Step { decay, rule, .. }: Step,
    weight: Numbers,
    memory: Vec<Numbers>,
    gradient: Numbers,
) -> (Numbers, Vec<Numbers>) {
    let w = match decay {
        Some(decay) => weight.clone() - weight * decay,
        None => weight,
    };
    let mut memory = memory.into_iter();
    let mut next = || memory.next().expect("all is there that the rule remembers");
    let g = gradient;
    match rule {
        Rule::Sgd { rate } => (w - g * rate, Vec::new()),
        Rule::Momentum { rate, momentum, nesterov } => {
            let step = g * rate;
            let v = next() * momentum - step.clone();
            let w = if nesterov { w + v.clone() * momentum - step } else { w + v.clone() };
            (w, vec![v])
        }
        Rule::Adagrad { rate, epsilon } => {
            let a = next() + g.clone().square();
            (w - g * rate / (a.clone() + epsilon).sqrt(), vec![a])
        }
        Rule::Adadelta { rate, old, new, epsilon } => {
            let (a, b) = (next() * old + g.clone().square() * new, next());
            let step = (b.clone() + epsilon).sqrt() * g / (a.clone() + epsilon).sqrt();
            let b = b * old + step.clone().square() * new;
            (w - step * rate, vec![a, b])
        }
        Rule::Rmsprop { rate, old, new, epsilon, centered, momentum } => {
            let v = next() * old + g.clone().square() * new;
            let mut memory = vec![v.clone()];
            let mut spread = v;
            if centered {
                let average = next() * old + g.clone() * new;
                memory.push(average.clone());
                spread = spread - average.square();
            }
            let mut step = g * rate / (spread + epsilon).sqrt();
            if let Some(momentum) = momentum {
                step = next() * momentum + step;
                memory.push(step.clone());
            }
            (w - step, memory)
        }
        Rule::Adam { rate, first, second, epsilon, amsgrad } => {
            let (m, v) = (towards(next(), g.clone(), first), towards(next(), g.square(), second));
            let mut memory = vec![m.clone(), v.clone()];
            let mut spread = v;
            if amsgrad {
                spread = next().max_pair(spread);
                memory.push(spread.clone());
            }
            (w - m * rate / (spread.sqrt() + epsilon), memory)
        }
        Rule::Adamax { rate, first, decay, epsilon } => {
            let m = towards(next(), g.clone(), first);
            let u = (next() * decay).max_pair(g.abs());
            (w - m.clone() * rate / (u.clone() + epsilon), vec![m, u])
        }
        Rule::Nadam { rate, first, second, ahead, now, correction, epsilon } => {
            let m = towards(next(), g.clone(), first);
            let v = towards(next(), g.clone().square(), second);
            let step = m.clone() * ahead + g * now;
            let spread = (v.clone() / correction).sqrt() + epsilon;
            (w - step * rate / spread, vec![m, v])
        }
        Rule::Lion { rate, mixed, kept } => {
            let m = next();
            let direction = m.clone() * mixed[0] + g.clone() * mixed[1];
            (w - direction.sign() * rate, vec![m * kept[0] + g * kept[1]])
        }
    }
}

/// old + (new − old) · share
fn towards(old: Numbers, new: Numbers, share: f32) -> Numbers {
    old.clone() + (new - old) * share
}
