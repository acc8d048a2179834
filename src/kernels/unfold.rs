//! What follows from a dense layer's gradient for a batch normalization before it.

#![allow(unsafe_code, reason = "vector instructions take pointers")]

use super::loops::LANES;
use super::simd::{self, Simd, dispatch};

/// What becomes of a weight behind a normalization and of P = x̂ᵀ g, both [inputs, units].
pub enum Aim<'a> {
    /// P's place takes the weight's gradient, γ P + β Σg.
    Gradient {
        /// P
        products: &'a mut [f32],
        /// w
        weight: &'a [f32],
    },
    /// The weight loses that gradient times the rate.
    Descent {
        /// P
        products: &'a [f32],
        /// w
        weight: &'a mut [f32],
        /// The learning rate.
        rate: f32,
    },
}

/// Does to the weight what is aimed at, and gives the gradients of γ and β: for each row, the sums of
/// `P · w` and of `Σg · w`.
///
/// γ, β and their gradients are [inputs], Σg [units].
pub fn unfold(
    [gamma, beta, total]: [&[f32]; 3],
    aim: Aim<'_>,
    [of_gamma, of_beta]: [&mut [f32]; 2],
) {
    assert!(simd::available(), "who has no such instructions takes burn's operations");
    let (lengths, products, weight, out, rate) = match aim {
        Aim::Gradient { products, weight } => {
            let out = products.as_mut_ptr();
            ([products.len(), weight.len()], out.cast_const(), weight.as_ptr(), out, None)
        }
        Aim::Descent { products, weight, rate } => {
            let out = weight.as_mut_ptr();
            ([products.len(), weight.len()], products.as_ptr(), out.cast_const(), out, Some(rate))
        }
    };
    assert_eq!(lengths, [gamma.len() * total.len(); 2]);
    assert!([beta.len(), of_gamma.len(), of_beta.len()] == [gamma.len(); 3]);
    let work = Work { gamma, beta, total, rate, products, weight, out };
    // SAFETY: the lengths are those asserted, and there are such instructions.
    unsafe { rows(&work, of_gamma, of_beta) }
}

struct Work<'a> {
    gamma: &'a [f32],
    beta: &'a [f32],
    total: &'a [f32],
    rate: Option<f32>,
    products: *const f32,
    weight: *const f32,
    /// One of the two.
    out: *mut f32,
}

dispatch!(rows, rows_in, (work: &Work<'_>, of_gamma: &mut [f32], of_beta: &mut [f32]));

#[inline(always)]
unsafe fn rows_in<S: Simd>(work: &Work<'_>, of_gamma: &mut [f32], of_beta: &mut [f32]) {
    let mut sums = |row: usize, [gamma, beta]: [f32; 2]| {
        of_gamma[row] = gamma;
        of_beta[row] = beta;
    };
    let (mut row, count) = (0, work.gamma.len());
    // SAFETY: the rows are there, and the caller has the instructions.
    unsafe {
        // Two at once: the sums of one are chains that the processor waits for.
        while row + 2 <= count {
            let [first, second] = some_rows::<S, 2>(work, row);
            sums(row, first);
            sums(row + 1, second);
            row += 2;
        }
        if row < count {
            let [last] = some_rows::<S, 1>(work, row);
            sums(row, last);
        }
    }
}

/// The sums for γ and β of each of R rows, whose weights are changed.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "so written, the sums stay in registers")]
unsafe fn some_rows<S: Simd, const R: usize>(work: &Work<'_>, row: usize) -> [[f32; 2]; R] {
    let units = work.total.len();
    let whole = units / S::LANES * S::LANES;
    // SAFETY: within the matrices, as the caller promises.
    unsafe {
        // No closures here: what they call is not always compiled into the loop.
        #[expect(clippy::manual_map, reason = "that would be a closure")]
        let rate = match work.rate {
            Some(rate) => Some(S::splat(rate)),
            None => None,
        };
        let mut factors = [[S::splat(0.0); 2]; R];
        for r in 0..R {
            factors[r] = [S::splat(work.gamma[row + r]), S::splat(work.beta[row + r])];
        }
        let mut rows = Rows::<S, R> {
            products: work.products.add(row * units),
            total: work.total.as_ptr(),
            weight: work.weight.add(row * units),
            out: work.out.add(row * units),
            units,
            factors,
            rate,
            sums: [[[S::splat(0.0); 2]; 2]; R],
        };
        let all = S::mask(S::LANES);
        for at in (0..whole).step_by(S::LANES) {
            rows.unfold::<false>(at, all);
        }
        if whole < units {
            rows.unfold::<true>(whole, S::mask(units - whole));
        }
        let mut sums = [[0.0; 2]; R];
        for r in 0..R {
            sums[r] = [S::sum(rows.sums[r][0]), S::sum(rows.sums[r][1])];
        }
        sums
    }
}

/// Some rows on their way.
struct Rows<S: Simd, const R: usize> {
    products: *const f32,
    total: *const f32,
    weight: *const f32,
    out: *mut f32,
    units: usize,
    /// γ and β of each.
    factors: [[S::Vector; 2]; R],
    rate: Option<S::Vector>,
    /// Of each those of γ's gradient and of β's, [`LANES`] each: in one vector, or in two in turn.
    sums: [[[S::Vector; 2]; 2]; R],
}

impl<S: Simd, const R: usize> Rows<S, R> {
    /// The columns from one on, as many as there are numbers in a vector.
    #[inline(always)]
    unsafe fn unfold<const PART: bool>(&mut self, at: usize, mask: S::Mask) {
        const { assert!(S::LANES == LANES || 2 * S::LANES == LANES) };
        // SAFETY: within the rows, as the caller promises.
        unsafe {
            let load = |from: *const f32| {
                if PART { S::load_part(from, mask) } else { S::load(from) }
            };
            let turn = at / S::LANES % (LANES / S::LANES);
            let total = load(self.total.add(at));
            for r in 0..R {
                let place = r * self.units + at;
                let product = load(self.products.add(place));
                let weight = load(self.weight.add(place));
                let [gamma, beta] = self.factors[r];
                let [of_gamma, of_beta] = &mut self.sums[r];
                of_gamma[turn] = S::fused(product, weight, of_gamma[turn]);
                of_beta[turn] = S::fused(total, weight, of_beta[turn]);
                let gradient = S::fused(gamma, product, S::mul(beta, total));
                let result = match self.rate {
                    None => gradient,
                    Some(rate) => S::sub(weight, S::mul(gradient, rate)),
                };
                let to = self.out.add(place);
                if PART { S::store_part(to, mask, result) } else { S::store(to, result) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    fn noise(count: usize, seed: u32) -> Vec<f32> {
        use crate::rng::{Purpose, Stream};
        let mut stream = Stream::new(1, Purpose::InitialWeights, seed, 0);
        (0..count).map(|_| stream.next_f32() - 0.5).collect()
    }

    #[test]
    fn it_is_the_formula_and_the_same_to_the_bit_by_any_vectors() {
        if !simd::available() {
            println!("skipped: unfold: the processor lacks the instructions");
            return;
        }
        for units in [1, 8, 13, 16, 24, 31, 300] {
            let inputs = 5;
            let [gamma, beta] = [noise(inputs, 1), noise(inputs, 2)];
            let (total, products) = (noise(units, 3), noise(inputs * units, 4));
            let before = noise(inputs * units, 5);
            let run = |rate: Option<f32>, narrow: bool| {
                simd::NARROW.store(narrow, Ordering::Relaxed);
                let (mut weight, mut products) = (before.clone(), products.clone());
                let [mut of_gamma, mut of_beta] = [vec![0.0; inputs], vec![0.0; inputs]];
                let sums = [&mut of_gamma[..], &mut of_beta[..]];
                let aim = match rate {
                    None => Aim::Gradient { products: &mut products, weight: &weight },
                    Some(rate) => Aim::Descent { products: &products, weight: &mut weight, rate },
                };
                unfold([&gamma, &beta, &total], aim, sums);
                (if rate.is_some() { weight } else { products }, of_gamma, of_beta)
            };
            // The wide ones last: they stay for the other tests.
            let narrow = [None, Some(0.3)].map(|rate| run(rate, true));
            let wide = [None, Some(0.3)].map(|rate| run(rate, false));
            assert_eq!(narrow, wide, "{units}");
            let [(gradient, of_gamma, of_beta), (stepped, ..)] = wide;
            for row in 0..inputs {
                let places = row * units..(row + 1) * units;
                let (weight, products) = (&before[places.clone()], &products[places.clone()]);
                let sum = |of: &[f32]| -> f32 { of.iter().zip(weight).map(|(x, w)| x * w).sum() };
                assert!((of_gamma[row] - sum(products)).abs() < 1e-5);
                assert!((of_beta[row] - sum(&total)).abs() < 1e-5);
                for (j, place) in places.enumerate() {
                    let expected = gamma[row] * products[j] + beta[row] * total[j];
                    assert!((gradient[place] - expected).abs() < 1e-6);
                    assert_eq!(stepped[place], weight[j] - gradient[place] * 0.3);
                }
            }
        }
    }
}
