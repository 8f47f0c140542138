//! Consumers on a replica that lags behind its stream: what it does not know of is no end.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use serde_json::json;

use super::{super::hostile::INFO, numbers_of};
use crate::support::program::Rocketman;

/// How many messages the stream has.
const ALL: u64 = 3;

/// A stream of three replicas, read through one that has this many of its messages until somebody
/// asks the leader; then it has all of them, or is as before.
#[derive(Debug, Clone, Copy)]
struct Lagging {
    has: u64,
    catches_up: bool,
    may_ask: bool,
}

impl Lagging {
    /// Serves it; returns its address.
    fn serve(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                thread::spawn(move || Replica::of(self, &client).converse());
            }
        });
        format!("nats://{address}/S")
    }
}

/// One connection.
struct Replica<'a> {
    client: &'a TcpStream,
    script: Lagging,
    /// The numbers of subscriptions, by the beginnings of their subjects.
    subscriptions: HashMap<String, String>,
    consumers: u64,
    has: u64,
    delivered: u64,
    /// How many the present consumer delivered.
    own: u64,
    /// Where the consumer delivers.
    inbox: Option<String>,
}

impl<'a> Replica<'a> {
    fn of(script: Lagging, client: &'a TcpStream) -> Self {
        Self {
            client,
            script,
            subscriptions: HashMap::new(),
            consumers: 0,
            has: script.has,
            delivered: 0,
            own: 0,
            inbox: None,
        }
    }

    fn converse(mut self) {
        writeln!(self.client, "{INFO}\r").unwrap();
        let mut reader = BufReader::new(self.client);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|n| n > 0) {
            let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            match words[..] {
                ["PING"] => write!(self.client, "PONG\r\n").unwrap_or_default(),
                ["SUB", subject, .., number] => {
                    let beginning = subject.trim_end_matches('*').to_owned();
                    self.subscriptions.insert(beginning, number.to_owned());
                }
                ["PUB" | "HPUB", subject, .., size] => {
                    let mut payload = vec![0; size.parse::<usize>().unwrap() + 2];
                    reader.read_exact(&mut payload).unwrap();
                    // Some have a subject for the answer.
                    let is_reply = |word: &&&str| word.starts_with("_INBOX");
                    let reply = words.get(2).filter(is_reply).copied().unwrap_or_default();
                    let payload = String::from_utf8_lossy(&payload);
                    self.answer(subject, reply, payload.trim());
                }
                _ => {}
            }
            line.clear();
        }
    }

    fn answer(&mut self, subject: &str, reply: &str, request: &str) {
        let answer = match subject.strip_prefix("$JS.API.").unwrap_or_default() {
            "STREAM.INFO.S" => info(),
            "STREAM.MSG.GET.S" if !self.script.may_ask => {
                let said = format!("Permissions Violation for Publish to \"{subject}\"");
                write!(self.client, "-ERR '{said}'\r\n").unwrap_or_default();
                return;
            }
            "STREAM.MSG.GET.S" => {
                let request: serde_json::Value = serde_json::from_str(request).unwrap();
                assert_eq!(request["next_by_subj"], ">");
                if self.script.catches_up {
                    self.has = ALL;
                }
                stored(request["seq"].as_u64().unwrap())
            }
            // Nobody waits for that of one that was used.
            _ if reply.is_empty() => return,
            call if call.starts_with("CONSUMER.DELETE") => {
                self.consumers = 0;
                self.has = ALL;
                json!({ "success": true }).to_string()
            }
            call if call.starts_with("CONSUMER.INFO") && self.consumers == 0 => {
                json!({ "error": { "code": 404, "err_code": 10014,
                    "description": "consumer not found" } })
                .to_string()
            }
            call if call.starts_with("CONSUMER.CREATE") => {
                self.consumers += 1;
                (self.inbox, self.own) = (None, 0);
                // Another one is made on another replica.
                if self.consumers > 1 {
                    self.has = ALL;
                }
                let request: serde_json::Value = serde_json::from_str(request).unwrap();
                let asked = request["config"]["opt_start_seq"].as_u64().unwrap();
                // A replica that is not there yet begins at its own end.
                self.delivered = self.has.min(asked - 1);
                json!({ "num_pending": self.has.saturating_sub(self.delivered), "delivered": {
                    "consumer_seq": 0, "stream_seq": self.delivered },
                    "config": { "ack_policy": "explicit", "ack_wait": 30_000_000_000_u64 } })
                .to_string()
            }
            call if call.starts_with("CONSUMER.INFO") => {
                json!({ "num_pending": self.has.saturating_sub(self.delivered), "delivered": {
                    "consumer_seq": self.delivered, "stream_seq": self.delivered } })
                .to_string()
            }
            call if call.starts_with("CONSUMER.MSG.NEXT") => {
                self.inbox = Some(reply.to_owned());
                self.deliver();
                let beats = if self.script.catches_up { 0 } else { 3 };
                for _ in 0..beats {
                    self.send(reply, None, "NATS/1.0 100 Idle Heartbeat\r\n\r\n");
                }
                return;
            }
            _ => return,
        };
        self.send(reply, None, &answer);
        self.deliver();
    }

    /// Delivers what the replica has, where that is asked for.
    fn deliver(&mut self) {
        let Some(inbox) = self.inbox.clone() else {
            return;
        };
        while self.delivered < self.has {
            self.delivered += 1;
            self.own += 1;
            let (seq, own, left) = (self.delivered, self.own, self.has - self.delivered);
            let reply = format!("$JS.ACK.S.c.1.{seq}.{own}.1700000000000000000.{left}");
            self.send(&inbox, Some(&reply), &format!("{{\"n\":{seq}}}"));
        }
    }

    fn send(&mut self, to: &str, reply: Option<&str>, payload: &str) {
        let mut numbers = self.subscriptions.iter();
        let found = numbers.find(|(beginning, _)| to.starts_with(beginning.as_str()));
        let (_, number) = found.unwrap();
        let length = payload.len();
        let text = match reply {
            _ if payload.starts_with("NATS/1.0") => {
                format!("HMSG {to} {number} {length} {length}\r\n{payload}\r\n")
            }
            Some(reply) => format!("MSG s.a {number} {reply} {length}\r\n{payload}\r\n"),
            None => format!("MSG {to} {number} {length}\r\n{payload}\r\n"),
        };
        self.client.write_all(text.as_bytes()).ok();
    }
}

/// What the leader says of the stream.
fn info() -> String {
    let time = "2026-11-29T00:00:00Z";
    json!({
        "type": "io.nats.jetstream.api.v1.stream_info_response",
        "config": { "name": "S", "subjects": ["s.>"], "retention": "limits", "max_consumers": -1,
            "max_msgs": -1, "max_bytes": -1, "max_age": 0, "max_msgs_per_subject": -1,
            "max_msg_size": -1, "discard": "old", "storage": "file", "num_replicas": 3,
            "duplicate_window": 120_000_000_000_u64 },
        "created": time,
        "state": { "messages": ALL, "bytes": 99, "first_seq": 1, "first_ts": time,
            "last_seq": ALL, "last_ts": time, "consumer_count": 0 },
    })
    .to_string()
}

/// What the leader has from this number on.
fn stored(seq: u64) -> String {
    if seq > ALL {
        return json!({ "error": { "code": 404, "err_code": 10037, "description": "no message found" } })
            .to_string();
    }
    json!({ "message": { "subject": "s.a", "seq": seq, "data": "e30=",
        "time": "2026-11-29T00:00:00Z" } })
    .to_string()
}

#[test]
fn what_a_lagging_replica_has_is_not_the_end() {
    for has in [0, 2] {
        let lagging = Lagging {
            has,
            catches_up: true,
            may_ask: true,
        };
        let call = Rocketman::tail(&lagging.serve()).with("--cursor 0 -e --max-retries 0");
        assert_eq!(numbers_of(&call.succeed()), [1, 2, 3], "has {has}");
    }
}

#[test]
fn what_a_lagging_replica_delivers_before_the_place_is_dropped() {
    for has in [0, 1] {
        let lagging = Lagging {
            has,
            catches_up: true,
            may_ask: true,
        };
        let call = Rocketman::tail(&lagging.serve()).with("--cursor 3 -e --max-retries 0");
        assert_eq!(numbers_of(&call.succeed()), [3], "has {has}");
    }
}

/// Others share it, so that what it delivers cannot be left out.
#[test]
fn a_durable_consumer_that_begins_too_early_is_made_anew() {
    let lagging = Lagging {
        has: 1,
        catches_up: true,
        may_ask: true,
    };
    let call = Rocketman::tail(&lagging.serve()).with("--cursor 3 --durable w -n 1");
    let output = call.succeed();
    assert_eq!(numbers_of(&output), [3]);
    output.assert_says(
        0,
        &["the replica of the consumer lags behind the stream; trying again in"],
    );
}

#[test]
fn a_replica_that_stays_behind_is_left_for_another() {
    let lagging = Lagging {
        has: 2,
        catches_up: false,
        may_ask: true,
    };
    let call = Rocketman::tail(&lagging.serve()).with("--cursor 0 -e");
    let output = call.succeed();
    assert_eq!(numbers_of(&output), [1, 2, 3]);
    output.assert_says(0, &["it does not deliver message 3, which is there"]);
}

#[test]
fn who_may_not_ask_the_leader_ends_with_the_replica() {
    let lagging = Lagging {
        has: 2,
        catches_up: false,
        may_ask: false,
    };
    let call = Rocketman::tail(&lagging.serve()).with("--cursor 0 -e");
    let output = call.succeed();
    assert_eq!(numbers_of(&output), [1, 2]);
    output.assert_says(0, &["(STREAM.MSG.GET)"]);
}
