use serde_json::{Value, json};

use super::super::test_setup::{FACTS, codes, codes_of, dense, one, setup, words};
use super::*;
use crate::spec::Setup;

fn with_rate(optimizer: &str, rate: f64) -> Setup {
    let mut setup = setup(json!([dense(json!({}))]));
    setup.training.optimizer =
        serde_json::from_value(json!({ optimizer: { "learning_rate": rate } })).unwrap();
    setup
}

/// A run of 3200 steps with a schedule.
fn with_schedule(optimizer: &str, schedule: &Value) -> Setup {
    let mut setup = setup(json!([dense(json!({}))]));
    setup.training.optimizer = serde_json::from_value(json!({ optimizer: {} })).unwrap();
    setup.training.learning_rate = Some(serde_json::from_value(schedule.clone()).unwrap());
    setup
}

fn of_schedule(optimizer: &str, schedule: Value) -> Vec<(String, String)> {
    codes_of(&with_schedule(optimizer, &schedule), &FACTS)
}

#[test]
fn constant_learning_rates_are_judged_by_the_optimizer() {
    for (optimizer, rate, unusual) in [
        ("sgd", 5.0, true),
        ("sgd", 0.5, false),
        ("sgd", 5e-5, true),
        ("adam", 0.5, true),
        ("adam", 0.01, false),
        ("lion", 0.05, true),
        ("adadelta", 5.0, false),
    ] {
        let place = format!("training.optimizer.{optimizer}.learning_rate");
        let expected = if unusual { one(Lint::UnusualLearningRate, &place) } else { vec![] };
        assert_eq!(codes_of(&with_rate(optimizer, rate), &FACTS), expected, "{optimizer} {rate}");
    }
    let (message, help) = words(&with_rate("sgd", 90.0));
    assert_eq!(message, "learning rate 90 is 900 times the highest usual one for sgd");
    assert_eq!(help, "the usual range for sgd is 0.001 to 0.1");
    let (message, _) = words(&with_rate("adam", 1e-7));
    assert_eq!(
        message,
        "learning rate 0.0000001 is 1000 times below the lowest usual one for adam"
    );
}

#[test]
fn schedules_are_judged_like_constants() {
    let cases = [
        (json!({"constant": {"learning_rate": 90}}), "constant.learning_rate"),
        (json!({"one_cycle": {"max_learning_rate": 50}}), "one_cycle.max_learning_rate"),
        (
            json!({"cosine_decay": {"initial_learning_rate": 100, "decay_steps": 3200}}),
            "cosine_decay.initial_learning_rate",
        ),
        (
            json!({"cosine_decay": {"initial_learning_rate": 0.01, "decay_steps": 3000,
                "warmup_target": 30, "warmup_steps": 200}}),
            "cosine_decay.warmup_target",
        ),
        (
            json!({"exponential_decay": {"initial_learning_rate": 20, "decay_steps": 1000,
                "decay_rate": 0.5}}),
            "exponential_decay.initial_learning_rate",
        ),
        (
            json!({"inverse_time_decay": {"initial_learning_rate": 20, "decay_steps": 1000,
                "decay_rate": 0.5}}),
            "inverse_time_decay.initial_learning_rate",
        ),
        (
            json!({"polynomial_decay": {"initial_learning_rate": 20, "decay_steps": 3200,
                "end_learning_rate": 0.1}}),
            "polynomial_decay.initial_learning_rate",
        ),
        (
            json!({"piecewise_constant": {"boundaries": [1000], "values": [0.1, 10]}}),
            "piecewise_constant.values[1]",
        ),
        // Too low throughout.
        (
            json!({"piecewise_constant": {"boundaries": [1000], "values": [1e-6, 1e-5]}}),
            "piecewise_constant.values[1]",
        ),
    ];
    for (schedule, place) in cases {
        let place = format!("training.learning_rate.{place}");
        let expected = one(Lint::UnusualLearningRate, &place);
        assert_eq!(of_schedule("sgd", schedule.clone()), expected, "{schedule}");
    }
}

#[test]
fn the_same_schedule_is_usual_for_one_optimizer_and_not_for_another() {
    let half = json!({"one_cycle": {"max_learning_rate": 0.5}});
    let place = "training.learning_rate.one_cycle.max_learning_rate";
    assert_eq!(of_schedule("adam", half.clone()), one(Lint::UnusualLearningRate, place));
    assert_eq!(of_schedule("sgd", half), []);
    // Schedules may fall as low as they like.
    let low = json!({"piecewise_constant": {"boundaries": [1000], "values": [0.1, 1e-7]}});
    assert_eq!(of_schedule("sgd", low), []);
}

#[test]
fn a_rate_that_grows_too_high_is_warned_of() {
    let growing = |rate: f64| {
        json!({"exponential_decay": {"initial_learning_rate": 0.01, "decay_steps": 3200,
            "decay_rate": rate}})
    };
    let place = "training.learning_rate.exponential_decay.decay_rate";
    assert_eq!(of_schedule("sgd", growing(1000.0)), one(Lint::UnusualLearningRate, place));
    assert_eq!(of_schedule("sgd", growing(10.0)), []);
}

#[test]
fn schedules_that_hardly_change_in_the_run_are_warned_of() {
    let decay = |kind: &str, steps: usize, rate: f64| json!({ kind: { "initial_learning_rate": 0.1, "decay_steps": steps, "decay_rate": rate } });
    let at = |key: &str| one(Lint::ScheduleLength, &format!("training.learning_rate.{key}"));
    for kind in ["exponential_decay", "inverse_time_decay"] {
        let beyond = at(&format!("{kind}.decay_steps"));
        assert_eq!(of_schedule("sgd", decay(kind, 100_000, 0.5)), beyond);
        assert_eq!(of_schedule("sgd", decay(kind, 1000, 0.5)), []);
    }
    let weak = at("exponential_decay.decay_rate");
    assert_eq!(of_schedule("sgd", decay("exponential_decay", 1000, 0.99)), weak);
    // 5000 steps are more than the run has, and it falls to 65 %.
    assert_eq!(of_schedule("sgd", decay("exponential_decay", 5000, 0.5)), []);

    let cosine = |steps: usize| json!({"cosine_decay": {"initial_learning_rate": 0.1, "decay_steps": steps}});
    assert_eq!(of_schedule("sgd", cosine(50_000)), at("cosine_decay.decay_steps"));
    assert_eq!(of_schedule("sgd", cosine(5000)), []);
    let polynomial = |steps: usize| json!({"polynomial_decay": {"initial_learning_rate": 0.1, "decay_steps": steps}});
    assert_eq!(of_schedule("sgd", polynomial(50_000)), at("polynomial_decay.decay_steps"));
    assert_eq!(of_schedule("sgd", polynomial(5000)), []);
    let warmup = |steps: usize| {
        json!({"cosine_decay": {"initial_learning_rate": 0.01, "decay_steps": 3000,
            "warmup_target": 0.1, "warmup_steps": steps}})
    };
    assert_eq!(of_schedule("sgd", warmup(5000)), at("cosine_decay.warmup_steps"));
    assert_eq!(of_schedule("sgd", warmup(500)), []);
    let pieces = |boundary: usize| json!({"piecewise_constant": {"boundaries": [100, boundary], "values": [0.1, 0.03, 0.01]}});
    assert_eq!(of_schedule("sgd", pieces(20_000)), at("piecewise_constant.boundaries[1]"));
    assert_eq!(of_schedule("sgd", pieces(2000)), []);
    let cycle =
        |steps: usize| json!({"one_cycle": {"max_learning_rate": 0.1, "total_steps": steps}});
    assert_eq!(of_schedule("sgd", cycle(50_000)), at("one_cycle.total_steps"));
    assert_eq!(of_schedule("sgd", cycle(3200)), []);
}

#[test]
fn schedules_that_are_over_long_before_the_run_are_warned_of() {
    let at = |key: &str| one(Lint::ScheduleLength, &format!("training.learning_rate.{key}"));
    let exponential = |steps: usize| {
        json!({"exponential_decay": {"initial_learning_rate": 0.1, "decay_steps": steps,
            "decay_rate": 0.5}})
    };
    assert_eq!(of_schedule("sgd", exponential(10)), at("exponential_decay.decay_steps"));
    assert_eq!(of_schedule("sgd", exponential(300)), []);
    let cosine = |steps: usize, alpha: f64| json!({"cosine_decay": {"initial_learning_rate": 0.1, "decay_steps": steps, "alpha": alpha}});
    assert_eq!(of_schedule("sgd", cosine(100, 0.0)), at("cosine_decay.decay_steps"));
    assert_eq!(of_schedule("sgd", cosine(100, 0.01)), []);
    let cycle = json!({"one_cycle": {"max_learning_rate": 0.1, "total_steps": 320}});
    assert_eq!(of_schedule("sgd", cycle), at("one_cycle.total_steps"));
}

#[test]
fn the_words_say_by_how_much() {
    let decay = |steps: usize| {
        json!({"exponential_decay": {"initial_learning_rate": 0.1, "decay_steps": steps,
            "decay_rate": 0.5}})
    };
    let (message, help) = words(&with_schedule("sgd", &decay(100_000)));
    assert_eq!(
        message,
        "the learning rate only falls by 2.2 % over the run's 3200 steps: `decay_steps` is 100000"
    );
    assert_eq!(help, "give a number near 3200, or train for longer");
    let (message, _) = words(&with_schedule("sgd", &decay(10)));
    assert_eq!(
        message,
        "from the middle of the run on, step 1600 of 3200, the learning rate is at most 6.8e-50, less \
         than a thousandth of 0.1"
    );
    let mut staircase = decay(10_000);
    staircase["exponential_decay"]["staircase"] = json!(true);
    let (message, _) = words(&with_schedule("sgd", &staircase));
    assert!(message.starts_with("the learning rate never changes over the run's"), "{message}");
}

#[test]
fn a_schedule_in_a_run_of_one_step_is_not_judged_by_its_length() {
    let schedule = json!({"cosine_decay": {"initial_learning_rate": 0.1, "decay_steps": 1000}});
    let mut setup = with_schedule("sgd", &schedule);
    setup.dataset.train_limit = Some(10);
    setup.training.epochs = 1;
    assert_eq!(codes_of(&setup, &FACTS), []);
}

#[test]
fn nesterov_without_momentum_is_warned_of() {
    let codes = |keys: Value| {
        codes(json!([dense(json!({}))]), |setup| {
            setup.training.optimizer = serde_json::from_value(json!({ "sgd": keys })).unwrap();
        })
    };
    let expected = one(Lint::NesterovWithoutMomentum, "training.optimizer.sgd.nesterov");
    assert_eq!(codes(json!({"nesterov": true})), expected);
    assert_eq!(codes(json!({"nesterov": true, "momentum": 0.9})), []);
    assert_eq!(codes(json!({"nesterov": false})), []);
}
