//! Mistakes in claims, and the places they are shown at.

use std::io::Write as _;

use crate::spec::{
    ClaimRelation, ClaimRule, Expression, Monitor, Operator, Overrides, Quantity, Relation, Target,
    Term, load,
};

const FILE: &str = "\
name: e
dataset: fashion_mnist
model: { layers: [flatten, { dense: { units: 10, activation: softmax } }] }
training: { optimizer: sgd, epochs: 3 }
variants: { a: {}, bn-after: {}, bn: {}, v1.5: {} }
expect:
";

const GRID: &str = "\
name: e
dataset: fashion_mnist
model: { layers: [flatten, { dense: { units: 10, activation: softmax } }] }
training: { optimizer: sgd, epochs: 3 }
grid: { training.optimizer.sgd.learning_rate: [0.1, 0.001], training.batch_size: [8] }
expect:
";

fn loaded(text: &str, overrides: &Overrides) -> Result<crate::spec::Experiment, String> {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    load(file.path(), overrides).map_err(|problems| problems.to_string())
}

fn claim(text: &str) -> (Expression, ClaimRelation, Expression, ClaimRule) {
    let experiment = loaded(&format!("{FILE}  - {text}\n"), &Overrides::default());
    let claim = experiment.unwrap_or_else(|error| panic!("{error}")).claims.remove(0);
    (claim.left, claim.relation, claim.right, claim.rule)
}

fn term(case: &str, quantity: Quantity) -> Expression {
    Expression::Term(Term { case: case.to_owned(), quantity })
}

/// Holds a claim's mistake against the words, the column and the help that are expected.
#[track_caller]
fn mistake(file: &str, text: &str, column: usize, words: &str, help: &str) {
    let error = loaded(&format!("{file}  - {text}\n"), &Overrides::default()).unwrap_err();
    assert!(error.contains(words), "no {words:?} in {error}");
    assert!(
        error.contains(&format!(".yaml:7:{}\n", column + 4)),
        "not in column {column}: {error}"
    );
    assert!(error.contains(help), "no {help:?} in {error}");
    assert_eq!(error.matches("error: ").count(), 1, "{error}");
}

#[test]
fn names_with_signs_in_them_are_known_by_the_file() {
    let accuracy = |case: &str| term(case, Quantity::Kept(Monitor::Accuracy));
    let greater = ClaimRelation::Order(Relation::Greater);
    let one = Expression::Number(1.0);
    let with = |left| (left, greater, one.clone(), ClaimRule::Test(0.05));
    assert_eq!(claim("bn-after.accuracy > 1"), with(accuracy("bn-after")));
    assert_eq!(claim("v1.5.accuracy > 1"), with(accuracy("v1.5")));
    let less = |left, right| Expression::Both(Box::new(left), Operator::Minus, Box::new(right));
    assert_eq!(claim("bn.accuracy-a.accuracy > 1"), with(less(accuracy("bn"), accuracy("a"))));
}

#[test]
fn products_bind_more_than_sums_and_equals_go_from_left_to_right() {
    let (left, ..) = claim("8 - 4 - 2 * -3 / (a.params) > 1");
    assert_eq!(left.value(&|_| Some(2.0)), Some(8.0 - 4.0 - -3.0));
}

#[test]
fn targets_tolerances_and_probabilities_are_read() {
    let target =
        Target { metric: Monitor::ValAccuracy, relation: Relation::GreaterOrEqual, value: 0.83 };
    let (left, relation, _, rule) =
        claim("a.epochs_to(val_accuracy >= 0.83) ≤ 2 * a.seconds_to(loss < -1e-1) with p < 0.01");
    assert_eq!(left, term("a", Quantity::EpochsTo(target)));
    assert_eq!(relation, ClaimRelation::Order(Relation::LessOrEqual));
    assert_eq!(rule, ClaimRule::Test(0.01));
    let (_, relation, _, rule) = claim("a.val_accuracy@3 ~= a.best_val_accuracy within 0.02");
    assert_eq!((relation, rule), (ClaimRelation::Within(0.02), ClaimRule::Test(0.05)));
    let (.., rule) = claim("a.val_accuracy ~= 0.5 within 0.02 with p < 0.01");
    assert_eq!(rule, ClaimRule::Test(0.01));
}

#[test]
fn on_average_ends_a_claim() {
    for text in ["a.loss > 1 on average", "a.loss ~= 1 within 2 on average"] {
        assert_eq!(claim(text).3, ClaimRule::Means, "{text}");
    }
    let both = "without a test, so there is no p";
    let m = |text, column, words, help| mistake(FILE, text, column, words, help);
    m("a.loss > 1 on average with p < 0.05", 12, both, "leave one of the two out");
    m("a.loss > 1 with p < 0.05 on average", 12, both, "leave one of the two out");
    m("a.loss > 1 on averge", 15, "after `on`, expected `average`", "`on average`");
    m("a.loss > 1 on", 13, "after `on`, expected `average`", "`on average`");
}

#[test]
fn diverged_and_metrics_of_the_last_epoch_are_quantities() {
    assert_eq!(claim("a.diverged > 0").0, term("a", Quantity::Diverged));
    let last = term("a", Quantity::Last(Monitor::ValAccuracy));
    assert_eq!(claim("a.last_val_accuracy > 0").0, last);
    let m = |text, column, words, help| mistake(FILE, text, column, words, help);
    m("a.divergd > 0", 3, "there is no quantity `divergd`", "did you mean `diverged`?");
    m("a.last_acuracy > 0", 3, "no quantity `last_acuracy`", "did you mean `last_accuracy`?");
    m("a.diverged@3 > 0", 11, "`diverged` has no epochs", "val_accuracy@10");
}

#[test]
fn terms_keep_the_sign_that_they_are_added_with() {
    let signs = |text: &str| {
        let (left, ..) = claim(text);
        left.signed_terms().map(|terms| terms.iter().map(|(sign, _)| *sign).collect::<Vec<_>>())
    };
    assert_eq!(
        signs("a.loss - (bn.loss - -a.loss) + 2 * a.params > 1"),
        Some(vec![1.0, -1.0, -1.0])
    );
    assert_eq!(signs("2 * a.loss > 1"), None);
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let m = |text, column, words, help| mistake(FILE, text, column, words, help);
    m("bm.accuracy > 1", 1, "no variant is named `bm`", "did you mean `bn`?");
    m("1 < bn.acuracy", 8, "there is no quantity `acuracy`", "did you mean `accuracy`?");
    m("1 < bn.parameters", 8, "no quantity `parameters`", "did you mean `params`?");
    m("bn > 1", 1, "`bn` is a variant, not a number", "`bn.val_accuracy`");
    m("bn.accuracy@4 > 1", 1, "`bn` trains for 3 epochs", "of epoch 3 or an earlier one");
    m("bn.accuracy@0 > 1", 13, "an epoch is a whole number from 1", "accuracy@10");
    m("bn.accuracy@1.5 > 1", 13, "an epoch is a whole number from 1", "accuracy@10");
    m("bn.params@3 > 1", 10, "`params` has no epochs", "val_accuracy@10");
    m("bn.accuracy", 11, "a claim compares two sides", "write a comparison like");
    m("bn.accuracy > 1 > 0", 17, "two sides and no more", "make two claims of it");
    m("bn.accuracy = 1", 13, "`=` compares nothing here", "within 0.01");
    m("bn.accuracy ~= 1", 16, "`~=` needs a tolerance", "within 0.01");
    m("bn.accuracy ~= 1 with p < 0.05", 18, "`~=` needs a tolerance", "within 0.01");
    m("bn.accuracy ~= 1 within 0.1 with p < 0.5", 38, "between 0 and 0.5", "with p < 0.05");
    m("bn.accuracy > 1 with p > 0.05", 24, "after `with`, expected `p < 0.05`", "");
    m("bn.accuracy > 1 with p < 5", 26, "is a number between 0 and 1", "with p < 0.05");
    m("bn.accuracy > 1 always", 17, "expected the end of the claim, found `always`", "");
    m("(bn.accuracy > 1", 14, "expected `)`, found `>`", "");
    m("1 > (bn.accuracy + 1", 5, "this parenthesis is not closed", "add `)`");
    m("bn.accuracy + > 1", 15, "expected a number or a quantity, found `>`", "");
    m("1 < 2", 1, "this claim is about no variant", "write a comparison like");
    m("bn.accuracy > 1x", 15, "`1x` is not a number", "");
    m("bn.accuracy > $", 15, "`$` has no meaning in a claim", "write a comparison like");
    m("bn.epochs_to < 3", 14, "`epochs_to` needs a target", "epochs_to(val_accuracy >= 0.83)");
    m("bn.epochs_to(acc > 1) < 3", 14, "`acc` is no metric of epochs", "`val_loss`");
    m("bn.accuracy > 1 / é", 19, "no variant is named `é`", "`bn-after`");
    m("\"bn.accuracy > bm.loss\"", 16, "no variant is named `bm`", "did you mean `bn`?");
    let deep = format!("{}bn.accuracy > 1", "(".repeat(100));
    m(&deep, 51, "parentheses are nested too deeply", "");
}

#[test]
fn grid_points_are_chosen_by_short_or_whole_keys() {
    let label = |text: &str| {
        let experiment = loaded(&format!("{GRID}  - \"{text} > 1\"\n"), &Overrides::default());
        let claim = experiment.unwrap_or_else(|error| panic!("{error}")).claims.remove(0);
        claim.left.terms()[0].case.clone()
    };
    let expected = "default,learning_rate=0.001,batch_size=8";
    assert_eq!(label("default[learning_rate=1e-3].accuracy"), expected);
    assert_eq!(
        label("default[ training.optimizer.sgd.learning_rate = 0.001 , batch_size = 8 ].accuracy"),
        expected
    );
    let m = |text: &str, column: usize, words, help| {
        mistake(GRID, &format!("\"{text} > 1\""), column + 1, words, help);
    };
    m(
        "default.accuracy",
        1,
        "`default` has 2 grid points here",
        "`default[learning_rate=0.1,batch_size=8]`",
    );
    m("default[rate=1].accuracy", 9, "`grid:` has no key `rate`", "`learning_rate`");
    m("default[learning_rate=0.2].accuracy", 9, "no value `0.2` of `learning_rate`", "`0.001`");
    m("default[0.1].accuracy", 9, "a grid value is chosen by its key", "[key=value]");
    m("default[batch_size=8.accuracy", 8, "a bracket is not closed", "add `]`");
}

#[test]
fn what_the_command_line_changed_is_no_mistake_of_the_file() {
    let text = format!("{FILE}  - a.val_accuracy@3 > 0\n");
    let set = |set: &str| Overrides { set: vec![set.to_owned()], seeds: None };
    assert_eq!(loaded(&text, &set("training.epochs=1")).unwrap().claims.len(), 1);
    assert_eq!(loaded(&text, &set("dataset.validation=0")).unwrap().claims.len(), 1);
    let text = text.replace("fashion_mnist", "{ name: fashion_mnist, validation: 0 }");
    let error = loaded(&text, &Overrides::default()).unwrap_err();
    assert!(error.contains("`a` has no validation images"), "{error}");
}

#[test]
fn a_claim_over_lines_is_shown_as_a_whole_and_one_that_is_there_twice_is_a_mistake() {
    let text = format!("{FILE}  - >\n    bm.accuracy\n    > 1\n");
    let error = loaded(&text, &Overrides::default()).unwrap_err();
    assert!(error.contains("no variant is named `bm`"), "{error}");
    assert!(error.contains(".yaml:8:5\n"), "{error}");
    let text = format!("{FILE}  - a.loss > 1\n  - a.loss > 1\n");
    let error = loaded(&text, &Overrides::default()).unwrap_err();
    assert!(error.contains("this claim is here twice") && error.contains("line 7"), "{error}");
    let error = loaded(&format!("{FILE}  a.loss > 1\n"), &Overrides::default()).unwrap_err();
    assert!(error.contains("expected a list"), "{error}");
}

#[test]
fn a_mistake_in_a_variant_is_not_told_twice() {
    let text = format!("{FILE}  - bn.accuracy@3 > 1\n").replace("bn: {}", "bn: { model: 3 }");
    let error = loaded(&text, &Overrides::default()).unwrap_err();
    assert_eq!(error.matches("error: ").count(), 1, "{error}");
}
