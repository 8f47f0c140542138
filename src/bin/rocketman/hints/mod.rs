//! What to do about an error of the library, in words of the command line.
//!
//! The library's errors say what happened; which flag to change only the program knows. Each hint
//! is a clause without an end.

mod cursor;
#[cfg(feature = "nats")]
mod nats;
mod sink;
mod source;
mod warning;

use rocketman::Error;

#[cfg(feature = "nats")]
pub(crate) use self::nats::of_nats;

/// What to do about a warning that names this setting of the library.
pub(crate) fn of_setting(setting: &str) -> Option<&'static str> {
    warning::hint(setting)
}

/// What to do about the end of a run.
pub(crate) fn of_run(error: &Error) -> Option<String> {
    let hint = match error {
        Error::Source(error) => return source::hint(error),
        Error::Sink(error) => return sink::hint(error),
        Error::Cursor(error) => return cursor::hint(error),
        Error::Idle { .. } => {
            "it can be started again where it was, with a cursor file; allow more with --idle-timeout"
        }
        Error::Behind { .. } => {
            "look at what takes the events, or at the network; allow more with --max-lag"
        }
        Error::Hung { .. } => "allow it more time with --grace, or look at what reads it",
        _ => return None,
    };
    Some(hint.to_owned())
}
