//! Signatures of requests, as Standard Webhooks has them: an id, a time, and a hash for each secret.

use std::fmt;

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER};
#[cfg(feature = "serve")]
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use ring::{
    digest::{self, SHA256},
    hmac::{self, HMAC_SHA256},
};

use crate::{error::ParseError, event::Event};

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What a secret begins with, and how many bytes it is of.
const PREFIX: &str = "whsec_";
const MIN_BYTES: usize = 24;
const MAX_BYTES: usize = 64;

/// As many as there are while one takes the other's place.
const MAX_SECRETS: usize = 2;

/// How much of a hash an id has.
const ID_BYTES: usize = 16;

/// What a request is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestId([u8; ID_BYTES]);

/// Why a text holds no secrets. It is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum SecretError {
    #[error("there is no secret in it")]
    None,
    #[error("there are more than {MAX_SECRETS} secrets in it")]
    TooMany,
    #[error("a secret begins with {PREFIX}, and this one does not")]
    Prefix,
    #[error("what follows {PREFIX} is not Base64")]
    Base64,
    #[error("a secret has {MIN_BYTES} to {MAX_BYTES} bytes, and this one has {0}")]
    Length(usize),
}

/// The secrets that requests are signed with. They are never shown.
#[derive(Clone)]
pub struct SigningSecrets(Vec<hmac::Key>);

impl SigningSecrets {
    /// Reads one secret (`whsec_…`), or two while one takes the other's place: blanks or line ends
    /// separate them.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let keys: Result<Vec<_>, _> = text.split_whitespace().map(key).collect();
        let keys = keys.map_err(ParseError::new)?;
        match keys.len() {
            0 => Err(ParseError::new(SecretError::None)),
            1..=MAX_SECRETS => Ok(Self(keys)),
            _ => Err(ParseError::new(SecretError::TooMany)),
        }
    }

    /// The headers of a request with this id and body, sent at this time, in seconds since 1970.
    pub(super) fn headers(
        &self,
        id: &str,
        seconds: u64,
        body: &[u8],
    ) -> Vec<(HeaderName, HeaderValue)> {
        let seconds = seconds.to_string();
        let signatures = self.0.iter().map(|key| {
            let mut mac = hmac::Context::with_key(key);
            for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
                mac.update(part);
            }
            format!("v1,{}", BASE64.encode(mac.sign().as_ref()))
        });
        let signatures = signatures.collect::<Vec<_>>().join(" ");
        let values = [(ID, id), (TIMESTAMP, &seconds), (SIGNATURE, &signatures)];
        let values = values.into_iter();
        values
            .filter_map(|(name, value)| Some((name, HeaderValue::from_str(value).ok()?)))
            .collect()
    }
}

/// How far the clocks of the two sides may differ.
#[cfg(feature = "serve")]
const TOLERANCE_SECONDS: u64 = 5 * 60;

/// Why a request is not known to be from who has a secret.
#[cfg(feature = "serve")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsigned {
    #[error("there is no header {0}")]
    Missing(&'static str),
    #[error("its time is {0} seconds from now, and may be {TOLERANCE_SECONDS}")]
    Time(u64),
    #[error("no signature in it is of one of the secrets")]
    Signature,
}

#[cfg(feature = "serve")]
impl SigningSecrets {
    /// Checks that a request was signed with one of these, not long before this time.
    pub(crate) fn verify(
        &self,
        headers: &HeaderMap,
        seconds: u64,
        body: &[u8],
    ) -> Result<(), Unsigned> {
        let value = |name: &HeaderName, shown| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.ok_or(Unsigned::Missing(shown))
        };
        let id = value(&ID, "webhook-id")?;
        let time = value(&TIMESTAMP, "webhook-timestamp")?;
        let signatures = value(&SIGNATURE, "webhook-signature")?;
        let sent: u64 = time
            .parse()
            .map_err(|_| Unsigned::Missing("webhook-timestamp that is a time"))?;
        if sent.abs_diff(seconds) > TOLERANCE_SECONDS {
            return Err(Unsigned::Time(sent.abs_diff(seconds)));
        }
        let signed = [id.as_bytes(), b".", time.as_bytes(), b".", body].concat();
        let is_of_ours = |signature: &str| {
            let hash = signature.strip_prefix("v1,")?;
            let hash = BASE64.decode(hash.as_bytes()).ok()?;
            let mut keys = self.0.iter();
            keys.find(|key| hmac::verify(key, &signed, &hash).is_ok())
        };
        let mut signatures = signatures.split(' ');
        signatures
            .find_map(is_of_ours)
            .map(drop)
            .ok_or(Unsigned::Signature)
    }
}

impl fmt::Debug for SigningSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecrets")
    }
}

fn key(word: &str) -> Result<hmac::Key, SecretError> {
    let text = word.strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
    let text = text.trim_end_matches('=');
    let bytes = BASE64_NOPAD.decode(text.as_bytes());
    let bytes = bytes.map_err(|_| SecretError::Base64)?;
    if !(MIN_BYTES..=MAX_BYTES).contains(&bytes.len()) {
        return Err(SecretError::Length(bytes.len()));
    }
    Ok(hmac::Key::new(HMAC_SHA256, &bytes))
}

impl RequestId {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<[u8; ID_BYTES]> for RequestId {
    fn from(bytes: [u8; ID_BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "msg_{}", HEXLOWER.encode(&self.0))
    }
}

/// The id of a request: a hash over which events are in it, in their order. The same events have the
/// same id whenever they are sent, and others have another.
pub(super) fn id_of<'a>(events: impl Iterator<Item = Event<'a>>) -> RequestId {
    let mut hash = digest::Context::new(&SHA256);
    for event in events {
        add(&event, &mut hash);
    }
    let hash = hash.finish();
    let hash = hash.as_ref().first_chunk();
    RequestId(hash.copied().unwrap_or_default())
}

/// What makes an event the one that it is. Its time and its number may be others when it comes
/// again. None of the parts has a NUL in it that is not escaped.
fn add(event: &Event<'_>, hash: &mut digest::Context) {
    let operation = event.operation().map_or("", |operation| operation.as_str());
    let identity = event.point().identity;
    let identity = identity.map_or(String::new(), |identity| identity.to_string());
    for part in [
        event.kind().as_str(),
        event.did(),
        event.rev(),
        event.collection(),
        event.rkey(),
        operation,
        &identity,
    ] {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqTwjUPD8ILPZIo2LaLaSw0";

    fn headers(secrets: &str) -> Vec<String> {
        let secrets = SigningSecrets::parse(secrets).unwrap();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let headers = secrets.headers(id, 1_614_265_330, br#"{"test": 2432232314}"#);
        let headers = headers.into_iter();
        headers
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect()
    }

    /// The signature is that of the library `standardwebhooks` of Python.
    #[test]
    fn a_request_is_signed_as_others_sign_it() {
        let signature = "v1,Oz8aisYF6/eeSFeR9+b3XltqOfhWWILI76FX+W4K5jo=";
        assert_eq!(
            headers(SECRET),
            [
                "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
                "webhook-timestamp: 1614265330",
                &format!("webhook-signature: {signature}"),
            ]
        );
        let two = format!("whsec_{}\n{SECRET}\n", BASE64.encode(&[7; 32]));
        let both = &headers(&two)[2];
        assert!(both.ends_with(&format!(" {signature}")) && both.matches("v1,").count() == 2);
    }

    #[cfg(feature = "serve")]
    #[test]
    fn a_signature_counts_for_its_body_its_secret_and_its_time() {
        let of = |text: &str| SigningSecrets::parse(text).unwrap();
        let other = format!("whsec_{}", BASE64.encode(&[7; 32]));
        let both = format!("{other} {SECRET}");
        let headers: HeaderMap = of(&both)
            .headers("msg_1", 1000, b"body")
            .into_iter()
            .collect();
        for secrets in [SECRET, &other, &both] {
            assert_eq!(of(secrets).verify(&headers, 1300, b"body"), Ok(()));
        }
        let check = |seconds, body| of(SECRET).verify(&headers, seconds, body);
        assert_eq!(check(1000, b"bodY"), Err(Unsigned::Signature));
        assert_eq!(check(699, b"body"), Err(Unsigned::Time(301)));
        assert_eq!(check(1301, b"body"), Err(Unsigned::Time(301)));
        let third = format!("whsec_{}", BASE64.encode(&[8; 32]));
        let foreign = of(&third).verify(&headers, 1000, b"body");
        assert_eq!(foreign, Err(Unsigned::Signature));
        let none = of(SECRET).verify(&HeaderMap::new(), 1000, b"body");
        assert_eq!(none, Err(Unsigned::Missing("webhook-id")));
    }

    #[test]
    fn what_is_no_secret_is_refused_and_not_repeated() {
        let long = format!("whsec_{}", BASE64.encode(&[7; 65]));
        let three = [SECRET; 3].join(" ");
        for (text, why) in [
            ("", "no secret"),
            ("s3cret", "begins with whsec_"),
            ("whsec_s3cret!", "not Base64"),
            ("whsec_s3crets3cret", "24 to 64 bytes"),
            (&long, "24 to 64 bytes"),
            (&three, "more than 2"),
        ] {
            let error = SigningSecrets::parse(text).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("s3c"), "{error}");
        }
        let secrets = SigningSecrets::parse(SECRET).unwrap();
        assert_eq!(format!("{secrets:?}"), "SigningSecrets");
    }
}
