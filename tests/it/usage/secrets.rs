//! Secrets that were typed where they do not belong.

use std::collections::BTreeSet;

use crate::support::program::Rocketman;

/// What must never come back.
const SECRET: &str = "hunter2";

#[test]
fn a_secret_in_the_wrong_place_is_never_repeated() {
    let addresses = [
        "nats://h/F?token=hunter2",
        "nats://me:hunter2@h/F",
        "nats://hunter2@h/F?subject=x",
        "wss://h/subscribe?key=hunter2",
        "wss://h/subscribe#hunter2",
        "https://me:hunter2@h",
        "https://me:hunter2@h/x?key=hunter2@hunter2",
        "https://me:hunter2@h/%Y.zst",
    ];
    let nowhere = "ws://127.0.0.1:1/subscribe";
    #[rustfmt::skip]
    let commands: &[&[&str]] = &[
        &["probe", "@"],
        &["health", "@"],
        &["serve", "@"],
        &["serve", "demo:", "@"],
        &["serve", "--listen", "@"],
        &["check", "@"],
        &["check", "nowhere", "@"],
        &["cursor", "show", "@"],
        &["cursor", "set", "@", "2h"],
        &["cursor", "set", "c", "@"],
        &["cursor", "set", "c", "2h", "--source", "@"],
        &["cursor", "rewind", "@", "2h"],
        &["cursor", "show", "c", "@"],
        &["man", "@"],
        &["completions", "@"],
        &["@"],
        &["tail", "demo:", "@"],
        &["tail", nowhere, "--max-retries", "0", "@"],
        &["tail", nowhere, "--max-retries", "0", "-o", "@"],
        &["tail", nowhere, "--max-retries", "0", "--cursor-file", "@"],
        &["tail", nowhere, "--max-retries", "0", "--bad-events", "@"],
        &["tail", nowhere, "--max-retries", "0", "--on-exec-error", "dead-letter=@", "-x", "true"],
        &["tail", nowhere, "--max-retries", "0", "--metrics-addr", "@"],
        &["tail", nowhere, "--max-retries", "0", "--since", "@"],
        &["tail", nowhere, "--max-retries", "0", "--until", "@"],
        &["tail", nowhere, "--max-retries", "0", "--cursor", "@"],
        &["tail", nowhere, "--max-retries", "0", "--shard", "@"],
        &["tail", nowhere, "--max-retries", "0", "-n", "@"],
        &["tail", nowhere, "--max-retries", "0", "-c", "@"],
        &["tail", nowhere, "--max-retries", "0", "-d", "@"],
        &["tail", nowhere, "--max-retries", "0", "-k", "@"],
        &["tail", nowhere, "--max-retries", "0", "-x", "@"],
        #[cfg(feature = "nats")]
        &["tail", nowhere, "--max-retries", "0", "--cursor-kv", "@"],
        #[cfg(feature = "nats")]
        &["tail", "nats://127.0.0.1:1/S", "--max-retries", "0", "--creds", "@"],
        #[cfg(feature = "nats")]
        &["tail", "nats://127.0.0.1:1/S", "--max-retries", "0", "--context", "@"],
        #[cfg(feature = "nats")]
        &["tail", "nats://127.0.0.1:1/S", "--max-retries", "0", "--durable", "@"],
        #[cfg(feature = "nats")]
        &["tail", "nats://127.0.0.1:1/S", "--max-retries", "0", "@"],
    ];
    let mut repeated = Vec::new();
    for command in commands {
        for address in addresses {
            let arguments = command.iter().map(|part| match *part {
                "dead-letter=@" => format!("dead-letter={address}"),
                "@" => address.to_owned(),
                part => part.to_owned(),
            });
            let output = Rocketman::new(arguments).run();
            assert_ne!(output.code, Some(0), "{command:?} {address} {output:#?}");
            let said = format!("{}{}", output.stdout, output.stderr);
            if said.contains(SECRET) {
                repeated.push(said.clone());
            }
            assert!(!said.trim().is_empty(), "{command:?} {address}");
        }
    }
    assert!(repeated.is_empty(), "{repeated:#?}");
}

#[test]
fn the_help_shows_no_values_of_variables() {
    for command in [
        &["tail"][..],
        &["probe"],
        &["serve"],
        &["cursor", "show"],
        &["man"],
    ] {
        let help = |call: Rocketman| call.arg("--help").succeed().stdout;
        let plain = help(Rocketman::new(command));
        let names = variables(&plain);
        assert!(names.contains("ROCKETMAN_LOG_FORMAT"), "{names:?}");
        let set = |call: Rocketman, name: String| call.env(&name, SECRET);
        let call = names.into_iter().fold(Rocketman::new(command), set);
        assert_eq!(help(call), plain);
    }
}

/// Variables that take several values, which the help does not show with a flag.
const LISTS: [&str; 7] = [
    "ROCKETMAN_SOURCE",
    "ROCKETMAN_COLLECTION",
    "ROCKETMAN_DID",
    "ROCKETMAN_KIND",
    "ROCKETMAN_OP",
    "ROCKETMAN_ALLOW_HOST",
    "ROCKETMAN_ALLOW_ORIGIN",
];

/// The names that come behind `mark` in a help text.
fn names_in(help: &str, mark: &str) -> BTreeSet<String> {
    let name = |rest: &str| {
        let end = rest.find(|sign: char| !sign.is_ascii_alphanumeric() && !"-_".contains(sign))?;
        Some(rest.get(..end)?.to_owned())
    };
    help.split(mark).skip(1).filter_map(name).collect()
}

/// The variables of the flags of a help text: by the rule, or as they are shown with the flag.
fn variables(help: &str) -> BTreeSet<String> {
    let by_rule = |flag: String| format!("ROCKETMAN_{}", flag.replace('-', "_").to_uppercase());
    let flags = names_in(help, " --").into_iter().map(by_rule);
    flags.chain(names_in(help, "[env: ")).collect()
}

#[test]
fn no_flag_and_no_variable_repeats_a_secret() {
    let address = "nats://me:hunter2@h/F?token=hunter2";
    let nowhere = ["ws://127.0.0.1:1/subscribe", "--max-retries", "0"];
    let nats = ["nats://127.0.0.1:1/S", "--max-retries", "0"];
    let mut repeated = Vec::new();
    let mut tried = 0;
    for (command, base) in [
        (&["tail"][..], &nowhere[..]),
        (&["tail"], &nats),
        (&["probe"], &["ws://127.0.0.1:1/subscribe"]),
        (&["serve"], &["no-such-recording"]),
        (&["check"], &["no-such-recording"]),
        (&["cursor", "show"], &["no-such-cursor"]),
        (&["cursor", "set"], &["no-such/cursor", "2h"]),
        (&["cursor", "rewind"], &["no-such-cursor", "2h"]),
        (&["man"], &["no-such-page"]),
    ] {
        let call = |more: Vec<String>| {
            let base = command.iter().chain(base).map(ToString::to_string);
            Rocketman::new(base.chain(more))
        };
        let help = Rocketman::new(command).arg("--help").succeed().stdout;
        let flags = names_in(&help, " --").into_iter().filter(|flag| {
            let takes_a_value = [" <", "=<", " [<", "[=<"].iter();
            takes_a_value
                .clone()
                .any(|sign| help.contains(&format!("--{flag}{sign}")))
        });
        let calls = flags
            .map(|flag| {
                (
                    flag.clone(),
                    call(vec![format!("--{flag}"), address.to_owned()]),
                )
            })
            .chain(
                variables(&help)
                    .into_iter()
                    .chain(LISTS.map(ToOwned::to_owned))
                    .map(|name| (name.clone(), call(vec![]).env(&name, address))),
            );
        for (name, call) in calls {
            tried += 1;
            let output = call.run();
            if format!("{}{}", output.stdout, output.stderr).contains(SECRET) {
                repeated.push((command, name, output.stderr));
            }
        }
    }
    assert!(tried > 100, "{tried}");
    assert!(repeated.is_empty(), "{repeated:#?}");
}
