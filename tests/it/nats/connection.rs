//! What the connection does with servers that are not there, do not let us in, or cannot do what is
//! needed.

use std::time::Duration;

use async_nats::jetstream::stream;
use rocketman::{
    ErrorKind, MemberError, Reason,
    nats::{EventStream, Login, NatsSettings, StreamPlan},
};
use tokio::time::timeout;

use crate::support::{
    DEADLINE,
    nats::{Nats, block_on},
};

pub(super) fn settings(nats: &Nats) -> NatsSettings {
    NatsSettings::new(nats.url())
}

/// Connects, and looks for this stream.
async fn look_for(stream: &str, settings: &NatsSettings) -> Result<EventStream, MemberError> {
    let open = EventStream::open(settings, stream, None);
    timeout(DEADLINE, open).await.unwrap()
}

/// Connects, and makes the stream `S`.
async fn open(settings: &NatsSettings) -> Result<EventStream, MemberError> {
    let plan = StreamPlan::default();
    let open = EventStream::open(settings, "S", Some(&plan));
    timeout(DEADLINE, open).await.unwrap()
}

/// Whether the same may be done a moment later.
fn may_pass(error: &MemberError) -> bool {
    matches!(
        error.reason(),
        Some(Reason::NatsSilent | Reason::NatsUnavailable)
    )
}

/// What is said of a failure, with its causes.
fn shown(error: &MemberError) -> String {
    rocketman::Shown::error(error).to_string()
}

#[track_caller]
pub(super) fn assert_told(error: &MemberError, kind: ErrorKind, words: &[&str]) {
    assert_eq!(error.kind(), kind, "{error:?}");
    let text = shown(error);
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
    assert!(!text.contains("geheim"), "{text}");
}

#[test]
fn a_stream_that_is_not_there_is_told_by_its_name() {
    let Some(nats) = Nats::start("a_stream_that_is_not_there_is_told_by_its_name") else {
        return;
    };
    block_on(async {
        let error = look_for("FIREHOSE", &settings(&nats)).await.unwrap_err();
        assert_told(
            &error,
            ErrorKind::Usage,
            &[&nats.url(), "no stream 'FIREHOSE'"],
        );
    });
    nats.with(async |jetstream| {
        let config = stream::Config {
            name: "FIREHOSE".to_owned(),
            ..stream::Config::default()
        };
        jetstream.create_stream(config).await.unwrap();
    });
    block_on(async {
        let stream = look_for("FIREHOSE", &settings(&nats)).await.unwrap();
        assert_eq!(stream.insert("FIREHOSE", 0, "").await.unwrap(), 1);
    });
}

#[test]
fn a_server_without_jetstream_is_told_to_be_one() {
    let Some(nats) = Nats::configured("a_server_without_jetstream_is_told_to_be_one", "") else {
        return;
    };
    block_on(async {
        let error = look_for("S", &settings(&nats)).await.unwrap_err();
        assert_told(&error, ErrorKind::Usage, &["no JetStream"]);
    });
}

#[test]
fn who_is_not_let_in_is_told_how_to_say_who_it_is() {
    let users = r#"authorization { users: [{user: "ann", password: "geheim"}] }, jetstream {}"#;
    let Some(nats) = Nats::configured("who_is_not_let_in_is_told_how_to_say_who_it_is", users)
    else {
        return;
    };
    block_on(async {
        let error = open(&settings(&nats)).await.unwrap_err();
        assert_told(&error, ErrorKind::Refused, &["a user without credentials"]);
        let password = |password: &str| NatsSettings {
            login: Login::Password {
                user: "ann".to_owned(),
                password: password.to_owned(),
            },
            ..settings(&nats)
        };
        let error = open(&password("geheimer")).await.unwrap_err();
        assert_told(&error, ErrorKind::Refused, &["the user 'ann'"]);
        open(&password("geheim")).await.unwrap();
    });
}

#[test]
fn what_a_user_may_not_do_is_told_at_once() {
    let users = r#"authorization { users: [{user: "ann", password: "b", permissions: {publish: "x"}}] }, jetstream {}"#;
    let Some(nats) = Nats::configured("what_a_user_may_not_do_is_told_at_once", users) else {
        return;
    };
    let settings = NatsSettings {
        login: Login::Password {
            user: "ann".to_owned(),
            password: "b".to_owned(),
        },
        request_timeout: Duration::from_secs(60),
        ..settings(&nats)
    };
    block_on(async {
        let error = look_for("S", &settings).await.unwrap_err();
        assert_told(
            &error,
            ErrorKind::Refused,
            &["does not allow it", "$JS.API.STREAM.INFO.S"],
        );
    });
}

#[test]
fn a_server_that_is_not_there_is_tried_as_often_as_allowed() {
    let settings = NatsSettings {
        servers: vec!["nats://127.0.0.1:1".to_owned()],
        max_retries: Some(2),
        max_backoff: Duration::from_millis(1),
        ..NatsSettings::default()
    };
    let error = block_on(open(&settings)).unwrap_err();
    assert_told(
        &error,
        ErrorKind::Unreachable,
        &["gave up on nats://127.0.0.1:1 after 3 failed tries"],
    );
}

#[test]
fn a_lost_connection_comes_back_by_itself() {
    let Some(mut nats) = Nats::start("a_lost_connection_comes_back_by_itself") else {
        return;
    };
    let settings = settings(&nats);
    block_on(async {
        let stream = open(&settings).await.unwrap();
        for seq in 1..=2 {
            nats.kill();
            nats.restart();
            let inserted = timeout(DEADLINE, async {
                loop {
                    match stream.insert("S", 0, "").await {
                        Ok(seq) => break seq,
                        Err(error) => assert!(may_pass(&error), "{error}"),
                    }
                }
            });
            assert!(inserted.await.unwrap() >= seq);
        }
    });
}

/// Files and certificates that cannot be used are told before anything is connected to.
#[test]
fn a_file_that_cannot_be_used_is_told_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "geheim").unwrap();
    let missing = folder.path().join("missing");
    let base = || NatsSettings {
        servers: vec!["nats://127.0.0.1:1".to_owned()],
        ..NatsSettings::default()
    };
    let login = |login| NatsSettings { login, ..base() };
    for (settings, word) in [
        (
            login(Login::Credentials(missing.clone())),
            "cannot read the credentials file",
        ),
        (login(Login::Credentials(empty.clone())), "credentials file"),
        (
            login(Login::Nkey(missing.clone())),
            "cannot read the nkey file",
        ),
        (login(Login::Nkey(empty.clone())), "nkey file"),
        (
            login(Login::Jwt {
                jwt: "geheim".to_owned(),
                seed: "geheim".to_owned(),
            }),
            "the seed of the login is not that of an nkey",
        ),
        (
            NatsSettings {
                tls_ca: Some(missing.clone()),
                ..base()
            },
            "cannot read the file of certificates",
        ),
    ] {
        let error = block_on(open(&settings)).unwrap_err();
        assert_told(&error, ErrorKind::Usage, &[word]);
    }
}
