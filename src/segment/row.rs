//! One row of a segment: an event as the server keeps it, its bytes borrowed from the block.

/// What a row is about; the numbers are those of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A record was created.
    Create = 1,
    /// A record was replaced.
    Update,
    /// A record was deleted; there is no payload.
    Delete,
    /// An account may have another handle.
    Identity,
    /// An account is active, or no longer is.
    Account,
    /// A repository has a new state, whatever was known of it.
    Sync,
    /// A record that a repository held when it was read anew; shown as created.
    CreateResync,
}

impl Kind {
    /// The kind that a file means by this byte.
    pub(crate) fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Create,
            2 => Self::Update,
            3 => Self::Delete,
            4 => Self::Identity,
            5 => Self::Account,
            6 => Self::Sync,
            7 => Self::CreateResync,
            _ => return None,
        })
    }

    /// Whether it is about one record of a repository.
    pub(crate) fn is_commit(self) -> bool {
        !matches!(self, Self::Identity | Self::Account | Self::Sync)
    }
}

/// One event. What a kind does not have is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    /// Its number; numbers rise strictly in an archive.
    pub(crate) seq: u64,
    /// When the server saw it, in µs since 1970.
    pub(crate) witnessed_at: i64,
    /// The time it was given when it was imported, or 0.
    pub(crate) indexed_at: i64,
    pub(crate) kind: Kind,
    pub(crate) collection: &'a [u8],
    pub(crate) did: &'a [u8],
    pub(crate) rkey: &'a [u8],
    pub(crate) rev: &'a [u8],
    /// DAG-CBOR: the record, or what the relay said of the account.
    pub(crate) payload: &'a [u8],
}

impl Row<'_> {
    /// The time that its line shows.
    pub(crate) fn time_us(&self) -> i64 {
        if self.indexed_at == 0 {
            self.witnessed_at
        } else {
            self.indexed_at
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_the_kind_whose_number_it_is() {
        for byte in 0..=u8::MAX {
            assert_eq!(
                Kind::of(byte).map(|kind| kind as u8),
                (1..=7).contains(&byte).then_some(byte)
            );
        }
    }

    #[test]
    fn an_imported_row_shows_the_time_it_was_given() {
        let row = Row {
            seq: 1,
            witnessed_at: 7,
            indexed_at: 0,
            kind: Kind::Sync,
            collection: b"",
            did: b"did:plc:a",
            rkey: b"",
            rev: b"3k",
            payload: b"",
        };
        assert_eq!(row.time_us(), 7);
        assert_eq!(
            Row {
                indexed_at: 3,
                ..row
            }
            .time_us(),
            3
        );
    }
}
