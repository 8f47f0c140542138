//! What a receiver of webhooks has taken: how many events, which of them again, and whether those of
//! an account came in their order.

use std::io;

use tracing::warn;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{HttpReceived, body::Body, recent::Recent};
use crate::{
    event::{Event, Identity, Point},
    log::{
        STATE,
        throttle::{Throttle, more},
    },
};

/// How many events, accounts and requests are remembered at least.
const MAX_EVENTS: usize = 1_000_000;
const MAX_ACCOUNTS: usize = 250_000;
const MAX_REQUESTS: usize = 100_000;

/// Gets the lines that are accepted, before that is said.
pub(super) type Print = Box<dyn FnMut(&[u8]) -> io::Result<()> + Send>;

/// What was taken.
pub(super) struct Book {
    print: Print,
    pub(super) received: HttpReceived,
    events: Recent<Identity, ()>,
    /// Up to which time events may be forgotten, and up to which they will be next.
    forgotten_us: (u64, u64),
    latest_us: u64,
    /// Where each account stands.
    accounts: Recent<u64, Point>,
    /// What was in the requests of each id.
    requests: Recent<u64, u64>,
    pace: Throttle,
}

impl Book {
    pub(super) fn new(print: Print) -> Self {
        Self {
            print,
            received: HttpReceived::default(),
            events: Recent::new(MAX_EVENTS),
            forgotten_us: (0, 0),
            latest_us: 0,
            accounts: Recent::new(MAX_ACCOUNTS),
            requests: Recent::new(MAX_REQUESTS),
            pace: Throttle::new(),
        }
    }

    /// Takes what a request of this id has in it. Blocks the thread, and fails where it cannot be
    /// printed: then it is not taken.
    pub(super) fn take(&mut self, id: Option<&[u8]>, body: &Body) -> io::Result<()> {
        if !body.lines.is_empty() {
            (self.print)(&body.lines)?;
        }
        self.received.accepted += 1;
        self.received.others += body.n_others;
        if let Some(id) = id {
            self.note_id(id, body);
        }
        for event in body.events.events() {
            self.note(&event);
        }
        Ok(())
    }

    fn note(&mut self, event: &Event<'_>) {
        let point = event.point();
        self.received.events += 1;
        let account = xxh3_64(event.key().as_bytes());
        let highest = self.accounts.get(&account);
        let is_late = highest.is_some_and(|highest| is_before(point, highest));
        let is_known = point
            .identity
            .is_some_and(|identity| self.events.get(&identity).is_some());
        if is_known || (is_late && point.time_us <= self.forgotten_us.0) {
            self.received.repeats += 1;
        } else if is_late {
            self.received.out_of_order += 1;
            self.say(|| {
                let event = event.uri().unwrap_or_else(|| event.did().to_owned());
                format!("{event} came after a later event of its account")
            });
        }
        if !is_late {
            self.accounts.insert(account, *point);
        }
        self.latest_us = self.latest_us.max(point.time_us);
        if let Some(identity) = point.identity.filter(|_| !is_known)
            && self.events.insert(identity, ())
        {
            self.forgotten_us = (self.forgotten_us.1, self.latest_us);
        }
    }

    /// One id stands for the same events, whenever they are sent.
    fn note_id(&mut self, id: &[u8], body: &Body) {
        let mut content = Xxh3::new();
        for event in body.events.events() {
            let identity = event.point().identity.map_or(0, Identity::to_bits);
            content.update(&identity.to_be_bytes());
        }
        content.update(&body.n_others.to_be_bytes());
        let (id_hash, content) = (xxh3_64(id), content.digest());
        match self.requests.get(&id_hash) {
            Some(before) if *before != content => {
                self.received.reused_ids += 1;
                self.say(|| {
                    let id = String::from_utf8_lossy(id).into_owned();
                    format!("the id '{id}' came with other events than before")
                });
            }
            _ => drop(self.requests.insert(id_hash, content)),
        }
    }

    fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(left_out) = self.pace.check() {
            warn!(target: STATE, "{}{}", crate::log::printable(&what()), more(left_out));
        }
    }
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Book")
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

/// Whether an event stands before another of its server: by number where both have one.
fn is_before(point: &Point, other: &Point) -> bool {
    match (point.seq, other.seq) {
        (Some(seq), Some(other)) => seq < other,
        _ => point.time_us < other.time_us,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn body(events: &[(&str, u64)]) -> Body {
        let mut body = Body::default();
        for (did, seq) in events {
            let line = format!(
                r#"{{"did":"did:plc:{did}","time_us":{seq},"cursor":{seq},"kind":"commit","commit":{{"rev":"3k{seq}","operation":"create","collection":"a.b.c","rkey":"x"}}}}"#
            );
            body.events.push(line.as_bytes()).unwrap();
            body.lines.extend_from_slice(line.as_bytes());
        }
        body
    }

    fn taken(bodies: &[(&str, &[(&str, u64)])]) -> HttpReceived {
        let mut book = Book::new(Box::new(|_| Ok(())));
        for (id, events) in bodies {
            let id = Some(id.as_bytes()).filter(|id| !id.is_empty());
            book.take(id, &body(events)).unwrap();
        }
        book.received
    }

    #[test]
    fn each_account_has_its_order_and_repeats_are_none_of_it() {
        let found = taken(&[
            ("", &[("a", 5), ("b", 1), ("b", 2)]),
            ("", &[("a", 5), ("b", 1)]),
            ("", &[("a", 4), ("c", 1), ("b", 3)]),
            ("", &[("a", 4), ("a", 6)]),
        ]);
        let expected = HttpReceived {
            accepted: 4,
            events: 10,
            repeats: 3,
            out_of_order: 1,
            ..HttpReceived::default()
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn an_id_stands_for_the_same_events() {
        let found = taken(&[
            ("x", &[("a", 1)]),
            ("x", &[("a", 1)]),
            ("y", &[("a", 2)]),
            ("x", &[("a", 3)]),
        ]);
        assert_eq!((found.reused_ids, found.repeats), (1, 1));
    }

    #[test]
    fn what_may_be_forgotten_is_no_breach_of_the_order() {
        let mut book = Book::new(Box::new(|_| Ok(())));
        book.events = Recent::new(10);
        for seq in 1..100 {
            book.take(None, &body(&[("a", seq)])).unwrap();
        }
        book.take(None, &body(&[("a", 3), ("a", 4)])).unwrap();
        assert_eq!((book.received.repeats, book.received.out_of_order), (2, 0));
    }

    #[test]
    fn what_cannot_be_printed_is_not_taken() {
        let failing = Arc::new(Mutex::new(true));
        let shared = Arc::clone(&failing);
        let print = move |_: &[u8]| {
            let fails = *shared.lock().unwrap();
            if fails {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(())
        };
        let mut book = Book::new(Box::new(print));
        assert!(book.take(None, &body(&[("a", 1)])).is_err());
        assert_eq!(book.received, HttpReceived::default());
        *failing.lock().unwrap() = false;
        book.take(None, &body(&[("a", 1)])).unwrap();
        assert_eq!((book.received.events, book.received.repeats), (1, 0));
    }
}
