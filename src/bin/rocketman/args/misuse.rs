//! What was typed wrongly, in one sentence, and what to type instead.
//!
//! clap finds out what is wrong; the words are ours, so that every error of the program has one
//! shape.

use std::{
    env,
    error::Error as StdError,
    fmt,
    num::{IntErrorKind, ParseIntError},
};

use clap::{
    Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

use rocketman::Shown;

/// A command line, or a variable, that cannot be meant.
#[derive(Debug)]
pub(crate) struct Misuse {
    what: String,
    hint: Option<String>,
}

impl Misuse {
    /// What an error of clap says. `is_variable` says that what was typed is right, and a variable
    /// of the environment is wrong.
    pub(super) fn new(error: &Error, is_variable: bool) -> Self {
        let typed: Vec<_> = env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let command = command_of(&typed);
        let name = text(error, ContextKind::InvalidArg).map(|shown| {
            let variable = is_variable.then(|| variable(&shown)).flatten();
            variable.unwrap_or_else(|| shown.split(' ').next().unwrap_or(&shown).to_owned())
        });
        let name = name.as_deref().unwrap_or("an argument");
        let value = text(error, ContextKind::InvalidValue).unwrap_or_default();
        let value = Shown::word(&value).to_string();
        let (what, hint) = match error.kind() {
            ErrorKind::InvalidValue if value.is_empty() => (
                format!("{name} needs a value{}", choices(error, ": ")),
                None,
            ),
            ErrorKind::InvalidValue => {
                let similar = text(error, ContextKind::SuggestedValue);
                (
                    format!(
                        "{name} cannot be '{value}'{}",
                        choices(error, ": it takes ")
                    ),
                    similar.map(|similar| format!("did you mean {similar}?")),
                )
            }
            ErrorKind::ValueValidation => (
                format!("{name} cannot be '{value}': {}", reason(error)),
                None,
            ),
            ErrorKind::UnknownArgument => unknown(error, &command, &typed),
            ErrorKind::InvalidSubcommand => unknown_command(error, &command),
            ErrorKind::ArgumentConflict => conflict(error, name),
            ErrorKind::MissingRequiredArgument => {
                let missing = list(error, ContextKind::InvalidArg).join(" ");
                (
                    format!("{missing} is missing"),
                    Some(format!("{command} --help says what it is for")),
                )
            }
            _ => (said_by_clap(error), None),
        };
        Self { what, hint }
    }

    /// What to type instead.
    pub(crate) fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for Misuse {}

/// Why a value was refused, in our words where the parser is not ours.
fn reason(error: &Error) -> String {
    let Some(source) = error.source() else {
        return String::new();
    };
    match source
        .downcast_ref::<ParseIntError>()
        .map(ParseIntError::kind)
    {
        Some(IntErrorKind::Zero) => "it takes a whole number from 1 on".to_owned(),
        Some(_) => "it takes a whole number".to_owned(),
        None => source.to_string(),
    }
}

/// A flag or a word too many.
fn unknown(error: &Error, command: &str, typed: &[String]) -> (String, Option<String>) {
    let given = text(error, ContextKind::InvalidArg).unwrap_or_default();
    let shown = Shown::word(&given).to_string();
    if !given.starts_with('-') {
        return (
            format!("{command} takes no argument '{shown}'"),
            Some(format!("{command} --help lists what it takes")),
        );
    }
    if let Some(taker) = taker_of_negative(&given, command, typed) {
        return (
            format!("{taker} takes no negative value"),
            Some("leave the minus sign off; an age is counted back from now already".to_owned()),
        );
    }
    let similar = text(error, ContextKind::SuggestedArg);
    let hint = foreign(&given)
        .map(str::to_owned)
        .or_else(|| similar.map(|similar| format!("did you mean {similar}?")))
        .unwrap_or_else(|| format!("{command} --help lists the flags"));
    (format!("{command} has no flag {shown}"), Some(hint))
}

/// What the flags of other tools are called here.
fn foreign(flag: &str) -> Option<&'static str> {
    Some(match flag {
        "--limit" | "--lines" | "--max" => "it ends after N events with -n N",
        "-f" | "--follow" => "it follows the stream already; -e ends it at what is live now",
        "--json" | "--ndjson" => "lines are JSON where stdout is no terminal",
        "--wantedCollections" | "--wanted-collections" => "collections are named with -c",
        "--wantedDids" | "--wanted-dids" => "accounts are named with -d",
        _ => return None,
    })
}

/// What `-2h` was typed for, where something so was: the flag before it, or the command.
fn taker_of_negative(given: &str, command: &str, typed: &[String]) -> Option<String> {
    let is_number = given.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    let at = typed.iter().position(|word| word.starts_with(given))?;
    let before = typed.get(at.checked_sub(1)?)?;
    let taker = if before.starts_with('-') {
        before
    } else {
        command
    };
    is_number.then(|| taker.to_owned())
}

fn unknown_command(error: &Error, command: &str) -> (String, Option<String>) {
    let given = text(error, ContextKind::InvalidSubcommand).unwrap_or_default();
    let similar = list(error, ContextKind::SuggestedSubcommand);
    let hint = match similar.first() {
        Some(similar) => format!("did you mean {similar}?"),
        None => format!("{command} --help lists the commands"),
    };
    let shown = Shown::word(&given).to_string();
    (format!("{command} has no command '{shown}'"), Some(hint))
}

fn conflict(error: &Error, name: &str) -> (String, Option<String>) {
    let others = list(error, ContextKind::PriorArg);
    if error.get(ContextKind::InvalidArg) == error.get(ContextKind::PriorArg) {
        return (
            format!("{name} cannot be used multiple times"),
            Some("run one process for each".to_owned()),
        );
    }
    let others: Vec<_> = others
        .iter()
        .map(|other| other.split(' ').next().unwrap_or(other))
        .collect();
    (
        format!("{name} cannot be used with {}", others.join(" and ")),
        Some("leave one of them off".to_owned()),
    )
}

/// The values that are possible, where they are few.
fn choices(error: &Error, before: &str) -> String {
    let values = list(error, ContextKind::ValidValue);
    match values.split_last() {
        None => String::new(),
        Some((last, [])) => format!("{before}{last}"),
        Some((last, others)) => format!("{before}{} or {last}", others.join(", ")),
    }
}

/// The variable of the flag that clap shows like this: `--count <N>`.
fn variable(shown: &str) -> Option<String> {
    let flag = shown.split([' ', '.']).next()?.strip_prefix("--")?;
    let name = format!("ROCKETMAN_{}", flag.replace('-', "_").to_uppercase());
    env::var_os(&name).map(|_| name)
}

/// The command that was typed, as far as it is one: `rocketman cursor show`.
fn command_of(typed: &[String]) -> String {
    let mut command: Command = super::command();
    let mut path = "rocketman".to_owned();
    for word in typed.iter().skip(1).filter(|word| !word.starts_with('-')) {
        let Some(sub) = command.find_subcommand(word) else {
            break;
        };
        path = format!("{path} {word}");
        command = sub.clone();
    }
    path
}

/// The first line of clap's own words.
fn said_by_clap(error: &Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn text(error: &Error, kind: ContextKind) -> Option<String> {
    list(error, kind).into_iter().next()
}

fn list(error: &Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}
