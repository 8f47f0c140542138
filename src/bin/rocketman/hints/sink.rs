//! What to do when an output takes no more.

use std::{error::Error, io};

#[cfg(feature = "nats")]
use rocketman::sink::nats::StreamError;
use rocketman::sink::{ExecError, FileError, SinkError};

pub(super) fn hint(error: &SinkError) -> Option<String> {
    if let Some(error) = error.downcast_ref() {
        return of_file(error);
    }
    if let Some(error) = error.downcast_ref() {
        return of_program(error).map(str::to_owned);
    }
    #[cfg(feature = "nats")]
    {
        if let Some(error) = error.downcast_ref() {
            return of_stream(error);
        }
        if let Some(error) = error.downcast_ref() {
            return super::of_nats(error);
        }
    }
    if error.is_fated() {
        return Some("that is what --fate is for: with --cursor-file the next run begins at or before that event".to_owned());
    }
    // Of an output that is no file of ours, such as stdout.
    let refusal = error.source()?.downcast_ref::<io::Error>()?;
    (refusal.kind() == io::ErrorKind::FileTooLarge)
        .then(|| "raise the limit on file sizes: ulimit -f, LimitFSIZE= of a unit".to_owned())
}

fn of_file(error: &FileError) -> Option<String> {
    let hint = match error {
        FileError::Changed { path, .. } => {
            return Some(format!(
                "the cursor file counts on '{}' as it was: put it back, or start over with another --output and --cursor-file",
                path.display()
            ));
        }
        FileError::NotAFile(_) => "leave --output away and redirect stdout to it",
        FileError::Io { source, .. } => return of_refusal(source.kind()).map(str::to_owned),
        FileError::Gone(_) => {
            "the cursor stays before what was lost with it; to go on from there all the same, forget the file: rocketman cursor rewind --forget-files"
        }
        FileError::Reserved(_) => {
            "give the files of --output names that no other file of the command line can have"
        }
        FileError::InUse(_) => {
            "give each process an --output of its own; several may append to one file through their shell: >> FILE"
        }
        FileError::NameTaken { .. } => "move that file away and start again: nothing is lost",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn of_refusal(refusal: io::ErrorKind) -> Option<&'static str> {
    match refusal {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(
            "make room and start it again: with --cursor-file it goes on after what is on the disk; --on-disk-full wait waits for room instead",
        ),
        io::ErrorKind::FileTooLarge => Some(
            "raise the limit on file sizes (ulimit -f, LimitFSIZE= of a unit), or stay below it with --rotate-size: with --cursor-file it goes on after what is in the file",
        ),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some("give --output a place that this user may write to")
        }
        io::ErrorKind::IsADirectory => Some("name a file in that folder"),
        io::ErrorKind::NotADirectory => {
            Some("what stands before the last / of --output has to be a folder")
        }
        io::ErrorKind::NotFound => Some("make the folder of --output, or put it back"),
        _ => None,
    }
}

fn of_program(error: &ExecError) -> Option<&'static str> {
    Some(match error {
        ExecError::Program { .. } => {
            "the event counts as not delivered; with --cursor-file the next run begins with it"
        }
        ExecError::Surplus(_) => {
            "in stream mode a program prints exactly one line for each event; send all other words to stderr"
        }
        ExecError::Start { .. } => {
            "give --exec a program on your PATH, or the path of one that may be executed"
        }
        _ => return None,
    })
}

#[cfg(feature = "nats")]
fn of_stream(error: &StreamError) -> Option<String> {
    let hint = match error {
        StreamError::Unfit { .. } => "give it a stream of its own: --create-stream makes one",
        StreamError::NoAcks { .. } => "have it acknowledge: nats stream edit --ack",
        StreamError::NoSubjects { stream, needed, .. } => {
            return Some(format!(
                "add '{needed}' to its subjects (nats stream edit {stream} --subjects), or name its own prefix: ?subject=PREFIX"
            ));
        }
        StreamError::NoSubject { stream, .. } => {
            return Some(format!(
                "add it to its subjects (nats stream edit {stream} --subjects), or put a prefix before all subjects: ?subject=PREFIX"
            ));
        }
        StreamError::Overlap {
            keeps_subjects: true,
            ..
        } => {
            "in one account no two streams have the same subjects: put a prefix before them (?subject=PREFIX), or write to another account or server"
        }
        StreamError::Overlap { .. } => {
            "have only one stream take the subjects below the prefix: nats stream ls --subjects"
        }
        StreamError::Origin { .. } => "write to another stream",
        StreamError::NotOurs { stream, .. } => {
            return Some(format!(
                "only one program may write to a stream: give rocketman one of its own, or look with nats stream view {stream}"
            ));
        }
        StreamError::Gone { .. } => {
            "say where to go on, with --cursor-file, --cursor-kv, --cursor or --since"
        }
        StreamError::AnotherWriter { .. } => {
            "let one process write to a stream, and give each other one a stream of its own"
        }
        StreamError::Shorter { .. } => {
            "a server without power may lose what it has not synced (sync_interval); started again, it goes on from the stream's last message"
        }
        StreamError::Recreated { .. } => {
            "started again, it goes on from the new stream's last message, or as without a cursor"
        }
        StreamError::Full { stream, .. } => {
            return Some(format!(
                "raise its limits, or have it discard old messages: nats stream edit {stream} --discard old"
            ));
        }
        StreamError::TooLarge { .. } => {
            "raise max_payload of the server and max_msg_size of the stream, or leave such events out with --max-message-size"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}
