//! What a forward pass shows of itself on the way, for whoever looks at single steps of training.

use burn::tensor::{Tensor, TensorData};

use super::Data;

/// What came into and went out of the layers of one forward pass, kept where it is until it is read.
#[derive(Debug, Default)]
pub struct Tap {
    seen: Vec<Seen>,
}

/// One layer of the pass.
#[derive(Debug)]
struct Seen {
    layer: usize,
    input: Data,
    output: Data,
}

/// Rows of numbers, one after the other: a sample, or a place of an image, is a row, and a feature
/// or channel a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Features or channels.
    pub columns: usize,
    /// The numbers.
    pub numbers: Vec<f32>,
}

impl Tap {
    /// Remembers a layer, by its place in the stack.
    pub(super) fn see(&mut self, layer: usize, input: &Data, output: &Data) {
        let [input, output] = [input, output].map(Data::clone);
        self.seen.push(Seen { layer, input, output });
    }

    /// What went out of a layer; `None` where the pass did not come by it.
    pub fn output(&self, layer: usize) -> Option<Rows> {
        self.of(layer).map(|seen| seen.output.rows())
    }

    /// What came into a layer.
    pub fn input(&self, layer: usize) -> Option<Rows> {
        self.of(layer).map(|seen| seen.input.rows())
    }

    fn of(&self, layer: usize) -> Option<&Seen> {
        self.seen.iter().find(|seen| seen.layer == layer)
    }
}

impl Data {
    /// The numbers, read back from their device.
    fn rows(&self) -> Rows {
        let rows = match self {
            Self::Flat(x) => x.clone(),
            Self::Image(x) => {
                let [batch, height, width, channels] = x.dims();
                x.clone().reshape([batch * height * width, channels])
            }
        };
        rows_of(rows)
    }
}

fn rows_of(x: Tensor<2>) -> Rows {
    let [_, columns] = x.dims();
    let data: TensorData = x.into_data();
    let numbers = data.convert::<f32>().try_into_vec().expect("converted to 32-bit numbers");
    Rows { columns, numbers }
}
