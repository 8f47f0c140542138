use std::net::Ipv6Addr;

use super::*;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ANYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

fn gate(listener: IpAddr, hosts: &[&str], origins: &[&str]) -> Gate {
    let hosts = hosts
        .iter()
        .map(|text| text.parse::<HostPattern>().unwrap());
    let origins = origins
        .iter()
        .map(|text| text.parse::<OriginPattern>().unwrap());
    Gate::new(listener, hosts.collect(), origins.collect())
}

fn with_headers<T>(headers: &[(&str, &[u8])], use_them: impl Fn(&Headers<'_>) -> T) -> T {
    use_them(&headers.iter().copied().collect())
}

fn answers_host(gate: &Gate, host: &str) -> bool {
    with_headers(&[("hOST", host.as_bytes())], |headers| {
        gate.check_host("/", headers).is_ok()
    })
}

fn answers_origin(gate: &Gate, host: &str, origin: &str) -> bool {
    let headers = [("Host", host.as_bytes()), ("origin", origin.as_bytes())];
    with_headers(&headers, |headers| gate.check_origin(headers).is_ok())
}

#[test]
fn a_loopback_address_answers_to_addresses_and_localhost() {
    let gate = gate(LOOPBACK, &[], &[]);
    for host in [
        "127.0.0.1",
        "127.0.0.1:6008",
        "127.0.0.1.",
        "10.1.2.3:80",
        "localhost",
        "LocalHost:6008",
        "localhost.",
        "localhost.:1",
        "a.b.localhost",
        "[::1]",
        "[::1]:6008",
        "[FE80::1%25eth0]",
        "[::ffff:127.0.0.1]:1",
        "localhost:",
        "",
    ] {
        assert!(answers_host(&gate, host), "{host:?}");
    }
    for host in [
        "evil.example",
        "evil.example:6008",
        "localhost.evil.example",
        "evillocalhost",
        ".localhost",
        "localhost..",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "evil.example@127.0.0.1",
        "2130706433",
        "0x7f.1",
        "127.1",
        "[::1].evil.example",
        "[::1",
        "::1",
        "localhost:port",
        "localhost:99999",
        "localhost:1:2",
        "local host",
        "xn--localhost-",
        "\u{fffd}",
    ] {
        assert!(!answers_host(&gate, host), "{host:?}");
    }
}

#[test]
fn every_loopback_address_is_one() {
    for listener in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        let gate = gate(listener.parse().unwrap(), &[], &[]);
        assert!(!answers_host(&gate, "evil.example"), "{listener}");
    }
    for listener in [
        ANYWHERE,
        IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        "192.0.2.1".parse().unwrap(),
    ] {
        assert!(
            answers_host(&gate(listener, &[], &[]), "any.example"),
            "{listener}"
        );
    }
}

#[test]
fn a_name_that_is_allowed_is_answered() {
    let gate = gate(
        LOOPBACK,
        &["Tunnel.Example.", "*.ngrok.example", "port.example:8080"],
        &[],
    );
    for (host, is_answered) in [
        ("tunnel.example", true),
        ("TUNNEL.example:99", true),
        ("a.tunnel.example", false),
        ("a.b.ngrok.example", true),
        ("ngrok.example", false),
        (".ngrok.example", false),
        ("xngrok.example", false),
        ("port.example:8080", true),
        ("port.example", false),
        ("port.example:80", false),
    ] {
        assert_eq!(answers_host(&gate, host), is_answered, "{host}");
    }
    assert!(answers_host(
        &self::gate(LOOPBACK, &["*"], &[]),
        "evil.example:1"
    ));
}

#[test]
fn a_request_may_name_no_host_and_never_two() {
    let gate = gate(LOOPBACK, &[], &[]);
    let check = |headers: &[(&str, &[u8])], target: &str| {
        with_headers(headers, |headers| gate.check_host(target, headers))
    };
    assert_eq!(check(&[], "/"), Ok(()));
    let two: &[(&str, &[u8])] = &[("host", b"localhost"), ("Host", b"localhost")];
    assert_eq!(check(two, "/"), Err(Refusal::Hosts));
    // A target that is a URL has to name one that is answered too.
    let localhost: &[(&str, &[u8])] = &[("host", b"localhost")];
    assert_eq!(check(localhost, "http://127.0.0.1:6008/subscribe"), Ok(()));
    assert_eq!(
        check(localhost, "/subscribe?x=http://evil.example/"),
        Ok(())
    );
    for target in [
        "http://evil.example/",
        "http://evil.example?x",
        "ws://evil.example:1/",
    ] {
        assert!(
            matches!(check(localhost, target), Err(Refusal::Host(_))),
            "{target}"
        );
    }
    let bytes: &[(&str, &[u8])] = &[("host", b"\xfflocalhost")];
    assert!(matches!(check(bytes, "/"), Err(Refusal::Host(_))));
}

#[test]
fn pages_of_this_machine_and_of_the_host_itself_are_answered() {
    let gate = gate(ANYWHERE, &[], &[]);
    for (host, origin) in [
        ("localhost:6008", "http://localhost:5173"),
        ("localhost:6008", "https://LOCALHOST"),
        ("127.0.0.1:6008", "http://[::1]:3000"),
        ("127.0.0.1:6008", "http://127.8.8.8"),
        ("127.0.0.1:6008", "tauri://app.localhost"),
        ("jet.example", "https://jet.example"),
        ("jet.example", "http://jet.example:80"),
        ("jet.example:443", "https://Jet.Example."),
        ("jet.example:8443", "https://jet.example:8443"),
        ("192.0.2.1:6008", "http://192.0.2.1:6008"),
    ] {
        assert!(answers_origin(&gate, host, origin), "{origin} at {host}");
    }
    for (host, origin) in [
        ("127.0.0.1:6008", "https://evil.example"),
        ("127.0.0.1:6008", "http://localhost.evil.example"),
        ("127.0.0.1:6008", "http://evil.example:6008"),
        ("127.0.0.1:6008", "null"),
        ("127.0.0.1:6008", "file://"),
        ("127.0.0.1:6008", ""),
        ("127.0.0.1:6008", "localhost"),
        ("127.0.0.1:6008", "http://localhost/"),
        ("127.0.0.1:6008", "http://localhost@evil.example"),
        ("127.0.0.1:6008", "http://10.0.0.1"),
        ("jet.example", "https://jet.example:8443"),
        ("jet.example:8443", "https://jet.example"),
        ("jet.example", "https://a.jet.example"),
        ("", "https://jet.example"),
    ] {
        assert!(!answers_origin(&gate, host, origin), "{origin} at {host}");
    }
    // What names no page is no browser.
    assert!(with_headers(&[("Host", b"x")], |headers| gate
        .check_origin(headers)
        .is_ok()));
    let two: &[(&str, &[u8])] = &[
        ("Origin", b"http://localhost"),
        ("Origin", b"http://a.example"),
    ];
    assert!(with_headers(two, |headers| gate
        .check_origin(headers)
        .is_err()));
}

#[test]
fn an_origin_that_is_allowed_is_answered() {
    let origins = [
        "https://App.Example/",
        "null",
        "chrome-extension://abc",
        "file://",
    ];
    let gate = gate(LOOPBACK, &[], &origins);
    for (origin, is_answered) in [
        ("https://app.example", true),
        ("https://app.example:443", true),
        ("http://app.example", false),
        ("https://app.example:8443", false),
        ("null", true),
        ("chrome-extension://abc", true),
        ("chrome-extension://abd", false),
        ("file://", true),
    ] {
        assert_eq!(
            answers_origin(&gate, "127.0.0.1", origin),
            is_answered,
            "{origin}"
        );
    }
    let any = self::gate(LOOPBACK, &[], &["*"]);
    assert!(answers_origin(&any, "127.0.0.1", "https://evil.example"));
    assert!(answers_origin(&any, "127.0.0.1", "no origin at all"));
}

#[test]
fn what_is_no_host_and_no_origin_is_refused_with_the_form() {
    for text in [
        "",
        "a b",
        "http://a.example",
        "a.example/",
        "*a.example",
        "a:b",
        "a@b",
        "ü",
    ] {
        let error = HostPattern::parse(text).unwrap_err().to_string();
        assert!(error.contains("NAME:PORT"), "{error}");
    }
    for text in [
        "",
        "a.example",
        "https://a.example/path",
        "://a",
        "https://a b",
        "https://u@a",
    ] {
        let error = OriginPattern::parse(text).unwrap_err().to_string();
        assert!(error.contains("https://app.example"), "{error}");
    }
}

#[test]
fn a_secret_that_was_typed_by_mistake_is_not_shown() {
    let secret = "S".repeat(150);
    let typed = format!("https://user:{secret}@a.example/x?key={secret}");
    for error in [
        HostPattern::parse(&typed).unwrap_err(),
        OriginPattern::parse(&typed).unwrap_err(),
    ] {
        let error = error.to_string();
        assert!(error.contains("a.example"), "{error}");
        assert!(!error.contains("SSS"), "{error}");
    }
}

#[test]
fn a_refusal_says_what_to_do_and_shows_nothing_raw() {
    let evil = "\u{1b}[31m<evil>".repeat(50);
    for refusal in [Refusal::Host(shown(&evil)), Refusal::Origin(shown(&evil))] {
        let text = refusal.to_string();
        assert!(text.contains("allowed") && text.len() < 1000, "{text}");
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}
