use super::*;

fn stream(text: &str) -> Result<String, ServerError> {
    let StreamAddress {
        servers,
        stream,
        subjects,
        context,
    } = StreamAddress::parse(text)?;
    let servers = match &servers[..] {
        [] => "nats:".to_owned(),
        named => named.join(","),
    };
    Ok(format!("{servers} {stream} {subjects:?} {context:?}"))
}

#[test]
fn streams_are_read_as_the_grammar_says() {
    for (text, expected) in [
        ("nats://h/S", "nats://h:4222 S [] None"),
        (
            "nats://h:4222/S?subject=a.b",
            "nats://h:4222 S [\"a.b\"] None",
        ),
        ("tls://h/S?subject=a.%3E", "tls://h:4222 S [\"a.>\"] None"),
        (
            "nats:S?subject=a&context=c&subject=b.*",
            "nats: S [\"a\", \"b.*\"] Some(\"c\")",
        ),
        ("ws://h/S", "ws://h:80 S [] None"),
        ("nats+wss://h/S", "wss://h:443 S [] None"),
        ("nats://a,b:5000/S", "nats://a:4222,nats://b:5000 S [] None"),
        (
            "nats://a,tls://[::1]:7/S",
            "nats://a:4222,tls://[::1]:7 S [] None",
        ),
        ("nats:S?context=west", "nats: S [] Some(\"west\")"),
        ("nats:S", "nats: S [] None"),
    ] {
        assert_eq!(stream(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn what_is_no_stream_is_refused() {
    for text in [
        "",
        "nats",
        "nats:",
        "nats://",
        "nats://h",
        "nats://h/",
        "nats:///S",
        "http://h/S",
        "nats://h/S/x",
        "nats://h/a.b",
        "nats://h/a b",
        "nats://h/S#x",
        "nats://h:x/S",
        "nats://h/>",
        "nats://h/S?subject=",
        "nats://h/S?subject=a..b",
        "nats://h/S?subject=a%20b",
        "nats://h/S?subject=a%00",
        "nats://h/S?subject=a&subject=a",
        "nats://h/S?subject=a&subject=",
        "nats://h/S?context=a&context=b",
        "nats://h/S?password=x",
        "nats://a,ws://b/S",
        "nats://,/S",
        "nats://h/S?subject=a.",
    ] {
        assert!(stream(text).is_err(), "{text}: {:?}", stream(text));
    }
}

#[test]
fn a_secret_is_refused_and_never_shown() {
    for text in [
        "nats://user:geheim@h/S",
        "nats://geheim@h/S",
        "nats://a,geheim@h/S",
        "nats://a,tls://user:geheim@h/S",
    ] {
        let error = StreamAddress::parse(text).unwrap_err();
        assert!(matches!(error, ServerError::Secret(_)), "{text}: {error}");
        assert!(!format!("{error:?} {error}").contains("geheim"));
    }
    for text in ["nats://geheim@/S", "x://geheim@h", "geheim@nats:"] {
        let error = StreamAddress::parse(text).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("geheim"), "{error}");
    }
}

#[test]
fn a_key_is_a_bucket_and_a_name_in_it() {
    let address = KeyAddress::parse("nats://h/cursors/feed.1_of_4").unwrap();
    assert_eq!(
        (&*address.bucket, &*address.key),
        ("cursors", "feed.1_of_4")
    );
    assert_eq!(address.to_string(), "nats://h:4222/cursors/feed.1_of_4");
    let address = KeyAddress::parse("nats:b/a/b=c?context=x").unwrap();
    assert_eq!(address.to_string(), "nats:b/a/b=c");
    for text in ["nats:b", "nats://h", "nats:b/k?subject=x", "x:b/k"] {
        assert!(KeyAddress::parse(text).is_err(), "{text}");
    }
}
