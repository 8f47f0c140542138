//! `rocketman cursor` with a key in a bucket: shown without a claim, and never moved under the
//! hands of a running process.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use rocketman::event::now_us;
use rustix::process::Signal;
use serde_json::Value;

use super::{certificates::Certificates, hostile::INFO};
use crate::support::{http::ask, nats::Nats, program::Rocketman, serve::Serving, wait_until};

const KEY: &str = "cursors/feed.1_of_4";

/// `rocketman cursor` with these arguments, of which `{}` is the address.
fn cursor(arguments: &str, address: &str) -> Rocketman {
    Rocketman::new(["cursor"]).with(&arguments.replace("{}", address))
}

/// Each of the three commands, with this address.
fn all(address: &str) -> [Rocketman; 3] {
    ["show {}", "set {} 2h", "rewind {} 1s"].map(|arguments| cursor(arguments, address))
}

fn reading(source: &str, nats: &Nats, n: u64) -> Rocketman {
    Rocketman::tail(source)
        .with(&format!(
            "-n {n} --create-bucket --save-interval 50ms --cursor-kv"
        ))
        .arg(nats.address(KEY))
}

/// What `rocketman cursor show --json` says of the key.
fn shown(nats: &Nats) -> Value {
    let output = cursor("show --json {}", &nats.address(KEY)).succeed();
    assert_eq!((output.stdout.lines().count(), &*output.stderr), (1, ""));
    serde_json::from_str(&output.stdout).unwrap()
}

/// The address of a key at a server that lets everybody in, and answers no request.
fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            writeln!(client, "{INFO}\r").unwrap();
            let lines = BufReader::new(client.try_clone().unwrap()).lines();
            for line in lines.map_while(Result::ok) {
                if line == "PING" {
                    write!(client, "PONG\r\n").ok();
                }
            }
        }
    });
    format!("nats://{address}/{KEY}")
}

/// Makes the bucket, with this under the key.
fn put(nats: &Nats, text: &'static str) {
    nats.with(async |jetstream| {
        let config = async_nats::jetstream::kv::Config {
            bucket: "cursors".to_owned(),
            ..Default::default()
        };
        let bucket = jetstream.create_key_value(config).await.unwrap();
        bucket.put("feed.1_of_4", text.into()).await.unwrap();
    });
}

/// The numbers of the events on stdout.
fn numbers(stdout: &str) -> Vec<u64> {
    let events = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    events
        .map(|event: Value| event["cursor"].as_u64().unwrap())
        .collect()
}

fn time_us(line: &str) -> u64 {
    let event: Value = serde_json::from_str(line).unwrap();
    event["time_us"].as_u64().unwrap()
}

#[test]
fn a_key_is_shown_as_a_file_is_and_is_not_claimed() {
    let Some(nats) = Nats::start("a_key_is_shown_as_a_file_is_and_is_not_claimed") else {
        return;
    };
    let serving = Serving::new("demo:?rate=1000");
    let read = numbers(&reading(&serving.url, &nats, 100).succeed().stdout);
    let saves = nats.last_seq("KV_cursors");
    let report = shown(&nats);
    assert_eq!(report["file"], Value::Null);
    assert_eq!(report["key"], nats.address(KEY));
    assert_eq!(report["seq"], read[99]);
    assert_eq!(report["place"], "event");
    assert_eq!(report["in_use"], false);
    let people = cursor("show {}", &nats.address(KEY)).succeed().stdout;
    let number = format!("number    {}\n", read[99]);
    for words in [&*number, "filter    ", "in use    no\n"] {
        assert!(people.contains(words), "{people}");
    }
    assert_eq!(nats.last_seq("KV_cursors"), saves, "something was written");
    let running = reading(&serving.url, &nats, 1_000_000)
        .stdout(Stdio::null())
        .start_elsewhere();
    wait_until("a save", || shown(&nats)["in_use"] == true);
    let people = cursor("show {}", &nats.address(KEY)).succeed().stdout;
    assert!(
        people.contains("in use    yes, by a running process\n"),
        "{people}"
    );
    let before = shown(&nats)["seq"].as_u64().unwrap();
    wait_until("the owner to go on", || {
        shown(&nats)["seq"].as_u64().unwrap() > before
    });
    running.signal(Signal::TERM);
    running.finish().assert_says(0, &["cursor saved at"]);
}

#[test]
fn a_key_is_set_and_moved_back_and_tail_goes_on_there() {
    let Some(nats) = Nats::start("a_key_is_set_and_moved_back_and_tail_goes_on_there") else {
        return;
    };
    let serving = Serving::new("demo:?rate=max&seed=7");
    reading(&serving.url, &nats, 1).succeed();
    nats.with(async |jetstream| {
        let bucket = jetstream.get_key_value("cursors").await.unwrap();
        bucket.purge("feed.1_of_4").await.unwrap();
    });
    let address = nats.address(KEY);
    let without = cursor("set {} 50", &address).run();
    without.assert_says(
        2,
        &[
            "there is no cursor 'nats://",
            "name the server with --source",
        ],
    );
    let made = cursor("set {} 50 --source", &address)
        .arg(&serving.url)
        .succeed();
    made.assert_says(0, &["feed.1_of_4' to number 50 of ", "; it is a new key"]);
    assert_eq!(
        (&shown(&nats)["place"], &shown(&nats)["seq"]),
        (&"seq".into(), &50.into())
    );
    let next = reading(&serving.url, &nats, 20_000).succeed();
    assert_eq!(numbers(&next.stdout), (50..20_050).collect::<Vec<_>>());
    let lines = next.lines();
    let highest_us = shown(&nats)["highest_us"].as_u64().unwrap();
    let back_us = highest_us - time_us(lines[10_000]);
    let back = format!("rewind {{}} {back_us}us");
    let moved = cursor(&back, &address).succeed();
    moved.assert_says(0, &["moved 'nats://", "back by "]);
    let report = shown(&nats);
    assert_eq!(report["time_us"], time_us(lines[10_000]));
    assert_eq!(report["place"], "time");
    assert_eq!(report["seq"], Value::Null);
    let first = lines
        .iter()
        .find(|line| time_us(line) >= highest_us - back_us)
        .unwrap();
    let again = reading(&serving.url, &nats, 1).succeed();
    assert_eq!(numbers(&again.stdout), numbers(first));
    cursor("set {} 2h", &address)
        .succeed()
        .assert_says(0, &["; it was at "]);
    let age = shown(&nats)["age_seconds"].as_u64().unwrap();
    assert!((7200..7300).contains(&age), "{age} at {}", now_us());
}

#[test]
fn a_key_that_a_process_has_is_not_moved() {
    let Some(nats) = Nats::start("a_key_that_a_process_has_is_not_moved") else {
        return;
    };
    let serving = Serving::new("demo:?rate=1000");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.ndjson");
    let running = reading(&serving.url, &nats, 1_000_000)
        .arg("-o")
        .arg(&file)
        .start();
    wait_until("a save", || {
        let output = cursor("show --json {}", &nats.address(KEY)).run();
        output.stdout.contains("\"in_use\":true")
    });
    let move_it = [
        "set {} 2h",
        "set {} 3",
        "rewind {} 1s",
        "rewind {} 1s --forget-files",
    ];
    for arguments in move_it {
        let output = cursor(arguments, &nats.address(KEY)).run();
        let words = [
            "feed.1_of_4' is in use by another process",
            "a key of its own",
        ];
        output.assert_says(7, &words);
    }
    running.kill();
    let saves = nats.last_seq("KV_cursors");
    let refused = cursor("rewind {} 1s", &nats.address(KEY)).run();
    let words = [
        "error: cursor 'nats://",
        "counts on output file '",
        "--forget-files",
    ];
    refused.assert_says(2, &words);
    assert_eq!(nats.last_seq("KV_cursors"), saves, "something was written");
    let moved = cursor("rewind {} 1s --forget-files", &nats.address(KEY)).succeed();
    moved.assert_says(0, &["out.ndjson' stays as it is"]);
    assert_eq!(shown(&nats)["files"], Value::Array(Vec::new()));
    assert_eq!(shown(&nats)["in_use"], false);
    reading(&serving.url, &nats, 1).succeed();
}

#[test]
fn a_key_that_cannot_be_had_is_refused_with_the_way_out() {
    let test = "a_key_that_cannot_be_had_is_refused_with_the_way_out";
    let Some(nats) = Nats::start(test) else {
        return;
    };
    let refused = |address: &str, code, words: &[&str]| {
        for call in all(address) {
            let output = call.run();
            output.assert_says(code, words);
            assert_eq!(output.stdout, "");
        }
    };
    let address = nats.address(KEY);
    let words = [
        "no bucket 'cursors'",
        "tail --create-bucket",
        "nats kv add cursors",
    ];
    refused(&address, 2, &words);
    put(&nats, "{\"format\": 1");
    refused(&address, 1, &["feed.1_of_4' cannot be used", "nats kv del"]);
    for arguments in ["show {}", "rewind {} 1s"] {
        let output = cursor(arguments, &nats.address("cursors/other")).run();
        let there_is = format!("there is no cursor '{}'", nats.address("cursors/other"));
        let hint = format!(
            "rocketman cursor set '{}' 2h",
            nats.address("cursors/other")
        );
        output.assert_says(2, &[&there_is, &hint]);
    }
    refused("nats:cursors", 2, &["is not a bucket and a key"]);
    refused("ws://localhost/x", 2, &["is not a bucket and a key"]);
    let secret = nats.address(KEY).replace("//", "//ann:geheim@");
    refused(
        &secret,
        2,
        &["carries a user name, password or token", "NATS_USER"],
    );
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let words = ["after 3 failed tries in a row", "whether the server runs"];
    refused(&format!("nats://{free}/{KEY}"), 3, &words);
    let Some(plain) = Nats::configured(test, "") else {
        return;
    };
    refused(
        &plain.address(KEY),
        2,
        &["no JetStream for this account", "nats-server -js"],
    );
}

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
