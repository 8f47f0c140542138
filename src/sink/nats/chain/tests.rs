use std::sync::Arc;

use super::*;
use crate::event::Point;

fn outgoing(n: u64) -> Outgoing {
    Outgoing {
        id: id(n),
        subject: "s".into(),
        key: "".into(),
        point: Point {
            seq: None,
            time_us: n,
            identity: None,
        },
        source: Arc::default(),
        headers: bytes::Bytes::new(),
        payload: bytes::Bytes::from(vec![b'x'; usize::try_from(n % 7).unwrap()]),
    }
}

fn id(n: u64) -> Identity {
    Identity::parse(&format!("{n:016x}")).unwrap()
}

fn tail(seq: u64, event: u64) -> Tail {
    Tail {
        seq,
        id: (seq > 0).then(|| id(event)),
        ..Tail::default()
    }
}

/// A stream with a server's rules: what it stores, and what it forgets of duplicates.
struct Server {
    stored: Vec<Identity>,
    /// Duplicates are known among this number of last messages.
    remembers: usize,
}

impl Server {
    fn take(&mut self, id: Identity, link: Link) -> Answer {
        let start = self.stored.len().saturating_sub(self.remembers);
        if let Some(place) = self.stored[start..].iter().position(|known| *known == id) {
            return Answer::Duplicate((start + place + 1) as u64);
        }
        let fits = match link {
            Link::Sequence(seq) => self.stored.len() as u64 == seq,
            Link::Event(id) => self.stored.last() == Some(&id),
        };
        if !fits {
            return Answer::Refused;
        }
        self.stored.push(id);
        Answer::Stored(self.stored.len() as u64)
    }

    fn tail(&self) -> Tail {
        Tail {
            seq: self.stored.len() as u64,
            id: self.stored.last().copied(),
            ..Tail::default()
        }
    }
}

/// Sends all that may be sent.
fn send(chain: &mut Chain) -> Vec<(Identity, Link, Option<Reply>)> {
    let mut sent = Vec::new();
    while let Some(Next {
        outgoing,
        link,
        reply,
    }) = chain.next()
    {
        sent.push((outgoing.id, link, reply));
        chain.sent(reply.is_some());
    }
    sent
}

#[test]
fn the_first_message_follows_a_number_and_others_an_event() {
    let mut chain = Chain::new(&tail(7, 70));
    for n in 1..=3 {
        chain.push(outgoing(n));
    }
    let links: Vec<_> = send(&mut chain)
        .into_iter()
        .map(|(_, link, _)| link)
        .collect();
    assert_eq!(
        links,
        [Link::Sequence(7), Link::Event(id(1)), Link::Event(id(2))]
    );
    assert_eq!(chain.answer((0, 1), Answer::Stored(9)), 2);
    chain.push(outgoing(4));
    assert_eq!(send(&mut chain)[0].1, Link::Event(id(3)));
    assert_eq!(chain.answer((0, 3), Answer::Stored(11)), 2);
    assert_eq!(chain.len(), 0);
    chain.push(outgoing(5));
    assert_eq!(send(&mut chain)[0].1, Link::Event(id(4)));
}

#[test]
fn one_ack_covers_many_and_the_last_message_always_asks() {
    let mut chain = Chain::new(&tail(0, 0));
    for n in 1..=200 {
        chain.push(outgoing(n));
    }
    let asked: Vec<_> = send(&mut chain)
        .iter()
        .map(|(_, _, reply)| reply.is_some())
        .collect();
    assert!(asked[..32].iter().all(|asked| *asked), "careful at first");
    assert_eq!(asked[32..].iter().filter(|asked| **asked).count(), 7);
    assert!(asked[199]);
    assert!(chain.is_waiting());
    assert_eq!(chain.answer((0, 199), Answer::Stored(200)), 200);
    assert!(!chain.is_waiting());
}

#[test]
fn after_a_refusal_all_after_the_last_stored_is_sent_again() {
    let mut chain = Chain::new(&tail(0, 0));
    for n in 1..=4 {
        chain.push(outgoing(n));
    }
    send(&mut chain);
    assert_eq!(chain.answer((0, 2), Answer::Refused), 0);
    assert!(!chain.wants_look(), "the last answer is still to come");
    assert!(chain.next().is_none());
    assert_eq!(chain.answer((0, 3), Answer::Refused), 0);
    assert!(chain.wants_look());
    assert_eq!(chain.rebase(&tail(1, 1), true), Ok(1));
    let again: Vec<_> = send(&mut chain)
        .iter()
        .map(|(id, link, _)| (*id, *link))
        .collect();
    assert_eq!(again[0], (id(2), Link::Sequence(1)));
    assert_eq!(again.len(), 3);
    assert_eq!(
        chain.answer((0, 3), Answer::Stored(9)),
        0,
        "an answer of before"
    );
}

#[test]
fn a_duplicate_without_a_number_is_not_stored() {
    let mut chain = Chain::new(&tail(7, 70));
    for n in 1..=2 {
        chain.push(outgoing(n));
    }
    send(&mut chain);
    for number in 0..2 {
        assert_eq!(chain.answer((0, number), Answer::Duplicate(0)), 0);
    }
    assert!(chain.wants_look());
    assert_eq!(chain.rebase(&tail(7, 70), true), Ok(0));
    assert_eq!(send(&mut chain).len(), 2, "sent again");
    assert_eq!(chain.answer((1, 0), Answer::Duplicate(0)), 0);
    chain.lose();
    assert_eq!(chain.rebase(&tail(9, 2), true), Ok(2));
}

#[test]
fn a_last_message_of_somebody_else_or_a_shorter_stream_ends_it() {
    let mut chain = Chain::new(&tail(5, 50));
    chain.push(outgoing(1));
    send(&mut chain);
    chain.lose();
    assert!(chain.wants_look());
    assert_eq!(chain.rebase(&tail(6, 99), true), Err(Broken::AnotherWriter));
    assert_eq!(chain.rebase(&tail(6, 1), false), Err(Broken::AnotherWriter));
    assert_eq!(chain.rebase(&tail(4, 40), true), Err(Broken::Shorter));
    assert_eq!(chain.rebase(&tail(5, 50), true), Ok(0));
    assert_eq!(send(&mut chain).len(), 1);
}

#[test]
fn a_last_message_that_is_gone_is_counted_by_its_number() {
    let mut chain = Chain::new(&tail(5, 50));
    for n in 1..=3 {
        chain.push(outgoing(n));
    }
    send(&mut chain);
    chain.lose();
    let gone = |seq| Tail {
        seq,
        is_gone: true,
        ..Tail::default()
    };
    assert_eq!(chain.rebase(&gone(7), false), Ok(2));
    assert_eq!(chain.rebase(&gone(9), false), Err(Broken::AnotherWriter));
}

/// Whatever is lost on the way, and however little the server remembers: each event is stored once,
/// in order.
#[test]
fn each_event_is_stored_once_and_in_order_whatever_is_lost() {
    for seed in 0..400 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut server = Server {
            stored: Vec::new(),
            remembers: random.usize(0..30),
        };
        let mut chain = Chain::new(&server.tail());
        let (mut pushed, mut accepted) = (0, 0);
        let total = 300;
        for _ in 0..100_000 {
            while pushed < total && chain.len() < 64 && random.u8(..4) != 0 {
                pushed += 1;
                chain.push(outgoing(pushed));
            }
            let sent = send(&mut chain);
            // A connection that breaks: some arrive, some do not, and so do the answers.
            let breaks = random.u8(..8) == 0;
            let arrive = if breaks {
                random.usize(..=sent.len())
            } else {
                sent.len()
            };
            let lost_before = if breaks && random.bool() {
                random.usize(..=arrive)
            } else {
                0
            };
            for (place, (id, link, reply)) in sent.into_iter().enumerate() {
                if place < lost_before || place >= arrive {
                    continue;
                }
                let answer = server.take(id, link);
                if let Some(reply) = reply.filter(|_| random.u8(..20) != 0) {
                    accepted += chain.answer(reply, answer);
                }
            }
            if breaks || random.u8(..10) == 0 {
                chain.lose();
            }
            if chain.wants_look() {
                accepted += chain.rebase(&server.tail(), true).unwrap();
            }
            assert!(
                accepted <= server.stored.len() as u64,
                "accepted before it was stored"
            );
            let held: usize = chain.entries.iter().map(Entry::bytes).sum();
            assert_eq!(chain.bytes(), held, "seed {seed}");
            if accepted == total {
                break;
            }
        }
        let expected: Vec<_> = (1..=total).map(id).collect();
        assert_eq!(server.stored, expected, "seed {seed}");
        assert_eq!(accepted, total, "seed {seed}");
    }
}

/// The stream holds some of what comes already, further up than its last message: it was taken over
/// by time.
#[test]
fn events_the_server_already_has_are_skipped_and_accepted() {
    let mut server = Server {
        stored: (1..=100).map(id).collect(),
        remembers: 100,
    };
    let mut chain = Chain::new(&server.tail());
    let mut accepted = 0;
    for n in 60..=160 {
        chain.push(outgoing(n));
    }
    for _ in 0..50 {
        for (id, link, reply) in send(&mut chain) {
            let answer = server.take(id, link);
            if let Some(reply) = reply {
                accepted += chain.answer(reply, answer);
            }
        }
        chain.lose();
        if chain.wants_look() {
            accepted += chain.rebase(&server.tail(), true).unwrap();
        }
    }
    assert_eq!(accepted, 101);
    assert_eq!(server.stored, (1..=160).map(id).collect::<Vec<_>>());
}
