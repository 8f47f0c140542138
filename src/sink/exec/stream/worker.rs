//! One program from its start to its end: lines to its stdin, answers from its stdout, in the same
//! order.

use std::{
    collections::VecDeque,
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::AsyncReadExt,
    process::{ChildStderr, ChildStdin, ChildStdout},
    time::{Instant, sleep_until, timeout},
};
use tracing::warn;

use super::{
    super::{
        context::{ExecContext, Failure},
        process::Process,
        stderr_log::StderrLog,
        stdout_mux::{LineSplitter, MAX_LINE_BYTES},
    },
    pipes::{read, write},
    work_queue::{InFlight, Replies, Reply, WorkQueue},
};
use crate::{
    error::MemberError,
    log::{STATE, printable},
    platform::left_in,
    sink::ExecError,
};

/// What a line begins with that does not accept its event.
const ERROR_PREFIX: &[u8] = b"error: ";

/// How much of an error is shown.
const MAX_ERROR_BYTES: usize = 512;

/// How much is read of a pipe at once.
const PIPE_BYTES: usize = 64 * 1024;

/// How long a program may take to end once it has closed its stdout.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);

/// How a program has ended.
pub(super) enum End {
    /// Nothing more came, and it has seen the end of its stdin.
    Closed,
    /// By itself, and too early.
    Died(Failure),
    /// By us, because of the first event that it has not answered.
    Failed(Failure),
    /// By us, and there is no use in another.
    Broken(MemberError),
}

/// A program that runs.
pub(super) struct Worker<'a> {
    context: &'a ExecContext,
    queue: &'a WorkQueue,
    replies: &'a Replies,
    process: Process,
    /// Gone once it can take no more.
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: Option<ChildStderr>,
    stderr_log: StderrLog,
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
    stdout_buf: Vec<u8>,
    /// Since when the first event waits for its answer.
    since: Instant,
    has_answered: bool,
}

impl<'a> Worker<'a> {
    /// Starts it.
    pub(super) fn begin(
        context: &'a ExecContext,
        queue: &'a WorkQueue,
        replies: &'a Replies,
    ) -> io::Result<Self> {
        let mut command = context.command(None, Stdio::piped());
        let mut process = context.groups.spawn(&mut command)?;
        let (stdin, stdout, stderr) = process.pipes();
        Ok(Self {
            context,
            queue,
            replies,
            process,
            stdin,
            stdout: stdout.expect("its stdout is a pipe"),
            stderr,
            stderr_log: StderrLog::new(context.name()),
            input: Vec::new(),
            written: 0,
            begun: 0,
            given: 0,
            sent: 0,
            ends: VecDeque::new(),
            stdout_buf: Vec::with_capacity(PIPE_BYTES),
            since: Instant::now(),
            has_answered: false,
        })
    }

    /// Whether it has answered anything.
    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// Gives it events and takes its answers until it ends. `in_flight` is what it has not
    /// answered; a program before it may have left some.
    pub(super) async fn run(&mut self, in_flight: &mut VecDeque<InFlight>) -> End {
        let mut stderr_buf = vec![0; PIPE_BYTES];
        loop {
            self.fill(in_flight);
            if in_flight.is_empty() && self.queue.is_closing() && self.queue.is_empty() {
                return self.close().await;
            }
            let unwritten = self.input.get(self.written..).unwrap_or_default();
            if self.stdin.is_none() && self.ends.front().is_none_or(|end| *end > self.sent) {
                self.process.end().await;
                return End::Died(self.failure("it reads no more"));
            }
            let has_room = in_flight.len() < self.queue.max_in_flight && !self.queue.is_closing();
            let limit = self.context.settings.timeout;
            let end = tokio::select! {
                read = self.stdout.read_buf(&mut self.stdout_buf) => match read {
                    Ok(1..) => self.take_replies(in_flight).await,
                    Ok(0) | Err(_) => Some(self.on_stdout_closed(in_flight).await),
                },
                written = write(&mut self.stdin, unwritten), if !unwritten.is_empty() => {
                    self.count(written.ok());
                    None
                }
                read = read(&mut self.stderr, &mut stderr_buf) => {
                    self.log_stderr(read.and_then(|n| stderr_buf.get(..n)));
                    None
                }
                status = self.process.wait() => Some(self.on_exit(status, in_flight).await),
                () = self.queue.changed(), if has_room => None,
                () = sleep_until(self.since + limit), if !in_flight.is_empty() => {
                    self.process.end().await;
                    self.log_rest_of_stderr().await;
                    let failure = Failure::timeout(limit);
                    Some(End::Failed(self.failure(failure.why)))
                }
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Takes events as long as it may have more, and puts their lines on the way: no more of them
    /// at once than a pipe takes, for it is a copy that lies beside the events.
    fn fill(&mut self, in_flight: &mut VecDeque<InFlight>) {
        if in_flight.is_empty() {
            self.since = Instant::now();
        }
        self.queue.take(
            self.queue.max_in_flight.saturating_sub(in_flight.len()),
            in_flight,
        );
        if self.input.len() - self.written > PIPE_BYTES / 2 {
            return;
        }
        self.input.drain(..self.written);
        self.written = 0;
        while let room @ 1.. = PIPE_BYTES.saturating_sub(self.input.len())
            && let Some(item) = in_flight.get(self.ends.len())
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

    /// Takes the answers that are whole lines. An event counts only when its line is on its way to
    /// our stdout.
    async fn take_replies(&mut self, in_flight: &mut VecDeque<InFlight>) -> Option<End> {
        // A copy of what was accepted only where there is something else in between.
        let (mut lines, mut replies, mut at) = (None, Vec::new(), 0);
        let mut is_surplus = false;
        for end in memchr::memchr_iter(b'\n', &self.stdout_buf) {
            let line = self.stdout_buf.get(at..end).unwrap_or_default();
            let was_sent = self.ends.front().is_some_and(|end| *end <= self.sent);
            let item = if was_sent {
                in_flight.pop_front()
            } else {
                None
            };
            let Some(item) = item else {
                is_surplus = true;
                break;
            };
            self.ends.pop_front();
            if let Some(error) = line.strip_prefix(ERROR_PREFIX) {
                lines.get_or_insert_with(|| self.stdout_buf.get(..at).unwrap_or_default().to_vec());
                replies.push(Reply::Failed(item, Failure::new(excerpt(error))));
            } else {
                if let Some(lines) = &mut lines {
                    lines.extend_from_slice(line);
                    lines.push(b'\n');
                }
                replies.push(Reply::Taken(item));
            }
            at = end + 1;
        }
        if at > 0 {
            self.since = Instant::now();
            self.has_answered = true;
            let stderr_buf = self.take_stdout(at);
            self.print(&mut lines.unwrap_or(stderr_buf)).await;
            self.replies.put(replies);
        }
        if is_surplus {
            self.process.end().await;
            return Some(End::Broken(ExecError::Surplus(self.context.name()).into()));
        }
        if self.stdout_buf.len() > MAX_LINE_BYTES {
            self.process.end().await;
            return Some(End::Failed(
                self.failure("it printed a line without an end"),
            ));
        }
        None
    }

    /// Takes whole lines out of what it has printed.
    fn take_stdout(&mut self, n: usize) -> Vec<u8> {
        let (lines, rest) = self.stdout_buf.split_at(n);
        if n <= PIPE_BYTES {
            let lines = lines.to_vec();
            self.stdout_buf.drain(..n);
            return lines;
        }
        // A copy of a large line would be one too many.
        let mut next = Vec::with_capacity(PIPE_BYTES.max(rest.len()));
        next.extend_from_slice(rest);
        let mut lines = std::mem::replace(&mut self.stdout_buf, next);
        lines.truncate(n);
        lines
    }

    fn log_stderr(&mut self, stderr_buf: Option<&[u8]>) {
        match stderr_buf {
            Some(stderr_buf @ [_, ..]) => self.stderr_log.add(stderr_buf),
            Some([]) | None => self.stderr = None,
        }
    }

    async fn log_rest_of_stderr(&mut self) {
        if let Some(stderr) = &mut self.stderr {
            self.stderr_log.add(&left_in(stderr).await);
        }
        self.stderr_log.finish();
    }

    /// It has closed its stdout, which is as good as an end.
    async fn on_stdout_closed(&mut self, in_flight: &mut VecDeque<InFlight>) -> End {
        if let Ok(status) = timeout(EXIT_TIMEOUT, self.process.wait()).await {
            return self.on_exit(status, in_flight).await;
        }
        self.process.end().await;
        self.log_rest_of_stderr().await;
        End::Died(self.failure("it closed its stdout"))
    }

    /// It has ended by itself: what it had printed until then counts.
    async fn on_exit(
        &mut self,
        status: io::Result<ExitStatus>,
        in_flight: &mut VecDeque<InFlight>,
    ) -> End {
        self.stdout_buf.append(&mut left_in(&mut self.stdout).await);
        if let Some(end) = self.take_replies(in_flight).await {
            return end;
        }
        self.log_rest_of_stderr().await;
        let failure = match status {
            Ok(status) => Failure::status(status),
            Err(error) => Failure::new(error.to_string()),
        };
        End::Died(Failure {
            stderr: Some(self.stderr_log.tail()),
            ..failure
        })
    }

    /// Nothing more comes: it sees the end of its stdin, and what it still has to print goes to
    /// stdout.
    async fn close(&mut self) -> End {
        self.stdin = None;
        let limit = self.context.settings.timeout;
        let why = match timeout(limit, self.read_to_end()).await {
            Ok(Ok(status)) if status.success() => None,
            Ok(Ok(status)) => Some(status.to_string()),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => {
                self.process.end().await;
                Some(Failure::timeout(limit).why)
            }
        };
        self.log_rest_of_stderr().await;
        if let Some(why) = why {
            let program = self.context.name();
            warn!(target: STATE, program, why, "'{program}' failed after its last answer: {why}");
        }
        End::Closed
    }

    async fn read_to_end(&mut self) -> io::Result<ExitStatus> {
        let mut splitter = LineSplitter::default();
        let mut stderr_buf = vec![0; PIPE_BYTES];
        let mut first = std::mem::take(&mut self.stdout_buf);
        let status = loop {
            splitter.add(&first);
            self.print(splitter.lines()).await;
            first.clear();
            tokio::select! {
                read = self.stdout.read_buf(&mut first) => if !matches!(read, Ok(1..)) || splitter.is_too_long() {
                    break self.process.wait().await;
                },
                read = read(&mut self.stderr, &mut stderr_buf) => {
                    self.log_stderr(read.and_then(|n| stderr_buf.get(..n)));
                }
                status = self.process.wait() => break status,
            }
        };
        first.append(&mut left_in(&mut self.stdout).await);
        splitter.add(&first);
        splitter.finish();
        self.print(splitter.lines()).await;
        status
    }

    async fn print(&self, lines: &mut Vec<u8>) {
        if let Some(stdout_buffer) = &self.context.stdout_buffer {
            stdout_buffer.put(lines).await;
        }
    }

    fn failure(&self, why: impl Into<String>) -> Failure {
        Failure {
            stderr: Some(self.stderr_log.tail()),
            ..Failure::new(why)
        }
    }
}

/// The beginning of a program's error, for people.
fn excerpt(error: &[u8]) -> String {
    let error = error.get(..MAX_ERROR_BYTES).unwrap_or(error);
    printable(String::from_utf8_lossy(error).trim_end())
}
