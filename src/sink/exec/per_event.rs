//! A program for each event: its line, or another form of it, on stdin, and exit status 0 when it
//! took it.

use std::{
    future::pending,
    io,
    pin::pin,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::ChildStdin,
    time::sleep,
};

use super::{
    context::{Delivery, ExecContext, Failure, NextStep, Outcome},
    process::Process,
    stderr_log::StderrLog,
    stdout_mux::{LineSplitter, StdoutBuffer},
};
use crate::{
    error::MemberError,
    event::Event,
    platform::left_in,
    sink::{format::Formatter, lanes::Ticket},
};

/// How much is read of a pipe at once.
const READ_BYTES: usize = 16 * 1024;

/// Lines below this go into a pipe at once, with their end.
const MAX_COPIED_BYTES: usize = 64 * 1024;

/// The programs that run, one for each event that has begun.
#[derive(Debug)]
pub(super) struct PerEvent {
    context: Arc<ExecContext>,
    running: FuturesUnordered<BoxFuture<'static, (Ticket, Outcome)>>,
}

impl PerEvent {
    pub(super) fn new(context: Arc<ExecContext>) -> Self {
        Self {
            context,
            running: FuturesUnordered::new(),
        }
    }

    /// Begins with an event.
    pub(super) fn begin(&mut self, ticket: Ticket, delivery: Delivery) {
        let context = Arc::clone(&self.context);
        self.running.push(Box::pin(async move {
            (ticket, deliver(&context, delivery).await)
        }));
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// What has become of the next event that is through; waits for ever when none has begun.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(super) async fn next(&mut self) -> (Ticket, Outcome) {
        match self.running.next().await {
            Some(through) => through,
            None => pending().await,
        }
    }
}

/// Gives an event to as many programs as it takes.
async fn deliver(context: &ExecContext, mut delivery: Delivery) -> Outcome {
    loop {
        let failure = match attempt(context, &delivery).await {
            Ok(()) if delivery.is_struck() => Failure::fate(),
            Ok(()) => return Outcome::Done,
            // It has met the end of the pipe that it shares with us, and so would every other.
            Err(_) if context.has_lost_reader() => return Outcome::Fatal(MemberError::closed()),
            Err(failure) if delivery.excuses(&failure) => continue,
            Err(failure) => failure,
        };
        match context.on_failure(&mut delivery, failure).await {
            NextStep::End(outcome) => return outcome,
            NextStep::Retry(wait) => tokio::select! {
                () = sleep(wait) => {}
                () = context.run.stopped() => return Outcome::Left,
            },
        }
    }
}

/// Gives an event to one program. What it has left running, with its pipes, is not waited for.
async fn attempt(context: &ExecContext, delivery: &Delivery) -> Result<(), Failure> {
    let event = delivery.event.event();
    let mut process = start(context, Some(&event)).map_err(Failure::start)?;
    let (stdin, mut stdout, mut stderr) = process.pipes();
    let (mut splitter, mut stderr_log) = (LineSplitter::default(), StderrLog::new(context.name()));
    let stdout_buffer = context.stdout_buffer.as_ref();
    let text = Formatter::new(&context.settings.format).map(|formatter| formatter.text_of(&event));
    let exchange = async {
        let feed = feed(
            stdin,
            text.as_deref().unwrap_or(event.line()),
            text.is_none(),
        );
        let pass_on = pass_on(stdout.as_mut(), &mut splitter, stdout_buffer);
        let log_stderr = log_stderr(stderr.as_mut(), &mut stderr_log);
        match tokio::try_join!(feed, pass_on, log_stderr) {
            // Its end is what counts.
            Ok(_) => pending().await,
            Err(failure) => failure,
        }
    };
    let ended = end_of(&mut process, exchange, context.settings.timeout).await;
    if let (Some(stdout), Some(stdout_buffer)) = (&mut stdout, stdout_buffer) {
        splitter.add(&left_in(stdout).await);
        splitter.finish();
        stdout_buffer.put(splitter.lines()).await;
    }
    if let Some(stderr) = &mut stderr {
        stderr_log.add(&left_in(stderr).await);
    }
    stderr_log.finish();
    let failure = match ended {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => Failure::status(status),
        Err(failure) => failure,
    };
    Err(Failure {
        stderr: Some(stderr_log.tail()),
        ..failure
    })
}

fn start(context: &ExecContext, event: Option<&Event<'_>>) -> io::Result<Process> {
    let stdout = match (&context.stdout_buffer, context.settings.has_output) {
        (Some(_), _) => Stdio::piped(),
        // One program at a time cannot tear another's lines.
        (None, true) => Stdio::inherit(),
        (None, false) => Stdio::null(),
    };
    context.groups.spawn(&mut context.command(event, stdout))
}

/// Waits for the end of a program, and brings it about when that takes too long or the exchange
/// with it fails.
async fn end_of(
    process: &mut Process,
    exchange: impl Future<Output = Failure>,
    limit: Duration,
) -> Result<ExitStatus, Failure> {
    let mut exchange = pin!(exchange);
    tokio::select! {
        status = process.wait() => return status.map_err(|error| Failure::new(error.to_string())),
        failure = &mut exchange => {
            process.end().await;
            return Err(failure);
        }
        () = sleep(limit) => {}
    }
    // It may still have something to say, and a pipe that nobody reads would end it otherwise.
    tokio::select! {
        () = process.end() => {}
        _ = &mut exchange => process.end().await,
    }
    Err(Failure::timeout(limit))
}

async fn feed(stdin: Option<ChildStdin>, line: &[u8], needs_line_end: bool) -> Result<(), Failure> {
    let Some(mut stdin) = stdin else {
        return Ok(());
    };
    let fed = async {
        if !needs_line_end {
            return stdin.write_all(line).await;
        }
        if line.len() < MAX_COPIED_BYTES {
            return stdin.write_all(&[line, b"\n"].concat()).await;
        }
        // A copy of a large one would be one too many.
        stdin.write_all(line).await?;
        stdin.write_all(b"\n").await
    };
    match fed.await {
        // It did not want to read; its exit status is what counts.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(format!("it cannot be fed: {error}"))),
        Ok(()) => Ok(()),
    }
}

async fn pass_on(
    stdout: Option<&mut (impl AsyncRead + Unpin)>,
    splitter: &mut LineSplitter,
    stdout_buffer: Option<&StdoutBuffer>,
) -> Result<(), Failure> {
    let (Some(stdout), Some(stdout_buffer)) = (stdout, stdout_buffer) else {
        return Ok(());
    };
    let mut chunk = vec![0; READ_BYTES];
    while let Ok(n @ 1..) = stdout.read(&mut chunk).await {
        splitter.add(chunk.get(..n).unwrap_or_default());
        stdout_buffer.put(splitter.lines()).await;
        if splitter.is_too_long() {
            return Err(Failure::new("it printed a line without an end"));
        }
    }
    Ok(())
}

async fn log_stderr(
    stderr: Option<&mut (impl AsyncRead + Unpin)>,
    stderr_log: &mut StderrLog,
) -> Result<(), Failure> {
    let Some(stderr) = stderr else {
        return Ok(());
    };
    let mut chunk = vec![0; READ_BYTES];
    while let Ok(n @ 1..) = stderr.read(&mut chunk).await {
        stderr_log.add(chunk.get(..n).unwrap_or_default());
    }
    Ok(())
}
