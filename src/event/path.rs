//! A path in saved text: as text where it is text, else as its bytes. Names of files may be
//! anything.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::platform::{OsStrExt, OsStringExt};

#[derive(Deserialize)]
#[serde(untagged)]
enum PathEncoding {
    Text(PathBuf),
    Bytes(Vec<u8>),
}

pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    match path.to_str() {
        Some(text) => text.serialize(serializer),
        None => path.as_os_str().as_bytes().serialize(serializer),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    Ok(match PathEncoding::deserialize(deserializer)? {
        PathEncoding::Text(path) => path,
        PathEncoding::Bytes(bytes) => OsString::from_vec(bytes).into(),
    })
}
