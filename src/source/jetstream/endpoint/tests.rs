//! Addresses as they are typed, and what they mean.

use super::*;

fn parsed(text: &str) -> Result<String, ParseError> {
    text.parse::<Endpoint>()
        .map(|endpoint| endpoint.to_string())
}

#[test]
fn addresses_are_read_as_the_grammar_says() {
    let cases = [
        (
            "wss://jetstream.example/subscribe",
            "wss://jetstream.example/subscribe",
        ),
        (
            "wss://jetstream.example",
            "wss://jetstream.example/subscribe",
        ),
        (
            "wss://jetstream.example:8443/other",
            "wss://jetstream.example:8443/other",
        ),
        (
            "ws://127.0.0.1:6008/subscribe",
            "ws://127.0.0.1:6008/subscribe",
        ),
        ("https://jetstream.example", "https://jetstream.example"),
        (
            "http://jetstream.example:81/",
            "http://jetstream.example:81",
        ),
        ("jetstream.example", "https://jetstream.example"),
        ("jetstream.example:443", "https://jetstream.example"),
        ("localhost:8080", "http://localhost:8080"),
        ("jetstream:6008", "https://jetstream:6008"),
        ("127.0.0.1:443", "http://127.0.0.1:443"),
        ("[::1]:8080", "http://[::1]:8080"),
        (
            "wss://jetstream.example/xrpc/network.bsky.jetstream.subscribeEvents",
            "wss://jetstream.example/xrpc/network.bsky.jetstream.subscribeEvents",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(parsed(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn the_shortest_text_means_the_same() {
    let cases = [
        ("https://jetstream.example", "jetstream.example"),
        ("https://jetstream.example:8443", "jetstream.example:8443"),
        ("http://jetstream.example", "http://jetstream.example"),
        ("https://jetstream", "https://jetstream"),
        (
            "wss://jetstream.example/subscribe",
            "wss://jetstream.example",
        ),
        (
            "wss://jetstream.example/other",
            "wss://jetstream.example/other",
        ),
        ("wss://jetstream", "wss://jetstream"),
        ("ws://jetstream.example", "ws://jetstream.example"),
        ("http://127.0.0.1:6008", "127.0.0.1:6008"),
        ("ws://127.0.0.1:6008/subscribe", "ws://127.0.0.1:6008"),
        ("http://[::1]", "[::1]"),
        ("wss://localhost:8080/subscribe", "wss://localhost:8080"),
    ];
    for (text, expected) in cases {
        assert_eq!(Endpoint::parse(text).unwrap().shortest(), expected);
    }
}

#[test]
fn both_wires_of_a_service_are_one_stream() {
    for text in [
        "jetstream.example",
        "https://jetstream.example:443/",
        "wss://jetstream.example",
        "wss://jetstream.example/xrpc/network.bsky.jetstream.subscribeEvents",
        "wss://jetstream.example/other/subscribe",
    ] {
        let endpoint = Endpoint::parse(text).unwrap();
        assert_eq!(
            endpoint.origin().host,
            "https://jetstream.example",
            "{text}"
        );
    }
    for (named, service) in [
        (
            "wss://jetstream.example/subscribe",
            "https://jetstream.example",
        ),
        ("ws://127.0.0.1:6008/subscribe", "http://127.0.0.1:6008"),
        ("https://jetstream.example", "https://jetstream.example"),
        ("demo: seed 1", "demo: seed 1"),
        ("jetstream.example", "jetstream.example"),
    ] {
        assert_eq!(Endpoint::service_of(named), service);
    }
}

#[test]
fn an_address_with_a_path_is_one_wire_and_a_service_has_both() {
    let v2 = "wss://h.example/a/xrpc/network.bsky.jetstream.subscribeEvents";
    let v2 = Endpoint::parse(v2).unwrap();
    assert_eq!(v2.wire(), Some(WireVersion::V2));
    let dictionary = "/a/xrpc/network.bsky.jetstream.getZstdDictionary";
    assert_eq!(v2.dictionary_path(), dictionary);
    let v1 = Endpoint::parse("wss://h.example/a/subscribe").unwrap();
    assert_eq!(v1.wire(), Some(WireVersion::V1));
    assert_eq!(v1.path(WireVersion::V1), "/a/subscribe");
    let service = Endpoint::parse("https://h.example").unwrap();
    assert_eq!(service.wire(), None);
    assert_eq!(service.path(WireVersion::V1), "/subscribe");
    assert_eq!(service.dictionary_path(), dictionary.replace("/a/", "/"));
}

#[test]
fn what_is_no_address_is_refused_with_the_forms() {
    for bad in [
        "",
        "posts",
        "ftp://x.example",
        "wss://",
        "wss://a b",
        "host:99999",
        "https://x.example/xrpc",
        "x.example/y",
        "a\u{1b}.b c",
    ] {
        assert!(
            parsed(bad).is_err_and(|error| error.to_string().contains("is not a source")),
            "{bad:?}: {:?}",
            parsed(bad)
        );
    }
}

#[test]
fn a_query_or_secret_in_the_address_is_refused_and_not_shown() {
    let query = parsed("wss://x.example/subscribe?wantedCollections=app.bsky.feed.post");
    assert_eq!(
        query,
        Err(EndpointError::Query("wss://x.example/subscribe".to_owned()).into())
    );
    let secret = parsed("wss://me:hunter2@x.example/subscribe").map_err(|error| error.to_string());
    assert!(
        secret.is_err_and(|message| !message.contains("hunter2") && message.contains("x.example"))
    );
}

#[test]
fn a_secret_is_not_repeated_either_where_the_address_is_none() {
    for (text, expected) in [
        (
            "wss://me:hunter2@x.example:99999/y",
            "wss://…@x.example:99999/y",
        ),
        ("wss://me:hunter2@", "wss://…@"),
        ("me:hunter2@x y", "…@x y"),
        ("wss://me:hunt?er@2@x y", "wss://…"),
        (
            "wss://x.example:99999/?token=hunter2",
            "wss://x.example:99999/?…",
        ),
        ("file://me:hunter2@x.example", "file://…@x.example"),
        ("me:hunter2@x://y:99999", "…@x://y:99999"),
    ] {
        let refused = Err(EndpointError::NotASource(expected.to_owned()).into());
        assert_eq!(parsed(text), refused, "{text}");
    }
}

#[test]
fn the_public_list_is_usable() {
    let public = Endpoint::public();
    let hosts: Vec<_> = public.iter().map(Endpoint::host).collect();
    assert_eq!(
        hosts,
        [
            "jetstream.us-east.bsky.network",
            "jetstream.us-west.bsky.network",
            "jetstream1.us-west.bsky.network",
            "jetstream2.us-east.bsky.network",
        ]
    );
    assert!(public.iter().all(Endpoint::is_secure));
}
