//! What was seen of layers: all of it as a table, and by depth over the seeds of a case.

use std::path::Path;

use anyhow::Result;

use crate::record::{
    BINS, Histogram, LayerRow, read_diagnostics, read_histograms, remove_if_there,
};

use super::tables::{
    Column, OfCase, TrialRow, grid_columns, seed, seed_kind, table, trial_rows, write_csv,
};
use super::{Aggregate, Case, ExperimentResults, Table};

/// Writes an experiment's `diagnostics.csv`. Where no trial has diagnostics, the last one goes: it
/// would be taken for these trials'.
///
/// # Errors
/// When a trial's file is damaged or the folder cannot be written to.
pub fn write_diagnostics(folder: &Path, results: &ExperimentResults) -> Result<()> {
    let path = folder.join("diagnostics.csv");
    let table = layers_table(std::slice::from_ref(results))?;
    if !table.rows.is_empty() {
        return write_csv(&path, &table);
    }
    remove_if_there(&path)
}

/// One row per trial, epoch and layer, of the trials that have diagnostics.
///
/// # Errors
/// When a trial's file is damaged.
pub fn layers_table(experiments: &[ExperimentResults]) -> Result<Table> {
    let trials = trial_rows(experiments);
    let mut rows = Vec::new();
    for trial in &trials {
        let layers = read_diagnostics(&trial.trial.dir.diagnostics())?;
        rows.extend(layers.into_iter().map(|layer| TrialLayer { trial, layer }));
    }
    type Row<'a> = TrialLayer<'a>;
    let mut columns = vec![
        Column::text("experiment", |row: &Row| row.trial.results.name.clone()),
        Column::text("variant", |row: &Row| row.trial.case.variant.clone()),
    ];
    columns.extend(grid_columns(experiments));
    columns.extend([
        Column::new("seed", seed_kind(experiments), |row: &Row| seed(row.trial.trial)),
        Column::text("backend", |row: &Row| row.trial.trial.manifest.backend.to_string()),
        Column::count("epoch", |row: &Row| row.layer.epoch),
        Column::text("layer", |row: &Row| row.layer.layer.0.clone()),
        Column::text("kind", |row: &Row| row.layer.kind.clone()),
        Column::count("depth", |row: &Row| row.layer.depth),
    ]);
    let names = LayerRow::new(0, "", "", 0).numbers().map(|(name, _)| name);
    columns.extend(names.into_iter().enumerate().map(|(number, name)| {
        Column::number(name, move |row: &Row| row.layer.numbers()[number].1)
    }));
    Ok(table(columns, &rows))
}

/// A layer in an epoch of a trial.
struct TrialLayer<'a> {
    trial: &'a TrialRow<'a>,
    layer: LayerRow,
}

impl OfCase for TrialLayer<'_> {
    fn case(&self) -> &Case {
        self.trial.case
    }
}

/// A number that is recorded of layers: a column of `diagnostics.csv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerMetric {
    /// Mean of what the layer gives out.
    ActivationMean,
    /// Its standard deviation.
    ActivationStd,
    /// Share of it that is saturated.
    Saturated,
    /// Share of units that are dead.
    DeadUnits,
    /// Length of the gradient.
    GradientNorm,
    /// Length of the weights.
    WeightNorm,
    /// Length of a step over that of the weights.
    UpdateRatio,
    /// Distance of batch means from moving ones.
    MeanGap,
    /// Distance of batch variances from moving ones.
    VarianceGap,
    /// Mean of gamma.
    GammaMean,
    /// Mean of beta.
    BetaMean,
}

impl LayerMetric {
    /// All of them, in the order of the columns.
    pub const ALL: [Self; 11] = [
        Self::ActivationMean,
        Self::ActivationStd,
        Self::Saturated,
        Self::DeadUnits,
        Self::GradientNorm,
        Self::WeightNorm,
        Self::UpdateRatio,
        Self::MeanGap,
        Self::VarianceGap,
        Self::GammaMean,
        Self::BetaMean,
    ];

    /// The column's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ActivationMean => "activation_mean",
            Self::ActivationStd => "activation_std",
            Self::Saturated => "saturated",
            Self::DeadUnits => "dead_units",
            Self::GradientNorm => "gradient_norm",
            Self::WeightNorm => "weight_norm",
            Self::UpdateRatio => "update_ratio",
            Self::MeanGap => "mean_gap",
            Self::VarianceGap => "variance_gap",
            Self::GammaMean => "gamma_mean",
            Self::BetaMean => "beta_mean",
        }
    }

    /// What it is, as a title has it.
    pub fn title(self) -> &'static str {
        match self {
            Self::ActivationMean => "activation, mean",
            Self::ActivationStd => "activation, standard deviation",
            Self::Saturated => "saturated activations (share)",
            Self::DeadUnits => "dead units (share)",
            Self::GradientNorm => "gradient norm",
            Self::WeightNorm => "weight norm",
            Self::UpdateRatio => "update ratio (step / weights)",
            Self::MeanGap => "gap of means (in σ)",
            Self::VarianceGap => "gap of variances (nats)",
            Self::GammaMean => "gamma, mean",
            Self::BetaMean => "beta, mean",
        }
    }

    /// The metric of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// Whether it is a share from 0 to 1.
    pub fn is_share(self) -> bool {
        matches!(self, Self::Saturated | Self::DeadUnits)
    }

    /// Whether its orders of magnitude tell more than its size.
    pub fn is_logarithmic(self) -> bool {
        matches!(self, Self::GradientNorm | Self::WeightNorm | Self::UpdateRatio)
    }

    /// Its number in a row.
    pub fn of(self, row: &LayerRow) -> Option<f64> {
        match self {
            Self::ActivationMean => row.activation_mean,
            Self::ActivationStd => row.activation_std,
            Self::Saturated => row.saturated,
            Self::DeadUnits => row.dead_units,
            Self::GradientNorm => row.gradient_norm,
            Self::WeightNorm => row.weight_norm,
            Self::UpdateRatio => row.update_ratio,
            Self::MeanGap => row.mean_gap,
            Self::VarianceGap => row.variance_gap,
            Self::GammaMean => row.gamma_mean,
            Self::BetaMean => row.beta_mean,
        }
    }
}

/// What was seen of a case's layers, of the completed seeds that have diagnostics.
#[derive(Debug, Clone, Default)]
pub struct CaseLayers {
    /// Of each seed.
    pub seeds: Vec<Vec<LayerRow>>,
}

/// A metric at one depth, over seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DepthPoint {
    /// Kernels up to there.
    pub depth: usize,
    /// Over seeds.
    pub value: Aggregate,
}

impl CaseLayers {
    /// Reads them.
    ///
    /// # Errors
    /// When a trial's file is damaged.
    pub fn read(case: &Case) -> Result<Self> {
        let seeds = case.completed().map(|trial| read_diagnostics(&trial.dir.diagnostics()));
        let mut seeds = seeds.collect::<Result<Vec<_>>>()?;
        seeds.retain(|rows| !rows.is_empty());
        Ok(Self { seeds })
    }

    /// The last epoch that all seeds have reached.
    pub fn last_epoch(&self) -> Option<usize> {
        self.seeds.iter().filter_map(|rows| Some(rows.last()?.epoch)).min()
    }

    /// A metric in one epoch, by depth. Where several layers have the same depth, those with a kernel
    /// count for what is of weights and gradients, and else the last that has such a number.
    pub fn by_depth(&self, metric: LayerMetric, epoch: usize) -> Vec<DepthPoint> {
        let mut found: Vec<(usize, Vec<f64>)> = Vec::new();
        for rows in &self.seeds {
            let rows: Vec<&LayerRow> = rows.iter().filter(|row| row.epoch == epoch).collect();
            for here in rows.chunk_by(|a, b| a.depth == b.depth) {
                let mut values = here.iter().filter_map(|row| metric.of(row));
                let value = match metric.is_logarithmic() {
                    // The kernel begins a depth; before the first one there is none.
                    true => here.first().filter(|row| row.depth > 0).and_then(|row| metric.of(row)),
                    false => values.next_back(),
                };
                let Some(value) = value else { continue };
                let depth = here[0].depth;
                match found.iter_mut().find(|(known, _)| *known == depth) {
                    Some((_, values)) => values.push(value),
                    None => found.push((depth, vec![value])),
                }
            }
        }
        found.sort_by_key(|(depth, _)| *depth);
        let point = |(depth, values)| Some(DepthPoint { depth, value: Aggregate::of(values)? });
        found.into_iter().filter_map(point).collect()
    }
}

/// How activations of one depth are distributed in one epoch, over seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    /// Kernels up to there.
    pub depth: usize,
    /// Histograms, one per seed.
    pub seeds: Vec<Histogram>,
}

impl Spread {
    /// What the layers of a case hand on, but for the last one, whose probabilities are another
    /// matter: of each depth from 1 the last layer, by epoch.
    ///
    /// # Errors
    /// When a trial's file is damaged.
    pub fn read(case: &Case) -> Result<Vec<(usize, Vec<Self>)>> {
        let mut epochs: Vec<(usize, Vec<Self>)> = Vec::new();
        for trial in case.completed() {
            let histograms = read_histograms(&trial.dir.histograms())?;
            let rows = read_diagnostics(&trial.dir.diagnostics())?;
            for rows in rows.chunk_by(|a, b| a.epoch == b.epoch) {
                let epoch = rows[0].epoch;
                let deepest = rows.iter().map(|row| row.depth).max().unwrap_or(0);
                for here in rows.chunk_by(|a, b| a.depth == b.depth) {
                    let depth = here[0].depth;
                    let of = |row: &LayerRow| {
                        histograms.iter().find(|histogram| {
                            histogram.epoch == epoch
                                && histogram.layer == row.layer
                                && histogram.quantity == "activation"
                        })
                    };
                    if 0 < depth
                        && depth < deepest
                        && let Some(histogram) = here.iter().rev().find_map(of)
                    {
                        add(&mut epochs, epoch, depth, histogram.clone());
                    }
                }
            }
        }
        epochs.sort_by_key(|(epoch, _)| *epoch);
        Ok(epochs)
    }

    /// Where a share of the numbers is below, the mean of it over seeds.
    pub fn quantile(&self, share: f64) -> f64 {
        let of = |histogram: &Histogram| {
            let wanted = share * histogram.total() as f64;
            let mut below = 0.0;
            for bin in 0..BINS {
                let count = histogram.counts[bin] as f64;
                if count > 0.0 && below + count >= wanted {
                    let (low, high) = histogram.edges(bin);
                    return low + (high - low) * ((wanted - below) / count).clamp(0.0, 1.0);
                }
                below += count;
            }
            histogram.upper
        };
        self.seeds.iter().map(of).sum::<f64>() / self.seeds.len().max(1) as f64
    }

    /// The share of the numbers in each of so many cells between two values, the mean over seeds;
    /// the numbers of a bin lie evenly in it.
    pub fn shares(&self, low: f64, high: f64, cells: usize) -> Vec<f64> {
        let mut shares = vec![0.0; cells];
        let cell = (high - low) / cells as f64;
        for histogram in &self.seeds {
            let weight = 1.0 / (histogram.total().max(1) as f64 * self.seeds.len() as f64);
            for bin in 0..BINS {
                let (left, right) = histogram.edges(bin);
                let count = histogram.counts[bin] as f64 * weight;
                if count == 0.0 {
                    continue;
                }
                let first = ((left - low) / cell).floor().clamp(0.0, cells as f64 - 1.0) as usize;
                let last = ((right - low) / cell).floor().clamp(0.0, cells as f64 - 1.0) as usize;
                for (number, share) in shares.iter_mut().enumerate().take(last + 1).skip(first) {
                    let from = low + number as f64 * cell;
                    let within = right.min(from + cell) - left.max(from);
                    let part = if right > left { within / (right - left) } else { 1.0 };
                    *share += count * part.clamp(0.0, 1.0);
                }
            }
        }
        shares
    }
}

fn add(epochs: &mut Vec<(usize, Vec<Spread>)>, epoch: usize, depth: usize, histogram: Histogram) {
    let place = epochs.iter().position(|(known, _)| *known == epoch).unwrap_or_else(|| {
        epochs.push((epoch, Vec::new()));
        epochs.len() - 1
    });
    let spreads = &mut epochs[place].1;
    match spreads.iter_mut().find(|spread| spread.depth == depth) {
        Some(spread) => spread.seeds.push(histogram),
        None => spreads.push(Spread { depth, seeds: vec![histogram] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(depth: usize, kind: &str, gradient: Option<f64>, mean: Option<f64>) -> LayerRow {
        LayerRow {
            gradient_norm: gradient,
            activation_mean: mean,
            ..LayerRow::new(2, kind, kind, depth)
        }
    }

    #[test]
    fn kernels_tell_of_gradients_and_the_last_layer_of_a_depth_of_activations() {
        let seed = |shift: f64| {
            vec![
                row(0, "batch_normalization", Some(9.0), Some(0.5 + shift)),
                row(1, "dense", Some(1.0 + shift), Some(8.0)),
                row(1, "batch_normalization", Some(9.0), Some(1.0 + shift)),
                row(1, "activation", None, None),
                row(2, "dense", Some(2.0), None),
            ]
        };
        let layers = CaseLayers { seeds: vec![seed(0.0), seed(0.5)] };
        let means = |metric| -> Vec<(usize, f64, usize)> {
            let points = layers.by_depth(metric, 2);
            points.iter().map(|point| (point.depth, point.value.mean, point.value.n)).collect()
        };
        assert_eq!(means(LayerMetric::GradientNorm), [(1, 1.25, 2), (2, 2.0, 2)]);
        assert_eq!(means(LayerMetric::ActivationMean), [(0, 0.75, 2), (1, 1.25, 2)]);
        assert!(layers.by_depth(LayerMetric::GradientNorm, 1).is_empty());
        assert_eq!(layers.last_epoch(), Some(2));
    }

    #[test]
    fn metrics_are_columns() {
        let columns = LayerRow::new(1, "", "", 0).numbers().map(|(name, _)| name);
        for (number, column) in columns.into_iter().enumerate() {
            let Some(metric) = LayerMetric::of_name(column) else { continue };
            let text = format!(
                "epoch,layer,kind,depth,{}\n1,a,b,1,{}7",
                columns.join(","),
                ",".repeat(number)
            );
            let line = text + &",".repeat(columns.len() - 1 - number) + "\n";
            let mut reader = csv::Reader::from_reader(line.as_bytes());
            let row: LayerRow = reader.deserialize().next().unwrap().unwrap();
            assert_eq!(metric.of(&row), Some(7.0), "{column}");
            assert_eq!(row.numbers()[number], (column, Some(7.0)));
        }
        assert!(LayerMetric::ALL.iter().all(|metric| columns.contains(&metric.name())));
    }

    #[test]
    fn shares_and_quantiles_are_those_of_numbers_that_lie_evenly_in_their_bins() {
        let numbers: Vec<f32> = (0..3000).map(|i| i as f32 / 2999.0).collect();
        let even = Histogram::of(1, "a", "activation", &numbers).unwrap();
        let spike = Histogram::of(1, "a", "activation", &[0.55]).unwrap();
        let spread = Spread { depth: 1, seeds: vec![even, spike] };
        let shares = spread.shares(0.0, 1.0, 10);
        for (cell, share) in shares.iter().enumerate() {
            let expected = if cell == 5 { 0.55 } else { 0.05 };
            assert!((share - expected).abs() < 2e-3, "{cell}: {share}");
        }
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let quarter = spread.quantile(0.25);
        assert!((quarter - (0.25 + f64::from(0.55_f32)) / 2.0).abs() < 1e-3, "{quarter}");
        // What lies beyond is in no cell.
        assert!((spread.shares(0.5, 1.0, 10).iter().sum::<f64>() - 0.75).abs() < 1e-2);
    }
}
