//! The frame of a block, inflated: only where it has a checksum of what is in it, since nothing
//! else protects blocks.

use std::{fmt, io::Cursor};

use zstd::zstd_safe::{self, DCtx};

use super::error::{Damage, Fault};

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// The bit of the byte after the magic that says that a checksum follows the content.
const HAS_CHECKSUM: u8 = 1 << 2;

/// The bits that say that a dictionary is needed.
const HAS_DICTIONARY: u8 = 0b11;

/// As much is made room for on a mere claim. Blocks of servers have 1.3 MB.
pub(crate) const USUAL_BYTES: u64 = 16 * 1024 * 1024;

/// The most that a block may hold inflated, unless another limit is asked for.
pub const MAX_BLOCK_BYTES: u64 = 256 * 1024 * 1024;

/// The room that is tried first for a frame that does not say how much is in it.
const FIRST_ROOM: u64 = 4096;

/// Inflates frames, one after the other, with one context.
pub(crate) struct BlockInflater {
    context: DCtx<'static>,
}

impl fmt::Debug for BlockInflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockInflater").finish_non_exhaustive()
    }
}

impl Default for BlockInflater {
    fn default() -> Self {
        Self {
            context: DCtx::create(),
        }
    }
}

impl BlockInflater {
    /// Replaces `out` by what is in the frame, which is `expected` bytes where that is known, and
    /// at most `limit`. Beyond [`USUAL_BYTES`] room is made only for what comes.
    pub(crate) fn inflate(
        &mut self,
        frame: &[u8],
        expected: Option<u32>,
        limit: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        out.clear();
        let told = look_at(frame)?;
        let size = match (told, expected.map(u64::from)) {
            (Some(told), Some(expected)) if told != expected => return Err(Damage::Length.into()),
            (told, expected) => expected.or(told),
        };
        if let Some(bytes) = size.filter(|bytes| *bytes > limit) {
            return Err(Fault::TooLarge { bytes, limit });
        }
        let most = size.unwrap_or(limit);
        let mut room = size.unwrap_or(FIRST_ROOM).min(USUAL_BYTES).min(most);
        loop {
            out.reserve(usize::try_from(room).unwrap_or(usize::MAX));
            match self.context.decompress(&mut Cursor::new(&mut *out), frame) {
                Ok(n) if size.is_some_and(|size| size != n as u64) => {
                    return Err(Damage::Length.into());
                }
                Ok(n) if n as u64 > limit => {
                    let bytes = n as u64;
                    return Err(Fault::TooLarge { bytes, limit });
                }
                Ok(_) => return Ok(()),
                Err(code) if is_too_small(code) && room < most => {
                    room = room.saturating_mul(4).min(most);
                }
                Err(code) if is_too_small(code) && size.is_none() => {
                    let bytes = limit.saturating_add(1);
                    return Err(Fault::TooLarge { bytes, limit });
                }
                Err(_) => return Err(Damage::Zstd.into()),
            }
        }
    }
}

/// How much the frame says is in it; an error unless it is exactly one frame with a checksum.
fn look_at(frame: &[u8]) -> Result<Option<u64>, Damage> {
    let descriptor = frame.get(ZSTD_MAGIC.len()).copied().unwrap_or_default();
    if !frame.starts_with(&ZSTD_MAGIC) || descriptor & HAS_DICTIONARY != 0 {
        return Err(Damage::Frame);
    }
    if descriptor & HAS_CHECKSUM == 0 {
        return Err(Damage::Unchecked);
    }
    if zstd_safe::find_frame_compressed_size(frame) != Ok(frame.len()) {
        return Err(Damage::Frame);
    }
    zstd_safe::get_frame_content_size(frame).map_err(|_| Damage::Frame)
}

/// The longest frame of this many bytes, however little they compress.
pub(crate) fn max_frame_bytes(bytes: u64) -> u64 {
    bytes + bytes / 64 + 1024
}

/// Whether a whole frame comes first, whatever follows it.
pub(crate) fn begins_with_frame(bytes: &[u8]) -> bool {
    bytes.starts_with(&ZSTD_MAGIC) && zstd_safe::find_frame_compressed_size(bytes).is_ok()
}

fn is_too_small(code: usize) -> bool {
    zstd_safe::get_error_name(code) == "Destination buffer is too small"
}
