//! `diagnostics.csv` and `histograms.csv`: what is recorded of each layer in every epoch.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::TrialDir;
use super::csv_name::CsvName;
use super::lines::{LineFile, whole_lines};

/// Bins of a histogram, all of the same width.
pub const BINS: usize = 30;

/// One layer in one epoch. Cells are empty where a number does not apply to the layer, was not
/// asked for, or is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerRow {
    /// From 1.
    pub epoch: usize,
    /// The layer's name, as in the weights' file.
    pub layer: CsvName,
    /// Its kind, as in an experiment file.
    pub kind: String,
    /// Kernels up to the layer, its own among them: layers of the same depth in networks with and
    /// without normalization have the same one.
    pub depth: usize,
    /// Mean of what the layer gives out, over the sampled steps.
    pub activation_mean: Option<f64>,
    /// Its standard deviation over the same numbers.
    pub activation_std: Option<f64>,
    /// Share of these numbers in the last hundredth of what the activation can reach: beyond ±0.99
    /// (tanh, softsign), or outside 0.01–0.99 (sigmoid, hard_sigmoid).
    pub saturated: Option<f64>,
    /// Share of the units (channels) of relu that were 0 in all sampled rows (and places).
    pub dead_units: Option<f64>,
    /// Length (L2) of the gradient of the kernel, or of all trainable variables where there is no
    /// kernel: mean over the sampled steps, before clipping.
    pub gradient_norm: Option<f64>,
    /// Length of the same variables after the epoch.
    pub weight_norm: Option<f64>,
    /// Length of a step of the same variables over their length before it: mean over the sampled
    /// steps.
    pub update_ratio: Option<f64>,
    /// Of batch normalization: |batch mean − moving mean| / √(moving variance + ε), mean over
    /// features and sampled steps.
    pub mean_gap: Option<f64>,
    /// |ln((batch variance + ε) / (moving variance + ε))|, likewise.
    pub variance_gap: Option<f64>,
    /// Lowest gamma after the epoch.
    pub gamma_min: Option<f64>,
    /// Its mean.
    pub gamma_mean: Option<f64>,
    /// Its highest.
    pub gamma_max: Option<f64>,
    /// Lowest beta after the epoch.
    pub beta_min: Option<f64>,
    /// Its mean.
    pub beta_mean: Option<f64>,
    /// Its highest.
    pub beta_max: Option<f64>,
}

/// The columns of `diagnostics.csv`.
const HEADER: &str = "epoch,layer,kind,depth,activation_mean,activation_std,saturated,dead_units,\
                      gradient_norm,weight_norm,update_ratio,mean_gap,variance_gap,gamma_min,\
                      gamma_mean,gamma_max,beta_min,beta_mean,beta_max";

impl LayerRow {
    /// A row that says nothing yet.
    pub fn new(epoch: usize, layer: &str, kind: &str, depth: usize) -> Self {
        Self {
            epoch,
            layer: CsvName(layer.to_owned()),
            kind: kind.to_owned(),
            depth,
            activation_mean: None,
            activation_std: None,
            saturated: None,
            dead_units: None,
            gradient_norm: None,
            weight_norm: None,
            update_ratio: None,
            mean_gap: None,
            variance_gap: None,
            gamma_min: None,
            gamma_mean: None,
            gamma_max: None,
            beta_min: None,
            beta_mean: None,
            beta_max: None,
        }
    }

    /// All numbers with the names of their columns, in the file's order.
    pub fn numbers(&self) -> [(&'static str, Option<f64>); 15] {
        [
            ("activation_mean", self.activation_mean),
            ("activation_std", self.activation_std),
            ("saturated", self.saturated),
            ("dead_units", self.dead_units),
            ("gradient_norm", self.gradient_norm),
            ("weight_norm", self.weight_norm),
            ("update_ratio", self.update_ratio),
            ("mean_gap", self.mean_gap),
            ("variance_gap", self.variance_gap),
            ("gamma_min", self.gamma_min),
            ("gamma_mean", self.gamma_mean),
            ("gamma_max", self.gamma_max),
            ("beta_min", self.beta_min),
            ("beta_mean", self.beta_mean),
            ("beta_max", self.beta_max),
        ]
    }
}

/// How numbers are distributed: of a layer's activations in the last sampled step, or of one of its
/// variables after the epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// From 1.
    pub epoch: usize,
    /// The layer's name.
    pub layer: CsvName,
    /// `activation`, `kernel`, `gamma` or `beta`.
    pub quantity: String,
    /// The lowest number.
    pub lower: f64,
    /// The highest number, which belongs to the last bin.
    pub upper: f64,
    /// Numbers in each of the bins between the two; in the first where all numbers are the same.
    pub counts: [u64; BINS],
}

impl Histogram {
    /// Counts numbers; those that are NaN or infinite are left out. `None` where there is no other.
    pub fn of(epoch: usize, layer: &str, quantity: &str, numbers: &[f32]) -> Option<Self> {
        let finite = || numbers.iter().map(|x| f64::from(*x)).filter(|x| x.is_finite());
        let lower = finite().reduce(f64::min)?;
        let upper = finite().reduce(f64::max)?;
        let scale = if upper > lower { BINS as f64 / (upper - lower) } else { 0.0 };
        let mut counts = [0; BINS];
        for x in finite() {
            counts[(((x - lower) * scale) as usize).min(BINS - 1)] += 1;
        }
        let (layer, quantity) = (CsvName(layer.to_owned()), quantity.to_owned());
        Some(Self { epoch, layer, quantity, lower, upper, counts })
    }

    /// How many numbers were counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The edges of the bin of that number, from 0.
    pub fn edges(&self, bin: usize) -> (f64, f64) {
        let edge = |bin: usize| {
            let share = bin as f64 / BINS as f64;
            self.lower * (1.0 - share) + self.upper * share
        };
        (edge(bin), edge(bin + 1))
    }
}

/// What is recorded of all layers in one epoch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Diagnosis {
    /// A row per layer that has something to tell.
    pub rows: Vec<LayerRow>,
    /// How their numbers are distributed.
    pub histograms: Vec<Histogram>,
}

/// Both files up to some epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiagnosticsTexts {
    /// `diagnostics.csv`
    pub rows: String,
    /// `histograms.csv`
    pub histograms: String,
}

/// Appends to the two files.
#[derive(Debug)]
pub struct DiagnosticsWriter {
    rows: LineFile,
    histograms: LineFile,
}

impl DiagnosticsWriter {
    /// Starts new files.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn create(dir: &TrialDir) -> Result<Self> {
        let bins: Vec<String> = (1..=BINS).map(|bin| format!("count_{bin}")).collect();
        let header = format!("epoch,layer,quantity,lower,upper,{}", bins.join(","));
        Ok(Self {
            rows: LineFile::create(&dir.diagnostics(), HEADER)?,
            histograms: LineFile::create(&dir.histograms(), &header)?,
        })
    }

    /// Goes on with the files of an earlier run, cut back to these texts.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn resume(dir: &TrialDir, texts: &DiagnosticsTexts) -> Result<Self> {
        Ok(Self {
            rows: LineFile::resume(&dir.diagnostics(), &texts.rows)?,
            histograms: LineFile::resume(&dir.histograms(), &texts.histograms)?,
        })
    }

    /// Appends an epoch.
    ///
    /// # Errors
    /// When the disk is full or a file is gone.
    pub fn append(&mut self, diagnosis: &Diagnosis) -> Result<()> {
        self.rows.append(&lines(&diagnosis.rows)?)?;
        let cells = |of: &Histogram| {
            let Histogram { epoch, layer, quantity, lower, upper, counts } = of.clone();
            (epoch, layer, quantity, lower, upper, counts.to_vec())
        };
        self.histograms.append(&lines(&diagnosis.histograms.iter().map(cells).collect::<Vec<_>>())?)
    }

    /// All that was written so far.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn texts(&self) -> Result<DiagnosticsTexts> {
        Ok(DiagnosticsTexts { rows: self.rows.text()?, histograms: self.histograms.text()? })
    }

    /// Waits until all is on disk.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn sync(&self) -> Result<()> {
        self.rows.sync()?;
        self.histograms.sync()
    }
}

fn lines<Row: Serialize>(rows: &[Row]) -> Result<Vec<u8>> {
    let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    for row in rows {
        csv.serialize(row).context("a row of diagnostics does not fit CSV")?;
    }
    Ok(csv.into_inner().map_err(csv::IntoInnerError::into_error)?)
}

/// Reads a `diagnostics.csv`; no rows where there is no such file. An unfinished last line is passed
/// over.
///
/// # Errors
/// When the file cannot be read or is another kind of file; the message names the line.
pub fn read_diagnostics(path: &Path) -> Result<Vec<LayerRow>> {
    read(path)
}

/// Reads a `histograms.csv`, likewise.
///
/// # Errors
/// As [`read_diagnostics`].
pub fn read_histograms(path: &Path) -> Result<Vec<Histogram>> {
    type Cells = (usize, CsvName, String, f64, f64, Vec<u64>);
    let rows: Vec<Cells> = read(path)?;
    let histogram = |(epoch, layer, quantity, lower, upper, counts): Cells| {
        let counts = counts.try_into().ok()?;
        Some(Histogram { epoch, layer, quantity, lower, upper, counts })
    };
    let found: Option<_> = rows.into_iter().map(histogram).collect();
    found.with_context(|| format!("`{}` has not {BINS} counts in every line", path.display()))
}

fn read<Row: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<Row>> {
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let text = whole_lines(path)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Result<_, csv::Error> = reader.deserialize().collect();
    rows.with_context(|| format!("`{}` is not a file of diagnostics", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_back_and_a_torn_line_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let dir = TrialDir::existing(folder.path().to_owned());
        let row = |epoch| LayerRow {
            gradient_norm: Some(0.1 + 0.2),
            saturated: Some(0.0),
            ..LayerRow::new(epoch, "=dense", "dense", 1)
        };
        let histogram =
            |epoch| Histogram::of(epoch, "=dense", "kernel", &[0.1, 0.3, -7.5]).unwrap();
        let mut writer = DiagnosticsWriter::create(&dir).unwrap();
        for epoch in 1..=2 {
            let (rows, histograms) = (vec![row(epoch)], vec![histogram(epoch)]);
            writer.append(&Diagnosis { rows, histograms }).unwrap();
        }
        writer.sync().unwrap();
        let texts = writer.texts().unwrap();
        assert!(texts.rows.starts_with(&format!("{HEADER}\n1,'=dense,dense,1,,,0.0,,0.300")));
        assert_eq!(texts.histograms.lines().next().unwrap().split(',').count(), 5 + BINS);
        std::fs::write(dir.diagnostics(), format!("{}3,den", texts.rows)).unwrap();
        std::fs::write(dir.histograms(), format!("{}3,den", texts.histograms)).unwrap();
        assert_eq!(read_diagnostics(&dir.diagnostics()).unwrap(), [row(1), row(2)]);
        assert_eq!(read_histograms(&dir.histograms()).unwrap(), [histogram(1), histogram(2)]);

        DiagnosticsWriter::resume(&dir, &texts).unwrap();
        assert_eq!(std::fs::read_to_string(dir.diagnostics()).unwrap(), texts.rows);
        std::fs::write(dir.diagnostics(), texts.rows.replace("0.300", "x")).unwrap();
        let error = format!("{:#}", read_diagnostics(&dir.diagnostics()).unwrap_err());
        assert!(error.contains("diagnostics.csv` is not a file of diagnostics: "), "{error}");
    }

    #[test]
    fn every_finite_number_is_in_one_bin() {
        let numbers: Vec<f32> = (0..=60).map(|i| i as f32 / 2.0).collect();
        let histogram = Histogram::of(1, "a", "kernel", &numbers).unwrap();
        assert_eq!((histogram.lower, histogram.upper), (0.0, 30.0));
        assert_eq!(histogram.counts[..29], [2; 29]);
        assert_eq!(histogram.counts[29], 3, "the highest number belongs to the last bin");
        assert_eq!(histogram.edges(29), (29.0, 30.0));
        let same = Histogram::of(1, "a", "beta", &[0.5, f32::NAN, 0.5, f32::INFINITY]).unwrap();
        assert_eq!((same.lower, same.upper, same.counts[0], same.total()), (0.5, 0.5, 2, 2));
        assert_eq!(Histogram::of(1, "a", "beta", &[f32::NAN]), None);
    }
}
