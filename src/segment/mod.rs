//! Segment files (`.jss`), in which a Jetstream server keeps its history: rows in blocks, and a
//! footer from which a reader knows what the blocks hold before it inflates one.

mod row;

pub(crate) use row::{Kind, Row};
