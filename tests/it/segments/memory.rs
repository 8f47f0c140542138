//! How much memory large files take, and files whose numbers are as high as can be.

use std::{fs, path::Path, process::Stdio};

use super::{POST, posts};
use crate::support::{
    program::Rocketman,
    segment_file::{MadeRow, active, created, frame, resealed, sealed},
};

const MEBIBYTE: usize = 1 << 20;

/// The most that the program may have, whatever the file.
const MAX_KILOBYTES: u32 = 64 << 10;

/// Runs `rocketman` with that much memory, and wants this exit code.
#[track_caller]
fn run(code: i32, arguments: &str, folder: &Path) {
    run_within(MAX_KILOBYTES, code, arguments, folder);
}

#[track_caller]
fn run_within(kilobytes: u32, code: i32, arguments: &str, folder: &Path) {
    let call = Rocketman::new([""; 0]).with(arguments).inside(folder);
    let output = call
        .with_memory_limit(kilobytes)
        .stdout(Stdio::null())
        .run();
    assert_eq!(output.code, Some(code), "{arguments}: {}", output.stderr);
}

/// A text of CBOR, as long as one may be.
fn text(of: u8) -> Vec<u8> {
    let len = u32::try_from(MEBIBYTE).unwrap().to_be_bytes();
    [&[0x7a], &len[..], &vec![of; MEBIBYTE]].concat()
}

/// A row with a record of this many texts.
fn large(seq: u64, n_texts: u8, of: u8) -> MadeRow {
    MadeRow {
        payload: [
            &[0x80 | n_texts],
            &text(of).repeat(usize::from(n_texts))[..],
        ]
        .concat(),
        ..created(seq, POST)
    }
}

#[test]
fn blocks_of_sixteen_mebibytes_take_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    // What does not compress, so that the frame is as long; what is six times as long as a line;
    // what no event is as long as.
    let mut random = fastrand::Rng::with_seed(1);
    let mut noise: Vec<u8> = (0..15 * MEBIBYTE).map(|_| random.u8(..)).collect();
    noise[..4].copy_from_slice(&[0xa1, 0x61, b'a', 0x5a]);
    let noise = MadeRow {
        payload: noise,
        ..created(1, POST)
    };
    let escaped = [large(3, 1, 1), large(4, 7, 1), large(5, 7, b'a')];
    let blocks = [vec![noise], escaped.to_vec(), vec![large(6, 15, b'a')]];
    fs::write(folder.path().join("x.jss"), sealed(&blocks)).unwrap();
    fs::write(folder.path().join("y.jss"), active(&[posts(7, 9)])).unwrap();
    run(0, "tail -q x.jss y.jss", folder.path());
    let on_two = "replay -q x.jss y.jss --threads 2";
    run_within(2 * MAX_KILOBYTES, 0, on_two, folder.path());
    run(0, "inspect --verify x.jss", folder.path());
}

#[test]
fn counts_at_their_most_are_refused_without_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jss");
    let whole = sealed(&[posts(1, 2), posts(3, 3)]);
    let number = |at: usize| u64::from_le_bytes(whole[at..at + 8].try_into().unwrap());
    let place = |at| usize::try_from(number(at)).unwrap();
    let (entry, blooms, collections) = (place(58) + 52, place(74), place(82));
    // Blocks, events, accounts; of a block its frame, its bytes, its events; blooms, their length;
    // collections, blocks, masks, bytes.
    let of_header = [14, 18, 22];
    let of_entry = [8, 12, 16].map(|at| entry + at);
    let of_rest = [(blooms, 2), (collections, 4)];
    let of_rest = of_rest.map(|(from, n)| (0..n).map(move |at| from + 4 * at));
    let all = of_header.into_iter().chain(of_entry);
    for at in all.chain(of_rest.into_iter().flatten()) {
        for most in [u32::MAX, 255 << 20] {
            let mut file = whole.clone();
            file[at..at + 4].copy_from_slice(&most.to_le_bytes());
            fs::write(&path, resealed(file)).unwrap();
            // How many accounts there are is known once all rows were read.
            run(1, "inspect --verify x.jss", folder.path());
        }
    }
}

/// A file whose footer lists this many collections, of which it has none.
fn listing(n: usize) -> Vec<u8> {
    let mut file = sealed(&[posts(1, 1)]);
    let collections_at = u64::from_le_bytes(file[82..90].try_into().unwrap());
    file.truncate(usize::try_from(collections_at).unwrap());
    let names = (0..u32::try_from(n).unwrap()).map(u32::to_le_bytes);
    let mut text: Vec<u8> = names
        .flat_map(|name| [&[3, 0, 0, 0, 0], &name[..3]].concat())
        .collect();
    text.resize(text.len() + n.div_ceil(8), 0);
    for count in [n, 1, n.div_ceil(8), text.len()] {
        file.extend(u32::try_from(count).unwrap().to_le_bytes());
    }
    file.extend(frame(&text));
    resealed(file)
}

#[test]
fn a_footer_of_many_collections_takes_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jss");
    fs::write(&path, listing(1 << 20)).unwrap();
    run(0, "tail -q x.jss", folder.path());
    run(1, "inspect x.jss", folder.path());
    fs::write(&path, listing(1 << 17)).unwrap();
    run(0, "inspect x.jss", folder.path());
    run(1, "inspect --verify x.jss", folder.path());
}
