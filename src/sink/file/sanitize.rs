//! Names from the network as parts of file names: readable where they are honest, and harmless
//! where they are not.

use percent_encoding::percent_encode_byte;
use xxhash_rust::xxh3::xxh3_64;

/// File systems take 255 bytes, and number, suffixes and the ending of unfinished files follow.
const MAX_NAME_BYTES: usize = 128;

/// What an unfinished file ends in.
pub(super) const PARTIAL: &str = ".partial";

/// What stands for the collections that have no file of their own. No name becomes it.
pub(super) const OTHERS: &str = "_others";

/// The name with everything escaped as `%XX` that is no letter, digit, hyphen, inner underscore or
/// inner dot. Different names stay different: a long one is cut, and ends in a hash of all of it.
pub(super) fn sanitize(name: &[u8]) -> Vec<u8> {
    let mut safe = Vec::with_capacity(name.len());
    let ending = name.strip_suffix(PARTIAL.as_bytes()).map(<[u8]>::len);
    for (at, byte) in name.iter().enumerate() {
        let is_plain = match byte {
            b'.' => at > 0 && ending != Some(at),
            b'_' => at > 0,
            b'-' => true,
            byte => byte.is_ascii_alphanumeric(),
        };
        if is_plain {
            safe.push(*byte);
        } else {
            safe.extend_from_slice(percent_encode_byte(*byte).as_bytes());
        }
    }
    if safe.is_empty() {
        safe.push(b'_');
    }
    if safe.len() > MAX_NAME_BYTES {
        safe.truncate(MAX_NAME_BYTES - 17);
        safe.extend_from_slice(format!("%{:016x}", xxh3_64(name)).as_bytes());
    }
    safe
}

/// Whether [`sanitize`] could have made this.
pub(super) fn is_safe(name: &[u8]) -> bool {
    let is_usual =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'%');
    !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && name.first() != Some(&b'.')
        && name.iter().all(is_usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_honest_name_stays_as_it_is() {
        assert_eq!(sanitize(b"app.bsky.feed.post"), b"app.bsky.feed.post");
        assert_eq!(sanitize(b"com.example.a-b_C9"), b"com.example.a-b_C9");
    }

    #[test]
    fn no_name_leaves_the_folder_or_is_hidden_or_too_long() {
        let long = vec![b'a'; 300];
        let mut other = long.clone();
        other[299] = b'b';
        for name in [
            &b"../../etc/passwd"[..],
            b"..",
            b".",
            b".hidden",
            b"",
            b"/",
            b"a\0b",
            b"a\nb\x1b[2J",
            b"a%2Fb",
            b"x.partial",
            b"\xff\xfe",
            &long,
        ] {
            let safe = sanitize(name);
            assert!(is_safe(&safe), "{name:?}: {safe:?}");
            assert!(!safe.ends_with(PARTIAL.as_bytes()), "{safe:?}");
        }
        assert_eq!(sanitize(b"../a"), b"%2E.%2Fa");
        assert_ne!(sanitize(&long), sanitize(&other));
        assert!(is_safe(OTHERS.as_bytes()));
        assert_eq!(sanitize(b"_others"), b"%5Fothers");
        assert_ne!(sanitize(b""), sanitize(b"_"));
        assert_ne!(sanitize(b"a/b"), sanitize(b"a%2Fb"));
    }
}
