//! A message of a stream, as the server hands out a single one.

use data_encoding::BASE64;
use serde::Deserialize;

/// The answer to a request for a message.
#[derive(Debug, Deserialize)]
pub(crate) struct Stored {
    pub(crate) message: StoredMessage,
}

/// A message with what is in it.
#[derive(Debug, Deserialize)]
pub(crate) struct StoredMessage {
    pub(crate) seq: u64,
    /// Its headers as on the wire, in Base64.
    #[serde(default)]
    hdrs: String,
    /// Its payload, in Base64.
    #[serde(default)]
    pub(crate) data: String,
}

impl StoredMessage {
    #[cfg(test)]
    pub(crate) fn new(hdrs: &str) -> Self {
        Self {
            seq: 1,
            hdrs: hdrs.to_owned(),
            data: String::new(),
        }
    }

    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let bytes = BASE64.decode(self.hdrs.as_bytes()).ok()?;
        String::from_utf8_lossy(&bytes)
            .split("\r\n")
            .find_map(|line| {
                let (key, value) = line.split_once(':')?;
                (key == name).then(|| value.trim().to_owned())
            })
    }
}
