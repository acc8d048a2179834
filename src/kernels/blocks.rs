//! Large matrices in two blocks of columns, of which each thread reads and changes its own: what another
//! core has changed would have to come from its cache.

use std::ops::Range;

use super::product::COLUMNS;

/// Columns of the first block: whole tiles of products, about half; all of them, where there are few.
pub fn first_block(columns: usize) -> usize {
    let half = (columns + COLUMNS) / (2 * COLUMNS) * COLUMNS;
    if columns < 2 * COLUMNS { columns } else { half }
}

/// The columns of each block.
pub fn columns_of_blocks(columns: usize) -> Vec<Range<usize>> {
    let first = first_block(columns);
    let blocks = [0..first, first..columns].into_iter();
    blocks.filter(|block| !block.is_empty()).collect()
}

/// The blocks of [rows, columns], each [rows, its columns].
pub fn split(values: &[f32], rows: usize, columns: usize) -> Vec<(Vec<f32>, Range<usize>)> {
    assert_eq!(values.len(), rows * columns);
    let block = |own: Range<usize>| {
        let mut block = Vec::with_capacity(rows * own.len());
        for row in values.chunks_exact(columns) {
            block.extend_from_slice(&row[own.clone()]);
        }
        (block, own)
    };
    columns_of_blocks(columns).into_iter().map(block).collect()
}

/// The reverse of [`split`].
pub fn join(blocks: &[(Vec<f32>, Range<usize>)], rows: usize, columns: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        for (block, own) in blocks {
            values.extend_from_slice(&block[row * own.len()..(row + 1) * own.len()]);
        }
    }
    values
}

/// Sums of the numbers of the same place, block after block.
pub fn add_up<const N: usize>(blocks: Vec<[Vec<f32>; N]>) -> [Vec<f32>; N] {
    let mut blocks = blocks.into_iter();
    let mut sums = blocks.next().expect("there is a block");
    for block in blocks {
        for (sums, block) in sums.iter_mut().zip(block) {
            for (sum, number) in sums.iter_mut().zip(block) {
                *sum += number;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_all_columns_and_are_joined_again() {
        for columns in [1, 95, 96, 100, 300, 1000] {
            let cuts = columns_of_blocks(columns);
            assert_eq!(cuts.len(), if columns < 96 { 1 } else { 2 }, "{columns}");
            assert!(cuts[0].len().abs_diff(columns / cuts.len()) <= 24, "{cuts:?}");
            let values: Vec<f32> = (0..3 * columns).map(|i| i as f32).collect();
            let blocks = split(&values, 3, columns);
            assert_eq!(blocks.iter().map(|(block, _)| block.len()).sum::<usize>(), 3 * columns);
            assert_eq!(join(&blocks, 3, columns), values);
        }
        assert_eq!(add_up(vec![[vec![1.0, 2.0]], [vec![3.0, 5.0]]]), [[4.0, 7.0]]);
    }
}
