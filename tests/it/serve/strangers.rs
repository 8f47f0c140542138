//! Web pages of strangers cannot read what is served to this machine, unless they are let in.

use crate::support::{
    http::{Answer, ask, get_from},
    program::Rocketman,
    serve::Serving,
};

/// What a page's WebSocket gets: 426 stands for an upgrade, which is asked for without a key.
fn asked_by(server: &Serving, host: &str, origin: &str) -> Answer {
    let request = format!("GET /subscribe HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n\r\n");
    ask(server.address(), request.as_bytes())
}

#[test]
fn a_page_is_refused_unless_its_origin_is_allowed() {
    let server = Serving::new("demo:");
    let own = server.address();
    assert_eq!(asked_by(&server, own, "http://localhost:5173").status, 426);
    assert_eq!(asked_by(&server, own, &format!("http://{own}")).status, 426);
    let answer = asked_by(&server, own, "https://app.example");
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("allowed origins"), "{}", answer.body);
    // A browser hides the answer from the page.
    let said = server.running.message("refused a request of 127.0.0.1:");
    assert!(said.contains("'https://app.example'"), "{said}");

    let allowed = "demo: --allow-origin https://app.example --allow-origin null";
    let server = Serving::new(allowed);
    for (origin, status) in [
        ("https://app.example", 426),
        ("null", 426),
        ("https://evil.example", 403),
    ] {
        assert_eq!(
            asked_by(&server, "localhost", origin).status,
            status,
            "{origin}"
        );
    }
    let call = Rocketman::new(["serve"]).env("ROCKETMAN_ALLOW_ORIGIN", "https://b.example  null");
    let server = Serving::start(call);
    assert_eq!(
        asked_by(&server, "localhost", "https://b.example").status,
        426
    );
}

#[test]
fn a_name_is_refused_unless_it_is_allowed() {
    let server = Serving::new("demo:");
    let answer = get_from(server.address(), "evil.example:6008", "/");
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("allowed hosts"), "{}", answer.body);
    server.running.message("'evil.example:6008'");
    let server = Serving::new("demo: --allow-host *.tunnel.example --allow-host jet.example:80");
    for (host, status) in [
        ("a.tunnel.example", 200),
        ("jet.example:80", 200),
        ("jet.example", 403),
        ("LOCALHOST.:1", 200),
        ("[::1]:6008", 200),
    ] {
        assert_eq!(
            get_from(server.address(), host, "/").status,
            status,
            "{host}"
        );
    }
    let call = Rocketman::new(["serve"]).env("ROCKETMAN_ALLOW_HOST", "*");
    let server = Serving::start(call);
    assert_eq!(get_from(server.address(), "evil.example", "/").status, 200);
}
