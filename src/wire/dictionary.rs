//! The dictionary that events are compressed with on the v1 wire.

/// The dictionary itself (protocol reference, section 1.9). Not served by any endpoint, so it is
/// part of the program.
pub(crate) const DICTIONARY: &[u8] = include_bytes!("dictionary/v1.zdict");

/// The id in the dictionary's header and in every frame made with it.
pub(crate) const DICTIONARY_ID: u32 = 1_612_007_021;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use zstd::zstd_safe::get_dict_id_from_dict;

    use super::*;

    #[test]
    fn the_dictionary_is_the_one_of_the_wire() {
        assert_eq!(DICTIONARY.len(), 112_640);
        let id = get_dict_id_from_dict(DICTIONARY).map(NonZeroU32::get);
        assert_eq!(id, Some(DICTIONARY_ID));
        let hash = ring::digest::digest(&ring::digest::SHA256, DICTIONARY);
        let expected = "b8d77b46933aceecbdd5275a01241efc985c970c78162b8150cf67a26522f70c";
        assert_eq!(data_encoding::HEXLOWER.encode(hash.as_ref()), expected);
    }
}
