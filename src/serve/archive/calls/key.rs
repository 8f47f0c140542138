//! The key that calls have to carry, of which only a hash is kept.

use sha2::{Digest, Sha256};

use crate::{serve::answer::Answer, wire::http::Headers};

/// A key, as what it cannot be had from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key([u8; 32]);

/// What a call says of who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential {
    None,
    Bearer(Key),
    /// Something else.
    Other,
}

impl Key {
    pub(super) fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }
}

impl Credential {
    pub(super) fn of(headers: &Headers<'_>) -> Self {
        const SCHEME: &[u8] = b"bearer ";
        let Some(value) = headers.values("authorization").next() else {
            return Self::None;
        };
        match value.split_at_checked(SCHEME.len()) {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case(SCHEME) => {
                Self::Bearer(Key::of(key.trim_ascii()))
            }
            _ => Self::Other,
        }
    }
}

/// What a call without the key is answered, as the public servers do.
pub(super) fn refused() -> Answer {
    let body = br#"{"error":"invalid bearer credential"}"#;
    Answer::new(401, "application/json", body.as_slice()).header("WWW-Authenticate", "Bearer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_what_follows_the_scheme() {
        let of = |value: &'static str| {
            Credential::of(&Headers::from_iter([("Authorization", value.as_bytes())]))
        };
        let key = Credential::Bearer(Key::of(b"secret"));
        assert_eq!(of("Bearer secret"), key);
        assert_eq!(of("bearer  secret "), key);
        assert_ne!(of("Bearer other"), key);
        assert_eq!(of("Basic secret"), Credential::Other);
        assert_eq!(Credential::of(&Headers::from_iter([])), Credential::None);
        assert!(!format!("{key:?}").contains("secret"));
    }
}
