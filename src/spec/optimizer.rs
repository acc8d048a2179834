//! `optimizer:` how weights follow gradients, with Keras' names and defaults.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::given;

/// An optimizer and its hyper-parameters; in a file a map of one key or a bare name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerSpec {
    /// Stochastic gradient descent, with Keras' momentum.
    ///
    /// Formula: v ← momentum · v − lr · g; w ← w + v, or with nesterov w ← w + momentum · v − lr ·
    /// g
    ///
    /// Reference: <https://keras.io/api/optimizers/sgd/>
    Sgd(Sgd),
    /// Steps divided by the root of a running mean of the gradient's square.
    ///
    /// Formula: a ← rho · a + (1 − rho) · g²; v ← momentum · v + lr · g / √(a + epsilon); w ← w −
    /// v; centered takes the square of the gradient's running mean off a
    ///
    /// Reference: Hinton 2012; <https://keras.io/api/optimizers/rmsprop/>
    Rmsprop(Rmsprop),
    /// Steps divided by the root of the sum of all squared gradients so far.
    ///
    /// Formula: a ← a + g²; w ← w − lr · g / √(a + epsilon)
    ///
    /// Reference: Duchi et al. 2011; <https://keras.io/api/optimizers/adagrad/>
    Adagrad(Adagrad),
    /// Steps as long as those of late, for gradients as long as those of late. Zeiler's own step
    /// size is 1; Keras' default is a thousandth of it.
    ///
    /// Formula: a ← rho · a + (1 − rho) · g²; d = g · √(b + epsilon) / √(a + epsilon); b ← rho · b
    /// + (1 − rho) · d²; w ← w − lr · d
    ///
    /// Reference: Zeiler 2012, <https://arxiv.org/abs/1212.5701>;
    /// <https://keras.io/api/optimizers/adadelta/>
    Adadelta(Adadelta),
    /// Running means of the gradient and of its square, with Keras' placement of epsilon.
    ///
    /// Formula: m ← beta_1 · m + (1 − beta_1) · g; v ← beta_2 · v + (1 − beta_2) · g²; w ← w − lr ·
    /// √(1 − beta_2ᵗ) / (1 − beta_1ᵗ) · m / (√v + epsilon)
    ///
    /// Reference: Kingma & Ba 2015, <https://arxiv.org/abs/1412.6980>;
    /// <https://keras.io/api/optimizers/adam/>
    Adam(Adam),
    /// Adam with a decaying maximum of the gradient's size in place of its mean square.
    ///
    /// Formula: m ← beta_1 · m + (1 − beta_1) · g; u ← max(beta_2 · u, |g|); w ← w − lr / (1 −
    /// beta_1ᵗ) · m / (u + epsilon)
    ///
    /// Reference: Kingma & Ba 2015, section 7.1, <https://arxiv.org/abs/1412.6980>;
    /// <https://keras.io/api/optimizers/adamax/>
    Adamax(Adamax),
    /// Adam with Nesterov's look ahead.
    ///
    /// Formula: m and v as in adam; uₜ = beta_1 · (1 − 0.96ᵗ / 2), Uₜ = u₁ · … · uₜ; m̂ = uₜ₊₁ · m
    /// / (1 − Uₜ₊₁) + (1 − uₜ) · g / (1 − Uₜ); w ← w − lr · m̂ / (√(v / (1 − beta_2ᵗ)) + epsilon)
    ///
    /// Reference: Dozat 2016; <https://keras.io/api/optimizers/nadam/>
    Nadam(Nadam),
    /// Adam, and weight decay that is not optional.
    ///
    /// Formula: w ← w − lr · weight_decay · w, then as adam
    ///
    /// Reference: Loshchilov & Hutter 2019, <https://arxiv.org/abs/1711.05101>;
    /// <https://keras.io/api/optimizers/adamw/>
    Adamw(Adamw),
    /// Steps of one size for all weights, of which the gradients decide the sign alone.
    ///
    /// Formula: w ← w − lr · sign(beta_1 · m + (1 − beta_1) · g); m ← beta_2 · m + (1 − beta_2) · g
    ///
    /// Reference: Chen et al. 2023, <https://arxiv.org/abs/2302.06675>;
    /// <https://keras.io/api/optimizers/lion/>
    Lion(Lion),
}

impl OptimizerSpec {
    /// The name in files.
    pub fn kind(&self) -> &'static str {
        self.common().kind()
    }

    /// The step size.
    pub fn learning_rate(&self) -> f64 {
        self.common().learning_rate()
    }

    /// The share, times the step size, that every trained weight loses before each step.
    pub fn weight_decay(&self) -> Option<f64> {
        self.common().weight_decay()
    }

    /// How gradients are kept short.
    pub fn clipping(&self) -> Clipping {
        self.common().clipping()
    }

    /// Whether the file names the step size.
    pub(super) fn has_learning_rate(&self) -> bool {
        self.common().has_learning_rate()
    }

    /// Writes the step size out where the file does not name it.
    pub(super) fn fill_in_learning_rate(&mut self) {
        match self {
            Self::Sgd(keys) => keys.fill_in_learning_rate(),
            Self::Rmsprop(keys) => keys.fill_in_learning_rate(),
            Self::Adagrad(keys) => keys.fill_in_learning_rate(),
            Self::Adadelta(keys) => keys.fill_in_learning_rate(),
            Self::Adam(keys) => keys.fill_in_learning_rate(),
            Self::Adamax(keys) => keys.fill_in_learning_rate(),
            Self::Nadam(keys) => keys.fill_in_learning_rate(),
            Self::Adamw(keys) => keys.fill_in_learning_rate(),
            Self::Lion(keys) => keys.fill_in_learning_rate(),
        }
    }

    fn common(&self) -> &dyn CommonKeys {
        match self {
            Self::Sgd(keys) => keys,
            Self::Rmsprop(keys) => keys,
            Self::Adagrad(keys) => keys,
            Self::Adadelta(keys) => keys,
            Self::Adam(keys) => keys,
            Self::Adamax(keys) => keys,
            Self::Nadam(keys) => keys,
            Self::Adamw(keys) => keys,
            Self::Lion(keys) => keys,
        }
    }
}

/// What every optimizer has.
trait CommonKeys {
    fn kind(&self) -> &'static str;
    fn has_learning_rate(&self) -> bool;
    fn fill_in_learning_rate(&mut self);
    fn learning_rate(&self) -> f64;
    fn weight_decay(&self) -> Option<f64>;
    fn clipping(&self) -> Clipping;
}

/// The three ways to keep gradients short, of which a file may choose one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Clipping {
    /// The largest norm of the gradient of each variable by itself.
    pub clipnorm: Option<f64>,
    /// The largest size of each number in a gradient.
    pub clipvalue: Option<f64>,
    /// The largest norm of all gradients taken together.
    pub global_clipnorm: Option<f64>,
}

/// Defines an optimizer's keys and defaults. The keys that all of them have stand here once:
/// serde's `flatten` would do, but not together with `deny_unknown_fields`.
macro_rules! optimizer {
    (
        $(#[$about:meta])*
        $name:ident, $kind:literal, learning_rate: $rate:literal, weight_decay: $decay:expr,
        { $( $(#[$field_about:meta])* $field:ident: $type:ty = $default:expr, )* }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            /// Step size. Not there if `training.learning_rate` has a schedule.
            #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
            #[schemars(with = "f64", extend("default" = $rate))]
            pub learning_rate: Option<f64>,
            $( $(#[$field_about])* pub $field: $type, )*
            /// Before each step, every trained weight loses this share of itself, times the step
            /// size.
            #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
            #[schemars(with = "f64")]
            pub weight_decay: Option<f64>,
            /// Largest norm of each variable's gradient; longer ones are scaled down to it.
            #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
            #[schemars(with = "f64")]
            pub clipnorm: Option<f64>,
            /// Largest size of each number in a gradient; larger ones are cut to it.
            #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
            #[schemars(with = "f64")]
            pub clipvalue: Option<f64>,
            /// Largest norm of all gradients together; where it is longer, all are scaled down.
            #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
            #[schemars(with = "f64")]
            pub global_clipnorm: Option<f64>,
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    learning_rate: None,
                    $( $field: $default, )*
                    weight_decay: $decay,
                    clipnorm: None,
                    clipvalue: None,
                    global_clipnorm: None,
                }
            }
        }

        impl CommonKeys for $name {
            fn kind(&self) -> &'static str {
                $kind
            }

            fn has_learning_rate(&self) -> bool {
                self.learning_rate.is_some()
            }

            fn fill_in_learning_rate(&mut self) {
                self.learning_rate.get_or_insert($rate);
            }

            fn learning_rate(&self) -> f64 {
                self.learning_rate.unwrap_or($rate)
            }

            fn weight_decay(&self) -> Option<f64> {
                self.weight_decay
            }

            fn clipping(&self) -> Clipping {
                Clipping {
                    clipnorm: self.clipnorm,
                    clipvalue: self.clipvalue,
                    global_clipnorm: self.global_clipnorm,
                }
            }
        }
    };
}

optimizer! {
    /// `sgd`'s own keys.
    Sgd, "sgd", learning_rate: 0.01, weight_decay: None,
    {
        /// Share of the last step that the next one keeps.
        momentum: f64 = 0.0,
        /// Nesterov's variant: `w += momentum·v − lr·g`.
        nesterov: bool = false,
    }
}

optimizer! {
    /// `rmsprop`'s own keys.
    Rmsprop, "rmsprop", learning_rate: 0.001, weight_decay: None,
    {
        /// Decay of the mean of the gradient's square.
        rho: f64 = 0.9,
        /// Share of the last step that the next one keeps.
        momentum: f64 = 0.0,
        /// Added to that mean, under the root.
        epsilon: f64 = 1e-7,
        /// Whether the square of the gradient's mean is taken off, which leaves its variance.
        centered: bool = false,
    }
}

optimizer! {
    /// `adagrad`'s own keys.
    Adagrad, "adagrad", learning_rate: 0.001, weight_decay: None,
    {
        /// What that sum begins with.
        initial_accumulator_value: f64 = 0.1,
        /// Added to the sum, under the root.
        epsilon: f64 = 1e-7,
    }
}

optimizer! {
    /// `adadelta`'s own keys.
    Adadelta, "adadelta", learning_rate: 0.001, weight_decay: None,
    {
        /// Decay of the means of the squares of gradients and steps.
        rho: f64 = 0.95,
        /// Added to both means, under their roots.
        epsilon: f64 = 1e-7,
    }
}

optimizer! {
    /// `adam`'s own keys.
    Adam, "adam", learning_rate: 0.001, weight_decay: None,
    {
        /// Decay of the mean of the gradient.
        beta_1: f64 = 0.9,
        /// Decay of the mean of its square.
        beta_2: f64 = 0.999,
        /// Added to the root of that mean.
        epsilon: f64 = 1e-7,
        /// Whether the largest mean of the square so far takes the place of the present one
        /// (Reddi et al. 2018).
        #[serde(skip_serializing_if = "is_false")]
        #[schemars(!skip_serializing_if)]
        amsgrad: bool = false,
    }
}

optimizer! {
    /// `adamax`'s own keys.
    Adamax, "adamax", learning_rate: 0.001, weight_decay: None,
    {
        /// Decay of the mean of the gradient.
        beta_1: f64 = 0.9,
        /// Decay of the maximum of its size.
        beta_2: f64 = 0.999,
        /// Added to that maximum.
        epsilon: f64 = 1e-7,
    }
}

optimizer! {
    /// `nadam`'s own keys.
    Nadam, "nadam", learning_rate: 0.001, weight_decay: None,
    {
        /// Decay of the mean of the gradient.
        beta_1: f64 = 0.9,
        /// Decay of the mean of its square.
        beta_2: f64 = 0.999,
        /// Added to the root of that mean, corrected for its beginning at zero.
        epsilon: f64 = 1e-7,
    }
}

optimizer! {
    /// `adamw`'s own keys.
    Adamw, "adamw", learning_rate: 0.001, weight_decay: Some(0.004),
    {
        /// Decay of the mean of the gradient.
        beta_1: f64 = 0.9,
        /// Decay of the mean of its square.
        beta_2: f64 = 0.999,
        /// Added to the root of that mean.
        epsilon: f64 = 1e-7,
        /// Whether the largest mean of the square so far takes the place of the present one.
        #[serde(skip_serializing_if = "is_false")]
        #[schemars(!skip_serializing_if)]
        amsgrad: bool = false,
    }
}

optimizer! {
    /// `lion`'s own keys.
    Lion, "lion", learning_rate: 0.001, weight_decay: None,
    {
        /// Share of the running mean in what decides the sign; the rest is the gradient's.
        beta_1: f64 = 0.9,
        /// Decay of the running mean of the gradient.
        beta_2: f64 = 0.99,
    }
}

fn is_false(value: &bool) -> bool {
    !value
}
