//! Matrix products with what follows them, for batches of some dozen rows.
//!
//! A general product copies both matrices into an order that suits it. For a batch of 32 rows the
//! copies cost as much as a third of the product; here rows are read where they are, unless many rows
//! share a copy or rows of b lie so that they drive each other out of the cache. Each number of the
//! result is one chain of fused multiplications and additions in the order of the inner
//! dimension, however the work is cut up: results depend neither on the width of vectors nor on
//! the number of threads.

#![allow(
    unsafe_code,
    reason = "parts of one matrix are written side by side, by vector instructions"
)]

use std::mem::MaybeUninit;
use std::ops::Range;

use super::buffers::{Place, fresh, with_scratch};
use super::pair;
use super::simd::{self, Simd, dispatch};

/// Of the inner dimension at a time, so that a panel of b and a block of a stay in the nearest cache.
const DEPTH: usize = 128;

/// Rows of b that are asked for before they are wanted: they are too far apart for the processor to
/// see by itself which comes next.
const AHEAD: usize = 16;

/// Rows at a time.
const BLOCK: usize = 32;

/// Numbers of a product at a time, where something is done with them: they stay in the nearest cache.
const NEAR: usize = 4096;

/// Columns of a part: whole tiles, whatever the width of vectors. No tile is wider.
pub const COLUMNS: usize = 48;

/// Multiplications below which a second thread costs more than it gives.
const WORTH_A_THREAD: usize = 100_000;

/// Parts that two threads share: enough for both to end at about the same time.
const MOST_PARTS: usize = 32;

/// How the left matrix lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// [rows, depth]
    AsIs,
    /// [depth, rows], of which the transpose is meant.
    Transposed,
}

/// What is done to each number of a product.
#[derive(Debug, Clone, Copy, Default)]
pub struct Finish<'a> {
    /// Added to each row.
    pub bias: Option<&'a [f32]>,
    /// Whether max(x, 0) follows.
    pub relu: bool,
}

#[derive(Clone, Copy)]
struct Job {
    a: *const f32,
    /// From one row of a to the next, and from one column to the next.
    a_steps: (usize, usize),
    /// [depth, columns]
    b: *const f32,
    /// From one row of b to the next.
    b_step: usize,
    /// [rows, columns]
    out: *mut f32,
    /// From one row of the result to the next.
    out_step: usize,
    rows: usize,
    columns: usize,
    depth: usize,
    /// Null without one.
    bias: *const f32,
    relu: bool,
    /// Whether the product is added to what is there.
    add: bool,
    /// Its number among those that are done together.
    block: usize,
}

// SAFETY: the threads of a job read the same and write to different places.
unsafe impl Send for Job {}
// SAFETY: as above.
unsafe impl Sync for Job {}

/// a · b, [rows, columns], from b of [depth, columns].
pub fn product(
    a: &[f32],
    left: Left,
    b: &[f32],
    shape: [usize; 3],
    finish: Finish<'_>,
) -> Vec<f32> {
    // SAFETY: all of it is written.
    unsafe { fresh(shape[0] * shape[1], |out| product_to(a, left, b, shape, finish, out)) }
}

/// As [`product`], to a place of [rows, columns], all of which is written.
pub fn product_to(
    a: &[f32],
    left: Left,
    b: &[f32],
    shape: [usize; 3],
    finish: Finish<'_>,
    out: &mut [impl Place],
) {
    let [rows, columns, depth] = shape;
    if depth == 0 {
        for out in out {
            out.put(0.0);
        }
        return;
    }
    let job = Job::new(a, left, b, shape, finish, place(out, shape));
    // Many rows of a share what is copied of b for some columns.
    let by_rows = rows > columns && (left == Left::Transposed || columns < 2 * COLUMNS);
    let cuts = if by_rows { Cuts::of(rows, BLOCK) } else { Cuts::of(columns, COLUMNS) };
    share_blocks(&[(job, cuts)], &|job, cut| {
        let (rows, columns) = if by_rows { (cut, 0..columns) } else { (0..rows, cut) };
        // SAFETY: within the result, in which no two parts have a place in common.
        unsafe { part(job, rows, columns) }
    });
}

/// As [`product_to`] of a as it is, with a b in [blocks](super::blocks), in their order: each with its
/// columns in the result.
pub fn product_of_blocks(
    a: &[f32],
    blocks: &[(&[f32], Range<usize>)],
    shape @ [rows, columns, depth]: [usize; 3],
    finish: Finish<'_>,
    out: &mut [f32],
) {
    let out = place(out, shape);
    let follow = blocks.windows(2).all(|pair| pair[0].1.end == pair[1].1.start);
    let ends = [blocks[0].1.start, blocks[blocks.len() - 1].1.end];
    assert!(follow && ends == [0, columns]);
    let jobs: Vec<(Job, Cuts)> = blocks
        .iter()
        .map(|(b, own)| {
            let finish = Finish { bias: finish.bias.map(|bias| &bias[own.clone()]), ..finish };
            let out = out.wrapping_add(own.start);
            let job = Job::new(a, Left::AsIs, b, [rows, own.len(), depth], finish, out);
            (Job { out_step: columns, ..job }, Cuts::of(own.len(), COLUMNS))
        })
        .collect();
    share_blocks(&jobs, &|job, columns| {
        // SAFETY: within the result, in which no two parts have a place in common.
        unsafe { part(job, 0..rows, columns) }
    });
}

/// Does all parts of all jobs, from two threads if that is worth it; of two jobs, this thread begins with
/// the first.
fn share_blocks(jobs: &[(Job, Cuts)], part: &(dyn Fn(&Job, Range<usize>) + Sync)) {
    let counts: Vec<usize> = jobs.iter().map(|(_, cuts)| cuts.count()).collect();
    let parts: usize = counts.iter().sum();
    let part = |mut i: usize| {
        for ((job, cuts), count) in jobs.iter().zip(&counts) {
            if i < *count {
                return part(job, cuts.get(i));
            }
            i -= count;
        }
    };
    let work: usize = jobs.iter().map(|(job, _)| job.rows * job.columns * job.depth).sum();
    if work < WORTH_A_THREAD {
        (0..parts).for_each(part);
    } else if let [first, _] = counts[..] {
        pair::share_at(first, parts, &part);
    } else {
        pair::share(parts, &part);
    }
}

/// As [`product_to`], by this thread alone. There is at least one number in the inner dimension.
pub fn product_into(
    a: &[f32],
    left: Left,
    b: &[f32],
    shape: [usize; 3],
    finish: Finish<'_>,
    out: &mut [impl Place],
) {
    let job = Job::new(a, left, b, shape, finish, place(out, shape));
    // SAFETY: this is the only part.
    unsafe { part(&job, 0..shape[0], 0..shape[1]) }
}

/// Adds a · b to [rows, columns], by this thread alone. There is at least one number in the inner
/// dimension.
pub fn add_product(a: &[f32], left: Left, b: &[f32], shape: [usize; 3], out: &mut [f32]) {
    let job = Job::new(a, left, b, shape, Finish::default(), place(out, shape));
    // SAFETY: this is the only part.
    unsafe { part(&Job { add: true, ..job }, 0..shape[0], 0..shape[1]) }
}

/// A matrix beside a product, and how many numbers its rows have.
pub type Beside<'a> = (&'a mut [f32], usize);

/// Some columns of a product, and what has as many rows.
pub struct Block<'a, const N: usize> {
    /// Which columns of b.
    pub columns: Range<usize>,
    /// Matrices of the product's rows.
    pub beside: [Beside<'a>; N],
}

/// Calls `then` with some rows of a block of aᵀ · b at a time, in a near cache, from any thread: with the
/// number of the block and of the first row, with the rows, and with the rows of the same numbers of each
/// matrix beside it. There is at least one number in the inner dimension.
pub fn product_by_rows<const N: usize>(
    a: &[f32],
    b: &[f32],
    [rows, columns, depth]: [usize; 3],
    blocks: Vec<Block<'_, N>>,
    then: impl Fn([usize; 2], &mut [f32], [&mut [f32]; N]) + Sync,
) {
    let whole = Job::new(
        a,
        Left::Transposed,
        b,
        [rows, columns, depth],
        Finish::default(),
        std::ptr::null_mut(),
    );
    let (mut jobs, mut matrices) = (Vec::new(), Vec::new());
    for (number, Block { columns: own, beside }) in blocks.into_iter().enumerate() {
        assert!(own.end <= columns && !own.is_empty());
        let (b, out_step) = (whole.b.wrapping_add(own.start), own.len());
        let job = Job { b, out_step, columns: own.len(), block: number, ..whole };
        jobs.push((job, Cuts::of(rows, BLOCK)));
        matrices.push(beside.map(|(numbers, width)| {
            assert_eq!(numbers.len(), rows * width);
            (Shared(numbers.as_mut_ptr()), width)
        }));
    }
    share_blocks(&jobs, &|job, rows| {
        let at_once = (NEAR / job.columns).next_multiple_of(8).clamp(8, BLOCK);
        for first in rows.clone().step_by(at_once) {
            let rows = first..(first + at_once).min(rows.end);
            with_scratch(rows.len() * job.columns, |sums| {
                // What the part takes for the first row of all is not there.
                let out = sums.as_mut_ptr().wrapping_sub(rows.start * job.columns);
                // SAFETY: of these rows there is room for all numbers.
                unsafe { part(&job.to(out), rows.clone(), 0..job.columns) };
                // SAFETY: the lengths are those asserted, and each part has rows of its own.
                let beside = matrices[job.block].each_ref().map(|(numbers, width)| unsafe {
                    numbers.slice(rows.start * width..rows.end * width)
                });
                then([job.block, rows.start], sums, beside);
            });
        }
    });
}

/// The beginning of numbers of which threads take different ones.
struct Shared(*mut f32);

// SAFETY: who takes a slice promises that nobody else has it.
unsafe impl Sync for Shared {}

impl Shared {
    /// # Safety
    /// The numbers are there, and nobody else reads or writes them meanwhile.
    #[expect(clippy::mut_from_ref, reason = "the numbers are not this struct's own")]
    unsafe fn slice(&self, range: Range<usize>) -> &mut [f32] {
        // SAFETY: as the caller promises.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(range.start), range.len()) }
    }
}

/// Where a product of this shape goes to.
fn place(out: &mut [impl Place], [rows, columns, _]: [usize; 3]) -> *mut f32 {
    assert_eq!(out.len(), rows * columns);
    out.as_mut_ptr().cast()
}

impl Job {
    fn new(
        a: &[f32],
        left: Left,
        b: &[f32],
        [rows, columns, depth]: [usize; 3],
        finish: Finish<'_>,
        out: *mut f32,
    ) -> Self {
        assert!(simd::available(), "who has no such instructions takes burn's product");
        assert!(a.len() == rows * depth && b.len() == depth * columns && depth > 0);
        assert!(finish.bias.is_none_or(|bias| bias.len() == columns));
        Self {
            rows,
            a: a.as_ptr(),
            a_steps: match left {
                Left::AsIs => (depth, 1),
                Left::Transposed => (1, rows),
            },
            b: b.as_ptr(),
            b_step: columns,
            out,
            out_step: columns,
            columns,
            depth,
            bias: finish.bias.map_or(std::ptr::null(), <[f32]>::as_ptr),
            relu: finish.relu,
            add: false,
            block: 0,
        }
    }

    /// The same with another result.
    fn to(&self, out: *mut f32) -> Self {
        Self { out, ..*self }
    }
}

/// A range in parts of the same size, but for the last.
struct Cuts {
    whole: usize,
    part: usize,
}

impl Cuts {
    /// Of a multiple of `block` each, and no more than [`MOST_PARTS`].
    fn of(whole: usize, block: usize) -> Self {
        Self { whole, part: whole.div_ceil(MOST_PARTS).next_multiple_of(block).max(block) }
    }

    fn count(&self) -> usize {
        self.whole.div_ceil(self.part)
    }

    fn get(&self, i: usize) -> Range<usize> {
        i * self.part..((i + 1) * self.part).min(self.whole)
    }
}

dispatch!(part, part_in, (job: &Job, rows: Range<usize>, columns: Range<usize>));

#[inline(always)]
unsafe fn part_in<S: Simd>(job: &Job, rows: Range<usize>, columns: Range<usize>) {
    let transposed = job.a_steps.0 == 1 && job.a_steps.1 > 1;
    for from in (0..job.depth).step_by(DEPTH) {
        let depth = from..(from + DEPTH).min(job.depth);
        // SAFETY: within the matrices, as the caller promises.
        unsafe {
            if !transposed && rows.len() >= 2 * BLOCK {
                panels::<S>(job, rows.clone(), columns.clone(), depth, true);
                continue;
            }
            let copy_a = transposed && drive_out(job.a_steps.1, depth.len());
            // A copy is for more than one tile.
            let copy_b = rows.len() > 8 && drive_out(job.b_step, depth.len());
            for first in rows.clone().step_by(BLOCK) {
                let rows = first..(first + BLOCK).min(rows.end);
                let mut copy = MaybeUninit::<[f32; DEPTH * BLOCK]>::uninit();
                let mut job = *job;
                if copy_a {
                    copy_left(&mut job, copy.as_mut_ptr().cast(), rows.clone(), depth.clone());
                }
                panels::<S>(&job, rows, columns.clone(), depth.clone(), copy_b);
            }
        }
    }
}

/// Whether so many lines that are `step` numbers apart drive each other out of a near cache, of 64
/// sets of 8 lines of 64 bytes.
fn drive_out(step: usize, lines: usize) -> bool {
    // The highest power of two in the distance; sets repeat after 4096 bytes.
    let distance = (step * size_of::<f32>()).max(1);
    let aligned = 1 << distance.trailing_zeros().min(12);
    (4096 / aligned.max(64)) * 8 < lines
}

/// Makes the job read some rows of the transposed a from a copy, in which they lie side by side.
#[inline(always)]
unsafe fn copy_left(job: &mut Job, copy: *mut f32, rows: Range<usize>, depth: Range<usize>) {
    for (i, place) in depth.clone().enumerate() {
        // SAFETY: within the matrix, and the copy has room for a block of all of it.
        unsafe {
            let from = job.a.add(rows.start + place * job.a_steps.1);
            std::ptr::copy_nonoverlapping(from, copy.add(i * BLOCK), rows.len());
        }
    }
    job.a = copy.wrapping_sub(rows.start + depth.start * BLOCK);
    job.a_steps = (1, BLOCK);
}

/// The tiles of some rows and columns, with or without a copy of each panel of b.
#[inline(always)]
unsafe fn panels<S: Simd>(
    job: &Job,
    rows: Range<usize>,
    columns: Range<usize>,
    depth: Range<usize>,
    copied: bool,
) {
    let mut column = columns.start;
    while column < columns.end {
        let left = columns.end - column;
        // SAFETY: within the matrices, as the caller promises.
        unsafe {
            let whole = S::mask(S::LANES);
            // Where registers are few, two panels of two are faster than one of three and one of one.
            let two_and_two = !S::WIDE && (4 * S::LANES..5 * S::LANES).contains(&left);
            if left >= 3 * S::LANES && !two_and_two {
                panel::<S, 3, false>(job, rows.clone(), column, depth.clone(), whole, copied);
                column += 3 * S::LANES;
            } else if left >= 2 * S::LANES {
                panel::<S, 2, false>(job, rows.clone(), column, depth.clone(), whole, copied);
                column += 2 * S::LANES;
            } else {
                let width = left.min(S::LANES);
                let mask = S::mask(width);
                panel::<S, 1, true>(job, rows.clone(), column, depth.clone(), mask, copied);
                column += width;
            }
        }
    }
}

/// The tiles of some rows above one another.
#[inline(always)]
unsafe fn panel<S: Simd, const V: usize, const PART: bool>(
    job: &Job,
    rows: Range<usize>,
    column: usize,
    depth: Range<usize>,
    mask: S::Mask,
    copied: bool,
) {
    const { assert!(V * S::LANES <= COLUMNS) };
    let mut row = rows.start;
    let mut copy = MaybeUninit::<[f32; DEPTH * COLUMNS]>::uninit();
    let mut job = *job;
    // SAFETY: within the matrices, as the caller promises.
    unsafe {
        if copied {
            let copy = copy.as_mut_ptr().cast::<f32>();
            for (i, place) in depth.clone().enumerate() {
                for v in 0..V {
                    let from = job.b.add(place * job.b_step + column + v * S::LANES);
                    let line = if PART { S::load_part(from, mask) } else { S::load(from) };
                    S::store(copy.add((i * V + v) * S::LANES), line);
                }
            }
            job.b = copy.wrapping_sub(depth.start * V * S::LANES + column);
            job.b_step = V * S::LANES;
        }
        let job = &job;
        // The sums of a tile take most of the registers: 16, or 32 where they are wide.
        while (S::WIDE || V == 1) && row + 8 <= rows.end {
            tile::<S, 8, V, PART>(job, row, column, depth.clone(), mask);
            row += 8;
        }
        // Eight rows are two tiles of four.
        while !S::WIDE && V == 2 && row + 6 <= rows.end && row + 8 != rows.end {
            tile::<S, 6, V, PART>(job, row, column, depth.clone(), mask);
            row += 6;
        }
        while row + 4 <= rows.end {
            tile::<S, 4, V, PART>(job, row, column, depth.clone(), mask);
            row += 4;
        }
        while row + 3 <= rows.end {
            tile::<S, 3, V, PART>(job, row, column, depth.clone(), mask);
            row += 3;
        }
        while row < rows.end {
            tile::<S, 1, V, PART>(job, row, column, depth.clone(), mask);
            row += 1;
        }
    }
}

#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "so written, the sums stay in registers")]
unsafe fn tile<S: Simd, const R: usize, const V: usize, const PART: bool>(
    job: &Job,
    row: usize,
    column: usize,
    depth: Range<usize>,
    mask: S::Mask,
) {
    let Job { out_step, a_steps: (down, along), b_step, .. } = *job;
    // SAFETY: within the matrices, as the caller promises.
    unsafe {
        // Of a part whose rows begin in the middle, the first of all rows is not there.
        let out = job.out.wrapping_add(row * out_step + column);
        let load = |from: *const f32| {
            if PART { S::load_part(from, mask) } else { S::load(from) }
        };
        let mut sums = [[S::splat(0.0); V]; R];
        if depth.start > 0 || job.add {
            for (r, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = load(out.add(r * out_step + v * S::LANES));
                }
            }
        }
        // Both may be copies, which begin with what is meant.
        let mut a = job.a.wrapping_add(row * down + depth.start * along);
        let mut b = job.b.wrapping_add(depth.start * b_step + column);
        let mut left = depth.len();
        while left > 0 {
            let mut line = [S::splat(0.0); V];
            for v in 0..V {
                line[v] = load(b.add(v * S::LANES));
            }
            S::prefetch(b.wrapping_add(AHEAD * b_step));
            for r in 0..R {
                let factor = S::splat(*a.add(r * down));
                for v in 0..V {
                    sums[r][v] = S::fused(factor, line[v], sums[r][v]);
                }
            }
            a = a.wrapping_add(along);
            b = b.wrapping_add(b_step);
            left -= 1;
        }
        // One small loop for each, as the sums stay in registers only if all loops are unrolled.
        let last = depth.end == job.depth;
        if last && !job.bias.is_null() {
            for r in 0..R {
                for v in 0..V {
                    let bias = load(job.bias.add(column + v * S::LANES));
                    sums[r][v] = S::add(sums[r][v], bias);
                }
            }
        }
        if last && job.relu {
            for r in 0..R {
                for v in 0..V {
                    sums[r][v] = S::relu(sums[r][v]);
                }
            }
        }
        for r in 0..R {
            for v in 0..V {
                let to = out.add(r * out_step + v * S::LANES);
                if PART { S::store_part(to, mask, sums[r][v]) } else { S::store(to, sums[r][v]) }
            }
        }
    }
}

/// [rows, columns] → [columns, rows]
pub fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    // SAFETY: all of it is written.
    unsafe { fresh(values.len(), |out| transpose_to(values, [rows, columns], out)) }
}

/// As [`transposed`], to a place of [columns, rows], all of which is written.
pub fn transpose_to(values: &[f32], [rows, columns]: [usize; 2], out: &mut [impl Place]) {
    assert!(values.len() == rows * columns && out.len() == rows * columns);
    let to = out.as_mut_ptr().cast();
    // SAFETY: both have as many numbers as told.
    let blocks = unsafe { simd::transpose_blocks(values.as_ptr(), to, rows, columns) };
    let [whole_rows, whole_columns] = match blocks {
        true => [rows / 8 * 8, columns / 8 * 8],
        false => [0, 0],
    };
    for column in 0..columns {
        let first = if column < whole_columns { whole_rows } else { 0 };
        for row in first..rows {
            out[column * rows + row].put(values[row * columns + column]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::kernels::blocks::first_block;

    /// The same chains, one number after the other.
    fn plainly(a: &[f32], left: Left, b: &[f32], [m, n, k]: [usize; 3], relu: bool) -> Vec<f32> {
        let at = |i: usize, p: usize| match left {
            Left::AsIs => a[i * k + p],
            Left::Transposed => a[p * m + i],
        };
        let one = |i, j| (0..k).fold(0.0, |sum: f32, p| at(i, p).mul_add(b[p * n + j], sum));
        let all = (0..m * n).map(|place| one(place / n, place % n) + ((place % n) as f32 - 3.0));
        all.map(|x| if relu { x.max(0.0) } else { x }).collect()
    }

    fn noise(count: usize, seed: u32) -> Vec<f32> {
        use crate::rng::{Purpose, Stream};
        let mut stream = Stream::new(1, Purpose::InitialWeights, seed, 0);
        (0..count).map(|_| stream.next_f32() - 0.5).collect()
    }

    #[test]
    fn products_of_all_shapes_are_the_same_to_the_bit_by_any_vectors_and_threads() {
        if !simd::available() {
            println!("skipped: products_of_all_shapes: the processor lacks the instructions");
            return;
        }
        let shapes = [
            [32, 300, 784],
            [784, 300, 32],
            [24, 10, 100],
            [1, 1, 1],
            [3, 7, 5],
            [33, 49, 129],
            [13, 100, 300],
            // Copies: of b for many rows; of b and of a whose rows drive each other out.
            [130, 100, 140],
            [40, 1024, 130],
            [512, 33, 20],
            // Wide: more numbers in a row than are taken at a time.
            [40, 4100, 3],
            [9, 8200, 2],
            [512, 33, 300],
            [7, 1024, 130],
        ];
        for shape @ [m, n, k] in shapes {
            for (left, relu) in [(Left::AsIs, true), (Left::Transposed, false)] {
                let (a, b) = (noise(m * k, 1), noise(k * n, 2));
                let bias: Vec<f32> = (0..n).map(|j| j as f32 - 3.0).collect();
                let expected = plainly(&a, left, &b, shape, relu);
                // The wide ones last: they stay for the other tests.
                for narrow in [true, false] {
                    simd::NARROW.store(narrow, Ordering::Relaxed);
                    let finish = Finish { bias: Some(&bias), relu };
                    compare(&a, left, &b, shape, finish, &expected);
                }
            }
        }
    }

    /// Each way to a product of this shape with what was worked out plainly.
    fn compare(
        a: &[f32],
        left: Left,
        b: &[f32],
        shape: [usize; 3],
        finish: Finish<'_>,
        expected: &[f32],
    ) {
        let n = shape[1];
        assert_eq!(product(a, left, b, shape, finish), expected, "{shape:?}");
        let _one = pair::at_work();
        assert_eq!(product(a, left, b, shape, finish), expected, "{shape:?}, two");
        if left == Left::AsIs {
            let first = first_block(n);
            let copy = |columns: Range<usize>| -> Vec<f32> {
                b.chunks_exact(n).flat_map(|row| row[columns.clone()].to_vec()).collect()
            };
            let (own, other) = (copy(0..first), copy(first..n));
            let mut blocks = vec![(&own[..], 0..first), (&other[..], first..n)];
            blocks.retain(|(_, columns)| !columns.is_empty());
            let mut out = vec![0.0; expected.len()];
            product_of_blocks(a, &blocks, shape, finish, &mut out);
            assert_eq!(out, expected, "{shape:?}, of blocks");
            return;
        }
        let expected = product(a, left, b, shape, Finish::default());
        let cuts = [0..first_block(n), first_block(n)..n];
        let mut blocks = cuts.map(|columns| (vec![0.0; shape[0] * columns.len()], columns));
        let mut firsts = [vec![0.0; shape[0]], vec![0.0; shape[0]]];
        let with_sums = blocks.iter_mut().zip(&mut firsts);
        let list = with_sums.filter(|((_, columns), _)| !columns.is_empty());
        let list = list.map(|((numbers, columns), firsts)| Block {
            beside: [(&mut numbers[..], columns.len()), (&mut firsts[..], 1)],
            columns: columns.clone(),
        });
        product_by_rows(a, b, shape, list.collect(), |[block, first], sums, [rows, firsts]| {
            rows.copy_from_slice(sums);
            let width = rows.len() / firsts.len();
            for (i, (row, own)) in rows.chunks_exact(width).zip(firsts).enumerate() {
                *own = row[0] + (first + i + block) as f32;
            }
        });
        for (i, row) in expected.chunks_exact(n).enumerate() {
            for (block, (numbers, columns)) in blocks.iter().enumerate() {
                if columns.is_empty() {
                    continue;
                }
                let own = &numbers[i * columns.len()..(i + 1) * columns.len()];
                assert_eq!(own, &row[columns.clone()], "{shape:?}, by rows");
                assert_eq!(firsts[block][i], own[0] + (i + block) as f32, "{shape:?}, by rows");
            }
        }
    }

    #[test]
    fn transposing_moves_each_number_to_its_place() {
        for [rows, columns] in [[33, 50], [8, 8], [32, 300], [7, 9], [16, 5], [1, 20]] {
            let values = noise(rows * columns, 1);
            let turned = transposed(&values, rows, columns);
            for (place, value) in values.iter().enumerate() {
                let [row, column] = [place / columns, place % columns];
                assert_eq!(turned[column * rows + row], *value, "{rows} {columns}");
            }
        }
    }
}
