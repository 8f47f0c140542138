//! How a key is reached: contexts, logins, certificates, domains, and what a user may not do.

use super::*;

/// It is not known whether it is used, and that is said.
#[test]
fn who_may_not_ask_the_owner_is_shown_all_the_rest() {
    let users = r#"authorization { users: [
        {user: "ann", password: "b", permissions: {publish: ["$JS.API.>"]}},
        {user: "own", password: "b"}
    ] }, jetstream {}"#;
    let Some(nats) = Nats::configured("who_may_not_ask_the_owner_is_shown_all_the_rest", users)
    else {
        return;
    };
    let login = |call: Rocketman, user| call.env("NATS_USER", user).env("NATS_PASSWORD", "b");
    let serving = Serving::new("demo:?rate=max");
    login(reading(&serving.url, &nats, 7), "own").succeed();
    let output = login(cursor("show {}", &nats.address(KEY)), "ann").succeed();
    for words in [
        "number    7\n",
        "in use    cannot tell: this user may not ask its owner\n",
    ] {
        assert!(output.stdout.contains(words), "{}", output.stdout);
    }
    let output = login(cursor("show --json {}", &nats.address(KEY)), "ann").succeed();
    assert!(
        output.stdout.contains("\"in_use\":null"),
        "{}",
        output.stdout
    );
}

#[test]
fn a_context_says_where_a_key_is_and_who_asks() {
    let users = r#"authorization { users: [{user: "ann", password: "geheim"}] }, jetstream {}"#;
    let Some(nats) = Nats::configured("a_context_says_where_a_key_is_and_who_asks", users) else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/nats/context");
    fs::create_dir_all(&folder).unwrap();
    let url = nats.url();
    let context = format!(r#"{{"url": "{url}", "user": "ann", "password": "geheim"}}"#);
    fs::write(folder.join("west.json"), context).unwrap();
    let serving = Serving::new("demo:?rate=max");
    let ann = reading(&serving.url, &nats, 7).env("NATS_USER", "ann");
    ann.env("NATS_PASSWORD", "geheim").succeed();
    let at_home = |call: Rocketman| call.env("HOME", home.path());
    for call in all("nats:cursors/feed.1_of_4") {
        at_home(call).with("--context west").succeed();
    }
    for call in all("nats:cursors/feed.1_of_4?context=west") {
        at_home(call).succeed();
    }
    fs::write(home.path().join(".config/nats/context.txt"), "west").unwrap();
    for call in all("nats:cursors/feed.1_of_4") {
        at_home(call).succeed();
    }
    for call in all(&nats.address(KEY)) {
        let refused = at_home(call).with("--no-context").run();
        refused.assert_says(6, &["a user without credentials", "--context"]);
    }
    for call in all("nats:cursors/feed.1_of_4") {
        let refused = at_home(call).with("--context east").run();
        refused.assert_says(2, &["no context 'east'", "nats context ls"]);
        assert!(!refused.stderr.contains("geheim"), "{}", refused.stderr);
    }
}

#[test]
fn a_key_is_asked_for_with_the_login_that_is_named() {
    // Made for tests, of no use anywhere else.
    let (public, seed) = (
        "UC5GPMR6CSXEVLGBGXS62QWTCJS35W3DKIQPQQLTEXSNN7LKI2YGIPMU",
        "SUABFRYM3EUZXK33FYYXJNRGNAYGQTBXI4O7JW7JK2ERZOYDU7IAW7JAO4",
    );
    let users = format!("authorization {{ users: [{{nkey: {public}}}] }}, jetstream {{}}");
    let test = "a_key_is_asked_for_with_the_login_that_is_named";
    let Some(nats) = Nats::configured(test, &users) else {
        return;
    };
    let serving = Serving::new("demo:?rate=max");
    let folder = tempfile::tempdir().unwrap();
    let [nkey, creds] = ["ann.nk", "ann.creds"].map(|name| folder.path().join(name));
    fs::write(&nkey, format!("{seed}\n")).unwrap();
    // A JWT that the server does not know: it is read and shown, and refused.
    let text = format!(
        "-----BEGIN NATS USER JWT-----\neyJ0eXAi.eyJq.c2ln\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    fs::write(&creds, text).unwrap();
    reading(&serving.url, &nats, 7)
        .arg("--nkey")
        .arg(&nkey)
        .succeed();
    for call in all(&nats.address(KEY)) {
        call.arg("--nkey").arg(&nkey).succeed();
    }
    for call in all(&nats.address(KEY)) {
        let refused = call.arg("--creds").arg(&creds).run();
        refused.assert_says(6, &["the credentials of '", "authorization violation"]);
        assert!(!refused.stderr.contains(seed), "{}", refused.stderr);
    }
    let before = fs::read_to_string(&nkey).unwrap();
    let stdout = fs::File::options().append(true).open(&nkey).unwrap();
    let call = cursor("show {} --nkey", &nats.address(KEY)).arg(&nkey);
    assert_eq!(call.run_into(&stdout), Some(2));
    // Only messages went there.
    let after = fs::read_to_string(&nkey).unwrap();
    let added = after.strip_prefix(&before).unwrap();
    assert!(added.starts_with("rocketman: error: '"), "{added}");
    assert!(
        added.contains("cannot be both stdout and --nkey"),
        "{added}"
    );
}

#[test]
fn a_key_behind_tls_is_reached_with_certificates() {
    let certificates = Certificates::new();
    let test = "a_key_behind_tls_is_reached_with_certificates";
    for (more, flag) in [("", None), ("handshake_first: true", Some("--tlsfirst"))] {
        let Some(nats) = Nats::configured(test, &certificates.configuration(more)) else {
            return;
        };
        let address = nats
            .address(KEY)
            .replace("nats://127.0.0.1", "tls://localhost");
        let ours = |call: Rocketman| {
            let named = call.arg("--tlscert").arg(certificates.path("client.pem"));
            let named = named.arg("--tlskey").arg(certificates.path("client.key"));
            named.with(flag.unwrap_or_default())
        };
        let trusting = |call| ours(call).arg("--tlsca").arg(certificates.path("ca.pem"));
        for call in all(&address) {
            trusting(call)
                .run()
                .assert_says(2, &["no bucket 'cursors'"]);
        }
        if flag.is_none() {
            for call in all(&address) {
                let words = ["no TLS with tls://localhost", "--tlsca"];
                ours(call).run().assert_says(2, &words);
            }
            for call in all(&address) {
                let refused = call.arg("--tlscert").arg("x").run();
                refused.assert_says(2, &["the certificate is set", "--tlskey"]);
            }
        }
    }
}

#[test]
fn domain_prefixes_name_and_timeout_count_for_a_key() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let monitor = free.local_addr().unwrap().to_string();
    drop(free);
    let configuration = format!(
        r#"
        http: "{monitor}"
        jetstream {{ domain: "hub" }}
        authorization {{ users: [{{user: "ann", password: "b", permissions: {{subscribe: "_MINE.>"}}}}] }}"#
    );
    let test = "domain_prefixes_name_and_timeout_count_for_a_key";
    let Some(nats) = Nats::configured(test, &configuration) else {
        return;
    };
    let login = |call: Rocketman| call.env("NATS_USER", "ann").env("NATS_PASSWORD", "b");
    let serving = Serving::new("demo:?rate=max");
    let ours = "--inbox-prefix _MINE";
    login(reading(&serving.url, &nats, 7)).with(ours).succeed();
    let address = nats.address(KEY);
    for more in ["--js-domain hub", "--js-api-prefix $JS.hub.API"] {
        for (n, call) in all(&address).into_iter().enumerate() {
            let name = format!("--connection-name mine-{n}");
            login(call).with(ours).with(more).with(&name).succeed();
        }
    }
    let closed = ask(&monitor, b"GET /connz?state=closed HTTP/1.0\r\n\r\n").body;
    for n in 0..3 {
        assert!(
            closed.contains(&format!("\"name\": \"mine-{n}\"")),
            "{closed}"
        );
    }
    for call in all(&address) {
        let refused = login(call).with(ours).with("--js-domain other").run();
        refused.assert_says(2, &["no JetStream", "--js-domain"]);
    }
    for call in all(&silent()) {
        let began = Instant::now();
        let refused = call.with("--nats-timeout 100ms").run();
        let words = ["after 3 failed tries in a row", "did not answer"];
        refused.assert_says(3, &words);
        // Three tries with the default of 5 s each are longer.
        assert!(began.elapsed() < Duration::from_secs(14), "{refused:?}");
    }
}
