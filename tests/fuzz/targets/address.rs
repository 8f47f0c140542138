//! The addresses of servers and of proxies.
//!
//! Input: how the rest is used, and the rest: an address, or two parts of one with a secret in
//! between.

#![no_main]

use data_encoding::BASE64;
use libfuzzer_sys::fuzz_target;
use rocketman::{
    fuzzing::route,
    source::jetstream::{Endpoint, Proxies},
};
use rocketman_fuzz::choice;

const SECRET: &str = "S3cr3t";

const SCHEMES: [&str; 8] = [
    "", "wss://", "ws://", "https://", "http://", "ftp://", "file://", "x:",
];

fuzz_target!(|input: &[u8]| {
    let mut input = input;
    let how = choice(&mut input);
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    match how % 4 {
        0 => address(text),
        1 => {
            let (user, rest) = text.split_once('@').unwrap_or(("me", text));
            if user.contains(['/', '\\', '?', '#']) || rest.contains(SECRET) {
                return;
            }
            let scheme = SCHEMES[usize::from(how >> 2) % SCHEMES.len()];
            no_secret(&format!("{scheme}{user}:{SECRET}@{rest}"));
            no_secret(&format!("{scheme}{SECRET}@{rest}"));
        }
        2 => proxy(text),
        _ => credentials(text),
    }
});

/// What is read is shown so that it is read again as the same.
fn address(text: &str) {
    match Endpoint::parse(text) {
        Ok(endpoint) => {
            let shown = endpoint.to_string();
            assert_eq!(Endpoint::parse(&shown).as_ref(), Ok(&endpoint), "{shown}");
            assert!(
                shown.bytes().all(|byte| byte.is_ascii_graphic()),
                "{shown:?}"
            );
            assert_eq!(endpoint.is_secure(), shown.starts_with("wss://"));
            assert!(!shown.contains(['?', '#']), "{shown}");
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.chars().all(|c| !c.is_control()), "{message:?}");
            assert!(message.len() < 4000, "{message}");
        }
    }
}

/// No message repeats a password.
fn no_secret(text: &str) {
    let result = Endpoint::parse(text).map(|endpoint| endpoint.to_string());
    let message = result.unwrap_or_else(|error| format!("{error} {error:?}"));
    assert!(!message.contains(SECRET), "{text:?}: {message}");
    let variable = |name: &str| (name == "ALL_PROXY").then(|| text.to_owned());
    let proxies = Proxies::from_env(variable);
    let endpoint = Endpoint::parse("x.example").expect("a good address");
    let message = format!("{proxies:?} {:?}", proxies.check([&endpoint]));
    assert!(!message.contains(SECRET), "{text:?}: {message}");
}

/// A proxy for all but what is excluded.
fn proxy(text: &str) {
    let (proxy, rest) = text.split_once('\n').unwrap_or((text, ""));
    let (no_proxy, address) = rest.split_once('\n').unwrap_or((rest, "x.example"));
    let variable = |name: &str| match name {
        "all_proxy" => Some(proxy.to_owned()),
        "NO_PROXY" => Some(no_proxy.to_owned()),
        _ => None,
    };
    let proxies = Proxies::from_env(variable);
    let Ok(endpoint) = Endpoint::parse(address) else {
        return;
    };
    if proxies.check([&endpoint]).is_err() {
        return;
    }
    let (host, _, authorization) = route(&endpoint, &proxies);
    assert!(
        !host.is_empty() && !host.contains(['[', ']', '/', '@']),
        "{host}"
    );
    assert!(
        authorization.is_none_or(|text| text.bytes().all(|byte| (b' '..=b'~').contains(&byte)))
    );
}

/// The user and the password of a proxy's address are those that are sent.
fn credentials(text: &str) {
    let (user, password) = text.split_once('\n').unwrap_or((text, ""));
    let escaped = |text: &str| -> String {
        text.bytes()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte) {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect()
    };
    let address = format!(
        "http://{}:{}@proxy.example:3128",
        escaped(user),
        escaped(password)
    );
    let variable = |name: &str| (name == "https_proxy").then(|| address.clone());
    let proxies = Proxies::from_env(variable);
    let endpoint = Endpoint::parse("x.example").expect("a good address");
    let (host, port, authorization) = route(&endpoint, &proxies);
    assert_eq!((host.as_str(), port), ("proxy.example", 3128));
    let expected = format!(
        "Basic {}",
        BASE64.encode(format!("{user}:{password}").as_bytes())
    );
    if !user.is_empty() {
        assert_eq!(authorization, Some(expected), "{address}");
    }
}
