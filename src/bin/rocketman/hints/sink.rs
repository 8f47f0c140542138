//! What to do when an output takes no more.

use std::{error::Error, io};

use rocketman::{MemberError, Reason};

pub(super) fn hint(error: &MemberError) -> Option<String> {
    #[cfg(feature = "nats")]
    if let Some(hint) = error.reason().and_then(super::of_nats) {
        return Some(hint);
    }
    if error.is_fated() {
        return Some("that is what --fate is for: with --cursor-file the next run begins at or before that event".to_owned());
    }
    let refusal = error.source().and_then(|cause| cause.downcast_ref());
    let refusal = refusal.map(io::Error::kind);
    let Some(reason) = error.reason() else {
        // Of an output that is no file of ours, such as stdout.
        return (refusal == Some(io::ErrorKind::FileTooLarge))
            .then(|| "raise the limit on file sizes: ulimit -f, LimitFSIZE= of a unit".to_owned());
    };
    of_stream(reason).or_else(|| {
        let hint = match reason {
            Reason::OutputFile => of_refusal(refusal?),
            Reason::OutputFileChanged { path } => {
                return Some(format!(
                    "the cursor file counts on '{}' as it was: put it back, or start over with another --output and --cursor-file",
                    path.display()
                ));
            }
            other => of_file(other)
                .or_else(|| of_program(other))
                .or_else(|| of_endpoint(other))
                .or_else(|| of_database(other)),
        };
        hint.map(str::to_owned)
    })
}

fn of_file(reason: &Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::OutputColumns => {
            "go on with the same --column and --no-record, or give --output another name"
        }
        Reason::OutputNoFile => "leave --output away and redirect stdout to it",
        Reason::OutputFileGone => {
            "the cursor stays before what was lost with it; to go on from there all the same, forget the file: rocketman cursor rewind --forget-files"
        }
        Reason::OutputFileReserved => {
            "give the files of --output names that no other file of the command line can have"
        }
        Reason::OutputFileInUse => {
            "give each process an --output of its own; several may append to one file through their shell: >> FILE"
        }
        Reason::OutputFileNamed => "move that file away and start again: nothing is lost",
        _ => return None,
    })
}

fn of_database(reason: &Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Database => {
            "look at the file and its folder: both have to be there, and to be written to"
        }
        Reason::DatabaseForeign => "name another file, or one that is not there yet",
        Reason::DatabaseVersion => {
            "name another file, and fill it anew by rocketman replay, or take the version that made it"
        }
        Reason::DatabaseOther => "name another file, or what is asked for as it was at first",
        Reason::DatabaseInUse => {
            "one process writes to a database: end that one first, or name another file"
        }
        Reason::DatabaseLocked => {
            "end the program that holds it; what was read and not written comes again"
        }
        Reason::DatabaseFull => {
            "make room and start it again: it goes on behind what is in the database"
        }
        _ => return None,
    })
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
        io::ErrorKind::NotFound => Some(
            "make the folder of --output, or put it back; where it is there, it takes no new files, so name another",
        ),
        _ => None,
    }
}

fn of_program(reason: &Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::ProgramFailed => {
            "the event counts as not delivered; with --cursor-file the next run begins with it"
        }
        Reason::ProgramSurplus => {
            "in stream mode a program prints exactly one line for each event; send all other words to stderr"
        }
        Reason::ProgramNotStarted => {
            "give --exec a program on your PATH, or the path of one that may be executed"
        }
        _ => return None,
    })
}

fn of_endpoint(reason: &Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::EndpointEvent => {
            "with --cursor-file the next run begins with it; --on-http-error skip or dead-letter=FILE goes on past such events"
        }
        Reason::EndpointRefused => {
            "check the address and the headers: --output, --http-header-file; with --on-http-refusal wait it is tried again"
        }
        Reason::EndpointOverheard => "write https://, so that it is sent over TLS",
        _ => return None,
    })
}

fn of_stream(reason: &Reason) -> Option<String> {
    let hint = match reason {
        Reason::StreamUnfit => "give it a stream of its own: --create-stream makes one",
        Reason::StreamNoAcks => "have it acknowledge: nats stream edit --ack",
        Reason::StreamNoSubjects { stream, needed } => {
            return Some(format!(
                "add '{needed}' to its subjects (nats stream edit {stream} --subjects), or name its own prefix: ?subject=PREFIX"
            ));
        }
        Reason::StreamNoSubject { stream } => {
            return Some(format!(
                "add it to its subjects (nats stream edit {stream} --subjects), or put a prefix before all subjects: ?subject=PREFIX"
            ));
        }
        Reason::StreamOverlap {
            keeps_subjects: true,
        } => {
            "in one account no two streams have the same subjects: put a prefix before them (?subject=PREFIX), or write to another account or server"
        }
        Reason::StreamOverlap { .. } => {
            "have only one stream take the subjects below the prefix: nats stream ls --subjects"
        }
        Reason::StreamIsSource => "write to another stream",
        Reason::StreamNotOurs { stream } => {
            return Some(format!(
                "only one program may write to a stream: give rocketman one of its own, or look with nats stream view {stream}"
            ));
        }
        Reason::StreamLastGone => {
            "say where to go on, with --cursor-file, --cursor-kv, --cursor or --since"
        }
        Reason::StreamInUse => {
            "let one process write to a stream, and give each other one a stream of its own"
        }
        Reason::StreamShorter => {
            "a server without power may lose what it has not synced (sync_interval); started again, it goes on from the stream's last message"
        }
        Reason::StreamRecreated => {
            "started again, it goes on from the new stream's last message, or as without a cursor"
        }
        Reason::StreamFull { stream } => {
            return Some(format!(
                "raise its limits, or have it discard old messages: nats stream edit {stream} --discard old"
            ));
        }
        Reason::StreamTooLarge => {
            "raise max_payload of the server and max_msg_size of the stream, or leave such events out with --max-message-size"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}
