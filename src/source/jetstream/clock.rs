//! The server's clock, as far as a handshake's `Date` tells of it.

/// A clock that differs by so little is taken to be the same.
const NO_DIFFERENCE_US: u64 = 2_000_000;

/// How far the server's clock is ahead. A `Date` has whole seconds and was some time on its way:
/// two seconds are no difference.
pub(super) fn ahead_us(date_us: Option<u64>, local_us: u64) -> i64 {
    let ahead = date_us.map_or(0, |date_us| date_us.cast_signed() - local_us.cast_signed());
    if ahead.unsigned_abs() > NO_DIFFERENCE_US {
        ahead
    } else {
        0
    }
}

/// The moment the run began, by the server's clock. A `Date` has whole seconds: where the local
/// clock agrees with it, that one is more exact; where it does not, the second counts to its end,
/// so that nothing before the moment is left out.
pub(super) fn end_moment(date_us: Option<u64>, local_us: u64) -> u64 {
    const SECOND: u64 = 1_000_000;
    match date_us {
        Some(date_us) if date_us.abs_diff(local_us) > NO_DIFFERENCE_US => date_us + SECOND,
        _ => local_us,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_800_000_000_000_000;
    const SECOND: u64 = 1_000_000;

    #[test]
    fn clocks_that_nearly_agree_are_taken_to_agree() {
        assert_eq!(ahead_us(None, NOON), 0);
        assert_eq!(ahead_us(Some(NOON), NOON + 2 * SECOND), 0);
        assert_eq!(ahead_us(Some(NOON), NOON - 7200 * SECOND), 7_200_000_000);
        assert_eq!(ahead_us(Some(NOON), NOON + 7200 * SECOND), -7_200_000_000);
    }

    #[test]
    fn the_moment_of_the_beginning_is_never_before_it() {
        assert_eq!(end_moment(None, NOON), NOON);
        assert_eq!(end_moment(Some(NOON), NOON + SECOND / 2), NOON + SECOND / 2);
        // The date's second may be over but for a moment.
        let behind = NOON + 7200 * SECOND;
        assert_eq!(end_moment(Some(NOON), behind), NOON + SECOND);
    }
}
