//! The learning rate of each step under a schedule, as Keras 3 computes it
//! (keras/src/optimizers/schedules/learning_rate_schedule.py).

use std::f64::consts::PI;

use super::schedule::{
    CosineDecay, ExponentialDecay, InverseTimeDecay, OneCycle, PiecewiseConstant, PolynomialDecay,
    ScheduleSpec,
};

impl ScheduleSpec {
    /// The learning rate of a step in a run of `run_steps` steps. Steps count from 0 through all
    /// epochs, like the counter of Keras' optimizers.
    pub fn rate(&self, step: usize, run_steps: usize) -> f64 {
        match self {
            Self::Constant(keys) => keys.learning_rate,
            Self::ExponentialDecay(keys) => exponential_decay(keys, step),
            Self::InverseTimeDecay(keys) => inverse_time_decay(keys, step),
            Self::PiecewiseConstant(keys) => piecewise_constant(keys, step),
            Self::CosineDecay(keys) => cosine_decay(keys, step),
            Self::PolynomialDecay(keys) => polynomial_decay(keys, step),
            Self::OneCycle(keys) => one_cycle(keys, step, run_steps),
        }
    }
}

/// `step / decay_steps`, in whole numbers for a staircase.
fn passed(step: usize, decay_steps: usize, staircase: bool) -> f64 {
    let passed = step as f64 / decay_steps as f64;
    if staircase { passed.floor() } else { passed }
}

fn exponential_decay(keys: &ExponentialDecay, step: usize) -> f64 {
    let passed = passed(step, keys.decay_steps, keys.staircase);
    keys.initial_learning_rate * keys.decay_rate.powf(passed)
}

fn inverse_time_decay(keys: &InverseTimeDecay, step: usize) -> f64 {
    let passed = passed(step, keys.decay_steps, keys.staircase);
    keys.initial_learning_rate / (1.0 + keys.decay_rate * passed)
}

fn piecewise_constant(keys: &PiecewiseConstant, step: usize) -> f64 {
    let piece = keys.boundaries.iter().filter(|boundary| step > **boundary).count();
    keys.values[piece]
}

fn cosine_decay(keys: &CosineDecay, step: usize) -> f64 {
    let (top, warmup_steps) = match keys.warmup_target {
        Some(target) => (target, keys.warmup_steps),
        None => (keys.initial_learning_rate, 0),
    };
    if step < warmup_steps {
        let start = keys.initial_learning_rate;
        return start + (top - start) * (step as f64 / warmup_steps as f64);
    }
    let step = (step - warmup_steps).min(keys.decay_steps);
    let wave = 0.5 * (1.0 + (PI * (step as f64 / keys.decay_steps as f64)).cos());
    top * ((1.0 - keys.alpha) * wave + keys.alpha)
}

fn polynomial_decay(keys: &PolynomialDecay, step: usize) -> f64 {
    let (step, decay_steps) = if keys.cycle {
        let cycles = step.div_ceil(keys.decay_steps).max(1);
        (step, keys.decay_steps * cycles)
    } else {
        (step.min(keys.decay_steps), keys.decay_steps)
    };
    let left = 1.0 - step as f64 / decay_steps as f64;
    let end = keys.end_learning_rate;
    (keys.initial_learning_rate - end) * left.powf(keys.power) + end
}

/// Straight lines: start → top over half of the steps but the last stretch, top → start over the
/// other half, start → last over the last stretch; there it stays.
fn one_cycle(keys: &OneCycle, step: usize, run_steps: usize) -> f64 {
    let top = keys.max_learning_rate;
    let start = keys.start_learning_rate.unwrap_or(top / 10.0);
    let last = keys.last_learning_rate.unwrap_or(start / 1000.0);
    let total = keys.total_steps.unwrap_or(run_steps);
    let last_steps = keys.last_steps.unwrap_or(total / 10 + 1);
    let half = total.saturating_sub(last_steps) / 2;
    let line = |from: usize, to: usize, low: f64, high: f64| {
        low + (high - low) * ((step - from) as f64 / (to - from) as f64)
    };
    if step < half {
        line(0, half, start, top)
    } else if step < 2 * half {
        line(half, 2 * half, top, start)
    } else if step < total {
        line(2 * half, total, start, last)
    } else {
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn schedule(value: Value) -> ScheduleSpec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn rates_are_those_of_keras() {
        let fixture: Value =
            serde_json::from_str(include_str!("../../tests/fixtures/schedules.json")).unwrap();
        let steps = fixture["steps"].as_array().unwrap();
        for case in fixture["cases"].as_array().unwrap() {
            let schedule = schedule(case["schedule"].clone());
            let rates: Vec<f64> =
                case["rates"].as_array().unwrap().iter().map(|r| r.as_f64().unwrap()).collect();
            // Keras computes in 32 bits: near the bottom of a cosine, where nearly equal numbers
            // are subtracted, nothing better than the top's last bits can be expected.
            let top = rates.iter().copied().fold(0.0, f64::max);
            for (step, keras) in steps.iter().zip(rates) {
                let ours = schedule.rate(step.as_u64().unwrap() as usize, 0);
                let limit = 1e-5 * keras + 2e-7 * top;
                let at = format!("{} at step {step}", case["schedule"]);
                assert!((ours - keras).abs() <= limit, "{at}: {ours}, and Keras has {keras}");
            }
        }
    }

    #[test]
    fn one_cycle_rises_falls_and_drops_over_the_whole_run() {
        let cycle = schedule(json!({"one_cycle": {"max_learning_rate": 1.0}}));
        // 11 steps are the last stretch; half of the other 89 is 44.
        let near = |step: usize, rate: f64| {
            let found = cycle.rate(step, 100);
            assert!((found - rate).abs() < 1e-12, "step {step}: {found}");
        };
        near(0, 0.1);
        near(22, 0.55);
        near(44, 1.0);
        near(66, 0.55);
        near(88, 0.1);
        near(94, 0.1 + (0.0001 - 0.1) * 0.5);
        near(100, 0.0001);
        near(1000, 0.0001);
        for total in 0..4 {
            assert!((0..6).all(|step| cycle.rate(step, total).is_finite()), "{total} steps");
        }
    }
}
