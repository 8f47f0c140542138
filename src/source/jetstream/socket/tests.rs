use std::future::poll_fn;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::MaybeTlsStream;

use super::*;

const CAP: usize = 200_000;

/// A socket, and the server's end of it.
async fn pair(received: &[u8]) -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (client, server) = tokio::join!(
        TcpStream::connect(listener.local_addr().unwrap()),
        listener.accept()
    );
    let server = server.unwrap().0;
    server.set_nodelay(true).unwrap();
    (
        Socket::new(MaybeTlsStream::Plain(client.unwrap()), received, CAP),
        server,
    )
}

/// What came, owned and short.
async fn next(socket: &mut Socket) -> Result<String, String> {
    poll_fn(|cx| {
        socket.poll_next(cx).map(|incoming| match incoming {
            Ok(Incoming::Text(text)) => Ok(format!("text {}", String::from_utf8_lossy(text))),
            Ok(Incoming::Binary(bytes)) => Ok(format!("binary {}", bytes.len())),
            Ok(Incoming::TooLarge(head)) => Ok(format!("too large {}", head.len())),
            Ok(Incoming::Ping) => Ok("ping".to_owned()),
            Ok(Incoming::Pong) => Ok("pong".to_owned()),
            Ok(Incoming::Other) => Ok("other".to_owned()),
            Ok(Incoming::Close(reason)) => Ok(format!("close {reason}")),
            Err(error) => Err(error.to_string()),
        })
    })
    .await
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        small @ 0..126 => frame.push(u8::try_from(small).unwrap()),
        medium @ 126..65_536 => {
            frame.push(126);
            frame.extend_from_slice(&u16::try_from(medium).unwrap().to_be_bytes());
        }
        large => {
            frame.push(127);
            frame.extend_from_slice(&(large as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

const LAST: u8 = 0x80;

#[tokio::test]
async fn frames_of_every_size_come_whole_wherever_they_are_torn() {
    for size in [0, 125, 126, 65_535, 65_536, 150_000] {
        let payload = vec![b'x'; size];
        let bytes = [
            frame(LAST | TEXT, b"before"),
            frame(LAST | BINARY, &payload),
            frame(LAST | TEXT, b"after"),
        ]
        .concat();
        for torn in [
            1,
            2,
            7,
            8,
            9,
            10,
            11,
            12,
            17,
            bytes.len() - 7,
            bytes.len() - 1,
        ] {
            let (mut socket, mut server) = pair(&bytes[..torn.min(5)]).await;
            let (first, second) = bytes[torn.min(5)..].split_at(torn.saturating_sub(5));
            let send = async {
                server.write_all(first).await.unwrap();
                tokio::task::yield_now().await;
                server.write_all(second).await.unwrap();
            };
            let read = async {
                let mut came = Vec::new();
                for _ in 0..3 {
                    came.push(next(&mut socket).await.unwrap());
                }
                came
            };
            let ((), came) = tokio::join!(send, read);
            assert_eq!(
                came,
                [
                    "text before".to_owned(),
                    format!("binary {size}"),
                    "text after".to_owned()
                ],
                "torn at {torn}"
            );
        }
    }
}

#[tokio::test]
async fn a_message_in_parts_is_put_together_around_a_ping() {
    let (mut socket, mut server) = pair(b"").await;
    let bytes = [
        frame(TEXT, b"one "),
        frame(LAST | PING, b"hello"),
        frame(CONTINUATION, b"two "),
        frame(LAST, b"three"),
        frame(LAST | TEXT, b"next"),
    ];
    server.write_all(&bytes.concat()).await.unwrap();
    let mut came = Vec::new();
    while came.last().is_none_or(|last| last != "text next") {
        came.push(next(&mut socket).await.unwrap());
    }
    assert_eq!(
        came,
        ["other", "ping", "other", "text one two three", "text next"]
    );
    poll_fn(|cx| socket.poll_flush(cx)).await.unwrap();
    let mut pong = [0; 11];
    server.read_exact(&mut pong).await.unwrap();
    assert_eq!(pong[..2], [LAST | PONG, 0x80 | 5]);
    let unmasked: Vec<u8> = pong[6..]
        .iter()
        .zip(pong[2..6].iter().cycle())
        .map(|(byte, mask)| byte ^ mask)
        .collect();
    assert_eq!(unmasked, b"hello");
}

#[tokio::test]
async fn a_too_large_message_is_stepped_over_whole_or_in_parts() {
    let (mut socket, mut server) = pair(b"").await;
    let large = vec![b'x'; CAP + 1];
    let bytes = [
        frame(LAST | TEXT, &large),
        frame(LAST | TEXT, b"a"),
        frame(TEXT, b"small"),
        frame(CONTINUATION, &large),
        frame(LAST, b"end"),
        frame(LAST | TEXT, b"b"),
        frame(TEXT, &large[..CAP]),
        frame(LAST, b"1"),
        frame(LAST | TEXT, b"c"),
        frame(TEXT, b"begins"),
        frame(LAST, &large),
        frame(LAST | TEXT, b"d"),
    ]
    .concat();
    let send = async {
        server.write_all(&bytes).await.unwrap();
    };
    let read = async {
        let mut came = Vec::new();
        while came.last().is_none_or(|last| last != "text d") {
            let next = next(&mut socket).await.unwrap();
            if next != "other" {
                came.push(next.split(' ').take(2).collect::<Vec<_>>().join(" "));
            }
        }
        came
    };
    let ((), came) = tokio::join!(send, read);
    assert_eq!(
        came,
        [
            "too large",
            "text a",
            "too large",
            "text b",
            "too large",
            "text c",
            "too large",
            "text d"
        ]
    );
    assert!(socket.buffer.len() <= BUFFER_BYTES + CAP);
}

/// Pongs of this many bytes.
fn pongs(bytes: usize) -> Vec<u8> {
    let mut pongs = [LAST | PONG, 0].repeat(bytes / 2);
    if bytes % 2 == 1 {
        pongs.truncate(bytes - 3);
        pongs.extend_from_slice(&[LAST | PONG, 1, 0]);
    }
    pongs
}

#[tokio::test]
async fn messages_in_parts_take_no_more_memory_with_each() {
    let (part, end) = (frame(TEXT, &vec![b'x'; 100_000]), frame(LAST, b"y"));
    let mut bytes = pongs(2);
    // How much the buffer holds, were it to grow by each message.
    let mut held = BUFFER_BYTES;
    for _ in 0..10 {
        // It is full with the first byte of the last part, and full again with the first byte of a
        // pong behind that.
        bytes.extend(pongs(held - 2 - part.len() - 1));
        bytes.extend([&part[..], &end[..]].concat());
        bytes.extend(pongs(held - end.len() - 1 + 2));
        held += 100_000 - 2;
    }
    let stream = tokio::io::join(&bytes[..], tokio::io::sink());
    let mut socket = Socket::new(stream, &[], CAP);
    let mut messages = 0;
    while let Ok(came) = poll_fn(|cx| {
        let came = socket.poll_next(cx);
        came.map_ok(|came| matches!(came, Incoming::Text(_)))
    })
    .await
    {
        messages += u32::from(came);
        assert!(
            socket.buffer.len() <= BUFFER_BYTES + CAP,
            "{messages} messages"
        );
    }
    assert_eq!(messages, 10);
}

/// The head of a frame of any length.
fn head(first: u8, length: u64) -> Vec<u8> {
    [&[first, 127][..], &length.to_be_bytes()].concat()
}

#[tokio::test]
async fn a_length_beyond_all_memory_is_only_a_number() {
    let (mut socket, mut server) = pair(b"").await;
    server
        .write_all(&head(LAST | BINARY, MAX_SKIPPED_BYTES))
        .await
        .unwrap();
    assert_eq!(next(&mut socket).await.as_deref(), Ok("too large 0"));
    server.write_all(&[0; 1000]).await.unwrap();
    drop(server);
    assert_eq!(
        next(&mut socket).await.unwrap_err(),
        "the connection ended without a close frame"
    );
}

#[tokio::test]
async fn a_message_is_on_its_way_from_its_first_byte_to_its_last() {
    let (mut socket, mut server) = pair(b"").await;
    let large = frame(LAST | TEXT, &vec![b'x'; CAP + 1]);
    for (bytes, came, is_on_its_way) in [
        (&frame(LAST | TEXT, b"a")[..], "text a", false),
        (&frame(LAST | PING, b"a")[..], "ping", false),
        (&frame(TEXT, b"a")[..], "other", true),
        (&frame(LAST | PING, b"a")[..], "ping", true),
        (&frame(LAST, b"b")[..], "text ab", false),
        (&large[..20], "too large 10", true),
    ] {
        server.write_all(bytes).await.unwrap();
        assert_eq!(next(&mut socket).await.as_deref(), Ok(came));
        assert_eq!(socket.is_in_message(), is_on_its_way, "{came}");
    }
    server.write_all(&large[20..]).await.unwrap();
    server
        .write_all(&frame(LAST | TEXT, b"c")[..1])
        .await
        .unwrap();
    let mut waiting = Box::pin(next(&mut socket));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    drop(waiting);
    assert!(socket.is_in_message(), "a byte of the next has come");
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_the_connection() {
    let large = CAP as u64 + 1;
    let cases: [(Vec<u8>, &str); 13] = [
        (vec![0xc1, 0], "extension"),
        (vec![LAST | TEXT, 0x80, 0, 0, 0, 0], "masked"),
        (vec![LAST | 3, 0], "unknown kind"),
        (vec![PING, 0], "control frame"),
        (vec![LAST | PING, 126, 0, 126], "control frame"),
        (vec![LAST, 0], "did not begin"),
        (
            [frame(TEXT, b"a"), frame(LAST | TEXT, b"b")].concat(),
            "inside of another",
        ),
        // At once, and not once that much has come.
        (head(LAST | 3, large), "unknown kind"),
        (head(LAST | 0xb, 1), "unknown kind"),
        (head(LAST, large), "did not begin"),
        (
            [frame(TEXT, b"a"), head(LAST | TEXT, large)].concat(),
            "inside of another",
        ),
        (head(LAST | TEXT, 1 << 63), "larger than 1 GiB"),
        (
            head(LAST | BINARY, MAX_SKIPPED_BYTES + 1),
            "larger than 1 GiB",
        ),
    ];
    for (bytes, why) in cases {
        let (mut socket, _server) = pair(&bytes).await;
        let error = loop {
            if let Err(error) = next(&mut socket).await {
                break error;
            }
        };
        assert!(error.contains(why), "{error}");
    }
}

#[tokio::test]
async fn a_close_frame_gives_its_code_and_an_escaped_reason() {
    for (payload, shown) in [
        (&b""[..], "close without a code"),
        (&[0x03, 0xe9], "close code 1001"),
        (b"\x03\xf3over\x1b", "close code 1011: over\\x1b"),
    ] {
        let (mut socket, _server) = pair(&frame(LAST | CLOSE, payload)).await;
        assert_eq!(next(&mut socket).await.as_deref(), Ok(shown));
    }
}

#[tokio::test]
async fn a_message_on_its_way_tells_its_size_and_its_beginning() {
    let torn = |first, bytes: u64| {
        let mut frame = frame(first, &vec![b'x'; usize::try_from(bytes).unwrap()]);
        frame.truncate(frame.len() - 1);
        frame
    };
    let cap = CAP as u64;
    for (bytes, size, is_begun) in [
        (torn(LAST | TEXT, 1000), 1000, true),
        (torn(LAST | BINARY, 100_000), 100_000, true),
        ([frame(TEXT, b"xx"), torn(LAST, 1000)].concat(), 1002, true),
        // Stepped over already, so that its beginning is gone.
        (torn(LAST | TEXT, cap + 1), cap + 1, false),
        (
            [frame(TEXT, b"xx"), torn(LAST, cap + 1)].concat(),
            cap + 3,
            false,
        ),
        (
            [
                frame(TEXT, b"xx"),
                frame(0, &vec![b'x'; CAP]),
                torn(0, 1000),
            ]
            .concat(),
            cap + 1002,
            false,
        ),
    ] {
        let (mut socket, mut server) = pair(&bytes[..1]).await;
        server.write_all(&bytes[1..]).await.unwrap();
        server.shutdown().await.unwrap();
        while next(&mut socket).await.is_ok() {}
        let message = socket.under_way();
        assert_eq!(message.bytes(), size);
        assert_eq!(message.beginning().starts_with(b"xx"), is_begun, "{size}");
    }
}
