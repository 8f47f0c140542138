//! What a bucket and a key in it are called.

use std::fmt;

use super::KvCursorError;
use crate::log::address::without_secrets;

/// The longest name of a bucket: that of its stream begins with `KV_`, and a server takes 255 bytes.
const MAX_BUCKET_BYTES: usize = 252;

/// The longest key: it is a part of subjects.
const MAX_KEY_BYTES: usize = 1024;

/// A bucket and a key, and how messages call them.
#[derive(Debug, Clone)]
pub(super) struct KeyName {
    pub(super) bucket: String,
    pub(super) key: String,
    shown: String,
}

impl KeyName {
    pub(super) fn new(servers: &str, bucket: String, key: String) -> Self {
        let shown = format!("{servers}/{}", without_secrets(&format!("{bucket}/{key}")));
        Self { bucket, key, shown }
    }

    /// Whether both can be called so.
    pub(super) fn check(&self) -> Result<(), KvCursorError> {
        let Self { bucket, key, .. } = self;
        let is_bucket = (1..=MAX_BUCKET_BYTES).contains(&bucket.len())
            && bucket
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let is_key = key.len() <= MAX_KEY_BYTES
            && key.split('.').all(|word| !word.is_empty())
            && key
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_/=.".contains(&byte));
        if is_bucket && is_key {
            return Ok(());
        }
        let name = without_secrets(&format!("{bucket}/{key}"));
        Err(KvCursorError::NoName(name))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_and_a_key_are_of_some_characters_alone() {
        let name = |bucket: &str, key: &str| KeyName::new("s", bucket.into(), key.into());
        for (bucket, key) in [("cursors", "feed.1_of_4"), ("b", "a/b=c")] {
            let name = name(bucket, key);
            assert!(name.check().is_ok(), "{name}");
            assert_eq!(name.to_string(), format!("s/{bucket}/{key}"));
        }
        for (bucket, key) in [
            ("b", ""),
            ("", "k"),
            ("b", ".k"),
            ("b", "k."),
            ("b", "a..b"),
            ("b", "ä"),
            ("b.c", "k"),
            ("b", "*"),
            (&"b".repeat(253), "k"),
        ] {
            assert!(name(bucket, key).check().is_err(), "{bucket} {key}");
        }
        let error = name("me:geheim@host", "b/k").check().unwrap_err();
        assert!(!format!("{error:?} {error}").contains("geheim"), "{error}");
    }
}
