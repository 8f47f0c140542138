//! The numbers of events, and what becomes of them when the server is killed on purpose.
//!
//! A public server shows events before they are durable. Killed with -9, it takes the last of them
//! in again, and gives their numbers, with new times, to other events (`v2-facts`, A.1). Here: the
//! last numbers are some ahead before, and are not afterwards, so that each is given twice.

/// How many events a kill takes, at most.
const NOT_DURABLE: u64 = 40;

/// How far numbers are ahead before the kill.
const AHEAD: u64 = 20;

/// Which number an event has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Numbering {
    renumber: Option<Renumber>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Renumber {
    /// The event behind which the server is killed.
    at: u64,
    /// The last one that is durable by then.
    durable: u64,
    /// When the events behind that were taken in again.
    killed_us: Option<u64>,
}

impl Numbering {
    /// The numbers of a server that is killed behind this event.
    pub(super) fn new(renumber_at: Option<u64>) -> Self {
        let renumber = renumber_at.map(|at| Renumber {
            at,
            durable: at - NOT_DURABLE.min(at / 2),
            killed_us: None,
        });
        Self { renumber }
    }

    /// Whether the server was killed.
    pub(super) fn is_second(self) -> bool {
        self.renumber
            .is_some_and(|renumber| renumber.killed_us.is_some())
    }

    /// The number and the time of an event of the feed.
    pub(super) fn number(self, seq: u64, time_us: u64) -> (u64, u64) {
        match self.renumber {
            Some(Renumber {
                durable,
                killed_us: None,
                ..
            }) if seq > durable => (seq.saturating_add(AHEAD), time_us),
            Some(Renumber {
                at,
                durable,
                killed_us: Some(killed_us),
            }) if (durable + 1..=at).contains(&seq) => (seq, time_us.max(killed_us)),
            _ => (seq, time_us),
        }
    }

    /// The number from which on a consumer that has it makes the server be killed.
    pub(super) fn kill_at(self) -> Option<u64> {
        let renumber = self
            .renumber
            .filter(|renumber| renumber.killed_us.is_none())?;
        Some(renumber.at.saturating_add(AHEAD))
    }

    /// The numbers after the kill, at the time of the last event that was sent.
    pub(super) fn after_kill(self, killed_us: u64) -> Self {
        let renumber = self.renumber.map(|renumber| Renumber {
            killed_us: Some(killed_us),
            ..renumber
        });
        Self { renumber }
    }

    /// The number in the feed of the event that has this one, or of the next that has one.
    pub(super) fn in_feed(self, seq: u64) -> u64 {
        match self.renumber {
            Some(Renumber {
                durable,
                killed_us: None,
                ..
            }) if seq > durable => seq.saturating_sub(AHEAD).max(durable + 1),
            _ => seq,
        }
    }

    /// The number of the first event that was taken in again, where events of this time may be
    /// among those: they have other times in the feed.
    pub(super) fn taken_in_again(self, time_us: u64) -> Option<u64> {
        let Renumber {
            durable, killed_us, ..
        } = self.renumber?;
        (time_us <= killed_us?).then_some(durable + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_kill_numbers_are_given_to_other_events() {
        let first = Numbering::new(Some(100));
        assert_eq!((first.kill_at(), first.is_second()), (Some(120), false));
        for (event, number) in [(1, 1), (60, 60), (61, 81), (100, 120), (500, 520)] {
            assert_eq!(first.number(event, 7), (number, 7));
            assert_eq!(first.in_feed(number), event);
        }
        // Numbers that no event has lead to the next one that has.
        assert_eq!(first.in_feed(70), 61);
        assert_eq!(first.taken_in_again(0), None);
        let second = first.after_kill(9);
        assert_eq!((second.kill_at(), second.is_second()), (None, true));
        for (event, time_us) in [(60, 7), (61, 9), (100, 9), (101, 7)] {
            assert_eq!(second.number(event, 7), (event, time_us));
        }
        assert_eq!(second.in_feed(120), 120);
        assert_eq!(second.taken_in_again(9), Some(61));
        assert_eq!(second.taken_in_again(10), None);
    }

    #[test]
    fn without_the_fault_numbers_are_those_of_the_feed() {
        let numbering = Numbering::new(None);
        assert_eq!(numbering.number(5, 7), (5, 7));
        assert_eq!(
            (numbering.in_feed(5), numbering.taken_in_again(5)),
            (5, None)
        );
        assert_eq!(numbering.kill_at(), None);
        // The first event is durable, however early the kill.
        assert_eq!(Numbering::new(Some(1)).number(1, 7), (1, 7));
    }
}
