//! Compressed files, frame by frame (zstd) or member by member (gzip): what is in them, and how
//! much of them is whole.

mod encoder;

use std::{
    io::{self, BufRead, Read},
    path::Path,
};

pub(crate) use self::encoder::{Encoder, JOURNAL_LEVEL};

/// How much of a frame is inflated at once.
const READ_BYTES: usize = 64 * 1024;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameFormat {
    /// Not at all.
    Plain,
    /// In members of gzip.
    Gzip,
    /// In frames of zstd.
    Zstd,
}

impl FrameFormat {
    /// What the suffix says.
    pub fn of(path: &Path) -> Self {
        Self::of_suffix(path.extension().unwrap_or_default().as_encoded_bytes())
    }

    pub(crate) fn of_suffix(suffix: &[u8]) -> Self {
        match suffix {
            b"gz" => Self::Gzip,
            b"zst" => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// A frame with nothing in it, since a file without a frame cannot be inflated.
    pub fn empty(self) -> &'static [u8] {
        match self {
            Self::Plain => b"",
            Self::Gzip => b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x03\0\0\0\0\0\0\0\0\0",
            Self::Zstd => b"\x28\xb5\x2f\xfd\x24\0\x01\0\0\x99\xe9\xd8\x51",
        }
    }

    /// What each frame begins with.
    pub fn magic(self) -> &'static [u8] {
        match self {
            Self::Plain => b"",
            Self::Gzip => &[0x1f, 0x8b, 8],
            Self::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
        }
    }
}

/// The frames of a compressed file.
#[derive(Debug)]
pub struct Frames<R> {
    form: FrameFormat,
    reader: Counted<R>,
    whole: u64,
}

impl<R: BufRead> Frames<R> {
    /// The reader begins with a frame.
    pub fn new(form: FrameFormat, reader: R) -> Self {
        Self {
            form,
            reader: Counted { reader, n: 0 },
            whole: 0,
        }
    }

    /// How many bytes belong to frames that were read to their end.
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// Reads the next frame to its end, and gives away what is in it as it comes. Returns whether
    /// there was one.
    pub fn read(&mut self, give: &mut impl FnMut(&[u8])) -> io::Result<bool> {
        if self.reader.fill_buf()?.is_empty() {
            return Ok(false);
        }
        match self.form {
            FrameFormat::Plain => copy(&mut self.reader, give)?,
            FrameFormat::Gzip => gunzip(&mut self.reader, give)?,
            FrameFormat::Zstd => inflate(&mut self.reader, give)?,
        }
        self.whole = self.reader.n;
        Ok(true)
    }
}

fn copy(reader: &mut impl Read, give: &mut impl FnMut(&[u8])) -> io::Result<()> {
    let mut chunk = vec![0; READ_BYTES];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(n) => give(chunk.get(..n).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(feature = "gzip")]
fn gunzip(reader: &mut impl BufRead, give: &mut impl FnMut(&[u8])) -> io::Result<()> {
    copy(&mut flate2::bufread::GzDecoder::new(reader), give)
}

#[cfg(not(feature = "gzip"))]
fn gunzip(_: &mut impl BufRead, _: &mut impl FnMut(&[u8])) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this build has no gzip",
    ))
}

#[cfg(feature = "zstd")]
fn inflate(reader: &mut impl BufRead, give: &mut impl FnMut(&[u8])) -> io::Result<()> {
    let decoder = zstd::stream::read::Decoder::with_buffer(reader)?;
    copy(&mut decoder.single_frame(), give)
}

#[cfg(not(feature = "zstd"))]
fn inflate(_: &mut impl BufRead, _: &mut impl FnMut(&[u8])) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this build has no zstd",
    ))
}

/// What is in these bytes; `None` where it is more than `most`.
#[cfg(all(feature = "http", feature = "serve"))]
pub(crate) fn inflated(
    form: FrameFormat,
    bytes: &[u8],
    most: usize,
) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    let limit = most as u64 + 1;
    match form {
        FrameFormat::Plain => bytes.take(limit).read_to_end(&mut text)?,
        #[cfg(feature = "gzip")]
        FrameFormat::Gzip => {
            let decoder = flate2::bufread::MultiGzDecoder::new(bytes);
            decoder.take(limit).read_to_end(&mut text)?
        }
        #[cfg(feature = "zstd")]
        FrameFormat::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(bytes)?;
            decoder.take(limit).read_to_end(&mut text)?
        }
        #[cfg(not(all(feature = "gzip", feature = "zstd")))]
        _ => return Err(io::ErrorKind::Unsupported.into()),
    };
    Ok((text.len() <= most).then_some(text))
}

/// Counts what is read.
#[derive(Debug)]
struct Counted<R> {
    reader: R,
    n: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(out)?;
        self.n += n as u64;
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.n += n as u64;
        self.reader.consume(n);
    }
}

#[cfg(test)]
#[cfg(all(feature = "gzip", feature = "zstd"))]
mod tests {
    use std::io::Write;

    use super::*;

    fn frame(form: FrameFormat, text: &[u8]) -> Vec<u8> {
        match form {
            FrameFormat::Plain => text.to_vec(),
            FrameFormat::Gzip => {
                let level = flate2::Compression::default();
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            FrameFormat::Zstd => {
                let mut compressor = zstd::bulk::Compressor::new(3).unwrap();
                compressor.include_checksum(true).unwrap();
                compressor.compress(text).unwrap()
            }
        }
    }

    #[test]
    fn an_empty_frame_is_the_one_that_is_made_of_nothing() {
        for form in [FrameFormat::Gzip, FrameFormat::Zstd] {
            let mut frames = Frames::new(form, form.empty());
            assert!(frames.read(&mut |text| assert!(text.is_empty())).unwrap());
            assert!(!frames.read(&mut |_| {}).unwrap());
            assert_eq!(frames.whole(), form.empty().len() as u64);
        }
        assert_eq!(FrameFormat::Zstd.empty(), frame(FrameFormat::Zstd, b""));
        assert_eq!(FrameFormat::Gzip.empty(), frame(FrameFormat::Gzip, b""));
        assert!(FrameFormat::Plain.empty().is_empty());
    }

    #[test]
    fn a_torn_file_is_whole_up_to_its_last_whole_frame() {
        for form in [FrameFormat::Gzip, FrameFormat::Zstd] {
            let parts = ["one ".repeat(50_000), "two".to_owned(), "three".repeat(9)];
            let frames: Vec<_> = parts
                .iter()
                .map(|part| frame(form, part.as_bytes()))
                .collect();
            let all = frames.concat();
            let ends = [
                0,
                frames[0].len(),
                frames[0].len() + frames[1].len(),
                all.len(),
            ];
            for cut in 0..=all.len() {
                let text = io::BufReader::with_capacity(7, &all[..cut]);
                let mut reader = Frames::new(form, text);
                let mut found = Vec::new();
                let result = loop {
                    match reader.read(&mut |part| found.extend_from_slice(part)) {
                        Ok(true) => {}
                        Ok(false) => break true,
                        Err(_) => break false,
                    }
                };
                let whole = *ends.iter().rfind(|end| **end <= cut).unwrap();
                assert_eq!(reader.whole(), whole as u64, "{form:?} cut at {cut}");
                assert_eq!(result, whole == cut, "{form:?} cut at {cut}");
                assert!(parts.concat().as_bytes().starts_with(&found));
            }
        }
    }
}
