//! What the server says of a message that it delivers: the subject that an acknowledgement would go to.

/// What stands before it.
const PREFIX: &str = "$JS.ACK.";

/// The parts of the longer form that are looked at; what comes behind them is not ours (ADR-15).
const PARTS: usize = 9;

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
        let mut parts = [""; PARTS];
        let mut n = 0;
        for (place, part) in parts.iter_mut().zip(reply.strip_prefix(PREFIX)?.split('.')) {
            *place = part;
            n += 1;
        }
        // The short form lacks the domain and the account before the stream.
        let numbers = match n {
            7 => parts.get(3..7)?,
            PARTS => parts.get(5..9)?,
            _ => return None,
        };
        let [seq, consumer_seq, time_ns, pending] = numbers else {
            return None;
        };
        Some(Self {
            seq: seq.parse().ok()?,
            consumer_seq: consumer_seq.parse().ok()?,
            time_ns: time_ns.parse().ok()?,
            pending: pending.parse().ok()?,
        })
    }
}

/// How often a message was delivered, this time included, by where its acknowledgement goes; 1 where that does not tell.
pub(super) fn deliveries(reply: &str) -> u64 {
    let parts = reply.strip_prefix(PREFIX).unwrap_or_default().split('.');
    let place = if parts.clone().count() < PARTS { 2 } else { 4 };
    let count = parts.clone().nth(place);
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
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
            "_INBOX.a.b",
        ] {
            assert_eq!(Delivery::parse(reply), None, "{reply}");
        }
    }
}
