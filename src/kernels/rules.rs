//! The steps of all optimizers in one pass over weights, gradients and what is remembered of them.

use multiversion::multiversion;

/// Numbers that an optimizer remembers of each weight, at most.
pub const MOST_MEMORY: usize = 3;

/// What is done with a weight w, its gradient g and the numbers that are remembered of it, which come in
/// the order in which they are named here.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "the formulas tell what each factor is")]
pub enum Rule {
    /// w ← w − rate · g
    Sgd { rate: f32 },
    /// v ← momentum · v − rate · g, then w ← w + v, or w ← w + momentum · v − rate · g with `nesterov`.
    Momentum { rate: f32, momentum: f32, nesterov: bool },
    /// a ← a + g², w ← w − rate · g / √(a + epsilon)
    Adagrad { rate: f32, epsilon: f32 },
    /// a ← old · a + new · g², d = √(b + epsilon) · g / √(a + epsilon), b ← old · b + new · d²,
    /// w ← w − rate · d
    Adadelta { rate: f32, old: f32, new: f32, epsilon: f32 },
    /// v ← old · v + new · g²; `centered`, a ← old · a + new · g and s = v − a², otherwise s = v;
    /// step = rate · g / √(s + epsilon); with momentum, m ← momentum · m + step and w ← w − m, otherwise
    /// w ← w − step
    Rmsprop { rate: f32, old: f32, new: f32, epsilon: f32, centered: bool, momentum: Option<f32> },
    /// m ← m + (g − m) · first, v ← v + (g² − v) · second, w ← w − m · rate / (√v + epsilon), where the
    /// largest v so far is taken with `amsgrad`, which is remembered, too.
    Adam { rate: f32, first: f32, second: f32, epsilon: f32, amsgrad: bool },
    /// m ← m + (g − m) · first, u ← max(decay · u, |g|), w ← w − m · rate / (u + epsilon)
    Adamax { rate: f32, first: f32, decay: f32, epsilon: f32 },
    /// m ← m + (g − m) · first, v ← v + (g² − v) · second,
    /// w ← w − rate · (m · ahead + g · now) / (√(v / correction) + epsilon)
    Nadam {
        rate: f32,
        first: f32,
        second: f32,
        ahead: f32,
        now: f32,
        correction: f32,
        epsilon: f32,
    },
    /// w ← w − rate · sign(m · mixed[0] + g · mixed[1]), m ← m · kept[0] + g · kept[1]
    Lion { rate: f32, mixed: [f32; 2], kept: [f32; 2] },
}

/// How gradients are kept short, as Keras does it (`_clip_gradients` and below in
/// keras/src/optimizers/base_optimizer.py).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clip {
    /// Each number to this size at most.
    Value(f32),
    /// Each variable's gradient to this norm at most: g · limit / max(|g|, limit).
    Norm(f32),
    /// All gradients together to a norm of `limit` at most: g · min(1 / |all|, 1 / limit) · limit.
    GlobalNorm {
        /// The norm.
        limit: f32,
        /// 1 / limit, divided in 64 bits as Keras does.
        inverse: f32,
    },
}

/// A rule, and what comes before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// What whole steps do to all gradients first; elsewhere gradients are clipped already.
    pub clip: Option<Clip>,
    /// w ← w − w · decay
    pub decay: Option<f32>,
    /// The optimizer's own.
    pub rule: Rule,
}

impl Step {
    /// Changes weights and as many of each remembered number; what the rule does not remember may be
    /// empty.
    pub fn take(self, weight: &mut [f32], memory: [&mut [f32]; MOST_MEMORY], gradient: &[f32]) {
        assert_eq!(weight.len(), gradient.len());
        if let Some(decay) = self.decay {
            each(weight, [], gradient, |w, [], _| (w - w * decay, []));
        }
        take(self.rule, weight, memory, gradient);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn take(rule: Rule, w: &mut [f32], memory: [&mut [f32]; MOST_MEMORY], g: &[f32]) {
    let [one, two, three] = memory;
    match rule {
        Rule::Sgd { rate } => each(w, [], g, |w, [], g| (w - g * rate, [])),
        Rule::Momentum { rate, momentum, nesterov } => each(w, [one], g, |w, [v], g| {
            let step = g * rate;
            let v = v * momentum - step;
            (if nesterov { w + v * momentum - step } else { w + v }, [v])
        }),
        Rule::Adagrad { rate, epsilon } => each(w, [one], g, |w, [a], g| {
            let a = a + g * g;
            (w - g * rate / (a + epsilon).sqrt(), [a])
        }),
        Rule::Adadelta { rate, old, new, epsilon } => {
            each(w, [one, two], g, |w, [a, b], g| {
                let a = a * old + g * g * new;
                let step = (b + epsilon).sqrt() * g / (a + epsilon).sqrt();
                (w - step * rate, [a, b * old + step * step * new])
            });
        }
        Rule::Rmsprop { rate, old, new, epsilon, centered, momentum } => {
            let mean = |mean: f32, x: f32| mean * old + x * new;
            let step = |g: f32, spread: f32| g * rate / (spread + epsilon).sqrt();
            match (centered, momentum) {
                (false, None) => each(w, [one], g, |w, [v], g| {
                    let v = mean(v, g * g);
                    (w - step(g, v), [v])
                }),
                (false, Some(momentum)) => each(w, [one, two], g, |w, [v, m], g| {
                    let v = mean(v, g * g);
                    let m = m * momentum + step(g, v);
                    (w - m, [v, m])
                }),
                (true, None) => each(w, [one, two], g, |w, [v, a], g| {
                    let (v, a) = (mean(v, g * g), mean(a, g));
                    (w - step(g, v - a * a), [v, a])
                }),
                (true, Some(momentum)) => each(w, [one, two, three], g, |w, [v, a, m], g| {
                    let (v, a) = (mean(v, g * g), mean(a, g));
                    let m = m * momentum + step(g, v - a * a);
                    (w - m, [v, a, m])
                }),
            }
        }
        Rule::Adam { rate, first, second, epsilon, amsgrad: false } => {
            each(w, [one, two], g, |w, [m, v], g| {
                let (m, v) = (m + (g - m) * first, v + (g * g - v) * second);
                (w - m * rate / (v.sqrt() + epsilon), [m, v])
            });
        }
        Rule::Adam { rate, first, second, epsilon, amsgrad: true } => {
            each(w, [one, two, three], g, |w, [m, v, largest], g| {
                let (m, v) = (m + (g - m) * first, v + (g * g - v) * second);
                let largest = larger(largest, v);
                (w - m * rate / (largest.sqrt() + epsilon), [m, v, largest])
            });
        }
        Rule::Adamax { rate, first, decay, epsilon } => each(w, [one, two], g, |w, [m, u], g| {
            let (m, u) = (m + (g - m) * first, larger(u * decay, g.abs()));
            (w - m * rate / (u + epsilon), [m, u])
        }),
        Rule::Nadam { rate, first, second, ahead, now, correction, epsilon } => {
            each(w, [one, two], g, |w, [m, v], g| {
                let (m, v) = (m + (g - m) * first, v + (g * g - v) * second);
                let step = m * ahead + g * now;
                (w - step * rate / ((v / correction).sqrt() + epsilon), [m, v])
            });
        }
        Rule::Lion { rate, mixed, kept } => each(w, [one], g, |w, [m], g| {
            let direction = m * mixed[0] + g * mixed[1];
            let sign = if direction < 0.0 { -1.0 } else { direction };
            let sign = if direction > 0.0 { 1.0 } else { sign };
            (w - sign * rate, [m * kept[0] + g * kept[1]])
        }),
    }
}

/// The larger of two, the second where either is NaN.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn each<const N: usize>(
    weight: &mut [f32],
    mut memory: [&mut [f32]; N],
    gradient: &[f32],
    step: impl Fn(f32, [f32; N], f32) -> (f32, [f32; N]),
) {
    // Slices of one length let the compiler drop every bounds check.
    let count = gradient.len();
    let weight = &mut weight[..count];
    for numbers in &mut memory {
        *numbers = &mut std::mem::take(numbers)[..count];
    }
    for i in 0..count {
        let mut old = [0.0; N];
        for (old, numbers) in old.iter_mut().zip(&memory) {
            *old = numbers[i];
        }
        let (new_weight, new) = step(weight[i], old, gradient[i]);
        weight[i] = new_weight;
        for (new, numbers) in new.into_iter().zip(&mut memory) {
            numbers[i] = new;
        }
    }
}
