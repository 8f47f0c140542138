//! Compressed events: one zstd frame each, made with the dictionary of their wire, inside one
//! binary WebSocket frame.

use super::{encoding::Wire, frames::Frames};

/// Whether consumers can have compressed events.
pub(super) const AVAILABLE: bool = cfg!(feature = "zstd");

/// Compresses events. One of no bytes gets no frame.
#[cfg(feature = "zstd")]
pub(super) fn deflate<'a>(wire: Wire, events: impl Iterator<Item = &'a [u8]>) -> Frames {
    use std::sync::LazyLock;

    use zstd::zstd_safe::{CCtx, CDict, CParameter, compress_bound, get_error_name};

    use super::v2;
    use crate::wire::{dictionary::DICTIONARY, frame::BINARY};

    /// The fastest, as servers do (protocol reference, section 1.9).
    const LEVEL: i32 = 1;

    /// Smaller events do not tell their size (protocol reference, section 1.9).
    const MIN_SIZED_BYTES: usize = 256;

    static OF_V1: LazyLock<CDict<'static>> = LazyLock::new(|| CDict::create(DICTIONARY, LEVEL));

    static OF_V2: LazyLock<CDict<'static>> =
        LazyLock::new(|| CDict::create(v2::dictionary::DICTIONARY, LEVEL));

    let must = |result: Result<usize, usize>| match result {
        Ok(size) => size,
        Err(code) => panic!("zstd refuses what it always took: {}", get_error_name(code)),
    };
    let mut context = CCtx::create();
    must(context.set_parameter(CParameter::ChecksumFlag(true)));
    must(context.ref_cdict(match wire {
        Wire::V1 => &OF_V1,
        Wire::V2 => &OF_V2,
    }));
    let mut frames = Frames::default();
    let mut frame = Vec::new();
    for event in events {
        if event.is_empty() {
            frames.push(BINARY, None);
            continue;
        }
        let has_size = event.len() >= MIN_SIZED_BYTES;
        must(context.set_parameter(CParameter::ContentSizeFlag(has_size)));
        frame.clear();
        frame.reserve(compress_bound(event.len()));
        must(context.compress2(&mut frame, event));
        frames.push(BINARY, Some(&frame));
    }
    frames
}

/// Compresses nothing: consumers cannot ask for it in a build without zstd.
#[cfg(not(feature = "zstd"))]
pub(super) fn deflate<'a>(_wire: Wire, _events: impl Iterator<Item = &'a [u8]>) -> Frames {
    Frames::default()
}

#[cfg(all(test, feature = "zstd"))]
mod tests {
    use zstd::{bulk::Decompressor, zstd_safe::get_frame_content_size};

    use super::*;
    use crate::wire::dictionary::DICTIONARY;

    #[test]
    fn frames_are_those_of_the_wire() {
        let events: Vec<Vec<u8>> = [10, 255, 256, 0, 5000].map(|len| vec![b'x'; len]).into();
        for (wire, dictionary) in [
            (Wire::V1, DICTIONARY),
            (Wire::V2, crate::serve::v2::dictionary::DICTIONARY),
        ] {
            let frames = deflate(wire, events.iter().map(Vec::as_slice));
            let mut decompressor = Decompressor::with_dictionary(dictionary).unwrap();
            for (idx, event) in events.iter().enumerate() {
                let frame = &frames.all()[frames.frame(idx)];
                if event.is_empty() {
                    assert!(frame.is_empty());
                    continue;
                }
                assert_eq!(frame[0], 0x82);
                let zstd = &frame[2..];
                assert_eq!(decompressor.decompress(zstd, 10_000).unwrap(), *event);
                // Four bytes of magic number, the descriptor with the checksum's bit, and a
                // dictionary id of four bytes.
                assert_eq!(zstd[4] & 0b111, 0b111, "{idx}");
                let size = get_frame_content_size(zstd).unwrap();
                let expected = (event.len() >= 256).then_some(event.len() as u64);
                assert_eq!(size, expected, "{idx}");
            }
            assert_eq!(frames.frame(4).end, frames.all().len());
        }
    }
}
