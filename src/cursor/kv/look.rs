//! Looking at a key without claiming it.

use super::{Connection, CursorError, Key, KvCursor, KvCursorSettings, Saved, insist, parse};

impl KvCursor {
    /// What a key holds, and whether a process has it; `None` for the latter where this user may
    /// not ask.
    ///
    /// Nothing is written. An owner gets a question that it need not answer, as from a second
    /// process that wants the key.
    pub async fn look(
        settings: &KvCursorSettings,
    ) -> Result<(Option<Saved>, Option<bool>), CursorError> {
        let KvCursorSettings { nats, address, .. } = settings;
        let connection = Connection::open(nats).await?;
        insist(nats, || async {
            let key = Key::open(connection.clone(), nats, address, false).await?;
            let value = key.get().await?;
            let saved = match &value.text[..] {
                [] => None,
                text => Some(parse(address, text)?),
            };
            let in_use = match &value.owner {
                Some(owner) => key.is_there(owner).await,
                None => Some(false),
            };
            Ok((saved, in_use))
        })
        .await
    }
}
