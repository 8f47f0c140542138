//! Looking at a key without claiming it.

use super::{Connection, Glimpse, Key, KvCursor, retry};
use crate::error::MemberError;

impl KvCursor {
    /// What the key holds, and whether a process has it.
    ///
    /// Nothing is written. An owner gets a question that it need not answer, as from a second
    /// process that wants the key.
    pub async fn look(&self) -> Result<Glimpse, MemberError> {
        self.check()?;
        let Self { nats, name, .. } = self;
        let connection = Connection::open(nats).await?;
        retry(nats, || async {
            let key = Key::open(connection.clone(), nats, name, false).await?;
            let value = key.get().await?;
            let saved = value.saved(name)?;
            let in_use = match &value.owner {
                Some(owner) => key.is_there(owner).await,
                None => Some(false),
            };
            Ok(Glimpse { saved, in_use })
        })
        .await
    }
}
