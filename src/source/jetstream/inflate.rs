//! Compressed events: one binary message is one zstd frame, made with the dictionary of its wire.
//!
//! One context and one prepared dictionary serve every event, and the output goes straight into the
//! batch.

#[cfg(feature = "zstd")]
pub(super) use with_zstd::{Inflater, dictionary_id};
#[cfg(not(feature = "zstd"))]
pub(super) use without_zstd::{Inflater, dictionary_id};

#[cfg(feature = "zstd")]
mod with_zstd {
    use std::{fmt, io::Cursor};

    use zstd::zstd_safe::{self, DCtx, DDict};

    use super::super::dictionary::Dictionary;
    use crate::{
        event::BadEvent,
        wire::dictionary::{DICTIONARY, DICTIONARY_ID},
    };

    const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

    /// The room that is tried first for a frame that does not tell its size; the servers' are then
    /// below 256 bytes.
    const FIRST_ROOM: usize = 4096;

    /// Inflates events.
    pub(in super::super) struct Inflater {
        context: DCtx<'static>,
        dictionary: DDict<'static>,
        id: u32,
        cap: usize,
    }

    impl Inflater {
        /// Whether the server may be asked for compressed events.
        pub(in super::super) const AVAILABLE: bool = true;

        /// An inflater of the v1 wire that refuses events larger than `cap` bytes.
        pub(in super::super) fn new(cap: usize) -> Self {
            Self {
                context: DCtx::create(),
                dictionary: DDict::create(DICTIONARY),
                id: DICTIONARY_ID,
                cap,
            }
        }

        /// The same with another dictionary; `None` where it is damaged.
        pub(in super::super) fn with(cap: usize, dictionary: &Dictionary) -> Option<Self> {
            Some(Self {
                context: DCtx::create(),
                dictionary: DDict::try_create(dictionary.bytes())?,
                id: dictionary.id(),
                cap,
            })
        }

        /// Appends the inflated event to `out`, or leaves `out` as it was.
        pub(in super::super) fn inflate(
            &mut self,
            frame: &[u8],
            out: &mut Vec<u8>,
        ) -> Result<(), BadEvent> {
            if !frame.starts_with(&MAGIC) {
                return Err(BadEvent::NotZstd);
            }
            if zstd_safe::get_dict_id_from_frame(frame).is_some_and(|id| id.get() != self.id) {
                return Err(BadEvent::WrongDictionary);
            }
            let told =
                zstd_safe::get_frame_content_size(frame).map_err(|_| BadEvent::DamagedZstd)?;
            let start = out.len();
            let mut room = match told {
                Some(size) => usize::try_from(size).unwrap_or(usize::MAX),
                // Nothing else would show that there is a second frame behind the first.
                None if zstd_safe::find_frame_compressed_size(frame) != Ok(frame.len()) => {
                    return Err(BadEvent::DamagedZstd);
                }
                None => FIRST_ROOM.min(self.cap),
            };
            loop {
                if room > self.cap {
                    return Err(BadEvent::TooLarge);
                }
                // With room for the end of its line, so that a large one does not double the
                // buffer.
                out.reserve(room + 1);
                let mut target = Cursor::new(&mut *out);
                target.set_position(start as u64);
                match self
                    .context
                    .decompress_using_ddict(&mut target, frame, &self.dictionary)
                {
                    // More than the first frame tells can only be a second one behind it.
                    Ok(size) if told.is_some_and(|told| told != size as u64) => {
                        out.truncate(start);
                        return Err(BadEvent::DamagedZstd);
                    }
                    Ok(size) if size <= self.cap => return Ok(()),
                    Ok(_) => {
                        out.truncate(start);
                        return Err(BadEvent::TooLarge);
                    }
                    Err(code) => {
                        out.truncate(start);
                        if told.is_some() || !is_too_small(code) {
                            return Err(BadEvent::DamagedZstd);
                        }
                        room = if room == self.cap {
                            usize::MAX
                        } else {
                            (room * 8).min(self.cap)
                        };
                    }
                }
            }
        }
    }

    /// The id of the dictionary that a frame was made with.
    pub(in super::super) fn dictionary_id(frame: &[u8]) -> Option<u32> {
        zstd_safe::get_dict_id_from_frame(frame).map(std::num::NonZero::get)
    }

    /// Codes are only told apart by their text: the safe bindings export no constants.
    fn is_too_small(code: usize) -> bool {
        zstd_safe::get_error_name(code).contains("too small")
    }

    impl fmt::Debug for Inflater {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Inflater")
                .field("cap", &self.cap)
                .finish_non_exhaustive()
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn deflate(text: &[u8], dictionary: &[u8]) -> Vec<u8> {
            let mut compressor = zstd::bulk::Compressor::with_dictionary(3, dictionary).unwrap();
            compressor.include_contentsize(text.len() >= 256).unwrap();
            compressor.compress(text).unwrap()
        }

        fn inflate(frame: &[u8], cap: usize) -> Result<Vec<u8>, BadEvent> {
            let mut out = b"before".to_vec();
            let result = Inflater::new(cap).inflate(frame, &mut out);
            assert!(out.starts_with(b"before"));
            assert!(
                result.is_ok() || out.len() == 6,
                "a refused frame left something behind"
            );
            result.map(|()| out.split_off(6))
        }

        #[test]
        fn frames_with_and_without_a_size_inflate() {
            for len in [1, 200, 255, 256, 5000, 300_000] {
                let text = vec![b'x'; len];
                assert_eq!(inflate(&deflate(&text, DICTIONARY), 400_000), Ok(text));
            }
            let unsized_frame = {
                let mut compressor =
                    zstd::bulk::Compressor::with_dictionary(3, DICTIONARY).unwrap();
                compressor.include_contentsize(false).unwrap();
                compressor.compress(&vec![b'y'; 300_000]).unwrap()
            };
            assert_eq!(inflate(&unsized_frame, 300_000), Ok(vec![b'y'; 300_000]));
            assert_eq!(inflate(&unsized_frame, 299_999), Err(BadEvent::TooLarge));
        }

        #[test]
        fn what_comes_out_does_not_depend_on_the_room_there_is() {
            // Frames of 255 bytes and fewer do not tell their size.
            for len in [500, 255] {
                let two = deflate(&vec![b'x'; len], DICTIONARY).repeat(2);
                for room in [0, 10_000] {
                    let mut out = Vec::with_capacity(room);
                    let result = Inflater::new(10_000).inflate(&two, &mut out);
                    assert_eq!((result, out.len()), (Err(BadEvent::DamagedZstd), 0));
                }
            }
        }

        #[test]
        fn what_cannot_be_inflated_is_told_apart() {
            let good = deflate(&[b'z'; 1000], DICTIONARY);
            assert_eq!(inflate(b"{\"did\":1}", 10_000), Err(BadEvent::NotZstd));
            assert_eq!(
                inflate(&good[..good.len() - 1], 10_000),
                Err(BadEvent::DamagedZstd)
            );
            assert_eq!(inflate(&good, 999), Err(BadEvent::TooLarge));
            let mut other = good.clone();
            other[5] ^= 1;
            assert_eq!(inflate(&other, 10_000), Err(BadEvent::WrongDictionary));
            let mut flipped = good;
            let last = flipped.len() - 1;
            flipped[last] ^= 1;
            assert_eq!(inflate(&flipped, 10_000), Err(BadEvent::DamagedZstd));
        }
    }
}

#[cfg(not(feature = "zstd"))]
mod without_zstd {
    use super::super::dictionary::Dictionary;
    use crate::event::BadEvent;

    /// Stands in for the inflater in a build without zstd: compressed events are never asked for,
    /// and refused when they come.
    #[derive(Debug)]
    pub(in super::super) struct Inflater;

    impl Inflater {
        /// Whether the server may be asked for compressed events.
        pub(in super::super) const AVAILABLE: bool = false;

        /// An inflater that refuses everything.
        pub(in super::super) fn new(_cap: usize) -> Self {
            Self
        }

        /// The same.
        pub(in super::super) fn with(_cap: usize, _dictionary: &Dictionary) -> Option<Self> {
            None
        }

        /// Refuses.
        #[expect(clippy::unused_self, reason = "the signature of the real one")]
        pub(in super::super) fn inflate(
            &mut self,
            _frame: &[u8],
            _out: &mut Vec<u8>,
        ) -> Result<(), BadEvent> {
            Err(BadEvent::Compressed)
        }
    }

    /// Nobody compresses.
    pub(in super::super) fn dictionary_id(_frame: &[u8]) -> Option<u32> {
        None
    }
}
