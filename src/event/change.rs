//! What a commit did to its record, typed.

use serde::de::DeserializeOwned;

use super::{Event, Operation};
use crate::error::ParseError;

/// What a commit did to its record, with the record as a type of your own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<T> {
    /// The record is new.
    Create(T),
    /// The record was replaced by this one.
    Update(T),
    /// The record is gone.
    Delete,
}

impl<T> Change<T> {
    /// The record as it is now; `None` when it is gone.
    pub fn into_record(self) -> Option<T> {
        match self {
            Self::Create(record) | Self::Update(record) => Some(record),
            Self::Delete => None,
        }
    }
}

impl Event<'_> {
    /// What the commit did, with the record parsed into a type of your own.
    ///
    /// An event that is no such change is no fault of its reader: a record is its author's
    /// word, and anybody may write anything into any collection. [Ingestors](crate::sink::ingest)
    /// leave such an event out with a warning.
    pub fn change<T: DeserializeOwned>(&self) -> Result<Change<T>, ParseError> {
        let record = || {
            let record = self.record()?;
            record.ok_or_else(|| ParseError::of_event("the commit has no record"))
        };
        match self.operation() {
            Some(Operation::Create) => record().map(Change::Create),
            Some(Operation::Update) => record().map(Change::Update),
            Some(Operation::Delete) => Ok(Change::Delete),
            Some(Operation::Other) => {
                Err(ParseError::of_event("the commit's operation is unknown"))
            }
            None => Err(ParseError::of_event("the event is no commit")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::event::Batch;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    struct Post {
        text: String,
    }

    fn change(operation: &str, record: &str) -> Result<Change<Post>, ParseError> {
        let line = format!(
            r#"{{"did":"did:plc:a","time_us":1,"kind":"commit","commit":{{"rev":"r","operation":"{operation}","collection":"app.bsky.feed.post","rkey":"1"{record}}}}}"#
        );
        let mut batch = Batch::new();
        batch.push(line.as_bytes()).unwrap();
        batch.events().next().unwrap().change()
    }

    #[test]
    fn each_operation_is_a_change_and_the_record_comes_with_it() {
        let record = r#","record":{"text":"a","more":1}"#;
        let post = || Post {
            text: "a".to_owned(),
        };
        assert_eq!(change("create", record).unwrap(), Change::Create(post()));
        assert_eq!(change("update", record).unwrap(), Change::Update(post()));
        assert_eq!(change("delete", "").unwrap(), Change::Delete);
        let records = [change("update", record), change("delete", "")];
        let records = records.map(|change| change.unwrap().into_record());
        assert_eq!(records, [Some(post()), None]);
    }

    #[test]
    fn what_is_no_such_record_is_told_apart() {
        let other = r#","record":{"text":1}"#;
        let said = [
            change("create", other),
            change("create", ""),
            change("update", r#","record":null"#),
            change("rename", other),
        ];
        let said = said.map(|change| {
            let text = change.unwrap_err().to_string();
            // What the parser says of it follows.
            text.split(": invalid type").next().unwrap().to_owned()
        });
        assert_eq!(
            said,
            [
                "the record is not of the expected shape",
                "the commit has no record",
                "the commit has no record",
                "the commit's operation is unknown",
            ]
        );
        let line = r#"{"did":"did:plc:a","time_us":1,"kind":"identity","identity":{"seq":1}}"#;
        let mut batch = Batch::new();
        batch.push(line.as_bytes()).unwrap();
        let error = batch.events().next().unwrap().change::<Post>().unwrap_err();
        assert_eq!(error.to_string(), "the event is no commit");
    }
}
