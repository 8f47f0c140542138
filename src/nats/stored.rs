//! A message of a stream, as the server hands out a single one.

use data_encoding::BASE64;
use serde::Deserialize;

/// The server's number of the error that there is no such message.
pub(crate) const NO_SUCH_MESSAGE: u64 = 10_037;

/// The answer to a request for a message.
#[derive(Debug, Deserialize)]
pub(crate) struct Stored {
    pub(crate) message: StoredMessage,
}

/// A message with what is in it.
#[derive(Debug, Deserialize)]
pub(crate) struct StoredMessage {
    pub(crate) seq: u64,
    /// Its subject. Where it is not UTF-8 it has replacement characters.
    #[serde(default)]
    pub(crate) subject: String,
    /// When it was stored, as RFC 3339.
    #[serde(default)]
    pub(crate) time: String,
    /// Its headers as on the wire, in Base64.
    #[serde(default)]
    pub(crate) hdrs: String,
    /// Its payload, in Base64.
    #[serde(default)]
    pub(crate) data: String,
}

impl StoredMessage {
    #[cfg(test)]
    pub(crate) fn new(hdrs: &str) -> Self {
        Self {
            seq: 1,
            subject: String::new(),
            time: String::new(),
            hdrs: hdrs.to_owned(),
            data: String::new(),
        }
    }

    /// Its headers as on the wire; nothing where they are not Base64.
    pub(crate) fn headers(&self) -> Vec<u8> {
        BASE64.decode(self.hdrs.as_bytes()).unwrap_or_default()
    }

    /// Its payload; nothing where that is not Base64.
    pub(crate) fn payload(&self) -> Vec<u8> {
        BASE64.decode(self.data.as_bytes()).unwrap_or_default()
    }

    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        String::from_utf8_lossy(&self.headers())
            .split("\r\n")
            .find_map(|line| {
                let (key, value) = line.split_once(':')?;
                (key == name).then(|| value.trim().to_owned())
            })
    }
}
