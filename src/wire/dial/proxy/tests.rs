//! Which proxy a server is reached through.

use super::*;
use crate::source::jetstream::Endpoint;

fn proxies(variables: &[(&str, &str)]) -> Proxies {
    Proxies::from_env(|name| {
        variables
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

fn chosen(proxies: &Proxies, address: &str) -> Option<String> {
    let endpoint = Endpoint::parse(address).unwrap();
    let proxy = proxies.for_address(endpoint.address(), &endpoint).unwrap();
    proxy.map(ToString::to_string)
}

#[test]
fn the_scheme_decides_and_lower_case_wins() {
    let proxies = proxies(&[
        ("HTTPS_PROXY", "http://upper:1"),
        ("https_proxy", "lower:2"),
        ("ALL_PROXY", "http://all"),
    ]);
    assert_eq!(
        chosen(&proxies, "wss://x.example").as_deref(),
        Some("http://lower:2")
    );
    assert_eq!(
        chosen(&proxies, "ws://x.example").as_deref(),
        Some("http://all:80")
    );
    assert_eq!(chosen(&proxies, "ws://127.0.0.1:9"), None);
}

#[test]
fn no_proxy_names_hosts_domains_networks_and_ports() {
    let no = "internal.example, .Corp.example,other.example:8443 *.star.example,10.0.0.1,\
        192.168.4.0/22,172.16.0.1:8443,2001:DB8:0::5,[2001:db8:1::]/48,[2001:db8:2::1]:8443,0.0.0.0/33";
    let proxies = proxies(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", no)]);
    for direct in [
        "wss://internal.example",
        "wss://a.internal.example",
        "wss://corp.example",
        "wss://a.corp.example",
        "wss://a.star.example",
        "wss://other.example:8443",
        "wss://10.0.0.1",
        "wss://[::ffff:10.0.0.1]",
        "wss://192.168.4.0",
        "wss://192.168.7.255:8443",
        "wss://172.16.0.1:8443",
        "wss://[2001:db8::5]",
        "wss://[2001:db8:1:ffff::1]",
        "wss://[2001:db8:2::1]:8443",
    ] {
        assert_eq!(chosen(&proxies, direct), None, "{direct}");
    }
    for through in [
        "wss://notinternal.example",
        "wss://other.example",
        "wss://10.0.0.11",
        "wss://192.168.3.255",
        "wss://192.168.8.0",
        "wss://172.16.0.1",
        "wss://[2001:db8::6]",
        "wss://[2001:db8:2::]",
        "wss://[2001:db8:2::1]",
    ] {
        assert!(chosen(&proxies, through).is_some(), "{through}");
    }
    for (all, address) in [
        ("*", "wss://x.example"),
        ("a.example, *", "wss://[2001:db8::]"),
        ("0.0.0.0/0", "wss://192.0.2.1"),
        ("::/0", "wss://[2001:db8::]"),
    ] {
        let all = super::Proxies {
            direct: self::proxies(&[("NO_PROXY", all)]).direct,
            ..proxies.clone()
        };
        assert_eq!(chosen(&all, address), None, "{address}");
    }
}

#[test]
fn a_proxy_is_shown_as_it_is_typed() {
    for address in ["http://p.example:3128", "http://[2001:db8::1]:3128"] {
        assert_eq!(Proxy::parse(address).unwrap().to_string(), address);
    }
}

#[test]
fn an_unusable_proxy_fails_where_it_is_needed() {
    let proxies = proxies(&[
        ("https_proxy", "socks5://me:secret@p:1"),
        ("HTTP_PROXY", "p:1"),
        ("NO_PROXY", "direct.example"),
    ]);
    let of = |addresses: &[&str]| {
        let endpoints = addresses
            .iter()
            .map(|address| Endpoint::parse(address).unwrap());
        let endpoints: Vec<_> = endpoints.collect();
        proxies.check(&endpoints)
    };
    let unneeded = [
        "wss://localhost",
        "wss://direct.example",
        "ws://x.example",
        "ws://[::1]",
    ];
    assert!(of(&unneeded).is_ok() && of(&[]).is_ok());
    let error = of(&["ws://x.example", "wss://x.example"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "https_proxy names no http:// proxy, and the way to wss://x.example/subscribe would go through it"
    );
}

#[test]
fn a_secret_is_sent_and_never_shown() {
    let proxy = Proxy::parse("http://me:p%40&ss+@p.example:3128").unwrap();
    let expected = format!("Basic {}", BASE64.encode(b"me:p@&ss+"));
    assert_eq!(proxy.authorization, Some(expected));
    assert_eq!(
        format!("{proxy:?} {proxy}"),
        "http://p.example:3128 http://p.example:3128"
    );
}
