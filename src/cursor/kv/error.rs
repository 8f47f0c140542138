//! Why a key in a bucket cannot be used as a cursor.

use crate::{
    cursor::CursorFileError,
    error::{ErrorKind, MemberError, Reason},
};

/// Why a key in a bucket cannot be used as a cursor.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KvCursorError {
    /// No bucket and key can be called so.
    #[error(
        "'{0}' is not a bucket and a key: a bucket is of letters, digits, '-' and '_'; a key may hold '/', '=' and '.' too"
    )]
    NoName(String),
    /// There is no such bucket.
    #[error("{servers} has no bucket '{bucket}'")]
    NoBucket {
        /// The servers.
        servers: String,
        /// The bucket.
        bucket: String,
    },
    /// The bucket was deleted while it was used.
    #[error("the bucket '{bucket}' of {servers} was deleted")]
    BucketGone {
        /// The servers.
        servers: String,
        /// The bucket.
        bucket: String,
    },
    /// Another process has the key.
    #[error("the cursor '{0}' is in use by another process")]
    KeyTaken(String),
    /// Another process has taken the key over meanwhile.
    #[error("the cursor '{0}' was taken over by another process")]
    Overtaken(String),
    /// The key holds no cursor, or a part of one.
    #[error("the cursor '{key}' cannot be used")]
    DamagedKey {
        /// The key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: Box<CursorFileError>,
    },
}

impl From<KvCursorError> for MemberError {
    fn from(error: KvCursorError) -> Self {
        let kind = match &error {
            KvCursorError::NoName(_) | KvCursorError::NoBucket { .. } => ErrorKind::Usage,
            KvCursorError::KeyTaken(_) | KvCursorError::Overtaken(_) => ErrorKind::CursorTaken,
            KvCursorError::BucketGone { .. } | KvCursorError::DamagedKey { .. } => {
                ErrorKind::Failed
            }
        };
        let reason = match &error {
            KvCursorError::NoName(_) => None,
            KvCursorError::NoBucket { bucket, .. } => Some(Reason::NoBucket {
                bucket: bucket.clone(),
            }),
            KvCursorError::BucketGone { bucket, .. } => Some(Reason::BucketGone {
                bucket: bucket.clone(),
            }),
            KvCursorError::KeyTaken(_) | KvCursorError::Overtaken(_) => {
                Some(Reason::CursorKeyTaken)
            }
            KvCursorError::DamagedKey { .. } => Some(Reason::CursorKeyDamaged),
        };
        Self::new(kind, error).because(reason)
    }
}
