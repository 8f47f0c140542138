//! Compressed events: one zstd frame each, made with the dictionary of the v1 wire, inside one
//! binary WebSocket frame.

use std::ops::Range;

/// Compressed events as WebSocket frames, back to back.
#[derive(Debug, Default)]
pub(super) struct Deflated {
    frames: Vec<u8>,
    ends: Vec<u32>,
}

impl Deflated {
    pub(super) fn frames(&self) -> &[u8] {
        &self.frames
    }

    /// The place of an event's frame among the frames.
    pub(super) fn frame(&self, idx: usize) -> Range<usize> {
        let end = |idx: usize| self.ends.get(idx).map_or(0, |end| *end as usize);
        idx.checked_sub(1).map_or(0, end)..end(idx)
    }

    /// How much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.frames.len() + self.ends.len() * size_of::<u32>()
    }
}

/// Whether consumers can have compressed events.
pub(super) const AVAILABLE: bool = cfg!(feature = "zstd");

/// Compresses events.
#[cfg(feature = "zstd")]
pub(super) fn deflate<'a>(events: impl Iterator<Item = &'a [u8]>) -> Deflated {
    use std::sync::LazyLock;

    use zstd::zstd_safe::{CCtx, CDict, CParameter, compress_bound, get_error_name};

    use crate::wire::{
        dictionary::DICTIONARY,
        frame::{BINARY, push_header},
    };

    /// The fastest, as servers do (protocol reference, section 1.9).
    const LEVEL: i32 = 1;

    /// Smaller events do not tell their size (protocol reference, section 1.9).
    const TELLS_SIZE_FROM: usize = 256;

    static PREPARED: LazyLock<CDict<'static>> = LazyLock::new(|| CDict::create(DICTIONARY, LEVEL));

    let must = |result: Result<usize, usize>| match result {
        Ok(size) => size,
        Err(code) => panic!("zstd refuses what it always took: {}", get_error_name(code)),
    };
    let mut context = CCtx::create();
    must(context.set_parameter(CParameter::ChecksumFlag(true)));
    must(context.ref_cdict(&PREPARED));
    let mut deflated = Deflated::default();
    let mut frame = Vec::new();
    for event in events {
        let tells_size = event.len() >= TELLS_SIZE_FROM;
        must(context.set_parameter(CParameter::ContentSizeFlag(tells_size)));
        frame.clear();
        frame.reserve(compress_bound(event.len()));
        must(context.compress2(&mut frame, event));
        push_header(&mut deflated.frames, BINARY, frame.len());
        deflated.frames.extend_from_slice(&frame);
        let end = u32::try_from(deflated.frames.len());
        deflated.ends.push(end.unwrap_or(u32::MAX));
    }
    deflated
}

/// Compresses nothing: consumers cannot ask for it in a build without zstd.
#[cfg(not(feature = "zstd"))]
pub(super) fn deflate<'a>(_events: impl Iterator<Item = &'a [u8]>) -> Deflated {
    Deflated::default()
}

#[cfg(all(test, feature = "zstd"))]
mod tests {
    use zstd::{bulk::Decompressor, zstd_safe::get_frame_content_size};

    use super::*;
    use crate::wire::dictionary::DICTIONARY;

    #[test]
    fn frames_are_those_of_the_wire() {
        let events: Vec<Vec<u8>> = [10, 255, 256, 5000].map(|len| vec![b'x'; len]).into();
        let deflated = deflate(events.iter().map(Vec::as_slice));
        let mut decompressor = Decompressor::with_dictionary(DICTIONARY).unwrap();
        for (idx, event) in events.iter().enumerate() {
            let frame = &deflated.frames()[deflated.frame(idx)];
            assert_eq!(frame[0], 0x82);
            let zstd = &frame[2..];
            assert_eq!(decompressor.decompress(zstd, 10_000).unwrap(), *event);
            // Four bytes of magic number, the descriptor with the checksum's bit, and a dictionary
            // id of four bytes.
            assert_eq!(zstd[4] & 0b111, 0b111, "{idx}");
            let told = get_frame_content_size(zstd).unwrap();
            let expected = (event.len() >= 256).then_some(event.len() as u64);
            assert_eq!(told, expected, "{idx}");
        }
        assert_eq!(deflated.frame(3).end, deflated.frames().len());
    }
}
