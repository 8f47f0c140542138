//! One program from its start to its end: lines to its stdin, answers from its stdout, in the same order.

use std::{
    collections::VecDeque,
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStderr, ChildStdin, ChildStdout},
    time::{Instant, sleep_until, timeout},
};
use tracing::warn;

use super::{
    super::{
        context::{ExecContext, Failure},
        each::left_in,
        outlet::{LONGEST, Printed},
        process::Process,
        voice::Voice,
    },
    desk::{Answer, Answers, Desk, Item},
};
use crate::{
    log::{STATE, printable},
    sink::{ExecError, SinkError},
};

/// What a line begins with that does not accept its event.
const ERROR: &[u8] = b"error: ";

/// How much of an error is shown.
const SHOWN: usize = 512;

/// How much is read of a pipe at once.
const CHUNK: usize = 64 * 1024;

/// How long a program may take to end once it has closed its stdout.
const FAREWELL: Duration = Duration::from_secs(1);

/// How a program has ended.
pub(super) enum End {
    /// Nothing more came, and it has seen the end of its stdin.
    Closed,
    /// By itself, and too early.
    Died(Failure),
    /// By us, because of the first event that it has not answered.
    Failed(Failure),
    /// By us, and there is no use in another.
    Broken(SinkError),
}

/// A program that runs.
pub(super) struct Life<'a> {
    context: &'a ExecContext,
    desk: &'a Desk,
    answers: &'a Answers,
    process: Process,
    /// Gone once it can take no more.
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: Option<ChildStderr>,
    voice: Voice,
    /// What comes next of the lines on their way to it, and how much of that is written.
    input: Vec<u8>,
    written: usize,
    /// How much of the first line that is not given is.
    begun: usize,
    /// Bytes that were ever to be written, and were.
    given: u64,
    sent: u64,
    /// Where the line of each event ends that was given whole and not answered.
    ends: VecDeque<u64>,
    /// What it has printed and is no whole line yet.
    heard: Vec<u8>,
    /// Since when the first event waits for its answer.
    since: Instant,
    has_answered: bool,
}

impl<'a> Life<'a> {
    /// Starts it.
    pub(super) fn begin(
        context: &'a ExecContext,
        desk: &'a Desk,
        answers: &'a Answers,
    ) -> io::Result<Self> {
        let mut command = context.command(None, Stdio::piped());
        let mut process = context.groups.spawn(&mut command)?;
        let (stdin, stdout, stderr) = process.pipes();
        Ok(Self {
            context,
            desk,
            answers,
            process,
            stdin,
            stdout: stdout.expect("its stdout is a pipe"),
            stderr,
            voice: Voice::new(context.name()),
            input: Vec::new(),
            written: 0,
            begun: 0,
            given: 0,
            sent: 0,
            ends: VecDeque::new(),
            heard: Vec::with_capacity(CHUNK),
            since: Instant::now(),
            has_answered: false,
        })
    }

    /// Whether it has answered anything.
    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// Gives it events and takes its answers until it ends. `held` is what it has; from a program before it there may be some.
    pub(super) async fn run(&mut self, held: &mut VecDeque<Item>) -> End {
        let mut said = vec![0; CHUNK];
        loop {
            self.fill(held);
            if held.is_empty() && self.desk.is_closing() && self.desk.is_empty() {
                return self.close().await;
            }
            let unwritten = self.input.get(self.written..).unwrap_or_default();
            if self.stdin.is_none() && self.ends.front().is_none_or(|end| *end > self.sent) {
                self.process.end().await;
                return End::Died(self.failure("it reads no more"));
            }
            let has_room = held.len() < self.desk.in_flight && !self.desk.is_closing();
            let limit = self.context.settings.timeout;
            let end = tokio::select! {
                read = self.stdout.read_buf(&mut self.heard) => match read {
                    Ok(1..) => self.hear(held).await,
                    Ok(0) | Err(_) => Some(self.farewell(held).await),
                },
                written = write(&mut self.stdin, unwritten), if !unwritten.is_empty() => {
                    self.count(written.ok());
                    None
                }
                read = read(&mut self.stderr, &mut said) => {
                    self.listen(read.and_then(|n| said.get(..n)));
                    None
                }
                status = self.process.wait() => Some(self.bury(status, held).await),
                () = self.desk.news(), if has_room => None,
                () = sleep_until(self.since + limit), if !held.is_empty() => {
                    self.process.end().await;
                    self.listen_to_the_rest();
                    let failure = Failure::timeout(limit);
                    Some(End::Failed(self.failure(failure.why)))
                }
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Takes events as long as it may have more, and puts their lines on the way: no more of them at once than a pipe takes, for it is a
    /// copy that lies beside the events.
    fn fill(&mut self, held: &mut VecDeque<Item>) {
        if held.is_empty() {
            self.since = Instant::now();
        }
        self.desk
            .take(self.desk.in_flight.saturating_sub(held.len()), held);
        if self.input.len() - self.written > CHUNK / 2 {
            return;
        }
        self.input.drain(..self.written);
        self.written = 0;
        while let room @ 1.. = CHUNK.saturating_sub(self.input.len())
            && let Some(item) = held.get(self.ends.len())
        {
            let line = item.delivery.event.line();
            let rest = line.get(self.begun..).unwrap_or_default();
            let part = rest.get(..room).unwrap_or(rest);
            self.input.extend_from_slice(part);
            self.given += part.len() as u64;
            self.begun += part.len();
            if self.begun == line.len() {
                self.input.push(b'\n');
                self.given += 1;
                self.ends.push_back(self.given);
                self.begun = 0;
            }
        }
    }

    /// Counts what was written; `None` once it takes no more.
    fn count(&mut self, written: Option<usize>) {
        let Some(n) = written else {
            // It may still answer what it has.
            self.stdin = None;
            return;
        };
        self.written += n;
        self.sent += n as u64;
    }

    /// Takes the answers that are whole lines. An event counts only when its line is on its way to our stdout.
    async fn hear(&mut self, held: &mut VecDeque<Item>) -> Option<End> {
        // A copy of what was accepted only where there is something else in between.
        let (mut lines, mut answers, mut at) = (None, Vec::new(), 0);
        let mut is_surplus = false;
        for end in memchr::memchr_iter(b'\n', &self.heard) {
            let line = self.heard.get(at..end).unwrap_or_default();
            let was_sent = self.ends.front().is_some_and(|end| *end <= self.sent);
            let item = if was_sent { held.pop_front() } else { None };
            let Some(item) = item else {
                is_surplus = true;
                break;
            };
            self.ends.pop_front();
            if let Some(error) = line.strip_prefix(ERROR) {
                lines.get_or_insert_with(|| self.heard.get(..at).unwrap_or_default().to_vec());
                answers.push(Answer::Failed(item, Failure::new(shown(error))));
            } else {
                if let Some(lines) = &mut lines {
                    lines.extend_from_slice(line);
                    lines.push(b'\n');
                }
                answers.push(Answer::Taken(item));
            }
            at = end + 1;
        }
        if at > 0 {
            self.since = Instant::now();
            self.has_answered = true;
            let said = self.take_heard(at);
            self.print(&mut lines.unwrap_or(said)).await;
            self.answers.put(answers);
        }
        if is_surplus {
            self.process.end().await;
            return Some(End::Broken(ExecError::Surplus(self.context.name()).into()));
        }
        if self.heard.len() > LONGEST {
            self.process.end().await;
            return Some(End::Failed(
                self.failure("it printed a line without an end"),
            ));
        }
        None
    }

    /// Takes whole lines out of what was heard.
    fn take_heard(&mut self, n: usize) -> Vec<u8> {
        let (lines, rest) = self.heard.split_at(n);
        if n <= CHUNK {
            let lines = lines.to_vec();
            self.heard.drain(..n);
            return lines;
        }
        // A copy of a large line would be one too many.
        let mut next = Vec::with_capacity(CHUNK.max(rest.len()));
        next.extend_from_slice(rest);
        let mut lines = std::mem::replace(&mut self.heard, next);
        lines.truncate(n);
        lines
    }

    fn listen(&mut self, said: Option<&[u8]>) {
        match said {
            Some(said @ [_, ..]) => self.voice.hear(said),
            Some([]) | None => self.stderr = None,
        }
    }

    fn listen_to_the_rest(&mut self) {
        if let Some(stderr) = &self.stderr {
            self.voice.hear(&left_in(stderr));
        }
        self.voice.finish();
    }

    /// It has closed its stdout, which is as good as an end.
    async fn farewell(&mut self, held: &mut VecDeque<Item>) -> End {
        if let Ok(status) = timeout(FAREWELL, self.process.wait()).await {
            return self.bury(status, held).await;
        }
        self.process.end().await;
        self.listen_to_the_rest();
        End::Died(self.failure("it closed its stdout"))
    }

    /// It has ended by itself: what it had printed until then counts.
    async fn bury(&mut self, status: io::Result<ExitStatus>, held: &mut VecDeque<Item>) -> End {
        self.heard.append(&mut left_in(&self.stdout));
        if let Some(end) = self.hear(held).await {
            return end;
        }
        self.listen_to_the_rest();
        let failure = match status {
            Ok(status) => Failure::status(status),
            Err(error) => Failure::new(error.to_string()),
        };
        End::Died(Failure {
            stderr: Some(self.voice.end()),
            ..failure
        })
    }

    /// Nothing more comes: it sees the end of its stdin, and what it still has to print goes to stdout.
    async fn close(&mut self) -> End {
        self.stdin = None;
        let limit = self.context.settings.timeout;
        let why = match timeout(limit, self.listen_to_the_end()).await {
            Ok(Ok(status)) if status.success() => None,
            Ok(Ok(status)) => Some(status.to_string()),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => {
                self.process.end().await;
                Some(Failure::timeout(limit).why)
            }
        };
        self.listen_to_the_rest();
        if let Some(why) = why {
            let program = self.context.name();
            warn!(target: STATE, program, why, "'{program}' has answered all events, and then did not end well: {why}");
        }
        End::Closed
    }

    async fn listen_to_the_end(&mut self) -> io::Result<ExitStatus> {
        let mut printed = Printed::default();
        let mut said = vec![0; CHUNK];
        let mut first = std::mem::take(&mut self.heard);
        let status = loop {
            printed.add(&first);
            self.print(printed.lines()).await;
            first.clear();
            tokio::select! {
                read = self.stdout.read_buf(&mut first) => if !matches!(read, Ok(1..)) || printed.is_too_long() {
                    break self.process.wait().await;
                },
                read = read(&mut self.stderr, &mut said) => {
                    self.listen(read.and_then(|n| said.get(..n)));
                }
                status = self.process.wait() => break status,
            }
        };
        first.append(&mut left_in(&self.stdout));
        printed.add(&first);
        printed.finish();
        self.print(printed.lines()).await;
        status
    }

    async fn print(&self, lines: &mut Vec<u8>) {
        if let Some(basket) = &self.context.basket {
            basket.put(lines).await;
        }
    }

    fn failure(&self, why: impl Into<String>) -> Failure {
        Failure {
            stderr: Some(self.voice.end()),
            ..Failure::new(why)
        }
    }
}

/// Writes what can be written; waits for ever once it takes no more.
///
/// Cancel safety: what is not told was not written.
async fn write(stdin: &mut Option<ChildStdin>, lines: &[u8]) -> io::Result<usize> {
    match stdin {
        Some(stdin) => stdin.write(lines).await,
        None => std::future::pending().await,
    }
}

/// Reads what is there, and nothing at the end; waits for ever once that was told.
///
/// Cancel safety: what is not told was not read.
async fn read(stderr: &mut Option<ChildStderr>, into: &mut [u8]) -> Option<usize> {
    match stderr {
        Some(stderr) => stderr.read(into).await.ok(),
        None => std::future::pending().await,
    }
}

/// The beginning of a program's error, for people.
fn shown(error: &[u8]) -> String {
    let error = error.get(..SHOWN).unwrap_or(error);
    printable(String::from_utf8_lossy(error).trim_end())
}
