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
const COLUMNS: usize = 48;

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
    rows: usize,
    columns: usize,
    depth: usize,
    /// Null without one.
    bias: *const f32,
    relu: bool,
    /// Whether the product is added to what is there.
    add: bool,
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
    // SAFETY: no two parts have a place in common.
    unsafe {
        // Many rows of a share what is copied of b for some columns.
        let by_rows = rows > columns && (left == Left::Transposed || columns < 2 * COLUMNS);
        if by_rows {
            let cuts = Cuts::of(rows, BLOCK);
            job.share(cuts.count(), &|i| part(&job, cuts.get(i), 0..columns));
        } else {
            let cuts = Cuts::of(columns, COLUMNS);
            job.share(cuts.count(), &|i| part(&job, 0..rows, cuts.get(i)));
        }
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

/// Calls `then` with some rows of a · b at a time, in a near cache, from any thread: with the number of
/// the first, with the rows, and with the rows of the same numbers of each matrix `beside` it, whose
/// columns are told. There is at least one number in the inner dimension.
pub fn product_by_rows<const N: usize>(
    a: &[f32],
    left: Left,
    b: &[f32],
    shape: [usize; 3],
    beside: [Beside<'_>; N],
    then: impl Fn(usize, &mut [f32], [&mut [f32]; N]) + Sync,
) {
    let [rows, columns, _] = shape;
    let job = Job::new(a, left, b, shape, Finish::default(), std::ptr::null_mut());
    let beside = beside.map(|(numbers, width)| {
        assert_eq!(numbers.len(), rows * width);
        (Shared(numbers.as_mut_ptr()), width)
    });
    let cuts = Cuts::of(rows, BLOCK);
    let at_once = (NEAR / columns.max(1)).next_multiple_of(8).min(BLOCK);
    let some_rows = |i| {
        let rows = cuts.get(i);
        for first in rows.clone().step_by(at_once) {
            let rows = first..(first + at_once).min(rows.end);
            with_scratch(rows.len() * columns, |sums| {
                // What the part takes for the first row of all is not there.
                let out = sums.as_mut_ptr().wrapping_sub(rows.start * columns);
                // SAFETY: of these rows there is room for all numbers.
                unsafe { part(&job.to(out), rows.clone(), 0..columns) };
                // SAFETY: the lengths are those asserted, and each part has rows of its own.
                let beside = beside.each_ref().map(|(numbers, width)| unsafe {
                    numbers.slice(rows.start * width..rows.end * width)
                });
                then(rows.start, sums, beside);
            });
        }
    };
    job.share(cuts.count(), &some_rows);
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
            columns,
            depth,
            bias: finish.bias.map_or(std::ptr::null(), <[f32]>::as_ptr),
            relu: finish.relu,
            add: false,
        }
    }

    /// The same with another result.
    fn to(&self, out: *mut f32) -> Self {
        Self { out, ..*self }
    }

    /// Does all parts, from two threads if that is worth it.
    fn share(&self, parts: usize, part: &(dyn Fn(usize) + Sync)) {
        if self.rows * self.columns * self.depth < WORTH_A_THREAD {
            (0..parts).for_each(part);
        } else {
            pair::share(parts, part);
        }
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
    let Job { columns, a_steps: (down, along), b_step, .. } = *job;
    // SAFETY: within the matrices, as the caller promises.
    unsafe {
        let out = job.out.add(row * columns + column);
        let load = |from: *const f32| {
            if PART { S::load_part(from, mask) } else { S::load(from) }
        };
        let mut sums = [[S::splat(0.0); V]; R];
        if depth.start > 0 || job.add {
            for (r, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = load(out.add(r * columns + v * S::LANES));
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
                let to = out.add(r * columns + v * S::LANES);
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
        let [mut by_rows, mut firsts] = [vec![0.0; shape[0] * n], vec![0.0; shape[0]]];
        let beside = [(&mut by_rows[..], n), (&mut firsts[..], 1)];
        product_by_rows(a, left, b, shape, beside, |first, sums, [rows, firsts]| {
            rows.copy_from_slice(sums);
            for (i, (row, own)) in rows.chunks_exact(n).zip(firsts).enumerate() {
                *own = row[0] + (first + i) as f32;
            }
        });
        let expected = product(a, left, b, shape, Finish::default());
        for (i, row) in expected.chunks_exact(n).enumerate() {
            assert_eq!(firsts[i], row[0] + i as f32, "{shape:?}, by rows");
        }
        assert_eq!(by_rows, expected, "{shape:?}, by rows");
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
