//! `optimizer:` how weights follow gradients, with Keras' names and defaults.

use serde::{Deserialize, Serialize};

use super::given;

/// An optimizer and its hyper-parameters; in a file a map of one key or a bare name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerSpec {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// RMSprop (Hinton 2012).
    Rmsprop(Rmsprop),
    /// Adagrad (Duchi et al. 2011).
    Adagrad(Adagrad),
    /// Adadelta (Zeiler 2012).
    Adadelta(Adadelta),
    /// Adam (Kingma & Ba 2015).
    Adam(Adam),
    /// Adamax (Kingma & Ba 2015, section 7.1).
    Adamax(Adamax),
    /// Nadam (Dozat 2016).
    Nadam(Nadam),
    /// AdamW (Loshchilov & Hutter 2019).
    Adamw(Adamw),
    /// Lion (Chen et al. 2023).
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
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            /// Step size. Not there if `training.learning_rate` has a schedule.
            #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
            pub learning_rate: Option<f64>,
            $( $(#[$field_about])* pub $field: $type, )*
            /// Before each step, every trained weight loses this share of itself, times the step
            /// size.
            #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
            pub weight_decay: Option<f64>,
            /// Largest norm of each variable's gradient; longer ones are scaled down to it.
            #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
            pub clipnorm: Option<f64>,
            /// Largest size of each number in a gradient; larger ones are cut to it.
            #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
            pub clipvalue: Option<f64>,
            /// Largest norm of all gradients together; where it is longer, all are scaled down.
            #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
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
    /// Stochastic gradient descent, with Keras' momentum: `v = momentum·v − lr·g`, `w += v`.
    Sgd, "sgd", learning_rate: 0.01, weight_decay: None,
    {
        /// Share of the last step that the next one keeps.
        momentum: f64 = 0.0,
        /// Nesterov's variant: `w += momentum·v − lr·g`.
        nesterov: bool = false,
    }
}

optimizer! {
    /// RMSprop: steps divided by the root of a running mean of the gradient's square.
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
    /// Adagrad: steps divided by the root of the sum of all squared gradients so far.
    Adagrad, "adagrad", learning_rate: 0.001, weight_decay: None,
    {
        /// What that sum begins with.
        initial_accumulator_value: f64 = 0.1,
        /// Added to the sum, under the root.
        epsilon: f64 = 1e-7,
    }
}

optimizer! {
    /// Adadelta: steps as long as those of late, for gradients as long as those of late. Zeiler's
    /// own step size is 1; Keras' default is a thousandth of it.
    Adadelta, "adadelta", learning_rate: 0.001, weight_decay: None,
    {
        /// Decay of the means of the squares of gradients and steps.
        rho: f64 = 0.95,
        /// Added to both means, under their roots.
        epsilon: f64 = 1e-7,
    }
}

optimizer! {
    /// Adam with Keras' placement of epsilon.
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
        amsgrad: bool = false,
    }
}

optimizer! {
    /// Adamax: Adam with a decaying maximum of the gradient's size in place of its mean square.
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
    /// Nadam: Adam with Nesterov's look ahead.
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
    /// AdamW: Adam, and weight decay that is not optional.
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
        amsgrad: bool = false,
    }
}

optimizer! {
    /// Lion: steps of one size for all weights, of which the gradients decide the sign alone.
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
