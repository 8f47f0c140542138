//! What answers an upgrade, wherever it is torn.
//!
//! Input: the sizes of the pieces, and the answer; in it `@KEY@` stands for the key that is
//! expected.

#![no_main]

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use libfuzzer_sys::fuzz_target;
use rocketman::fuzzing::{Answered, ask};
use rocketman_fuzz::{Torn, choice};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime::{Builder, Runtime},
};
use tungstenite::handshake::derive_accept_key;

/// The longest wait that is believed.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

thread_local! {
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        Builder::new_current_thread().enable_time().build().expect("the system has resources")
    );
}

fuzz_target!(|input: &[u8]| {
    let mut input = input;
    let n_pieces = usize::from(choice(&mut input) % 8).min(input.len());
    let (pieces, answer) = input.split_at(n_pieces);
    let [whole, torn] = [&[][..], pieces].map(|pieces| asked(answer, pieces));
    // How much of a body or of the first frames has come is another matter.
    let head = |answered: &Answered| match answered {
        Answered::Upgraded { date_us, .. } => format!("{date_us:?}"),
        Answered::Refused {
            status, location, ..
        } => {
            // The key in it is another each time.
            let location = location.as_ref().map(|text| text.chars().count());
            format!("{status} {location:?}")
        }
        Answered::Failed(why) => why.clone(),
    };
    assert_eq!(head(&whole), head(&torn), "it depends on where it is torn");
});

fn asked(answer: &[u8], pieces: &[u8]) -> Answered {
    let mut server = Server(Torn::new(answer, pieces));
    let answered = RUNTIME.with_borrow_mut(|runtime| runtime.block_on(ask(&mut server, "a=b")));
    check(&answered, &server.0);
    answered
}

fn check(answered: &Answered, server: &Torn<'_>) {
    let is_clean = |text: &str| text.chars().all(|c| !c.is_control());
    match answered {
        Answered::Upgraded { received, .. } => {
            let read = &server.bytes[..server.read];
            let head = read
                .strip_suffix(&received[..])
                .expect("what lies behind the answer is kept");
            let key = accept_key(&server.written);
            assert!(
                head.ends_with(b"\n")
                    && head
                        .windows(key.len())
                        .any(|window| window == key.as_bytes())
            );
        }
        Answered::Refused {
            status,
            body,
            location,
            retry_after,
        } => {
            assert_ne!(*status, 101);
            // A control character is shown as at most ten others.
            assert!(
                is_clean(body) && body.chars().count() <= 300 * 10,
                "{body:?}"
            );
            assert!(location.as_deref().is_none_or(is_clean), "{location:?}");
            assert!(retry_after.is_none_or(|wait| wait <= LONGEST_WAIT));
        }
        Answered::Failed(why) => assert!(is_clean(why) && why.len() < 200, "{why:?}"),
    }
    assert!(server.read <= 64 * 1024 + 3 * 8192, "read without an end");
}

/// What a server has to answer to the key it was sent.
fn accept_key(request: &[u8]) -> String {
    let request = str::from_utf8(request).expect("a request is text");
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    derive_accept_key(key.expect("a request has a key").as_bytes())
}

/// Answers what was asked.
struct Server<'a>(Torn<'a>);

impl AsyncRead for Server<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let torn = &mut self.0;
        while torn.read == 0
            && let Some(at) = torn.bytes.windows(5).position(|five| five == b"@KEY@")
        {
            let key = accept_key(&torn.written);
            torn.bytes.to_mut().splice(at..at + 5, key.bytes());
        }
        Pin::new(torn).poll_read(cx, space)
    }
}

impl AsyncWrite for Server<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
