//! A recording as an ordinary file that can be read at any place: itself, or a copy that is gone
//! with the process.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::serve::unnamed;

/// Opens a recording; `-` is stdin. Pipes and compressed files are copied.
pub(super) fn open(path: &Path) -> io::Result<File> {
    if path == Path::new("-") {
        return copy(&mut io::stdin().lock());
    }
    let mut file = File::open(path)?;
    match path.extension().and_then(|suffix| suffix.to_str()) {
        Some("zst") => inflate(file),
        Some("gz") => gunzip(file),
        _ if file.metadata()?.is_file() => Ok(file),
        _ => copy(&mut file),
    }
}

#[cfg(feature = "gzip")]
fn gunzip(file: File) -> io::Result<File> {
    // A file may have several members, one behind the other.
    copy(&mut flate2::read::MultiGzDecoder::new(file))
}

#[cfg(not(feature = "gzip"))]
fn gunzip(_: File) -> io::Result<File> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "it is compressed, and this build has no gzip",
    ))
}

#[cfg(feature = "zstd")]
fn inflate(file: File) -> io::Result<File> {
    copy(&mut zstd::stream::read::Decoder::new(file)?)
}

#[cfg(not(feature = "zstd"))]
fn inflate(_: File) -> io::Result<File> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "it is compressed, and this build has no zstd",
    ))
}

/// Copies to a file without a name.
pub(super) fn copy(from: &mut impl Read) -> io::Result<File> {
    let mut spool = unnamed::file()?;
    match io::copy(from, &mut spool) {
        // The end of a compressed recording is torn when its writer was killed; what is before it
        // is good.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(spool),
    }
}
