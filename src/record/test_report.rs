//! What a trained network makes of the test images, class by class: `confusion_matrix.csv`,
//! `class_metrics.csv`, `mistakes.csv` and `mistakes.png`.

use std::cmp::Ordering;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{CsvName, TrialDir, write_atomically};

/// Mistakes that are shown.
const MISTAKES: usize = 40;

/// The answers to all test images.
#[derive(Debug, Clone, Copy)]
pub struct TestReport<'a> {
    /// One per class.
    pub names: &'a [String],
    /// The true class of each image.
    pub labels: &'a [u8],
    /// The class that each image was taken for, and its probability.
    pub answers: &'a [(usize, f32)],
}

/// A row of `confusion_matrix.csv`, one for every pair of classes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfusionRow {
    /// The true class.
    #[serde(rename = "true")]
    pub truth: usize,
    /// Its name.
    pub true_name: CsvName,
    /// The class that images were taken for.
    pub predicted: usize,
    /// Its name.
    pub predicted_name: CsvName,
    /// How many images of the one were taken for the other.
    pub count: usize,
}

/// A row of `class_metrics.csv`, for a class or for an average over them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassRow {
    /// The class; empty for an average.
    pub class: Option<usize>,
    /// Its name, or `macro avg` or `weighted avg`.
    pub name: CsvName,
    /// Of the images taken for this class, the share that is of it; empty where there are none.
    pub precision: Option<f64>,
    /// Of the images of this class, the share taken for it; empty where there are none.
    pub recall: Option<f64>,
    /// The harmonic mean of both; empty where both are.
    pub f1: Option<f64>,
    /// Images of this class.
    pub support: usize,
}

/// A row of `mistakes.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mistake {
    /// From 1, the surest mistake first; also the image's place in `mistakes.png`.
    pub rank: usize,
    /// The image's place in the test file, from 0.
    pub row: usize,
    /// Its true class.
    #[serde(rename = "true")]
    pub truth: usize,
    /// Its name.
    pub true_name: CsvName,
    /// The class that it was taken for.
    pub predicted: usize,
    /// Its name.
    pub predicted_name: CsvName,
    /// The probability given to that class.
    pub probability: f32,
}

impl<'a> TestReport<'a> {
    /// Writes the four files; no picture where there is no mistake. `image` gives the bytes of a
    /// test image, `width` pixels to a row.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn write(
        &self,
        dir: &TrialDir,
        image: impl Fn(usize) -> &'a [u8],
        width: usize,
    ) -> Result<()> {
        write_rows(&dir.confusion_matrix(), &self.confusion_matrix())?;
        write_rows(&dir.class_metrics(), &self.class_metrics())?;
        let mistakes = self.mistakes();
        write_rows(&dir.mistakes(), &mistakes)?;
        if mistakes.is_empty() {
            return Ok(());
        }
        let pixels: Vec<u8> =
            mistakes.iter().flat_map(|mistake| image(mistake.row)).copied().collect();
        let path = dir.mistakes_picture();
        let picture = grey_png(&pixels, width)
            .with_context(|| format!("cannot make `{}`", path.display()))?;
        write_atomically(&path, &picture)
    }

    /// How many images of each class were taken for each.
    pub fn confusion_matrix(&self) -> Vec<ConfusionRow> {
        let counts = self.counts();
        let classes = self.names.len();
        let pairs = (0..classes).flat_map(|truth| (0..classes).map(move |class| (truth, class)));
        pairs
            .map(|(truth, predicted)| ConfusionRow {
                truth,
                true_name: self.name(truth),
                predicted,
                predicted_name: self.name(predicted),
                count: counts[truth][predicted],
            })
            .collect()
    }

    /// Precision, recall and F1 of each class, and their averages as scikit-learn's
    /// `classification_report` has them: over the classes that occur, as themselves or as
    /// somebody's answer, with 0 for what is not defined.
    pub fn class_metrics(&self) -> Vec<ClassRow> {
        let counts = self.counts();
        let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
        let classes: Vec<(ClassRow, usize)> = (0..self.names.len())
            .map(|class| {
                let right = counts[class][class];
                let support: usize = counts[class].iter().sum();
                let taken: usize = counts.iter().map(|row| row[class]).sum();
                let row = ClassRow {
                    class: Some(class),
                    name: self.name(class),
                    precision: share(right, taken),
                    recall: share(right, support),
                    f1: share(2 * right, taken + support),
                    support,
                };
                (row, taken)
            })
            .collect();
        let average = |name: &str, weight: fn(&ClassRow) -> f64| {
            let of = |metric: fn(&ClassRow) -> Option<f64>| {
                let occurring = classes.iter().filter(|(row, taken)| row.support + taken > 0);
                let (sum, weights) = occurring.fold((0.0, 0.0), |(sum, weights), (row, _)| {
                    (sum + weight(row) * metric(row).unwrap_or(0.0), weights + weight(row))
                });
                Some(sum / weights)
            };
            ClassRow {
                class: None,
                name: CsvName(name.to_owned()),
                precision: of(|row| row.precision),
                recall: of(|row| row.recall),
                f1: of(|row| row.f1),
                support: self.labels.len(),
            }
        };
        let averages =
            [average("macro avg", |_| 1.0), average("weighted avg", |row| row.support as f64)];
        classes.iter().map(|(row, _)| row.clone()).chain(averages).collect()
    }

    /// The images whose wrong answers were the surest, the earlier first where several were as
    /// sure.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut wrong: Vec<usize> = (0..self.labels.len())
            .filter(|&row| self.answers[row].0 != usize::from(self.labels[row]))
            .collect();
        let surer = |a: &usize, b: &usize| -> Ordering {
            self.answers[*b].1.total_cmp(&self.answers[*a].1).then(a.cmp(b))
        };
        wrong.sort_by(surer);
        wrong.truncate(MISTAKES);
        let mistake = |(i, row): (usize, usize)| {
            let (truth, (predicted, probability)) =
                (usize::from(self.labels[row]), self.answers[row]);
            Mistake {
                rank: i + 1,
                row,
                truth,
                true_name: self.name(truth),
                predicted,
                predicted_name: self.name(predicted),
                probability,
            }
        };
        wrong.into_iter().enumerate().map(mistake).collect()
    }

    /// Images by true class and by the class that they were taken for.
    fn counts(&self) -> Vec<Vec<usize>> {
        let mut counts = vec![vec![0; self.names.len()]; self.names.len()];
        for (label, (predicted, _)) in self.labels.iter().zip(self.answers) {
            counts[usize::from(*label)][*predicted] += 1;
        }
        counts
    }

    fn name(&self, class: usize) -> CsvName {
        CsvName(self.names[class].clone())
    }
}

fn write_rows<Row: Serialize + Columns>(path: &Path, rows: &[Row]) -> Result<()> {
    let write = || -> Result<Vec<u8>> {
        let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        // Written by hand, so that it stands over nothing, too.
        csv.write_record(Row::COLUMNS)?;
        rows.iter().try_for_each(|row| csv.serialize(row))?;
        Ok(csv.into_inner().map_err(csv::IntoInnerError::into_error)?)
    };
    let table = write().with_context(|| format!("cannot write `{}`", path.display()))?;
    write_atomically(path, &table)
}

/// The header over rows.
trait Columns {
    const COLUMNS: &[&str];
}

impl Columns for ConfusionRow {
    const COLUMNS: &[&str] = &["true", "true_name", "predicted", "predicted_name", "count"];
}

impl Columns for ClassRow {
    const COLUMNS: &[&str] = &["class", "name", "precision", "recall", "f1", "support"];
}

impl Columns for Mistake {
    const COLUMNS: &[&str] =
        &["rank", "row", "true", "true_name", "predicted", "predicted_name", "probability"];
}

fn grey_png(pixels: &[u8], width: usize) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let (width, height) = (u32::try_from(width)?, u32::try_from(pixels.len() / width)?);
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [u8; 6] = [0, 0, 0, 1, 1, 2];
    /// One `0` right and one taken for each of the others, one `1` right, the `2` taken for `1`;
    /// nothing is of class 3 or taken for it, nothing of class 4 but something taken for it.
    const ANSWERS: [(usize, f32); 6] =
        [(0, 0.9), (1, 0.75), (2, 0.5), (1, 0.9), (4, 0.75), (1, 0.99)];

    fn names() -> Vec<String> {
        ["zero", "one", "=two", "three", "four"].map(str::to_owned).into()
    }

    fn report(names: &[String]) -> TestReport<'_> {
        TestReport { names, labels: &LABELS, answers: &ANSWERS }
    }

    fn table<Row: serde::de::DeserializeOwned>(path: &Path) -> Vec<Row> {
        csv::Reader::from_path(path).unwrap().deserialize().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn each_class_by_hand() {
        let rows = report(&names()).class_metrics();
        let numbers: Vec<_> =
            rows.iter().map(|row| (row.precision, row.recall, row.f1, row.support)).collect();
        let third = 1.0 / 3.0;
        assert_eq!(
            numbers[..5],
            [
                // 1 right of 1 and of 3; 2 · 1 of 1 + 3.
                (Some(1.0), Some(third), Some(0.5), 3),
                // 1 right of 3 and of 2; 2 · 1 of 3 + 2.
                (Some(third), Some(0.5), Some(0.4), 2),
                (Some(0.0), Some(0.0), Some(0.0), 1),
                (None, None, None, 0),
                (Some(0.0), None, Some(0.0), 0),
            ]
        );
        let near = |ours: Option<f64>, by_hand: f64| (ours.unwrap() - by_hand).abs() < 1e-12;
        let [macro_avg, weighted] = &rows[5..] else { panic!("{rows:?}") };
        assert_eq!((&*macro_avg.name.0, &*weighted.name.0), ("macro avg", "weighted avg"));
        // Over the four classes that occur.
        assert!(near(macro_avg.precision, (1.0 + third) / 4.0), "{macro_avg:?}");
        assert!(near(macro_avg.recall, (third + 0.5) / 4.0), "{macro_avg:?}");
        assert!(near(macro_avg.f1, 0.9 / 4.0), "{macro_avg:?}");
        assert!(near(weighted.precision, (3.0 + 2.0 * third) / 6.0), "{weighted:?}");
        assert!(near(weighted.recall, (1.0 + 1.0) / 6.0), "{weighted:?}");
        assert!(near(weighted.f1, (1.5 + 0.8) / 6.0), "{weighted:?}");
        assert_eq!((macro_avg.class, macro_avg.support, weighted.support), (None, 6, 6));
    }

    #[test]
    fn the_files_hold_every_pair_and_the_surest_mistakes_with_their_images() {
        let folder = tempfile::tempdir().unwrap();
        let dir = TrialDir::existing(folder.path().to_owned());
        let images: Vec<u8> = (0..24).collect();
        let names = names();
        report(&names).write(&dir, |row| &images[4 * row..4 * row + 4], 2).unwrap();

        let pairs: Vec<ConfusionRow> = table(&dir.confusion_matrix());
        assert_eq!(pairs.len(), 25);
        let counts: Vec<_> = pairs
            .iter()
            .filter(|pair| pair.count > 0)
            .map(|pair| (pair.truth, pair.predicted, pair.count))
            .collect();
        let expected = [(0, 0, 1), (0, 1, 1), (0, 2, 1), (1, 1, 1), (1, 4, 1), (2, 1, 1)];
        assert_eq!(counts, expected);
        let text = std::fs::read_to_string(dir.confusion_matrix()).unwrap();
        assert!(
            text.starts_with("true,true_name,predicted,predicted_name,count\n0,zero,0,zero,1\n")
        );
        assert!(text.contains("\n0,zero,2,'=two,1\n"), "{text}");

        let text = std::fs::read_to_string(dir.class_metrics()).unwrap();
        assert!(text.contains("\n3,three,,,,0\n"), "{text}");
        assert_eq!(table::<ClassRow>(&dir.class_metrics()), report(&names).class_metrics());

        let text = std::fs::read_to_string(dir.mistakes()).unwrap();
        assert_eq!(
            text,
            "rank,row,true,true_name,predicted,predicted_name,probability\n\
             1,5,2,'=two,1,one,0.99\n2,1,0,zero,1,one,0.75\n3,4,1,one,4,four,0.75\n\
             4,2,0,zero,2,'=two,0.5\n"
        );
        let file = std::fs::File::open(dir.mistakes_picture()).unwrap();
        let mut reader = png::Decoder::new(std::io::BufReader::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((frame.width, frame.height), (2, 8));
        assert_eq!(pixels, [20, 21, 22, 23, 4, 5, 6, 7, 16, 17, 18, 19, 8, 9, 10, 11]);
    }

    #[test]
    fn without_a_mistake_there_is_a_table_without_rows_and_no_picture() {
        let folder = tempfile::tempdir().unwrap();
        let dir = TrialDir::existing(folder.path().to_owned());
        let names = names();
        let report = TestReport { names: &names, labels: &[1], answers: &[(1, 1.0)] };
        report.write(&dir, |_| unreachable!("nothing is shown"), 2).unwrap();
        let text = std::fs::read_to_string(dir.mistakes()).unwrap();
        assert_eq!(text, "rank,row,true,true_name,predicted,predicted_name,probability\n");
        assert!(!dir.mistakes_picture().exists());
    }

    #[test]
    fn no_more_than_forty_mistakes_are_shown() {
        let names = names();
        let (labels, answers) = (vec![0; 100], vec![(1, 0.5); 100]);
        let report = TestReport { names: &names, labels: &labels, answers: &answers };
        let mistakes = report.mistakes();
        let rows: Vec<usize> = mistakes.iter().map(|mistake| mistake.row).collect();
        assert_eq!(rows, (0..40).collect::<Vec<_>>());
    }
}
