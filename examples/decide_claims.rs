//! Decides claims over many samples, as `bn-runner` does, for `scripts/claims_simulation.py`.
//!
//! Standard input has any number of batches. Each begins with a line of five numbers or signs:
//! relation (`>` or `~=`), tolerance, level, seeds per sample and samples; then follow the left
//! sides of all samples and the right sides of all samples as 64-bit floats in little-endian order.
//! For each batch a line is printed: how many of the samples held, were refuted and are undecided.

use std::io::{self, BufRead, Write as _};

use anyhow::{Context as _, Result, bail};
use bn_runner::analysis::{ClaimOutcome, Comparison, Sides, decide};
use bn_runner::spec::{ClaimRelation, ClaimRule, Relation};

fn main() -> Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut header = String::new();
    while input.read_line(&mut header)? > 0 {
        let parts: Vec<&str> = header.split_whitespace().collect();
        let [relation, tolerance, level, seeds, samples] = parts[..] else {
            bail!("a header has five parts, not {}: {header}", parts.len());
        };
        let relation = match relation {
            ">" => ClaimRelation::Order(Relation::Greater),
            "~=" => ClaimRelation::Within(tolerance.parse().context(header.clone())?),
            other => bail!("unknown relation `{other}`"),
        };
        let rule = ClaimRule::Test(level.parse().context(header.clone())?);
        let seeds: usize = seeds.parse().context(header.clone())?;
        let samples: usize = samples.parse().context(header.clone())?;
        let left = floats(&mut input, samples * seeds)?;
        let right = floats(&mut input, samples * seeds)?;
        let [mut held, mut refuted, mut undecided] = [0; 3];
        for (left, right) in left.chunks_exact(seeds).zip(right.chunks_exact(seeds)) {
            let sides = Sides {
                left: left.to_vec(),
                right: right.to_vec(),
                is_constant: false,
                comparison: Comparison::Unlike,
            };
            match decide(&sides, relation, rule).outcome {
                ClaimOutcome::Held | ClaimOutcome::HeldUntested => held += 1,
                ClaimOutcome::Refuted | ClaimOutcome::RefutedUntested => refuted += 1,
                ClaimOutcome::Undecided => undecided += 1,
            }
        }
        writeln!(output, "{held} {refuted} {undecided}")?;
        output.flush()?;
        header.clear();
    }
    Ok(())
}

/// Reads 64-bit floats.
fn floats(input: &mut impl BufRead, count: usize) -> Result<Vec<f64>> {
    let mut bytes = vec![0; 8 * count];
    input.read_exact(&mut bytes).context("a batch is cut off")?;
    let (floats, _) = bytes.as_chunks::<8>();
    Ok(floats.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
}
