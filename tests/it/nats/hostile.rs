//! A server that says what a terminal would act upon: no way to a screen lets it through.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use crate::support::program::{Output, Rocketman};

pub(super) const INFO: &str = r#"INFO {"server_id":"x","server_name":"n","version":"2.11.0","proto":1,"host":"h","port":1,"max_payload":1048576,"headers":true,"jetstream":true}"#;

/// A title for the terminal's window, and a colour by a control character of the second kind.
const ACTS: &str = "\u{1b}]0;pwned\u{7}\u{9b}31m\u{202e}";

/// Serves each connection in this way, and returns the address of a stream there.
fn serve(answer: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().flatten().for_each(answer));
    format!("nats://{address}/S")
}

#[track_caller]
fn assert_harmless(output: &Output) {
    let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!output.stderr.contains(acts), "{:?}", output.stderr);
    assert!(output.stderr.contains("pwned"), "{:?}", output.stderr);
}

/// Each in words for people, in JSON, and with all that is said.
fn look(address: &str) {
    for more in ["", "--log-format json", "-vvv"] {
        let call = Rocketman::tail(address).with("--max-retries 0").with(more);
        assert_harmless(&call.run());
    }
}

#[test]
fn what_a_server_says_to_a_login_is_escaped() {
    let address = serve(|mut client| {
        writeln!(client, "{INFO}\r").unwrap();
        BufReader::new(&client).read_line(&mut String::new()).ok();
        write!(client, "-ERR '{ACTS}'\r\n").ok();
    });
    look(&address);
}

#[test]
fn what_a_server_says_instead_of_its_name_is_escaped() {
    let acts = serde_json::to_string(ACTS).unwrap();
    let info = format!(r#"INFO {{"server_id":{acts},"port":{acts}}}"#);
    let address = serve(move |mut client| writeln!(client, "{info}\r").unwrap_or_default());
    look(&address);
    let address = serve(|mut client| write!(client, "{ACTS} no nats\r\n").unwrap_or_default());
    look(&address);
}

#[test]
fn what_a_server_says_to_a_request_is_escaped() {
    let error = format!(
        r#"{{"type":"io.nats.jetstream.api.v1.stream_info_response","error":{{"code":400,"err_code":10025,"description":{}}}}}"#,
        serde_json::to_string(ACTS).unwrap()
    );
    let answers = [error, format!("no JSON {ACTS}")];
    for answer in answers {
        let address = serve(move |client| converse(&client, &answer));
        let running = Rocketman::tail(&address).with("--max-retries 0").start();
        let output = running.finish();
        let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!output.stderr.contains(acts), "{:?}", output.stderr);
        assert_ne!(output.code, Some(0));
    }
    let violation =
        format!("-ERR 'Permissions Violation for Publish to \"$JS.API.STREAM.INFO.S{ACTS}\"'");
    let address = serve(move |client| refuse(&client, &violation));
    look(&address);
}

/// Answers every request of a client with this.
fn converse(mut client: &TcpStream, answer: &str) {
    writeln!(client, "{INFO}\r").unwrap();
    let mut inbox = String::new();
    for line in BufReader::new(client).lines().map_while(Result::ok) {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["PING"] => write!(client, "PONG\r\n").unwrap_or_default(),
            ["SUB", subject, .., _] => inbox = subject.replace(".*", ""),
            [verb, _, reply, ..] if verb.ends_with("PUB") && reply.starts_with(&inbox) => {
                write!(client, "MSG {reply} 1 {}\r\n{answer}\r\n", answer.len()).ok();
            }
            _ => {}
        }
    }
}

/// Answers the first request of a client with an error.
fn refuse(mut client: &TcpStream, error: &str) {
    writeln!(client, "{INFO}\r").unwrap();
    for line in BufReader::new(client).lines().map_while(Result::ok) {
        if line == "PING" {
            write!(client, "PONG\r\n").ok();
        } else if line.starts_with("PUB ") {
            write!(client, "{error}\r\n").ok();
        }
    }
}
