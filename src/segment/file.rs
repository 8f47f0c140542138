//! A segment file, opened: its header, the footer of a sealed one, and its blocks.

use std::{
    fs::{File, Metadata},
    io,
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::Xxh3;

use super::{
    bytes::u32_at,
    collections::{CollectionIndex, MAX_INDEX_BYTES},
    entry::{BlockEntry, CheckedEntries},
    error::{Damage, Fault, SegmentError},
    header::{self, CHECKSUM_AT, ENTRY_BYTES, HASHED_FROM, HEADER_BYTES, Opening, SegmentHeader},
    inflate::BlockInflater,
};
use crate::platform::{FileExt, paths::regular};

/// How much of a footer is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// How many entries of the index of blocks are held at once: a file may have a million of them.
const PAGE_ENTRIES: u32 = 1024;

/// The longest bloom that is held in memory: more than the accounts of the whole network need.
const MAX_BLOOM_BYTES: u64 = 24 * 1024 * 1024;

/// The number and the size of the blooms of blocks stand before them.
const BLOOMS_HEAD_BYTES: u64 = 8;

/// An opened file, as long as it was then.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    path: PathBuf,
    file: File,
    metadata: Metadata,
    bytes: u64,
    header: [u8; HEADER_BYTES],
    opening: Opening,
}

/// What a sealed file says of its blocks. All of it was checked.
#[derive(Debug)]
pub(crate) struct Footer {
    header: SegmentHeader,
    pub(crate) collections: CollectionIndex,
    /// How long the bloom of each block is.
    bloom_bytes: u32,
    /// The entries at hand, and the number of the first.
    page: Vec<BlockEntry>,
    page_from: u32,
}

impl SegmentFile {
    /// Reads the header, and nothing else.
    pub(crate) fn open(path: &Path) -> Result<Self, SegmentError> {
        let opened = || {
            let file = regular::open(File::options().read(true), path);
            let file = file.map_err(|error| match error {
                error if regular::is_refusal(&error) => Fault::Foreign,
                error => error.into(),
            })?;
            let metadata = file.metadata()?;
            if !metadata.is_file() {
                return Err(Fault::Foreign);
            }
            let mut header = [0; HEADER_BYTES];
            let bytes = metadata.len();
            if bytes < HEADER_BYTES as u64 {
                return Err(short(&file, bytes)?);
            }
            file.read_exact_at(&mut header, 0)?;
            let opening = header::read(&header, bytes)?;
            Ok(Self {
                path: path.to_owned(),
                file,
                metadata,
                bytes,
                header,
                opening,
            })
        };
        opened().map_err(|fault| SegmentError::new(path, None, fault))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the system said of it when it was opened.
    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub(crate) fn opening(&self) -> Opening {
        self.opening
    }

    /// An error of this file, or of one of its blocks.
    pub(crate) fn error(&self, block: Option<u32>, fault: impl Into<Fault>) -> SegmentError {
        SegmentError::new(&self.path, block, fault)
    }

    /// Whether header and footer are as they were when the file was sealed.
    pub(crate) fn check(&self, header: &SegmentHeader) -> Result<(), SegmentError> {
        self.checksum(&self.header, header.footer_at)
            .and_then(|found| {
                let is_same = found == header.checksum;
                is_same.then_some(()).ok_or(Damage::Checksum.into())
            })
            .map_err(|fault| self.error(None, fault))
    }

    /// The header of another generation of the same rows, and the checksum of that: a byte that
    /// means nothing is another one.
    #[cfg(feature = "serve")]
    pub(crate) fn rewritten(
        &self,
        header: &SegmentHeader,
    ) -> Result<([u8; HEADER_BYTES], u64), SegmentError> {
        let mut bytes = self.header;
        if let Some(last) = bytes.last_mut() {
            *last = last.wrapping_add(1);
        }
        let checksum = self.checksum(&bytes, header.footer_at);
        let checksum = checksum.map_err(|fault| self.error(None, fault))?;
        let place = bytes.get_mut(CHECKSUM_AT..HASHED_FROM).unwrap_or_default();
        place.copy_from_slice(&checksum.to_le_bytes());
        Ok((bytes, checksum))
    }

    fn checksum(&self, header: &[u8; HEADER_BYTES], footer_at: u64) -> Result<u64, Fault> {
        let mut hash = Xxh3::new();
        hash.update(header.get(HASHED_FROM..).unwrap_or_default());
        let mut at = footer_at;
        let mut chunk = vec![0; CHUNK_BYTES];
        while at < self.bytes {
            let n = usize::try_from(self.bytes - at)
                .unwrap_or(usize::MAX)
                .min(CHUNK_BYTES);
            let chunk = chunk.get_mut(..n).unwrap_or_default();
            self.file.read_exact_at(chunk, at)?;
            hash.update(chunk);
            at += n as u64;
        }
        Ok(hash.digest())
    }

    /// The footer of a sealed file, with every number of it checked.
    pub(crate) fn footer(
        &self,
        header: &SegmentHeader,
        inflater: &mut BlockInflater,
    ) -> Result<Footer, SegmentError> {
        self.check(header)?;
        self.footer_unchecked(header, inflater)
    }

    /// The same of a file whose checksum was found to be right before.
    pub(crate) fn footer_unchecked(
        &self,
        header: &SegmentHeader,
        inflater: &mut BlockInflater,
    ) -> Result<Footer, SegmentError> {
        self.check_entries(header)?;
        let mut rest = || {
            let bloom_bytes = self.bloom_bytes(header)?;
            let index_bytes = self.bytes - header.collections_at;
            if index_bytes > MAX_INDEX_BYTES {
                return Err(Damage::Collections.into());
            }
            let index = self.read(header.collections_at, index_bytes)?;
            let collections = CollectionIndex::read(&index, header.blocks, inflater)?;
            Ok((bloom_bytes, collections))
        };
        let (bloom_bytes, collections) = rest().map_err(|fault: Fault| self.error(None, fault))?;
        Ok(Footer {
            header: *header,
            collections,
            bloom_bytes,
            page: Vec::new(),
            page_from: 0,
        })
    }

    fn check_entries(&self, header: &SegmentHeader) -> Result<(), SegmentError> {
        let mut checked = CheckedEntries::default();
        for from in (0..header.blocks).step_by(PAGE_ENTRIES as usize) {
            let page = self.page(header, from);
            let page = page.map_err(|fault| self.error(None, fault))?;
            for (block, entry) in (from..).zip(&page) {
                let added = checked.add(entry, header);
                added.map_err(|damage| self.error(Some(block), damage))?;
            }
        }
        let is_all = checked.finish(header);
        is_all.map_err(|damage| self.error(None, damage))
    }

    /// What the footer says of a block that there is, without a look at the others.
    pub(crate) fn entry(
        &self,
        header: &SegmentHeader,
        block: u32,
    ) -> Result<BlockEntry, SegmentError> {
        let at = header.footer_at + u64::from(block) * ENTRY_BYTES as u64;
        let read = self.read(at, ENTRY_BYTES as u64).and_then(|entry| {
            let entry = BlockEntry::read(&entry);
            CheckedEntries::default().add(&entry, header)?;
            Ok(entry)
        });
        read.map_err(|fault| self.error(Some(block), fault))
    }

    /// The entries from this one on, as many as are held at once.
    fn page(&self, header: &SegmentHeader, from: u32) -> Result<Vec<BlockEntry>, Fault> {
        let n = header.blocks.saturating_sub(from).min(PAGE_ENTRIES);
        let entry_bytes = ENTRY_BYTES as u64;
        let at = header.footer_at + u64::from(from) * entry_bytes;
        let page = self.read(at, u64::from(n) * entry_bytes)?;
        let entries = page.chunks_exact(ENTRY_BYTES);
        Ok(entries.map(BlockEntry::read).collect())
    }

    /// How long each block's bloom is, whose place goes by that.
    fn bloom_bytes(&self, header: &SegmentHeader) -> Result<u32, Fault> {
        let all = header.collections_at - header.block_blooms_at;
        if all < BLOOMS_HEAD_BYTES {
            return Err(Damage::Blooms.into());
        }
        let head = self.read(header.block_blooms_at, BLOOMS_HEAD_BYTES)?;
        let (n, bytes) = (u32_at(&head, 0), u32_at(&head, 4));
        let is_all =
            n == header.blocks && all - BLOOMS_HEAD_BYTES == u64::from(n) * u64::from(bytes);
        is_all.then_some(bytes).ok_or(Damage::Blooms.into())
    }

    /// The bloom of all accounts of the file. Empty where it is too long to be held, so that it
    /// says nothing.
    pub(crate) fn file_bloom(&self, header: &SegmentHeader) -> Result<Vec<u8>, SegmentError> {
        let n = header.block_blooms_at - header.file_bloom_at;
        let n = if n > MAX_BLOOM_BYTES { 0 } else { n };
        self.read(header.file_bloom_at, n)
            .map_err(|fault| self.error(None, fault))
    }

    /// The bloom of the accounts of one block, in the same way.
    pub(crate) fn block_bloom(&self, footer: &Footer, block: u32) -> Result<Vec<u8>, SegmentError> {
        let (at, n) = footer.bloom_place(block);
        let n = if n > MAX_BLOOM_BYTES { 0 } else { n };
        self.read(at, n)
            .map_err(|fault| self.error(Some(block), fault))
    }

    /// Bytes of the file, all of which are there.
    pub(crate) fn read(&self, at: u64, n: u64) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        self.read_into(at, n, &mut bytes)?;
        Ok(bytes)
    }

    /// The same into a buffer that is used again. Room is made for what is in the file alone.
    pub(crate) fn read_into(&self, at: u64, n: u64, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.clear();
        self.append(at, n, out)
    }

    /// The same behind what is in the buffer.
    pub(crate) fn append(&self, at: u64, n: u64, out: &mut Vec<u8>) -> Result<(), Fault> {
        let is_there = at.checked_add(n).is_some_and(|end| end <= self.bytes);
        let n = usize::try_from(n)
            .ok()
            .filter(|_| is_there)
            .ok_or(Damage::Offsets)?;
        let from = out.len();
        out.resize(from + n, 0);
        Ok(self
            .file
            .read_exact_at(out.get_mut(from..).unwrap_or_default(), at)?)
    }
}

impl Footer {
    /// Where the bloom of a block lies, and how long it is.
    pub(crate) fn bloom_place(&self, block: u32) -> (u64, u64) {
        let n = u64::from(self.bloom_bytes);
        let from = self.header.block_blooms_at + BLOOMS_HEAD_BYTES;
        (from + u64::from(block) * n, n)
    }

    /// The entry of a block; `None` behind the last one.
    pub(crate) fn entry(
        &mut self,
        file: &SegmentFile,
        block: u32,
    ) -> Result<Option<BlockEntry>, SegmentError> {
        let is_at_hand = block
            .checked_sub(self.page_from)
            .is_some_and(|at| (at as usize) < self.page.len());
        if !is_at_hand && block < self.header.blocks {
            let page = file.page(&self.header, block);
            self.page = page.map_err(|fault| file.error(Some(block), fault))?;
            self.page_from = block;
        }
        let at = block.wrapping_sub(self.page_from);
        Ok(self.page.get(at as usize).copied())
    }
}

/// A file that is shorter than a header is damaged if it begins like one.
fn short(file: &File, bytes: u64) -> io::Result<Fault> {
    let mut magic = header::MAGIC;
    let n = usize::try_from(bytes)
        .unwrap_or(magic.len())
        .min(magic.len());
    let begins = magic.get_mut(..n).unwrap_or_default();
    file.read_exact_at(begins, 0)?;
    let is_segment = n > 0 && magic == header::MAGIC;
    Ok(if is_segment {
        Damage::Short.into()
    } else {
        Fault::Foreign
    })
}
