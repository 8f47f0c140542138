//! What a build without Parquet has in place of row groups: nothing, and a refusal.

use std::{fs::File, io, path::Path, sync::Arc};

use super::{
    FileSettings,
    amends::Amends,
    disk::{Disk, failed},
    kept_file::KeptFile,
};
use crate::{
    error::MemberError,
    event::{FileMark, Point},
};

/// There is none.
#[derive(Debug)]
pub(super) enum Columnar {}

/// There is none.
#[derive(Debug)]
pub(super) enum Layout {}

/// There is none.
#[derive(Debug)]
pub(super) struct Spent {
    pub(super) journal: FileMark,
    pub(super) n_unfit: u64,
}

impl Columnar {
    pub(super) fn begin(_: &mut KeptFile, layout: &Layout, _: &Disk) -> Result<Self, MemberError> {
        match *layout {}
    }

    pub(super) fn restore(
        _: &mut KeptFile,
        _: u64,
        layout: &Layout,
        _: &mut Amends,
    ) -> Result<Self, MemberError> {
        match *layout {}
    }

    pub(super) fn journal(&self) -> &KeptFile {
        match *self {}
    }

    pub(super) fn journal_mut(&mut self) -> &mut KeptFile {
        match *self {}
    }

    pub(super) fn open_bytes(&self) -> u64 {
        match *self {}
    }

    pub(super) fn take(&mut self, _: &[u8], _: &[u8], _: &Disk) -> Result<u64, MemberError> {
        match *self {}
    }

    pub(super) fn close_group(&mut self, _: &mut KeptFile, _: &Disk) -> Result<Spent, MemberError> {
        match *self {}
    }

    pub(super) fn complete(self, _: &mut KeptFile, _: &Disk) -> Result<Spent, MemberError> {
        match self {}
    }
}

/// Refuses files that are made of row groups.
pub(super) fn layout(settings: &FileSettings) -> Result<Option<Arc<Layout>>, MemberError> {
    if !settings.is_parquet() {
        return Ok(None);
    }
    let path = settings.pattern.to_string();
    Err(failed("write to", Path::new(&path))(missing()))
}

pub(super) fn latest(_: &File, _: u64, _: u64, _: usize) -> io::Result<Vec<Point>> {
    Err(missing())
}

pub(super) fn check(_: &Path, layout: &Layout) -> Result<(), MemberError> {
    match *layout {}
}

pub(super) fn keep(
    _: &Path,
    _: Option<u64>,
    _: &[u64],
    layout: &Layout,
    _: &Disk,
) -> Result<bool, MemberError> {
    match *layout {}
}

fn missing() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "this build has no Parquet")
}
