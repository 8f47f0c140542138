//! Answers: heads, bodies, and how long to wait.

use super::*;

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    assert_eq!(wait("7", now), Some(Duration::from_secs(7)));
    assert_eq!(
        wait("Fri, 15 Jan 2027 08:00:09 GMT", now),
        Some(Duration::from_secs(9))
    );
    assert_eq!(
        wait("Fri, 15 Jan 2027 07:00:00 GMT", now),
        Some(Duration::ZERO)
    );
    assert_eq!(wait("999999", now), Some(LONGEST_WAIT));
    assert_eq!(wait("soon", now), None);
}

#[test]
fn an_answer_is_read_once_its_head_is_complete() {
    let head =
        b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nContent-Length: 5\r\n\r\nhello";
    for end in 0..head.len() - 5 {
        assert!(
            Answer::parse(&head[..end]).unwrap().is_none(),
            "complete after {end} bytes"
        );
    }
    let answer = Answer::parse(head).unwrap().unwrap();
    assert_eq!(
        (answer.status, answer.body_bytes, answer.head_bytes),
        (503, Some(5), head.len() - 5)
    );
    assert!(matches!(
        Answer::parse(b"SSH-2.0-OpenSSH_9.2\r\n"),
        Err(HandshakeError::NotHttp)
    ));
}

#[test]
fn chunks_are_taken_apart_and_bodies_escaped() {
    assert_eq!(
        without_chunks(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
        b"hello world"
    );
    assert_eq!(without_chunks(b"5\r\nhello\r\n1000\r\n wor"), b"hello wor");
    assert_eq!(without_chunks(b"ffffffffffffffff\r\nx"), b"x");
    assert_eq!(excerpt(b"bad \x1b[31mcolour\n\n"), "bad \\u{1b}[31mcolour");
    assert_eq!(excerpt("a\u{202e}b".as_bytes()), "a\\u{202e}b");
    assert_eq!(excerpt(&vec![b'x'; 5000]).len(), 300);
}
