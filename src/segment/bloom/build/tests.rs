use super::{super::Bloom, *};

fn account(n: usize) -> AccountHash {
    AccountHash::of(format!("did:plc:{n}").as_bytes())
}

fn bloom(n_accounts: usize) -> Vec<u8> {
    let mut builder = BloomBuilder::new(BloomSize::of(n_accounts));
    for n in 0..n_accounts {
        builder.add(account(n));
    }
    builder.finish()
}

/// What gloom v0.1.0 makes of the same accounts: blocks, parts, and its checksum as it stands in the
/// file.
const GLOOM: [(usize, usize, u32, u32); 10] = [
    (0, 1, 15, 0x4247_1346),
    (1, 1, 15, 0x45ba_4945),
    (2, 1, 15, 0x2701_136e),
    (10, 1, 15, 0x2adf_7925),
    (35, 2, 11, 0x6776_423d),
    (100, 4, 11, 0x762a_64f7),
    (1000, 33, 9, 0x5e6b_b529),
    (4096, 131, 9, 0x63d4_6e5a),
    (20_000, 633, 9, 0x3674_1622),
    (300_000, 9479, 9, 0xfa97_cba9),
];

#[test]
fn blooms_are_byte_for_byte_those_of_gloom() {
    for (n_accounts, n_blocks, k, checksum) in GLOOM {
        assert_eq!(
            BloomSize::of(n_accounts),
            BloomSize { n_blocks, k },
            "{n_accounts}"
        );
        let bytes = bloom(n_accounts);
        assert!(bytes.ends_with(&checksum.to_be_bytes()), "{n_accounts}");
    }
}

#[test]
fn every_account_is_found_and_few_others() {
    let bytes = bloom(5000);
    let bloom = Bloom::read(&bytes).unwrap();
    assert!((0..5000).all(|n| bloom.may_hold(account(n))));
    let n_false = (5000..25_000)
        .filter(|&n| bloom.may_hold(account(n)))
        .count();
    assert!(n_false < 60, "{n_false} of 20,000");
}

#[test]
fn a_bloom_of_another_version_or_damaged_says_nothing() {
    let bytes = bloom(100);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(Bloom::read(&damaged).is_none(), "byte {at}");
        assert!(Bloom::read(&bytes[..at]).is_none(), "cut at {at}");
    }
}
