//! Looking at a key without claiming it.

use super::{Connection, CursorError, Glimpse, Key, KvCursor, KvCursorSettings, retry};

impl KvCursor {
    /// What a key holds, and whether a process has it.
    ///
    /// Nothing is written. An owner gets a question that it need not answer, as from a second
    /// process that wants the key.
    pub async fn look(settings: &KvCursorSettings) -> Result<Glimpse, CursorError> {
        let KvCursorSettings { nats, address, .. } = settings;
        let connection = Connection::open(nats).await?;
        retry(nats, || async {
            let key = Key::open(connection.clone(), nats, address, false).await?;
            let value = key.get().await?;
            let saved = value.saved(address)?;
            let in_use = match &value.owner {
                Some(owner) => key.is_there(owner).await,
                None => Some(false),
            };
            Ok(Glimpse { saved, in_use })
        })
        .await
    }
}
