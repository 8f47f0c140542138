//! Segment files made by hand, byte by byte, for what reads them: nothing of the library is used.

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// One event. What a kind does not have is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MadeRow {
    pub seq: u64,
    pub witnessed_at: i64,
    pub indexed_at: i64,
    pub kind: u8,
    pub collection: String,
    pub did: String,
    pub rkey: String,
    pub rev: String,
    pub payload: Vec<u8>,
}

/// The time of number 0, in µs.
pub const EPOCH: i64 = 1_800_000_000_000_000;

/// A record of this collection, which says nothing; a second after the number before.
pub fn created(seq: u64, collection: &str) -> MadeRow {
    MadeRow {
        seq,
        witnessed_at: EPOCH + i64::try_from(seq).unwrap() * 1_000_000,
        kind: 1,
        collection: collection.to_owned(),
        did: format!("did:plc:{:024}", seq % 3),
        rkey: format!("{seq}"),
        rev: format!("3l{seq}"),
        payload: vec![0xa0],
        ..MadeRow::default()
    }
}

/// News of an identity.
pub fn identity(seq: u64) -> MadeRow {
    MadeRow {
        kind: 4,
        collection: String::new(),
        rkey: String::new(),
        rev: String::new(),
        ..created(seq, "")
    }
}

/// What a block holds, inflated.
pub fn body(rows: &[MadeRow]) -> Vec<u8> {
    let n = u32::try_from(rows.len()).unwrap();
    let mut body = n.to_le_bytes().to_vec();
    let mut column = |bytes: &dyn Fn(&MadeRow) -> Vec<u8>| {
        body.extend(rows.iter().flat_map(bytes));
    };
    let len = |text: &str| u8::try_from(text.len()).unwrap();
    column(&|row| row.seq.to_le_bytes().to_vec());
    column(&|row| row.witnessed_at.to_le_bytes().to_vec());
    column(&|row| row.indexed_at.to_le_bytes().to_vec());
    column(&|row| vec![row.kind]);
    column(&|row| vec![len(&row.collection)]);
    column(&|row| u16::try_from(row.did.len()).unwrap().to_le_bytes().to_vec());
    column(&|row| vec![len(&row.rkey)]);
    column(&|row| vec![len(&row.rev)]);
    column(&|row| {
        u32::try_from(row.payload.len())
            .unwrap()
            .to_le_bytes()
            .to_vec()
    });
    column(&|row| row.collection.clone().into_bytes());
    column(&|row| row.did.clone().into_bytes());
    column(&|row| row.rkey.clone().into_bytes());
    column(&|row| row.rev.clone().into_bytes());
    column(&|row| row.payload.clone());
    body
}

/// A frame of zstd with a checksum.
pub fn frame(body: &[u8]) -> Vec<u8> {
    let mut compressor = zstd::bulk::Compressor::new(3).unwrap();
    compressor.include_checksum(true).unwrap();
    compressor.compress(body).unwrap()
}

/// The file of a server that still writes to it.
pub fn active(blocks: &[Vec<MadeRow>]) -> Vec<u8> {
    let mut file = b"jss0".to_vec();
    file.resize(256, 0);
    for rows in blocks {
        add_block(&mut file, &frame(&body(rows)));
    }
    file
}

fn add_block(file: &mut Vec<u8>, frame: &[u8]) {
    file.extend((frame.len() as u64).to_le_bytes());
    file.extend(frame);
}

/// A sealed file of these blocks.
pub fn sealed(blocks: &[Vec<MadeRow>]) -> Vec<u8> {
    let rows: Vec<_> = blocks.iter().flatten().cloned().collect();
    let (mut file, mut index) = (active(&[]), Vec::new());
    for rows in blocks {
        let (at, body) = (file.len() as u64, body(rows));
        let frame = frame(&body);
        add_block(&mut file, &frame);
        index.extend(at.to_le_bytes());
        for n in [frame.len(), body.len(), rows.len()] {
            index.extend(u32::try_from(n).unwrap().to_le_bytes());
        }
        index.extend(ranges(rows));
    }
    let footer_at = file.len() as u64;
    file.extend(index);
    let file_bloom_at = file.len() as u64;
    file.extend(bloom(&rows));
    let block_blooms_at = file.len() as u64;
    let blooms: Vec<_> = blocks.iter().map(|rows| bloom(rows)).collect();
    let n_blocks = u32::try_from(blocks.len()).unwrap();
    file.extend(n_blocks.to_le_bytes());
    file.extend(
        u32::try_from(blooms.first().map_or(0, Vec::len))
            .unwrap()
            .to_le_bytes(),
    );
    file.extend(blooms.concat());
    let collections_at = file.len() as u64;
    file.extend(collections(blocks));
    let n_rows = u32::try_from(rows.len()).unwrap();
    let mut header = [b"jss0".as_slice(), &[0; 8], &1_u16.to_le_bytes()].concat();
    header.extend(
        [n_blocks, n_rows, accounts(&rows)]
            .map(u32::to_le_bytes)
            .concat(),
    );
    header.extend(ranges(&rows));
    let places = [
        footer_at,
        file_bloom_at,
        block_blooms_at,
        collections_at,
        footer_at,
    ];
    header.extend(places.map(u64::to_le_bytes).concat());
    file[..header.len()].copy_from_slice(&header);
    resealed(file)
}

/// The file with the checksum of what is in it now.
pub fn resealed(mut file: Vec<u8>) -> Vec<u8> {
    let footer_at = u64::from_le_bytes(file[58..66].try_into().unwrap());
    let footer = usize::try_from(footer_at).unwrap_or(usize::MAX);
    let hashed = [&file[12..256], file.get(footer..).unwrap_or_default()].concat();
    let checksum = xxh3_64(&hashed);
    file[4..12].copy_from_slice(&checksum.to_le_bytes());
    file
}

/// Numbers, then times.
fn ranges(rows: &[MadeRow]) -> Vec<u8> {
    let seqs = rows.iter().map(|row| row.seq);
    let times = rows.iter().map(|row| row.witnessed_at);
    let seqs = [seqs.clone().min(), seqs.max()].map(Option::unwrap_or_default);
    let times = [times.clone().min(), times.max()].map(Option::unwrap_or_default);
    [
        seqs.map(u64::to_le_bytes).concat(),
        times.map(i64::to_le_bytes).concat(),
    ]
    .concat()
}

fn accounts(rows: &[MadeRow]) -> u32 {
    let accounts: std::collections::BTreeSet<_> = rows.iter().map(|row| &row.did).collect();
    u32::try_from(accounts.len()).unwrap()
}

/// Of one block of seven parts.
fn bloom(rows: &[MadeRow]) -> Vec<u8> {
    const PARTS: [u32; 7] = [61, 67, 71, 79, 83, 89, 62];
    let mut bits = [0_u8; 64];
    for row in rows {
        let low = xxh3_128(row.did.as_bytes()).to_le_bytes();
        let half = |from: usize| u32::from_le_bytes(low[from..from + 4].try_into().unwrap());
        let mut begin = 0;
        for part in PARTS {
            let bit = (begin + (half(0) ^ half(4)) % part) as usize;
            bits[bit / 8] |= 1 << (bit % 8);
            begin += part;
        }
    }
    let mut bloom = vec![1];
    bloom.extend(7_u32.to_le_bytes());
    bloom.extend(1_u64.to_le_bytes());
    bloom.extend((rows.len() as u64).to_le_bytes());
    bloom.extend(bits);
    let crc = crc32c(&bloom);
    bloom.extend(crc.to_le_bytes());
    bloom
}

fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 * (crc & 1));
        }
    }
    !crc
}

fn collections(blocks: &[Vec<MadeRow>]) -> Vec<u8> {
    let name = |row: &MadeRow| match row.kind {
        4 => "$identity".to_owned(),
        5 => "$account".to_owned(),
        6 => "$sync".to_owned(),
        _ => row.collection.clone(),
    };
    let mut names: Vec<String> = Vec::new();
    for row in blocks.iter().flatten() {
        if !names.contains(&name(row)) {
            names.push(name(row));
        }
    }
    let mut text = Vec::new();
    for collection in &names {
        let all = blocks.iter().flatten();
        let n = all.filter(|row| row.collection == **collection).count();
        text.push(u8::try_from(collection.len()).unwrap());
        text.extend(u32::try_from(n).unwrap().to_le_bytes());
        text.extend(collection.as_bytes());
    }
    let mask_bytes = names.len().div_ceil(8);
    for rows in blocks {
        let mut mask = vec![0; mask_bytes];
        for (at, collection) in names.iter().enumerate() {
            let has = rows.iter().any(|row| name(row) == *collection);
            mask[at / 8] |= u8::from(has) << (at % 8);
        }
        text.extend(mask);
    }
    let counts = [names.len(), blocks.len(), mask_bytes, text.len()];
    let mut index: Vec<u8> = Vec::new();
    for n in counts {
        index.extend(u32::try_from(n).unwrap().to_le_bytes());
    }
    index.extend(frame(&text));
    index
}
