//! Who may fetch an archive, and how much of it.

use std::{
    fs,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::json;

use super::{FIRST, LIKE, archive, error, posts, serving, write};
use crate::support::{kept::Kept, program::Rocketman, world::World};

#[test]
fn calls_need_the_key_and_nothing_else_does() {
    let folder = archive();
    fs::write(folder.path().join("key"), "open-sesame\n").unwrap();
    let server = serving(folder.path(), "--key-file key -vv");
    let calls = [
        "listSegments",
        &format!("getSegment?name={FIRST}"),
        "getBlock?blockIndex=x",
    ];
    for call in calls {
        for wrong in [
            "",
            "Authorization: Bearer other\r\n",
            "Authorization: Basic open-sesame\r\n",
        ] {
            let mut kept = Kept::open(server.address());
            let got = kept.get(call, wrong);
            assert_eq!(got.status, 401, "{call} {wrong}");
            assert_eq!(got.json(), json!({"error": "invalid bearer credential"}));
            assert_eq!(got.field("www-authenticate"), "bearer");
        }
    }
    let mut kept = Kept::open(server.address());
    kept.send("POST", "planSnapshot", "", b"{}");
    assert_eq!(kept.receive().unwrap().status, 401);
    let mut kept = Kept::open(server.address());
    let key = "authorization: bearer open-sesame\r\n";
    assert_eq!(kept.get(calls[0], key).status, 200);
    assert_eq!(kept.get(calls[1], key).status, 200);
    assert_eq!(error(&kept.get(calls[2], key)).1, "InvalidRequest");
    assert_eq!(kept.get("getZstdDictionary", "").status, 200);
    let lines = server.tail("--cursor 1 -n 30").succeed().lines().len();
    assert_eq!(lines, 30);
    server.running.signal(Signal::TERM);
    let said = server.running.finish().stderr;
    assert!(
        said.contains("archive calls answered") && !said.contains("sesame"),
        "{said}"
    );
}

#[test]
fn a_key_that_is_none_is_refused_with_the_file() {
    let folder = archive();
    let refused = |flags: &str, words: &[&str]| {
        let call = Rocketman::new(["serve", ".", "--listen", "127.0.0.1:0"]);
        call.with(flags)
            .inside(folder.path())
            .run()
            .assert_says(2, words);
    };
    refused(
        "--key-file no",
        &["--key-file: cannot read 'no'", "No such file"],
    );
    for text in ["", "two words", "two\nlines", "\u{7}"] {
        fs::write(folder.path().join("key"), text).unwrap();
        refused("--key-file key", &["'key' is not a key", "on one line"]);
    }
    fs::rename(folder.path().join(FIRST), folder.path().join("day.jss")).unwrap();
    refused(
        "--quota 1M,1M",
        &["--quota cannot be heeded", "'./day.jss' is not named"],
    );
    refused("--quota 1M", &["--quota", "two sizes"]);
    for (arguments, flag) in [
        (["serve", "--plan-max-entries", "5"], "--plan-max-entries"),
        (
            ["serve", "--fault", "archive-cut=1/2"],
            "--fault archive-cut",
        ),
    ] {
        let words = [flag, "no segment files are served", "rocketman serve DIR"];
        Rocketman::new(arguments).run().assert_says(2, &words);
    }
    refused(
        "--legacy --quota 1M,1M",
        &["--quota is for archive calls", "with --legacy"],
    );
}

#[test]
fn a_quota_is_said_kept_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 0, &[posts(1, 3000)]);
    let size = fs::metadata(folder.path().join(FIRST)).unwrap().len();
    assert!(size > 20_000, "{size}");
    let server = serving(folder.path(), &format!("--quota {size},20k"));
    let mut kept = Kept::open(server.address());
    let call = format!("getSegment?name={FIRST}");
    let range = "Range: bytes=0-4999\r\n";
    let first = kept.get(&call, range);
    assert_eq!((first.status, first.body.len()), (206, 5000));
    for (name, value) in [
        ("burst-bytes", size.to_string()),
        ("refill-bytes", "20480".to_owned()),
        ("refill-period-seconds", "1".to_owned()),
    ] {
        let field = first.field(&format!("headwind-quota-{name}")).to_owned();
        assert_eq!(field, value, "{name}");
    }
    // Beyond what is left, it comes to its end.
    assert_eq!(kept.get(&call, "").body.len() as u64, size);
    let refused = kept.get(&call, range);
    let seconds: u64 = refused.field("retry-after").parse().unwrap();
    assert_eq!((refused.status, seconds), (429, 1));
    assert_eq!(refused.field("headwind-quota-refill-bytes"), "20480");
    let since = Instant::now();
    while kept.get(&call, range).status == 429 {
        assert!(since.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn a_plan_goes_on_behind_the_last_entry_of_a_page() {
    let folder = archive();
    let server = serving(folder.path(), "--plan-max-entries 1");
    let mut kept = Kept::open(server.address());
    let mut after = 0;
    let mut pages = Vec::new();
    while after < 30 {
        let body = json!({"afterSeq": after, "beforeSeq": 30, "dids": ["did:plc:000000000000000000000000"]});
        let plan = kept.plan(&body.to_string()).json();
        after = plan["plannedThroughSeq"].as_u64().unwrap();
        pages.push((after, plan["stats"]["entries"].as_u64().unwrap()));
    }
    assert_eq!(pages, [(10, 1), (15, 1), (22, 1), (30, 1)]);
}

#[test]
fn pages_of_one_entry_are_those_of_the_official_server() {
    let Some(mut world) = World::start("pages_of_one_entry") else {
        return;
    };
    world.freeze_with(4, &["--plan-max-entries", "1"]);
    let server = serving(&world.segments(), "--plan-max-entries 1");
    let (mut ours, mut theirs) = (Kept::open(server.address()), Kept::open(&world.address()));
    for filter in [
        json!({}),
        json!({"collections": [LIKE], "kinds": ["commit"]}),
        json!({"kinds": ["identity"]}),
    ] {
        let (mut after, mut pages) = (0, 0);
        loop {
            let mut body = filter.clone();
            body["afterSeq"] = after.into();
            let body = body.to_string();
            let plans = [&mut ours, &mut theirs].map(|kept| kept.plan(&body).json());
            assert_eq!(plans[0], plans[1], "{body}");
            pages += 1;
            after = plans[0]["plannedThroughSeq"].as_u64().unwrap();
            if Some(after) == plans[0]["sealedTipSeq"].as_u64() {
                break;
            }
        }
        assert!(pages >= 4, "{filter}: {pages} pages");
    }
    let theirs = world.replayed(&world.address(), "");
    assert!(world.replayed(server.address(), "") == theirs);
}
