//! What a shell offers for the word under the cursor: it asks the program itself, so that files,
//! programs and contexts are those that are there.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Arg, Command, ValueHint};
use clap_complete::{
    CompleteEnv, Shell,
    engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter},
    env::{EnvCompleter, Shells},
};

use super::manual::takes_value;
use rocketman::{event::CollectionPattern, source::jetstream::Endpoint};

/// Set by the scripts to the name of their shell.
const VARIABLE: &str = "_ROCKETMAN_COMPLETE";

const NAME: &str = "rocketman";

/// Answers a shell, and ends the program, where one asks.
pub(crate) fn answer_a_shell() {
    CompleteEnv::with_factory(completed)
        .var(VARIABLE)
        .bin(NAME)
        .completer(NAME)
        .complete();
}

/// The script that has a shell ask.
pub(crate) fn completions(shell: Shell) -> io::Result<Vec<u8>> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let shell: Option<&dyn EnvCompleter> = shells.completer(&shell.to_string());
    if let Some(shell) = shell {
        shell.write_registration(VARIABLE, NAME, NAME, NAME, &mut script)?;
    }
    Ok(script)
}

/// The definition of the command line, and what its values can be.
fn completed() -> Command {
    with_values(super::command())
}

fn with_values(command: Command) -> Command {
    let name = command.get_name().to_owned();
    command
        .mut_args(|arg| values_of(&name, arg))
        .mut_subcommands(with_values)
}

fn values_of(command: &str, arg: Arg) -> Arg {
    let by = |completer: fn(&OsStr) -> Vec<CompletionCandidate>| ArgValueCompleter::new(completer);
    match (command, arg.get_id().as_str()) {
        ("serve" | "compare", "source" | "a" | "b") => arg.add(by(servers_and_files)),
        (_, "source") => arg.add(by(servers)),
        (_, "collection") => arg.add(by(collections)),
        (_, "did") => arg.add(by(lists_of_accounts)),
        (_, "exec") => arg.add(by(programs)),
        (_, "context") => arg.add(by(contexts)),
        ("man", "command") => arg.add(by(commands)),
        // A time or a number is nobody's file.
        _ if takes_value(&arg) && arg.get_value_hint() == ValueHint::Unknown => {
            arg.value_hint(ValueHint::Other)
        }
        _ => arg,
    }
}

/// Those of these words that begin with what was typed.
fn matching<T: AsRef<str>>(
    words: impl IntoIterator<Item = T>,
    typed: &OsStr,
) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    words
        .into_iter()
        .filter(|word| word.as_ref().starts_with(&*typed))
        .map(|word| CompletionCandidate::new(word.as_ref().to_owned()))
        .collect()
}

fn servers(typed: &OsStr) -> Vec<CompletionCandidate> {
    let public = Endpoint::public()
        .into_iter()
        .map(|server| server.shortest());
    let others = ["demo:", "localhost:6008", "nats://", "nats:"].map(str::to_owned);
    matching(others.into_iter().chain(public), typed)
}

fn servers_and_files(typed: &OsStr) -> Vec<CompletionCandidate> {
    let mut found = servers(typed);
    found.extend(PathCompleter::any().complete(typed));
    found
}

/// Common collections, and the prefixes that several of them share.
fn collections(typed: &OsStr) -> Vec<CompletionCandidate> {
    let common = CollectionPattern::common();
    let prefixes: BTreeSet<_> = common
        .iter()
        .filter_map(|name| name.rsplit_once('.'))
        .map(|(prefix, _)| prefix)
        .filter(|prefix| common.iter().filter(|name| is_below(name, prefix)).count() > 1)
        .map(|prefix| format!("{prefix}.*"))
        .collect();
    let names = common.iter().map(ToString::to_string);
    matching(names.chain(prefixes), typed)
}

fn is_below(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| rest.starts_with('.'))
}

/// `@FILE`, and `@-` for stdin. An account is typed or pasted.
fn lists_of_accounts(typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let Some(file) = typed.strip_prefix('@') else {
        return matching(["@"], OsStr::new(&*typed));
    };
    PathCompleter::any()
        .stdio()
        .complete(OsStr::new(file))
        .into_iter()
        .map(|candidate| candidate.add_prefix("@"))
        .collect()
}

/// Programs: those on the PATH by their names, others by their paths.
fn programs(typed: &OsStr) -> Vec<CompletionCandidate> {
    if typed.to_string_lossy().contains('/') {
        return PathCompleter::any().complete(typed);
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let names: BTreeSet<_> = env::split_paths(&folders)
        .flat_map(|folder| names_in(&folder))
        .collect();
    matching(names, typed)
}

/// The contexts of the `nats` command.
fn contexts(typed: &OsStr) -> Vec<CompletionCandidate> {
    let config = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".config"));
    let Some(config) = config.or_else(home) else {
        return Vec::new();
    };
    let names = names_in(&config.join("nats/context"));
    let names = names.iter().filter_map(|name| name.strip_suffix(".json"));
    matching(names, typed)
}

/// Pages of the manual.
fn commands(typed: &OsStr) -> Vec<CompletionCandidate> {
    let program = super::command();
    let names = program.get_subcommands().map(Command::get_name);
    matching(names, typed)
}

/// The names of what is in a folder; none where it cannot be read.
fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}
