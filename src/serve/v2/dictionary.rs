//! The dictionary that we compress the v2 wire with: our own, trained on invented events, which
//! have the shape of real ones.
//!
//! A constant, so that its id names the same bytes in every process: clients keep it by its id for
//! as long as they like. The id follows from the bytes.

/// The dictionary itself. Made by the test below.
pub(in crate::serve) const DICTIONARY: &[u8] = include_bytes!("dictionary/demo.zdict");

/// The id in its header, and in every frame that is made with it.
pub(in crate::serve) const ID: u32 = match DICTIONARY {
    [_, _, _, _, a, b, c, d, ..] => u32::from_le_bytes([*a, *b, *c, *d]),
    _ => panic!("a dictionary has a header"),
};

/// Whether events can be compressed with it.
pub(in crate::serve) const IS_USED: bool = cfg!(feature = "zstd");

#[cfg(all(test, feature = "zstd"))]
mod tests {
    use std::{env, fs, num::NonZeroU32};

    use zstd::{dict::from_continuous, zstd_safe::get_dict_id_from_dict};

    use super::*;
    use crate::serve::{
        BlockBuilder, Demo, Feed,
        encoding::{Encoding, Wire},
    };

    /// Four times as much gains 5 %, and has every client fetch that much more.
    const MAX_BYTES: usize = 16 * 1024;

    /// Frames of events, back to back, and the length of each.
    fn frames(demo: &str, blocks: std::ops::Range<u64>) -> (Vec<u8>, Vec<usize>) {
        let demo = Demo::parse(demo).expect("a demo");
        let (mut bytes, mut sizes) = (Vec::new(), Vec::new());
        for index in blocks {
            let mut builder = BlockBuilder::new(false);
            assert!(
                demo.read(index, 1_790_000_000_000_000, &mut builder)
                    .expect("a block")
            );
            let block = builder.finish();
            for idx in 0..block.entries().len() {
                let frame = block.payload(idx, Wire::V2);
                bytes.extend_from_slice(frame);
                sizes.push(frame.len());
            }
        }
        (bytes, sizes)
    }

    #[test]
    fn the_dictionary_is_what_training_on_demo_makes() {
        let (samples, sizes) = frames("demo:?rate=max&seed=1", 0..15);
        let trained = from_continuous(&samples, &sizes, MAX_BYTES).unwrap();
        if env::var_os("UPDATE_GENERATED").is_some() {
            let path = concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/src/serve/v2/dictionary/demo.zdict"
            );
            fs::write(path, &trained).unwrap();
            return;
        }
        let hint = "the demo or the library is another: run with UPDATE_GENERATED=1";
        assert!(trained == DICTIONARY, "{hint}");
        let id = get_dict_id_from_dict(DICTIONARY).map(NonZeroU32::get);
        assert_eq!(id, Some(ID));
    }

    #[test]
    fn events_it_was_not_trained_on_are_a_third_with_it() {
        let demo = Demo::parse("demo:?rate=1000&seed=99").unwrap();
        let mut builder = BlockBuilder::new(false);
        demo.read(5, 1_790_000_000_000_000, &mut builder).unwrap();
        let block = builder.finish();
        let [plain, zstd] =
            [Encoding::V2, Encoding::V2Zstd].map(|encoding| block.frames(encoding).len());
        assert!(zstd * 3 < plain, "{zstd} of {plain} bytes");
    }
}
