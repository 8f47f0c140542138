//! Events as the v1 wire compresses them.

use zstd::bulk::Compressor;

/// The dictionary of the wire.
pub const DICTIONARY: &[u8] = include_bytes!("../../../src/wire/dictionary/v1.zdict");

/// One zstd frame made with the dictionary. It tells its size only where `tells_size`; servers tell
/// it from 256 bytes on.
pub fn compress(text: &str, tells_size: bool) -> Vec<u8> {
    compress_with(DICTIONARY, text, tells_size)
}

/// One zstd frame made with a dictionary of another id.
pub fn compress_otherwise(text: &str) -> Vec<u8> {
    let mut other = DICTIONARY.to_vec();
    // Four bytes of magic number, then the id.
    other[4] ^= 1;
    compress_with(&other, text, true)
}

/// A dictionary of this id, which is that of the v1 wire in all else.
pub fn dictionary(id: u32) -> Vec<u8> {
    let mut dictionary = DICTIONARY.to_vec();
    dictionary[4..8].copy_from_slice(&id.to_le_bytes());
    dictionary
}

/// One zstd frame made with a dictionary.
pub fn compress_with(dictionary: &[u8], text: &str, tells_size: bool) -> Vec<u8> {
    let mut compressor = Compressor::with_dictionary(3, dictionary).unwrap();
    compressor.include_contentsize(tells_size).unwrap();
    compressor.compress(text.as_bytes()).unwrap()
}
