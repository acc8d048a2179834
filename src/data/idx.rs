//! The IDX format of the MNIST files: a big-endian header, then one byte per pixel or label.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};

use super::error::{FileProblem, Promise};

/// What an IDX file of this family holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Unsigned bytes in three dimensions: rows × height × width.
    Images,
    /// Unsigned bytes in one dimension.
    Labels,
}

impl Kind {
    /// The four bytes at the start: zero, zero, 8 for unsigned bytes, number of dimensions.
    pub(super) fn magic(self) -> u32 {
        match self {
            Self::Images => 0x803,
            Self::Labels => 0x801,
        }
    }

    pub(super) fn of_magic(magic: u32) -> Option<Self> {
        [Self::Images, Self::Labels].into_iter().find(|kind| kind.magic() == magic)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = match self {
            Self::Images => "images",
            Self::Labels => "labels",
        };
        write!(f, "{noun} (IDX magic {:#x})", self.magic())
    }
}

/// One IDX file in memory.
#[derive(Debug)]
pub(super) struct Idx {
    /// Number of images or labels.
    pub rows: usize,
    /// Pixels per column; 1 for labels.
    pub height: usize,
    /// Pixels per row; 1 for labels.
    pub width: usize,
    /// rows × height × width bytes.
    pub body: Vec<u8>,
    /// sha256 of the decompressed file, header included.
    pub sha256: [u8; 32],
}

/// deflate cannot expand a byte to more than 1032 (RFC 1951: 258 bytes for two bits).
const MOST_PER_GZIP_BYTE: u128 = 1032;

/// How much is decompressed before it is hashed, small enough to be still in the processor's cache.
const CHUNK: usize = 256 * 1024;

/// Reads a whole IDX file, gzipped or not (decided by its first bytes, not by its name).
///
/// No more memory is asked for than the file's size can justify, and no more is decompressed than
/// its header promises.
///
/// # Errors
/// Says what is wrong with the content: another kind, truncated, too long, corrupt, empty.
pub(super) fn read(path: &Path, kind: Kind) -> Result<Idx, FileProblem> {
    let mut file = Opened::new(path)?;
    let (promise, header) = file.header(kind)?;
    let length = usize::try_from(promise.bytes())
        .map_err(|_| FileProblem::Unbelievable { promise, file: file.size })?;

    let mut hash = Sha256::new();
    hash.update(&header);
    let mut body = Vec::new();
    body.try_reserve_exact(length)
        .map_err(|_| FileProblem::Unbelievable { promise, file: file.size })?;
    while body.len() < length {
        let start = body.len();
        let want = CHUNK.min(length - start);
        let got = (&mut file.reader)
            .take(want as u64)
            .read_to_end(&mut body)
            .or_else(|e| file.cut_short(e).map(|()| body.len() - start))?;
        hash.update(&body[start..]);
        if got < want {
            return Err(FileProblem::Truncated { promise, found: body.len() as u64 });
        }
    }
    // At the end of the data the decoder also checks gzip's own checksum and length.
    if !file.at_end()? {
        return Err(FileProblem::TooLong { promise });
    }
    Ok(Idx {
        rows: promise.rows as usize,
        height: promise.height as usize,
        width: promise.width as usize,
        body,
        sha256: hash.finalize().into(),
    })
}

/// Reads the header alone: rows, height and width (1 × 1 for labels).
///
/// # Errors
/// As [`read`], for what the header and the file's size alone can tell.
pub(super) fn read_header(path: &Path, kind: Kind) -> Result<Promise, FileProblem> {
    Ok(Opened::new(path)?.header(kind)?.0)
}

/// A file being read, decompressed if need be.
struct Opened {
    reader: Box<dyn Read>,
    gzip: bool,
    size: u64,
}

impl Opened {
    fn new(path: &Path) -> Result<Self, FileProblem> {
        let file = File::open(path).map_err(FileProblem::Unreadable)?;
        let size = file.metadata().map_err(FileProblem::Unreadable)?.len();
        let mut reader = BufReader::with_capacity(64 * 1024, file);
        let gzip = starts_like_gzip(reader.fill_buf().map_err(FileProblem::Unreadable)?);
        let reader: Box<dyn Read> =
            if gzip { Box::new(GzipMembers::new(reader)) } else { Box::new(reader) };
        Ok(Self { reader, gzip, size })
    }

    /// The dimensions, and the header's bytes as they are.
    fn header(&mut self, kind: Kind) -> Result<(Promise, Vec<u8>), FileProblem> {
        let mut bytes = self.up_to(4)?;
        let Ok(magic) = <[u8; 4]>::try_from(bytes.as_slice()).map(u32::from_be_bytes) else {
            return Err(FileProblem::NotIdx { start: bytes, expected: kind });
        };
        if magic != kind.magic() {
            // Two zero bytes, then a type and a number of dimensions: IDX, but not this one.
            return Err(match magic >> 16 {
                0 if magic != 0 => FileProblem::WrongKind { magic, expected: kind },
                _ => FileProblem::NotIdx { start: bytes, expected: kind },
            });
        }
        let dimensions = (magic & 0xff) as usize;
        bytes.extend(self.up_to(4 * dimensions)?);
        let mut sizes = bytes[4..]
            .chunks_exact(4)
            .map(|b| u32::from_be_bytes(b.try_into().expect("chunks of four bytes")));
        let (rows, height, width) = match kind {
            Kind::Images => (sizes.next(), sizes.next(), sizes.next()),
            Kind::Labels => (sizes.next(), Some(1), Some(1)),
        };
        let (Some(rows), Some(height), Some(width)) = (rows, height, width) else {
            return Err(FileProblem::Corrupt(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("ends within its header, after {} bytes", bytes.len()),
            )));
        };
        let promise = Promise { kind, rows, height, width };
        if promise.bytes() == 0 {
            return Err(FileProblem::Empty { promise });
        }
        let most = if self.gzip {
            u128::from(self.size) * MOST_PER_GZIP_BYTE
        } else {
            // Without compression the header is told from the data by subtraction.
            let found = self.size.saturating_sub(bytes.len() as u64);
            if promise.bytes() > u128::from(found) {
                return Err(FileProblem::Truncated { promise, found });
            }
            u128::from(found)
        };
        if promise.bytes() > most {
            return Err(FileProblem::Unbelievable { promise, file: self.size });
        }
        Ok((promise, bytes))
    }

    /// The next `count` bytes, fewer at the end of the file.
    fn up_to(&mut self, count: usize) -> Result<Vec<u8>, FileProblem> {
        let mut bytes = Vec::with_capacity(count);
        (&mut self.reader)
            .take(count as u64)
            .read_to_end(&mut bytes)
            .or_else(|e| self.cut_short(e).map(|()| 0))?;
        Ok(bytes)
    }

    fn at_end(&mut self) -> Result<bool, FileProblem> {
        let mut byte = [0];
        match self.reader.read(&mut byte) {
            Ok(read) => Ok(read == 0),
            Err(e) => Err(self.damage(e)),
        }
    }

    /// A gzip stream that stops early is the end of the data: whoever counts the bytes says so.
    fn cut_short(&self, error: io::Error) -> Result<(), FileProblem> {
        if error.kind() == io::ErrorKind::UnexpectedEof { Ok(()) } else { Err(self.damage(error)) }
    }

    fn damage(&self, error: io::Error) -> FileProblem {
        if self.gzip { FileProblem::Corrupt(error) } else { FileProblem::Unreadable(error) }
    }
}

/// The members of a gzip file, one after the other, up to zero bytes at its end: tapes and block
/// devices pad files with them, and gzip(1) ignores them, too.
struct GzipMembers {
    /// `None` after the last member.
    member: Option<GzDecoder<BufReader<File>>>,
}

impl GzipMembers {
    fn new(reader: BufReader<File>) -> Self {
        Self { member: Some(GzDecoder::new(reader)) }
    }
}

impl Read for GzipMembers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            // At the end of a member, after its checksum.
            let rest = self.member.take().map(GzDecoder::into_inner);
            self.member = match rest {
                Some(mut rest) => (!only_zeros_follow(&mut rest)?).then(|| GzDecoder::new(rest)),
                None => None,
            };
        }
        Ok(0)
    }
}

/// Passes over zero bytes. Whether nothing comes after them.
fn only_zeros_follow(reader: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(true);
        }
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        if zeros == 0 {
            return Ok(false);
        }
        reader.consume(zeros);
    }
}

/// Whether the file's content is gzipped, whatever its name says.
pub(super) fn is_gzip(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(2).read_to_end(&mut start)?;
    Ok(starts_like_gzip(&start))
}

fn starts_like_gzip(start: &[u8]) -> bool {
    start.starts_with(&[0x1f, 0x8b])
}

/// Bytes as lowercase hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Tiny IDX files for the tests of this and the other files.
#[cfg(test)]
pub(super) mod make {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    pub fn images(rows: u32, height: u32, width: u32, body: &[u8]) -> Vec<u8> {
        let mut file = 0x803_u32.to_be_bytes().to_vec();
        for size in [rows, height, width] {
            file.extend(size.to_be_bytes());
        }
        file.extend(body);
        file
    }

    pub fn labels(body: &[u8]) -> Vec<u8> {
        let mut file = 0x801_u32.to_be_bytes().to_vec();
        file.extend((body.len() as u32).to_be_bytes());
        file.extend(body);
        file
    }

    pub fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).expect("writing to memory");
        encoder.finish().expect("writing to memory")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What reading a file with this content says.
    fn read_bytes(content: &[u8], kind: Kind) -> Result<Idx, FileProblem> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, content).unwrap();
        read(&path, kind)
    }

    fn complaint(content: &[u8], kind: Kind) -> String {
        read_bytes(content, kind).unwrap_err().to_string()
    }

    #[test]
    fn plain_and_gzipped_files_give_the_same_content_and_checksum() {
        let file = make::images(2, 2, 3, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        let plain = read_bytes(&file, Kind::Images).unwrap();
        let zipped = read_bytes(&make::gzip(&file), Kind::Images).unwrap();
        assert_eq!((plain.rows, plain.height, plain.width), (2, 2, 3));
        assert_eq!(plain.body, (1..=12).collect::<Vec<u8>>());
        assert_eq!(zipped.body, plain.body);
        assert_eq!(hex(&plain.sha256), hex(&Sha256::digest(&file)));
        assert_eq!(zipped.sha256, plain.sha256);
    }

    #[test]
    fn a_file_larger_than_one_chunk_is_hashed_whole() {
        let body: Vec<u8> = (0..CHUNK * 2 + 17).map(|i| (i % 251) as u8).collect();
        let file = make::labels(&body);
        let idx = read_bytes(&make::gzip(&file), Kind::Labels).unwrap();
        assert_eq!(idx.body, body);
        assert_eq!(hex(&idx.sha256), hex(&Sha256::digest(&file)));
    }

    #[test]
    fn concatenated_gzip_members_are_one_file() {
        let file = make::labels(&[3, 1, 2]);
        let mut members = make::gzip(&file[..6]);
        members.extend(make::gzip(&file[6..]));
        assert_eq!(read_bytes(&members, Kind::Labels).unwrap().body, [3, 1, 2]);
    }

    #[test]
    fn zero_bytes_after_a_gzip_stream_are_ignored_and_others_are_not() {
        let file = make::labels(&[3, 1, 2]);
        let mut padded = make::gzip(&file);
        padded.extend([0; 100_000]);
        assert_eq!(read_bytes(&padded, Kind::Labels).unwrap().body, [3, 1, 2]);
        padded.push(7);
        let message = complaint(&padded, Kind::Labels);
        assert!(message.starts_with("is corrupt: "), "{message}");
        let mut garbage = make::gzip(&file);
        garbage.extend(b"no gzip member");
        let message = complaint(&garbage, Kind::Labels);
        assert!(message.starts_with("is corrupt: "), "{message}");
    }

    #[test]
    fn swapped_files_are_told_by_their_magic() {
        let images = make::images(1, 1, 1, &[7]);
        assert_eq!(
            complaint(&images, Kind::Labels),
            "holds images (IDX magic 0x803), expected labels (IDX magic 0x801)"
        );
        let floats = [0, 0, 0x0d, 3, 0, 0, 0, 1];
        assert!(complaint(&floats, Kind::Images).contains("(IDX magic 0xd03)"));
    }

    #[test]
    fn a_page_saved_under_the_name_is_no_idx_file() {
        assert_eq!(
            complaint(b"<!DOCTYPE html>", Kind::Labels),
            "is not an IDX file: begins with 3c 21 44 4f, expected labels (IDX magic 0x801)"
        );
        assert!(complaint(b"", Kind::Labels).contains("begins with nothing (0 bytes)"));
        assert!(complaint(&[0, 0, 0, 0, 0], Kind::Labels).contains("begins with 00 00 00 00"));
    }

    #[test]
    fn truncated_files_say_what_was_promised_and_found() {
        let file = make::images(2, 2, 2, &[9; 8]);
        let expected = "is truncated: header promises 2 × 2 × 2 = 8 bytes, found 5";
        assert_eq!(complaint(&file[..file.len() - 3], Kind::Images), expected);
        // The same inside a gzip stream that is complete in itself …
        assert_eq!(complaint(&make::gzip(&file[..file.len() - 3]), Kind::Images), expected);
        // … and a gzip stream cut off.
        let body: Vec<u8> = (0..40_000_u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
        let zipped = make::gzip(&make::labels(&body));
        let cut = complaint(&zipped[..zipped.len() / 2], Kind::Labels);
        assert!(cut.starts_with("is truncated: header promises 40000 labels"), "{cut}");
        assert!(complaint(&file[..9], Kind::Images).contains("ends within its header, after 9"));
    }

    #[test]
    fn damage_inside_gzip_is_noticed_by_its_checksum() {
        let mut zipped = make::gzip(&make::labels(&[1, 2, 3, 4, 5]));
        let crc = zipped.len() - 8;
        zipped[crc] ^= 1;
        assert!(complaint(&zipped, Kind::Labels).starts_with("is corrupt"));
    }

    #[test]
    fn surplus_bytes_are_an_error() {
        let mut file = make::labels(&[1, 2]);
        file.push(0);
        let expected = "is too long: header promises 2 labels = 2 bytes, and more follows";
        assert_eq!(complaint(&file, Kind::Labels), expected);
        assert_eq!(complaint(&make::gzip(&file), Kind::Labels), expected);
    }

    #[test]
    fn absurd_headers_are_refused_before_memory_is_asked_for() {
        let absurd = make::images(u32::MAX, u32::MAX, u32::MAX, &[0; 4]);
        assert!(complaint(&absurd, Kind::Images).ends_with("found 4"));
        let zipped = complaint(&make::gzip(&absurd), Kind::Images);
        assert!(zipped.contains("bytes can hold"), "{zipped}");
        let empty = make::images(0, 28, 28, &[]);
        assert_eq!(
            complaint(&empty, Kind::Images),
            "is empty: header promises 0 × 28 × 28 = 0 bytes"
        );
    }

    #[test]
    fn the_header_alone_gives_the_shape() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images");
        fs::write(&path, make::gzip(&make::images(1, 4, 5, &[0; 20]))).unwrap();
        let promise = read_header(&path, Kind::Images).unwrap();
        assert_eq!((promise.rows, promise.height, promise.width), (1, 4, 5));
        assert!(is_gzip(&path).unwrap());
    }

    #[test]
    fn a_missing_file_is_unreadable() {
        let folder = tempfile::tempdir().unwrap();
        let problem = read(&folder.path().join("nowhere"), Kind::Images).unwrap_err();
        assert!(matches!(problem, FileProblem::Unreadable(_)));
    }
}
