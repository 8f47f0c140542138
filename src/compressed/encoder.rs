//! Lines compressed in pieces, each of them whole: what was written of a file is a valid file up to
//! the end of every piece.

use std::{fmt, io};

use super::FrameFormat;

/// How much work is put into a journal, which is read once or never: level 1 takes three times as
/// long, and makes three bytes where this makes five.
pub(crate) const JOURNAL_LEVEL: i32 = -12;

/// Compresses one piece after the other, for any number of files.
pub(crate) enum Encoder {
    Plain,
    #[cfg(feature = "gzip")]
    Gzip {
        level: flate2::Compression,
        out: Vec<u8>,
    },
    #[cfg(feature = "zstd")]
    Zstd {
        // Large, and one for all files.
        compressor: Box<zstd::bulk::Compressor<'static>>,
        out: Vec<u8>,
    },
}

impl Encoder {
    /// At this level, or the usual one. Fails where this build has no such compression, or there is
    /// no such level.
    pub(crate) fn new(form: FrameFormat, level: Option<i32>) -> io::Result<Self> {
        let (usual, highest) = match form {
            FrameFormat::Plain => return Ok(Self::Plain),
            FrameFormat::Gzip => (6, 9),
            FrameFormat::Zstd => (3, 22),
        };
        let level = level.unwrap_or(usual);
        if !(1..=highest).contains(&level) && level != JOURNAL_LEVEL {
            let text = format!("its levels are 1 to {highest}, and {level} is none of them");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        match form {
            FrameFormat::Plain => Ok(Self::Plain),
            #[cfg(feature = "gzip")]
            FrameFormat::Gzip => Ok(Self::Gzip {
                level: flate2::Compression::new(level.unsigned_abs()),
                out: Vec::new(),
            }),
            #[cfg(feature = "zstd")]
            FrameFormat::Zstd => {
                let mut compressor = zstd::bulk::Compressor::new(level)?;
                compressor.include_checksum(true)?;
                Ok(Self::Zstd {
                    compressor: Box::new(compressor),
                    out: Vec::new(),
                })
            }
            #[cfg(not(feature = "gzip"))]
            FrameFormat::Gzip => Err(missing("gzip")),
            #[cfg(not(feature = "zstd"))]
            FrameFormat::Zstd => Err(missing("zstd")),
        }
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.form() == FrameFormat::Plain
    }

    /// What comes out of it.
    pub(crate) fn form(&self) -> FrameFormat {
        match self {
            Self::Plain => FrameFormat::Plain,
            #[cfg(feature = "gzip")]
            Self::Gzip { .. } => FrameFormat::Gzip,
            #[cfg(feature = "zstd")]
            Self::Zstd { .. } => FrameFormat::Zstd,
        }
    }

    /// The lines as they are to be in the file: as one frame, or one member.
    #[cfg_attr(
        not(any(feature = "gzip", feature = "zstd")),
        expect(
            clippy::unnecessary_wraps,
            reason = "only compression can fail, and this build has none"
        )
    )]
    pub(crate) fn encode<'a>(&'a mut self, lines: &'a [u8]) -> io::Result<&'a [u8]> {
        match self {
            Self::Plain => Ok(lines),
            #[cfg(feature = "gzip")]
            Self::Gzip { level, out } => {
                out.clear();
                let mut encoder = flate2::write::GzEncoder::new(out, *level);
                io::Write::write_all(&mut encoder, lines)?;
                Ok(encoder.finish()?)
            }
            #[cfg(feature = "zstd")]
            Self::Zstd { compressor, out } => {
                out.clear();
                out.reserve(zstd::zstd_safe::compress_bound(lines.len()));
                compressor.compress_to_buffer(lines, out)?;
                Ok(out)
            }
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}

#[cfg(not(all(feature = "gzip", feature = "zstd")))]
fn missing(what: &str) -> io::Error {
    let text = format!("this build has no {what}");
    io::Error::new(io::ErrorKind::Unsupported, text)
}

#[cfg(all(test, feature = "gzip", feature = "zstd"))]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_there_is_not_is_refused() {
        for (form, highest) in [(FrameFormat::Gzip, 9), (FrameFormat::Zstd, 22)] {
            for level in [1, highest] {
                assert!(Encoder::new(form, Some(level)).is_ok(), "{form:?} {level}");
            }
            for level in [0, highest + 1] {
                let error = Encoder::new(form, Some(level)).unwrap_err().to_string();
                assert!(
                    error.contains(&format!("1 to {highest}, and {level}")),
                    "{error}"
                );
            }
        }
    }
}
