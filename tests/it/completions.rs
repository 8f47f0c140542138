//! What shells offer for a word, from the real program and in the real shells that are here.

use std::{fs, path::Path, process::Command};

use crate::support::{path_of, program::Rocketman};

/// What is offered for the last of these words.
fn offered(words: &[&str]) -> Vec<String> {
    offered_by(Rocketman::new(["--", "rocketman"]), words)
}

fn offered_by(call: Rocketman, words: &[&str]) -> Vec<String> {
    let call = words.iter().fold(call, Rocketman::arg);
    let output = call
        .env("_ROCKETMAN_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .env("_CLAP_COMPLETE_COMP_TYPE", "9")
        .env("_CLAP_COMPLETE_SPACE", "true")
        .env("_CLAP_IFS", "\n")
        .succeed();
    output.stdout.split('\n').map(str::to_owned).collect()
}

#[test]
fn sources_collections_and_commands_are_offered() {
    for (words, expected) in [
        (&["tail", "dem"][..], "demo:"),
        (
            &["tail", "jetstream.us-e"],
            "jetstream.us-east.bsky.network",
        ),
        (&["probe", "local"], "localhost:6008"),
        (&["tail", "-c", "app.bsky.feed.po"], "app.bsky.feed.post"),
        (&["tail", "--collection", "app.bsky.gr"], "app.bsky.graph.*"),
        (&["tail", "demo:", "--kind", "id"], "identity"),
        (&["man", "pro"], "probe"),
        (&["cursor", "re"], "rewind"),
        (&["tail", "demo:", "-d", ""], "@"),
        (&["tail", "demo:", "--on-g"], "--on-gap"),
    ] {
        let offered = offered(words);
        let is_offered = offered.iter().any(|word| word.trim() == expected);
        assert!(is_offered, "{words:?}: {offered:?}");
    }
    // A time is nobody's file, and nothing is offered that does not begin so.
    assert_eq!(offered(&["tail", "demo:", "--since", ""]), [""]);
    assert_eq!(offered(&["tail", "-c", "nothing.like"]), [""]);
}

#[test]
fn files_programs_and_contexts_are_offered_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["dids.txt", "graph.cursor", "config/nats/context/east.json"] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    for (words, expected) in [
        (&["tail", "-d", "@di"][..], "@dids.txt"),
        (&["cursor", "show", "gr"], "graph.cursor"),
        (&["tail", "--cursor-file", "gr"], "graph.cursor"),
        (&["check", "gr"], "graph.cursor"),
        (&["serve", "di"], "dids.txt"),
        (&["tail", "demo:", "-x", "ca"], "cat"),
        #[cfg(feature = "nats")]
        (&["tail", "nats:S", "--context", "ea"], "east"),
    ] {
        let call = Rocketman::new(["--", "rocketman"]).inside(folder.path());
        let config = folder.path().join("config");
        let offered = offered_by(call.env("XDG_CONFIG_HOME", config), words);
        let is_offered = offered.iter().any(|word| word.trim() == expected);
        assert!(is_offered, "{words:?}: {offered:?}");
    }
}

/// Has a shell load the script as users do, and ask for one word.
fn in_a_shell(shell: &str, flags: &[&str], script: &str) -> Option<String> {
    if Command::new(path_of(shell))
        .arg("--version")
        .output()
        .is_err()
    {
        println!("skipped: {shell} is not installed");
        return None;
    }
    let program = Path::new(env!("CARGO_BIN_EXE_rocketman"));
    let folder = program.parent().unwrap().to_str().unwrap();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    let output = Command::new(shell)
        .args(flags)
        .arg(script)
        .env_clear()
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), &*said), (Some(0), ""), "{shell}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn bash_offers_what_the_program_says() {
    let script = r#"
        source <(rocketman completions bash)
        complete -p rocketman > /dev/null || exit 1
        COMP_WORDS=(rocketman tail -c app.bsky.feed.po) COMP_CWORD=3 COMP_TYPE=9
        _clap_complete_rocketman rocketman app.bsky.feed.po -c
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    if let Some(offered) = in_a_shell("bash", &["--norc", "-c"], script) {
        assert!(
            offered
                .lines()
                .any(|word| word.trim() == "app.bsky.feed.post"),
            "{offered:?}"
        );
    }
}

#[test]
fn fish_offers_what_the_program_says() {
    for (line, expected) in [
        ("rocketman tail dem", "demo:"),
        ("rocketman probe localh", "localhost:6008"),
        ("rocketman tail -c app.bsky.feed.po", "app.bsky.feed.post"),
        ("rocketman man pro", "probe"),
        ("rocketman tail demo: -d @Car", "@Cargo.toml"),
    ] {
        let script = format!("rocketman completions fish | source; complete -C '{line}'");
        let Some(offered) = in_a_shell("fish", &["--no-config", "-c"], &script) else {
            return;
        };
        // Behind a tab it says what the word is.
        let mut words = offered.lines().filter_map(|line| line.split('\t').next());
        assert!(words.any(|word| word == expected), "{line}: {offered:?}");
    }
}

/// What the line editor of an interactive zsh makes of a line, once Tab is pressed at its end.
const ZSH: &str = r#"
    zmodload zsh/zpty zsh/zselect
    zpty shell zsh -f -i
    zpty -w shell 'autoload -Uz compinit; compinit -u -D; source <(rocketman completions zsh)'
    zpty -w shell 'show() { zle complete-word; print -r -- "line ""is: $BUFFER."; exit }'
    zpty -w shell 'zle -N show; bindkey "^T" show'
    zpty -w -n shell "$LINE_SO_FAR"$'\C-t'
    until [[ $said == *'line is: '*.* ]] || (( SECONDS > 60 )); do
        if zpty -r -t shell part; then said+=$part; else zselect -t 5; fi
    done
    print -r -- ${${said##*line is: }%%.[[:cntrl:]]*}
"#;

#[test]
fn zsh_completes_what_the_program_says() {
    for (line, expected) in [
        ("rocketman tail dem", "rocketman tail demo: "),
        ("rocketman probe localh", "rocketman probe localhost:6008 "),
        (
            "rocketman tail -c app.bsky.gr",
            "rocketman tail -c app.bsky.graph.",
        ),
        ("rocketman man pro", "rocketman man probe "),
        (
            "rocketman tail demo: -d @Car",
            "rocketman tail demo: -d @Cargo.",
        ),
    ] {
        let script = format!("LINE_SO_FAR='{line}'\n{ZSH}");
        let Some(completed) = in_a_shell("zsh", &["-f", "-c"], &script) else {
            return;
        };
        assert_eq!(completed, format!("{expected}\n"));
    }
}
