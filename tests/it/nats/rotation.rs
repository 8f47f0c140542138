//! Credentials that are replaced under a running process: the next connection is made with the new
//! ones.

use std::{
    fs,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    nats::{Nats, block_on},
    program::{Rocketman, Running},
};

/// Who publishes, which nothing is done to.
const PUBLISHER: &str = r#"{user: "pub", password: "pub"}"#;

fn users(users: &str) -> String {
    format!("authorization {{ users: [{PUBLISHER}, {users}] }}, jetstream {{}}")
}

async fn publisher(nats: &Nats) -> async_nats::jetstream::Context {
    let options = async_nats::ConnectOptions::with_user_and_password("pub".into(), "pub".into());
    async_nats::jetstream::new(options.connect(nats.url()).await.unwrap())
}

fn make_stream(nats: &Nats) {
    block_on(async {
        let config = async_nats::jetstream::stream::Config {
            name: "S".to_owned(),
            subjects: vec!["s.>".to_owned()],
            ..Default::default()
        };
        drop(publisher(nats).await.create_stream(config).await.unwrap());
    });
}

fn publish(nats: &Nats, text: &'static str) {
    block_on(async {
        let publisher = publisher(nats).await;
        let ack = publisher.publish("s.a", text.into()).await;
        ack.unwrap().await.unwrap();
    });
}

/// Wants what is published now to arrive.
fn assert_arrives(nats: &Nats, running: &mut Running, text: &'static str) {
    publish(nats, text);
    assert!(running.line().contains(text));
}

fn reading(nats: &Nats) -> Rocketman {
    Rocketman::tail(&nats.address("S")).with("--cursor 0")
}

#[test]
fn an_nkey_file_is_read_anew_for_each_connection() {
    let (old, new) = (KeyPair::new_user(), KeyPair::new_user());
    let of = |pair: &KeyPair| users(&format!("{{nkey: {}}}", pair.public_key()));
    let test = "an_nkey_file_is_read_anew_for_each_connection";
    let Some(nats) = Nats::configured(test, &of(&old)) else {
        return;
    };
    make_stream(&nats);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("user.nk");
    fs::write(&file, old.seed().unwrap()).unwrap();
    let mut running = reading(&nats).arg("--nkey").arg(&file).start();
    assert_arrives(&nats, &mut running, "one");
    // The server knows only the new user, and the file comes late, and damaged at first.
    nats.reload(&of(&new));
    running.message("it does not let the nkey of '");
    fs::write(&file, "# nothing").unwrap();
    running.message(": the nkey file '");
    fs::write(&file, new.seed().unwrap()).unwrap();
    running.message("connected to");
    assert_arrives(&nats, &mut running, "two");
    running.signal(Signal::TERM);
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(!output.stderr.contains(&new.seed().unwrap()), "{output:#?}");
}

#[test]
fn the_login_of_a_context_is_read_anew_for_each_connection() {
    let of = |password: &str| users(&format!(r#"{{user: "ann", password: "{password}"}}"#));
    let test = "the_login_of_a_context_is_read_anew_for_each_connection";
    let Some(nats) = Nats::configured(test, &of("geheim")) else {
        return;
    };
    make_stream(&nats);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("west.json");
    let in_url = nats.url().replace("nats://", "nats://ann:geheimst@");
    let by_key = |password| json!({ "url": nats.url(), "user": "ann", "password": password });
    fs::write(&file, by_key("geheim").to_string()).unwrap();
    let running = Rocketman::tail("nats:S").with("--cursor 0 --context");
    let mut running = running.arg(&file).start();
    assert_arrives(&nats, &mut running, "one");
    nats.reload(&of("geheimer"));
    fs::write(&file, by_key("geheimer").to_string()).unwrap();
    assert_arrives(&nats, &mut running, "two");
    nats.reload(&of("geheimst"));
    fs::write(&file, json!({ "url": in_url }).to_string()).unwrap();
    assert_arrives(&nats, &mut running, "three");
    running.signal(Signal::TERM);
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(!output.stderr.contains("geheim"), "{output:#?}");
}

/// A claim of NATS, signed.
fn jwt(issuer: &KeyPair, subject: &KeyPair, lives: Option<u64>, nats: &Value) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut claims = json!({
        "jti": subject.public_key(),
        "iat": now.as_secs(),
        "iss": issuer.public_key(),
        "name": "name",
        "sub": subject.public_key(),
        "nats": nats,
    });
    if let Some(lives) = lives {
        claims["exp"] = (now.as_secs() + lives).into();
    }
    let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let head = encode(r#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
    let signed = format!("{head}.{}", encode(&claims.to_string()));
    let signature = BASE64URL_NOPAD.encode(&issuer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

/// Credentials of a new user of this account.
fn write_credentials(path: &Path, account: &KeyPair, lives: Option<u64>) {
    let user = KeyPair::new_user();
    let rights = json!({ "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2 });
    let (jwt, seed) = (jwt(account, &user, lives, &rights), user.seed().unwrap());
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    // Whole or not at all, as credentials are rotated.
    fs::write(path.with_extension("new"), text).unwrap();
    fs::rename(path.with_extension("new"), path).unwrap();
}

/// As every deployment with expiring credentials has it: the server ends the connection, and the
/// file holds newer ones.
#[test]
fn a_jwt_that_expires_is_followed_by_the_one_in_the_file() {
    let (operator, system, account) = (
        KeyPair::new_operator(),
        KeyPair::new_account(),
        KeyPair::new_account(),
    );
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1,
        "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
    });
    let of_account = json!({ "limits": limits, "type": "account", "version": 2 });
    let unlimited = ["mem_storage", "disk_storage", "streams", "consumer"];
    let mut of_system = of_account.clone();
    for limit in unlimited {
        of_system["limits"].as_object_mut().unwrap().remove(limit);
    }
    let of_operator = json!({ "type": "operator", "version": 2 });
    let configuration = format!(
        "operator: \"{}\", system_account: {}, resolver: MEMORY, resolver_preload: {{ {}: \"{}\", {}: \"{}\" }}, jetstream {{}}",
        jwt(&operator, &operator, None, &of_operator),
        system.public_key(),
        system.public_key(),
        jwt(&operator, &system, None, &of_system),
        account.public_key(),
        jwt(&operator, &account, None, &of_account),
    );
    let test = "a_jwt_that_expires_is_followed_by_the_one_in_the_file";
    let Some(nats) = Nats::configured(test, &configuration) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (file, others) = (
        folder.path().join("user.creds"),
        folder.path().join("creds"),
    );
    write_credentials(&others, &account, None);
    write_credentials(&file, &account, Some(12));
    let sink = |n: &str| {
        let call = Rocketman::tail("demo:?rate=50")
            .with("--create-stream -n")
            .arg(n);
        call.arg("-o")
            .arg(nats.address("FH?subject=fh"))
            .arg("--creds")
    };
    let running = sink("1000").arg(&file).start();
    running.message("it does not let the credentials of '");
    write_credentials(&file, &account, None);
    running.message("connected to");
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{output:#?}");
    let read = Rocketman::tail(&nats.address("FH")).with("--cursor 0 -e --creds");
    assert_eq!(read.arg(&others).succeed().lines().len(), 1000);
}
