//! Numbers as they lie in a file, the lowest byte first. What lies beyond the end is 0: who
//! reads has made sure of the length.

fn at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let found = bytes.get(at..).and_then(|bytes| bytes.first_chunk());
    found.copied().unwrap_or([0; N])
}

pub(super) fn u16_at(bytes: &[u8], from: usize) -> u16 {
    u16::from_le_bytes(at(bytes, from))
}

pub(super) fn u32_at(bytes: &[u8], from: usize) -> u32 {
    u32::from_le_bytes(at(bytes, from))
}

pub(super) fn u64_at(bytes: &[u8], from: usize) -> u64 {
    u64::from_le_bytes(at(bytes, from))
}

pub(super) fn i64_at(bytes: &[u8], from: usize) -> i64 {
    i64::from_le_bytes(at(bytes, from))
}
