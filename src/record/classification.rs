//! What a trained network takes each test image for: `confusion_matrix.csv`, and the images it gets
//! wrong with the most confidence: `mistakes.csv` with `mistakes.png`.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;

use super::TrialDir;
use super::test_report::{ConfusionRow, Mistake};

/// More classes than this are no classes.
const MOST_CLASSES: usize = 10_000;

/// How many test images of each class were taken for each class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfusionMatrix {
    /// The classes' names.
    pub names: Vec<String>,
    /// Images by true class, and in it by predicted class.
    pub counts: Vec<Vec<u64>>,
}

/// The mistakes of a trial with their images.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistakes {
    /// In the order of the file.
    pub list: Vec<Mistake>,
    /// The image of each.
    pub images: Vec<GreyImage>,
}

/// A picture of grey pixels, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GreyImage {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// How bright each is.
    pub pixels: Vec<u8>,
}

impl ConfusionMatrix {
    /// The one in a trial's folder, if it has one.
    ///
    /// # Errors
    /// When the file is not of its form.
    pub fn read(dir: &TrialDir) -> Result<Option<Self>> {
        let path = dir.confusion_matrix();
        let Some(cells) = read_rows::<ConfusionRow>(&path)? else { return Ok(None) };
        let classes = cells.iter().map(|cell| cell.truth.max(cell.predicted) + 1).max();
        let classes = classes.unwrap_or(0);
        ensure!(classes <= MOST_CLASSES, "`{}` has class {}", path.display(), classes - 1);
        let mut names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
        let mut counts = vec![vec![0; classes]; classes];
        for ConfusionRow { truth, true_name, predicted, predicted_name, count } in cells {
            names[truth] = true_name.0;
            names[predicted] = predicted_name.0;
            counts[truth][predicted] += count as u64;
        }
        Ok(Some(Self { names, counts }).filter(|matrix| !matrix.counts.is_empty()))
    }

    /// Adds another one of the same classes; one of others is left out, which is `false`.
    pub fn add(&mut self, other: &Self) -> bool {
        if self.names != other.names {
            return false;
        }
        let cells = self.counts.iter_mut().flatten().zip(other.counts.iter().flatten());
        cells.for_each(|(sum, count)| *sum += count);
        true
    }

    /// Of the images of a class, the share that was taken for another; 0 where there are none.
    pub fn share(&self, truth: usize, predicted: usize) -> f64 {
        match self.counts[truth].iter().sum::<u64>() {
            0 => 0.0,
            all => self.counts[truth][predicted] as f64 / all as f64,
        }
    }
}

impl Mistakes {
    /// Those in a trial's folder, if it has some.
    ///
    /// # Errors
    /// When a file is not of its form.
    pub fn read(dir: &TrialDir) -> Result<Option<Self>> {
        let Some(mut list) = read_rows::<Mistake>(&dir.mistakes())? else { return Ok(None) };
        let path = dir.mistakes_picture();
        if list.is_empty() || !path.exists() {
            return Ok(None);
        }
        let sheet =
            read_grey_png(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        list.sort_by_key(|mistake| mistake.rank);
        let height = sheet.height / list.len();
        ensure!(
            height > 0 && height * list.len() == sheet.height,
            "`{}` has not the {} images of the table beside it",
            path.display(),
            list.len()
        );
        let image =
            |pixels: &[u8]| GreyImage { width: sheet.width, height, pixels: pixels.to_vec() };
        let images = sheet.pixels.chunks_exact(sheet.width * height).map(image).collect();
        Ok(Some(Self { list, images }))
    }
}

/// A CSV file's rows; `None` where there is no such file.
fn read_rows<Row: DeserializeOwned>(path: &Path) -> Result<Option<Vec<Row>>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read `{}`", path.display()));
        }
    };
    let rows = csv::Reader::from_reader(&*text).deserialize().collect::<Result<_, _>>();
    rows.map(Some).with_context(|| format!("`{}` is not such a table", path.display()))
}

/// A PNG file of grey pixels, 8 bits each.
fn read_grey_png(path: &Path) -> Result<GreyImage> {
    let file = std::io::BufReader::new(std::fs::File::open(path)?);
    let mut decoder = png::Decoder::new(file);
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info()?;
    let size = reader.output_buffer_size().context("it is too large")?;
    let mut pixels = vec![0; size];
    let info = reader.next_frame(&mut pixels)?;
    ensure!(info.color_type == png::ColorType::Grayscale, "its pixels are not grey");
    pixels.truncate(info.buffer_size());
    Ok(GreyImage { width: info.width as usize, height: info.height as usize, pixels })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir() -> (tempfile::TempDir, TrialDir) {
        let folder = tempfile::tempdir().unwrap();
        let dir = TrialDir::existing(folder.path().to_owned());
        (folder, dir)
    }

    #[test]
    fn what_a_trial_does_not_have_is_none() {
        let (_folder, dir) = dir();
        assert_eq!(ConfusionMatrix::read(&dir).unwrap(), None);
        assert_eq!(Mistakes::read(&dir).unwrap(), None);
    }

    #[test]
    fn a_matrix_has_its_counts_by_class_and_sums_up_over_seeds() {
        let (_folder, dir) = dir();
        let table = "true,true_name,predicted,predicted_name,count\n\
                     0,'=cat,0,'=cat,3\n0,'=cat,1,dog,1\n1,dog,1,dog,4\n";
        std::fs::write(dir.confusion_matrix(), table).unwrap();
        let mut matrix = ConfusionMatrix::read(&dir).unwrap().unwrap();
        assert_eq!(matrix.names, ["=cat", "dog"]);
        assert_eq!(matrix.counts, [[3, 1], [0, 4]]);
        assert_eq!((matrix.share(0, 1), matrix.share(1, 0)), (0.25, 0.0));
        assert!(matrix.add(&matrix.clone()));
        assert_eq!(matrix.counts, [[6, 2], [0, 8]]);
        let others = ConfusionMatrix { names: vec!["x".into()], counts: vec![vec![1]] };
        assert!(!matrix.add(&others));

        std::fs::write(dir.confusion_matrix(), "true,count\nx,1\n").unwrap();
        let error = format!("{:#}", ConfusionMatrix::read(&dir).unwrap_err());
        assert!(error.contains("confusion_matrix.csv` is not such a table"), "{error}");
    }

    #[test]
    fn a_sheet_is_cut_into_the_images_of_the_table() {
        let (_folder, dir) = dir();
        let table = "rank,row,true,true_name,predicted,predicted_name,probability\n\
                     1,7,0,cat,1,dog,0.99\n2,3,1,dog,0,cat,0.5\n";
        std::fs::write(dir.mistakes(), table).unwrap();
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 3, 4);
        encoder.set_color(png::ColorType::Grayscale);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&(0..12).collect::<Vec<u8>>()).unwrap();
        writer.finish().unwrap();
        std::fs::write(dir.mistakes_picture(), &file).unwrap();

        let mistakes = Mistakes::read(&dir).unwrap().unwrap();
        assert_eq!(mistakes.list[1].true_name.0, "dog");
        assert_eq!(mistakes.images[1].pixels, [6, 7, 8, 9, 10, 11]);
        assert_eq!((mistakes.images[0].width, mistakes.images[0].height), (3, 2));

        std::fs::write(dir.mistakes(), format!("{table}3,1,1,dog,0,cat,0.4\n")).unwrap();
        let error = Mistakes::read(&dir).unwrap_err().to_string();
        assert!(error.contains("has not the 3 images"), "{error}");
    }
}
