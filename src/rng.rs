//! Random numbers without state: every draw is a function of (seed, purpose, epoch, index).
//!
//! Initial weights, shuffles and dropout masks are therefore the same on every backend, in any
//! order of trials, with any number of them side by side, and after a resume. The generator is
//! Philox 4×32-10 (Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3",
//! SC 2011), which turns a 128-bit counter and a 64-bit key into 128 random bits.

use multiversion::multiversion;

/// What the numbers are for; two purposes never share a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Weights before training; the index is a hash of the variable's name.
    InitialWeights = 1,
    /// The order of rows in an epoch; the index is 0.
    Shuffle = 2,
    /// Dropout masks; the index is made of the layer and the step.
    Dropout = 3,
    /// Masks of alpha dropout; the index is made of the layer and the step.
    AlphaDropout = 16,
    /// Gaussian noise; the index is made of the layer and the step.
    GaussianNoise = 17,
    /// Images moved and mirrored; the index is the row among the training rows.
    Augment = 24,
    /// Points of a random grid; the epoch is the point's number, the index a hash of the path.
    RandomGrid = 25,
}

/// The numbers for one (seed, purpose, epoch, index), in order.
#[derive(Debug, Clone)]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

impl Stream {
    /// The stream for a use of randomness. Only the lower 56 bits of `index` count.
    pub fn new(seed: u64, purpose: Purpose, epoch: u32, index: u64) -> Self {
        let high = ((index >> 32) as u32) & 0x00ff_ffff;
        Self {
            key: [seed as u32, (seed >> 32) as u32],
            counter: [0, index as u32, (purpose as u32) << 24 | high, epoch],
            block: [0; 4],
            used: 4,
        }
    }

    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    /// Uniform in [0, 1), in steps of 2⁻²⁴.
    pub fn next_f32(&mut self) -> f32 {
        to_f32(self.next_u32())
    }

    /// So many numbers of a new stream, as [`next_f32`](Self::next_f32) gives them one by one.
    pub fn uniform(self, count: usize) -> Vec<f32> {
        assert_eq!((self.used, self.counter[0]), (4, 0), "the stream is new");
        let mut numbers = vec![0.0; count.next_multiple_of(4 * LANES)];
        for (i, numbers) in numbers.chunks_exact_mut(4 * LANES).enumerate() {
            philox_lanes(
                [(i * LANES) as u32, self.counter[1], self.counter[2], self.counter[3]],
                self.key,
                numbers,
            );
        }
        numbers.truncate(count);
        numbers
    }

    /// Uniform in [0, 1), in steps of 2⁻⁵³.
    pub fn next_f64(&mut self) -> f64 {
        let high = u64::from(self.next_u32()) << 32;
        let bits = (high | u64::from(self.next_u32())) >> 11;
        bits as f64 / (1_u64 << 53) as f64
    }

    /// A whole number below `bound`, each equally likely (Lemire, "Fast random integer generation
    /// in an interval", 2019). `bound` must not be 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        loop {
            let product = u64::from(self.next_u32()) * u64::from(bound);
            if product as u32 >= bound.wrapping_neg() % bound {
                return (product >> 32) as u32;
            }
        }
    }

    /// A standard normal number that lies within ±`limit` (Box & Muller 1958, with rejection).
    pub fn truncated_normal(&mut self, limit: f64) -> f64 {
        loop {
            let radius = (-2.0 * (1.0 - self.next_f64()).ln()).sqrt();
            let normal = radius * (std::f64::consts::TAU * self.next_f64()).cos();
            if normal.abs() <= limit {
                return normal;
            }
        }
    }

    /// A standard normal number (Box & Muller 1958).
    pub fn normal(&mut self) -> f64 {
        self.truncated_normal(f64::INFINITY)
    }

    /// The numbers 0 to `length` − 1 in random order (Fisher & Yates).
    pub fn permutation(&mut self, length: usize) -> Vec<u32> {
        let length = u32::try_from(length).expect("fewer than 2³² rows");
        let mut order: Vec<u32> = (0..length).collect();
        for i in (1..length).rev() {
            order.swap(i as usize, self.below(i + 1) as usize);
        }
        order
    }
}

/// A 56-bit number for a name, to key a [`Stream`] with (FNV-1a).
pub fn index_of(name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash & ((1 << 56) - 1)
}

fn to_f32(bits: u32) -> f32 {
    (bits >> 8) as f32 / (1 << 24) as f32
}

/// Counters that go through the rounds side by side.
const LANES: usize = 16;

/// What [`philox`] makes of this counter and of those after it, as numbers.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn philox_lanes(first: [u32; 4], mut key: [u32; 2], numbers: &mut [f32]) {
    let mut lanes = first.map(|word| [word; LANES]);
    for (lane, word) in lanes[0].iter_mut().enumerate() {
        *word = word.wrapping_add(lane as u32);
    }
    for _ in 0..10 {
        let [a, b, c, d] = &mut lanes;
        for lane in 0..LANES {
            let first = u64::from(a[lane]) * 0xD251_1F53;
            let second = u64::from(c[lane]) * 0xCD9E_8D57;
            a[lane] = (second >> 32) as u32 ^ b[lane] ^ key[0];
            b[lane] = second as u32;
            c[lane] = (first >> 32) as u32 ^ d[lane] ^ key[1];
            d[lane] = first as u32;
        }
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    for (lane, numbers) in numbers.chunks_exact_mut(4).enumerate() {
        for (number, lanes) in numbers.iter_mut().zip(&lanes) {
            *number = to_f32(lanes[lane]);
        }
    }
}

fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let a = u64::from(counter[0]) * 0xD251_1F53;
        let b = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers published with the generator (Random123, `kat_vectors`).
    #[test]
    fn philox_gives_the_published_numbers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn many_numbers_are_those_that_come_one_by_one() {
        let stream = || Stream::new(7, Purpose::Dropout, 3, 1 << 40 | 5);
        for count in [0, 1, 63, 64, 1000] {
            let mut one_by_one = stream();
            let expected: Vec<f32> = (0..count).map(|_| one_by_one.next_f32()).collect();
            assert_eq!(stream().uniform(count), expected);
        }
    }

    #[test]
    fn seeds_purposes_epochs_and_indices_each_give_other_numbers() {
        let first =
            |seed, purpose, epoch, index| Stream::new(seed, purpose, epoch, index).next_u32();
        let base = first(1, Purpose::Shuffle, 1, 0);
        for other in [
            first(2, Purpose::Shuffle, 1, 0),
            first(1 << 32 | 1, Purpose::Shuffle, 1, 0),
            first(1, Purpose::Dropout, 1, 0),
            first(1, Purpose::Shuffle, 2, 0),
            first(1, Purpose::Shuffle, 1, 1),
            first(1, Purpose::Shuffle, 1, 1 << 40),
        ] {
            assert_ne!(base, other);
        }
        assert_eq!(base, first(1, Purpose::Shuffle, 1, 0));
    }

    #[test]
    fn a_permutation_holds_every_row_once_and_is_even_handed() {
        let mut order = Stream::new(7, Purpose::Shuffle, 1, 0).permutation(1000);
        let mut counts = [0_u32; 6];
        for epoch in 0..6000 {
            let order = Stream::new(7, Purpose::Shuffle, epoch, 0).permutation(3);
            counts[(order[0] * 2 + u32::from(order[1] > order[2])) as usize] += 1;
        }
        // Six orders, 1,000 expected of each, standard deviation 29.
        assert!(counts.iter().all(|&count| (850..1150).contains(&count)), "{counts:?}");
        order.sort_unstable();
        assert!(order.iter().enumerate().all(|(i, &row)| i as u32 == row));
    }

    #[test]
    fn the_cut_normal_has_the_textbook_spread() {
        let mut stream = Stream::new(3, Purpose::InitialWeights, 0, 0);
        let draws: Vec<f64> = (0..40_000).map(|_| stream.truncated_normal(2.0)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(draws.iter().all(|x| x.abs() <= 2.0));
        assert!(mean.abs() < 0.02, "{mean}");
        // The standard deviation of a normal distribution cut at ±2.
        assert!((variance.sqrt() - 0.879_625_66).abs() < 0.01, "{variance}");
    }
}
