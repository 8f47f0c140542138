//! Connections that end, and how that is noticed.

use std::time::Duration;

use super::{AT_ONCE, interrupted, unreachable};
use crate::support::jetstream::{Connection, End};

#[test]
fn a_reset_is_resumed() {
    let survived = interrupted("", Connection::reset);
    survived.assert_told(": lost ", Duration::ZERO..AT_ONCE);
    survived.assert_told("Connection reset by peer", Duration::ZERO..AT_ONCE);
}

#[test]
fn a_cut_in_the_upgrade_is_tried_again() {
    let half: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webso";
    for (answer, end, words) in [
        (&b""[..], End::Fin, "closed during the upgrade"),
        (b"", End::Reset, "broke during the upgrade"),
        (half, End::Fin, "closed during the upgrade"),
        (half, End::Reset, "during the upgrade"),
    ] {
        let survived = unreachable("", move |request| request.answer_and(answer, end));
        survived.assert_told(words, Duration::ZERO..AT_ONCE);
    }
}

/// 1005 and 1006 stand for a missing code and a missing close frame, and 1015 for TLS: none of them is
/// ever to be sent.
#[test]
fn a_close_with_a_code_that_may_not_be_sent_is_a_close_too() {
    let payload = |code: u16, reason: &[u8]| [&code.to_be_bytes(), reason].concat();
    for (payload, words) in [
        (payload(1006, b""), "(code 1006)"),
        (payload(1015, b"no \xff text"), r"(code 1015: no \xff text)"),
        (payload(0, b""), "(code 0)"),
        (Vec::new(), "(without a code)"),
        (vec![3], "(without a code)"),
    ] {
        let survived = interrupted("", move |mut connection| {
            let length = u8::try_from(payload.len()).unwrap();
            connection.send_raw(&[&[0x88, length], &payload[..]].concat());
            connection.until_closed();
        });
        survived.assert_told(words, Duration::ZERO..AT_ONCE);
    }
}
