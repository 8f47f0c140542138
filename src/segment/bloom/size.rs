//! How large a bloom has to be, and into how many parts its blocks are divided: as few blocks as
//! keep the expected rate of false answers below one in a thousand.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "numbers of accounts and blocks, far below 2^52 and never negative"
)]

use super::PARTS;

/// How large a bloom is, and into how many parts its blocks are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BloomSize {
    pub(super) n_blocks: usize,
    pub(super) k: u32,
}

impl BloomSize {
    /// For a number of accounts.
    pub(crate) fn of(n_accounts: usize) -> Self {
        let (n_blocks, k) = size(n_accounts.max(1));
        Self { n_blocks, k }
    }
}

const MIN_K: u32 = 3;

/// The rate of false answers.
const MAX_RATE: f64 = 0.001;

const BLOCK_BITS: f64 = 512.0;

/// The number of blocks for a number of accounts, and the number of parts.
fn size(n_accounts: usize) -> (usize, u32) {
    let ln_2 = std::f64::consts::LN_2;
    let least = n_accounts as f64 * -MAX_RATE.ln() / (ln_2 * ln_2) / BLOCK_BITS;
    let least = (least.ceil() as usize).max(1);
    let mut n_blocks = least;
    loop {
        let (k, rate) = best(n_blocks, n_accounts);
        if rate <= MAX_RATE || n_blocks >= 4 * least {
            return (n_blocks, k);
        }
        n_blocks = (n_blocks + n_blocks / 8 + 1).min(4 * least);
    }
}

/// The number of parts that gives the fewest false answers, and their rate.
fn best(n_blocks: usize, n_accounts: usize) -> (u32, f64) {
    let per_block = n_accounts as f64 / n_blocks as f64;
    let rates = (MIN_K..).zip(PARTS.iter().map(|parts| rate(parts, per_block)));
    rates
        .min_by(|(_, one), (_, other)| one.total_cmp(other))
        .unwrap_or((MIN_K, 1.0))
}

/// The rate of false answers where blocks have this number of accounts on average: some have more, and the
/// rate of those rises faster than that of the others falls.
fn rate(parts: &[u32], per_block: f64) -> f64 {
    let most = (per_block + 10.0 * per_block.sqrt() + 20.0) as u32;
    // That a block has `n` accounts, by Poisson.
    let mut probability = (-per_block).exp();
    let mut sum = 0.0;
    for n in 1..=most {
        probability *= per_block / f64::from(n);
        let all_set = parts.iter().map(|&part| {
            let unset = 1.0 - 1.0 / f64::from(part);
            1.0 - unset.powf(f64::from(n))
        });
        sum += probability * all_set.product::<f64>();
    }
    sum
}
