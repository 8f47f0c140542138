//! What the server says of a message that it delivers: the subject that an acknowledgement would go
//! to.

use memchr::memchr_iter;

/// What stands before it.
const PREFIX: &[u8] = b"$JS.ACK.";

/// The dots of the shorter form, which lacks the domain and the account before the stream.
const SHORT_FORM_DOTS: usize = 6;

/// The dots of the longer form up to its last number; what follows another dot is not ours
/// (ADR-15).
const LONG_FORM_DOTS: usize = 8;

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delivery {
    /// Its number in the stream.
    pub(super) seq: u64,
    /// Its number among all that this consumer was delivered.
    pub(super) consumer_seq: u64,
    /// When it was stored, in nanoseconds since 1970.
    pub(super) time_ns: u64,
    /// How many more there are for this consumer.
    pub(super) pending: u64,
}

impl Delivery {
    /// Reads either form; `None` for a message that is not of a stream.
    pub(super) fn parse(reply: &str) -> Option<Self> {
        let mut numbers = numbers(reply)?;
        number(&mut numbers)?;
        let delivery = Self {
            seq: number(&mut numbers)?,
            consumer_seq: number(&mut numbers)?,
            time_ns: number(&mut numbers)?,
            pending: number(&mut numbers)?,
        };
        numbers.is_empty().then_some(delivery)
    }
}

/// How often a message was delivered, this time included, by where its acknowledgement goes; 1
/// where that does not tell.
pub(super) fn deliveries(reply: &str) -> u64 {
    let mut numbers = numbers(reply).unwrap_or_default();
    number(&mut numbers).unwrap_or(1)
}

/// The numbers that end either form, with the dots between them: the count of deliveries, and the
/// four of a [`Delivery`].
fn numbers(reply: &str) -> Option<&[u8]> {
    let parts = reply.as_bytes().strip_prefix(PREFIX)?;
    let mut dots = [0; LONG_FORM_DOTS + 1];
    let mut n_dots = 0;
    for (place, dot) in dots.iter_mut().zip(memchr_iter(b'.', parts)) {
        *place = dot;
        n_dots += 1;
    }
    match n_dots {
        SHORT_FORM_DOTS => parts.get(dots[SHORT_FORM_DOTS - 5] + 1..),
        LONG_FORM_DOTS => parts.get(dots[LONG_FORM_DOTS - 5] + 1..),
        _ if n_dots > LONG_FORM_DOTS => {
            parts.get(dots[LONG_FORM_DOTS - 5] + 1..dots[LONG_FORM_DOTS])
        }
        _ => None,
    }
}

/// Takes a decimal number and the dot after it, if there is one.
fn number(text: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    let mut n_digits = 0;
    for byte in *text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
        n_digits += 1;
    }
    let rest = text.get(n_digits..)?;
    *text = match rest {
        [] => rest,
        [b'.', rest @ ..] => rest,
        _ => return None,
    };
    (n_digits > 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let expected = Delivery {
            seq: 20,
            consumer_seq: 3,
            time_ns: 1_800_000_000_000_000_001,
            pending: 5,
        };
        for reply in [
            "$JS.ACK.S.c.1.20.3.1800000000000000001.5",
            "$JS.ACK._.hash.S.c.1.20.3.1800000000000000001.5",
            "$JS.ACK.hub.hash.S.c.1.20.3.1800000000000000001.5.random",
            "$JS.ACK.hub.hash.S.c.1.20.3.1800000000000000001.5.random.more",
        ] {
            assert_eq!(Delivery::parse(reply), Some(expected), "{reply}");
        }
    }

    #[test]
    fn the_number_of_deliveries_is_told_by_either_form() {
        for (reply, expected) in [
            ("$JS.ACK.S.c.7.20.3.1800000000000000001.5", 7),
            ("$JS.ACK._.hash.S.c.8.20.3.1800000000000000001.5", 8),
            (
                "$JS.ACK.hub.hash.S.c.9.20.3.1800000000000000001.5.random",
                9,
            ),
            ("$JS.ACK.S", 1),
            ("_INBOX.a", 1),
        ] {
            assert_eq!(deliveries(reply), expected, "{reply}");
        }
    }

    #[test]
    fn anything_else_is_no_delivery() {
        for reply in [
            "",
            "$JS.ACK.",
            "$JS.ACK.S.c.1.20.3.1800000000000000001",
            "$JS.ACK.S.c.1.20.3.x.5",
            "$JS.ACK.S.c.1.20.3.1.5.6",
            "$JS.ACK.S.c.1.-20.3.1.5",
            "$JS.ACK.S.c.1..3.1.5",
            "$JS.ACK.S.c.1.20.3.1.",
            "$JS.ACK.S.c.1.20.3.1.5x",
            "$JS.ACK.S.c.1.18446744073709551616.3.1.5",
            "$JS.ACK.hub.hash.S.c.1.20.3.1800000000000000001",
            "_INBOX.a.b",
        ] {
            assert_eq!(Delivery::parse(reply), None, "{reply}");
        }
    }
}
