//! Images to predict: the test files of a folder, with or without labels, or PNG files.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::DataError;
use super::folder::{Folder, Part};
use super::{Shape, Split};

const REMEDY: &str = "a folder to predict needs t10k-images-idx3-ubyte in MNIST's format, and may \
                      have t10k-labels-idx1-ubyte, each with or without .gz";

/// Images as a network takes them, with what is known of them.
#[derive(Debug, Clone)]
pub struct Images {
    /// The images; their labels mean something only if [`labelled`](Self::labelled).
    pub split: Split,
    /// Whether labels are known.
    pub labelled: bool,
}

impl Images {
    /// The test images of a folder in MNIST's format, with their labels if it has them.
    ///
    /// # Errors
    /// A missing or bad file, or images or labels that a network for `shape` cannot know.
    pub fn of_folder(path: &Path, shape: Shape) -> Result<Self, DataError> {
        let folder = Folder { path, manifest: None, remedy: REMEDY, if_missing: REMEDY };
        let images = folder.read_part(Part::TestImages)?;
        let disagree =
            |disagreement| DataError::Disagreement { folder: path.to_owned(), disagreement };
        if (images.height, images.width) != (shape.height, shape.width) {
            return Err(disagree(format!(
                "{} holds images of {} × {} pixels but the network takes {} × {}",
                Part::TestImages.name(),
                images.height,
                images.width,
                shape.height,
                shape.width
            )));
        }
        let labelled = Part::TestLabels.find(path).is_some();
        let labels = match labelled {
            true => folder.read_part(Part::TestLabels)?.body,
            false => vec![0; images.rows],
        };
        if labels.len() != images.rows {
            return Err(disagree(format!(
                "{} holds {} images but {} holds {} labels; every image needs one label",
                Part::TestImages.name(),
                images.rows,
                Part::TestLabels.name(),
                labels.len()
            )));
        }
        if let Some(label) = labels.iter().find(|&&label| usize::from(label) >= shape.classes) {
            return Err(disagree(format!(
                "{} has label {label} but the network knows {} classes, numbered from 0",
                Part::TestLabels.name(),
                shape.classes
            )));
        }
        Ok(Self::new(images.body, labels, labelled, shape))
    }

    /// PNG files, one image each, whose labels are not known. Colours become grey as Keras and
    /// Pillow make them so; an alpha channel is ignored. Nothing is resized.
    ///
    /// # Errors
    /// The first file that cannot be read, is no PNG or has another size.
    pub fn of_png_files(files: &[PathBuf], shape: Shape) -> Result<Self, DataError> {
        let mut pixels = Vec::with_capacity(files.len() * shape.height * shape.width);
        for path in files {
            let image = read_png(path, shape)
                .map_err(|problem| DataError::BadImage { path: path.clone(), problem })?;
            pixels.extend(image);
        }
        Ok(Self::new(pixels, vec![0; files.len()], false, shape))
    }

    fn new(pixels: Vec<u8>, labels: Vec<u8>, labelled: bool, shape: Shape) -> Self {
        let (pixels, labels) = (Arc::new(pixels), Arc::new(labels));
        let split = Split::new(&pixels, &labels, shape.height * shape.width, 0..labels.len());
        Self { split, labelled }
    }
}

fn read_png(path: &Path, shape: Shape) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    let damaged = |error: png::DecodingError| format!("is no PNG image that can be read: {error}");
    let mut decoder = png::Decoder::new(BufReader::new(file));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(damaged)?;
    // Before any pixel is decoded, so that a huge image costs nothing.
    let (width, height) = reader.info().size();
    if (height as usize, width as usize) != (shape.height, shape.width) {
        return Err(format!(
            "is {height} × {width} pixels (height × width), and the network takes {} × {}; \
             bring it to that size, nothing is resized here",
            shape.height, shape.width
        ));
    }
    let size = reader.output_buffer_size().ok_or("is too large")?;
    let mut buffer = vec![0; size];
    let frame = reader.next_frame(&mut buffer).map_err(damaged)?;
    let samples = &buffer[..frame.buffer_size()];
    let channels = frame.color_type.samples();
    let pixels = samples.chunks_exact(channels);
    Ok(match channels {
        // Grey, and grey with alpha.
        1 | 2 => pixels.map(|pixel| pixel[0]).collect(),
        _ => pixels.map(|pixel| luminance([pixel[0], pixel[1], pixel[2]])).collect(),
    })
}

/// Red, green and blue as one grey (ITU-R BT.601), in Pillow's integers (`Convert.c`, `L24`).
fn luminance([red, green, blue]: [u8; 3]) -> u8 {
    let weighed =
        u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471 + 0x8000;
    u8::try_from(weighed >> 16).expect("the weights add up to 1")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { height: 1, width: 2, classes: 2, rows: 2 };

    fn decode(color: png::ColorType, depth: png::BitDepth, data: &[u8]) -> Result<Vec<u8>, String> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 2, 1);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if color == png::ColorType::Indexed {
            encoder.set_palette(vec![0, 0, 0, 255, 255, 255]);
        }
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.png");
        std::fs::write(&path, file).unwrap();
        read_png(&path, SHAPE)
    }

    #[test]
    fn every_kind_of_png_becomes_grey() {
        use png::BitDepth::{Eight, One, Sixteen};
        use png::ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
        for (color, depth, data, grey) in [
            (Grayscale, Eight, vec![7, 200], [7, 200]),
            (Grayscale, Sixteen, vec![7, 0, 200, 255], [7, 200]),
            (Grayscale, One, vec![0b0100_0000], [0, 255]),
            (GrayscaleAlpha, Eight, vec![7, 0, 200, 255], [7, 200]),
            // What Pillow's `convert("L")` gives.
            (Rgb, Eight, vec![255, 0, 0, 10, 20, 30], [76, 18]),
            (Rgba, Eight, vec![0, 255, 0, 0, 0, 0, 255, 9], [150, 29]),
            (Rgb, Sixteen, vec![255, 255, 255, 255, 255, 255, 0, 9, 0, 9, 0, 9], [255, 0]),
            (Indexed, Eight, vec![1, 0], [255, 0]),
        ] {
            assert_eq!(decode(color, depth, &data), Ok(grey.to_vec()), "{color:?} {depth:?}");
        }
    }
}
