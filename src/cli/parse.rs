//! The command line over the environment: what was typed wins, also over a variable that speaks of the opposite.

use std::env;

use clap::{
    ArgMatches, Command, CommandFactory, FromArgMatches, builder::Resettable, parser::ValueSource,
};

use super::Cli;

/// Flags that contradict each other. Typed together they are refused; a variable gives way to what was typed.
const OPPONENTS: [(&str, &str); 13] = [
    ("quiet", "verbose"),
    ("since", "cursor"),
    ("output", "exec"),
    ("print0", "exec"),
    ("durable", "cursor_file"),
    ("durable", "cursor_kv"),
    ("durable", "shard"),
    ("repeat", "exit_at_end"),
    ("command", "dir"),
    ("context", "no_context"),
    ("creds", "nkey"),
    ("cursor_file", "cursor_kv"),
    ("js_domain", "js_api_prefix"),
];

/// Parses the command line and the environment, and ends the program with a message where that is not possible.
pub fn parse() -> Cli {
    // What was typed, seen without the environment; what is wrong with it is told by the second parse.
    let typed = adjust(Cli::command(), &|_, _| false).try_get_matches().ok();
    let is_typed = |command: &str, id: &str| {
        typed
            .as_ref()
            .and_then(|matches| of_command(matches, command))
            .is_some_and(|matches| {
                matches.try_contains_id(id).is_ok()
                    && matches.value_source(id) == Some(ValueSource::CommandLine)
            })
    };
    let keeps_variable = |command: &str, id: &str| {
        !OPPONENTS.iter().any(|(one, other)| {
            (*one == id && is_typed(command, other)) || (*other == id && is_typed(command, one))
        })
    };
    let command = adjust(Cli::command(), &keeps_variable);
    Cli::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
}

/// The definition without the variables that are set to nothing, and without those that `keeps` says no to.
fn adjust(command: Command, keeps: &dyn Fn(&str, &str) -> bool) -> Command {
    let name = command.get_name().to_owned();
    let command = command.mut_args(|arg| {
        let is_empty = arg
            .get_env()
            .is_some_and(|name| env::var_os(name).is_some_and(|value| value.is_empty()));
        let keeps = !is_empty && keeps(&name, arg.get_id().as_str());
        if keeps {
            arg
        } else {
            arg.env(Resettable::Reset)
        }
    });
    command.mut_subcommands(|command| adjust(command, keeps))
}

/// The matches of a command, if it was typed. Flags of every command may stand anywhere, and the innermost knows them all.
fn of_command<'a>(matches: &'a ArgMatches, command: &str) -> Option<&'a ArgMatches> {
    let mut innermost = matches;
    while let Some((name, sub)) = innermost.subcommand() {
        if name == command {
            return Some(sub);
        }
        innermost = sub;
    }
    (command == "rocketman").then_some(innermost)
}
