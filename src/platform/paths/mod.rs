//! Names of files: whether two are one file, and what may be opened under one.

pub(crate) mod regular;
mod same_file;

pub(crate) use self::same_file::{FileId, folder, lead};
