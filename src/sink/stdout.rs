//! Standard output: lines, as fast as its reader takes them, or another form of events.
//!
//! On a pipe, what the reader has certainly read trails what was written by the pipe's capacity,
//! and only that much is accepted while running; on a quiet stream, what was read out of the pipe a
//! checkpoint ago. The descriptor is never made non-blocking: that flag is shared with every other
//! process on it.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, IsTerminal},
    thread,
};

use tokio::sync::oneshot;

use super::{
    LineFormat, OutputError, Sink, SinkContext,
    format::Formatter,
    terminal,
    writer::{Buffer, HAS_BEGUN, Target, Writer},
};
use crate::{
    error::MemberError,
    event::{Batch, FileMark},
    platform::stdout::{
        self, Handle, capacity, columns, has_no_reader, is_begun, is_pipe, is_terminal,
        wait_for_close, write_fully, write_without_waiting,
    },
};

const NAME: &str = "stdout";

/// Writes each event to standard output, by default as one line of JSON.
#[derive(Debug)]
pub struct StdoutSink {
    end: u8,
    format: LineFormat,
    /// Writes what is not the line.
    formatter: Option<Formatter>,
    writer: Option<Writer>,
    watch: Option<Watch>,
}

impl StdoutSink {
    /// Lines that end in `\n`, or in NUL if `print0`.
    pub fn new(print0: bool) -> Self {
        Self {
            end: if print0 { 0 } else { b'\n' },
            format: LineFormat::default(),
            formatter: None,
            writer: None,
            watch: None,
        }
    }

    /// Writes events in this form. Rows for people are cut to the width of a terminal, also when
    /// that changes.
    #[must_use]
    pub fn format(self, format: LineFormat) -> Self {
        Self { format, ..self }
    }
}

impl Sink for StdoutSink {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    fn begin(&mut self, _files: &[FileMark], context: &SinkContext) -> Result<(), MemberError> {
        self.formatter = Formatter::new(&self.format);
        if let Some(formatter) = &mut self.formatter {
            if io::stdout().is_terminal() {
                formatter.set_terminal(columns());
            }
            if !is_begun() {
                formatter.set_lead(self.format.header());
            }
        }
        let lines_end = self.formatter.is_none().then_some(self.end);
        self.writer = Some(open(context, |out| StdoutTarget::of_lines(out, lines_end))?);
        self.watch = Some(Watch::new());
        Ok(())
    }

    async fn accept(
        &mut self,
        batch: &mut Batch,
        _context: &SinkContext,
    ) -> Result<(), MemberError> {
        let writer = self.writer.as_mut().expect(HAS_BEGUN);
        if let Some(formatter) = &mut self.formatter {
            if formatter.is_shown() {
                formatter.set_terminal(columns());
            }
            return writer.write_as(formatter, batch).await;
        }
        if self.end != b'\n' {
            batch.end_lines_with(self.end);
        }
        writer.write(batch).await
    }

    async fn checkpoint(&mut self) -> Result<(), MemberError> {
        self.writer.as_mut().expect(HAS_BEGUN).sync().await
    }

    async fn finish(&mut self, _context: &SinkContext) -> Result<(), MemberError> {
        let writer = self.writer.as_mut().expect(HAS_BEGUN);
        let lead = self.formatter.as_mut().map(Formatter::lead_mut);
        if let Some(lead) = lead.filter(|lead| !lead.is_empty()) {
            // There was no event.
            writer.write_lines(lead, 0).await?;
        }
        writer.finish().await
    }

    async fn drive(&mut self) -> MemberError {
        let (writer, watch) = (
            self.writer.as_mut().expect(HAS_BEGUN),
            self.watch.as_mut().expect(HAS_BEGUN),
        );
        tokio::select! {
            error = writer.failed() => error,
            () = watch.closed() => MemberError::closed(),
        }
    }
}

/// Starts a thread that writes to standard output what programs print, as they print it.
pub(super) fn writer(context: &SinkContext) -> Result<Writer, MemberError> {
    open(context, StdoutTarget::new)
}

fn open(
    context: &SinkContext,
    target: impl FnOnce(Handle) -> StdoutTarget,
) -> Result<Writer, MemberError> {
    let out = stdout::open().map_err(|source| failure(source, "open"))?;
    Writer::start(NAME, target(out), context.clone())
}

/// Notices that the reader of a pipe went away while there is nothing to write.
#[derive(Debug)]
struct Watch(Option<oneshot::Receiver<()>>);

impl Watch {
    /// A thread waits for the one thing that a pipe reports unasked: that its other end is closed.
    /// It costs no wake-up until then.
    fn new() -> Self {
        let Ok(out) = stdout::open() else {
            return Self(None);
        };
        if !is_pipe(&out) {
            return Self(None);
        }
        let (tell, closed) = oneshot::channel();
        let wait = move || {
            if wait_for_close(&out).is_ok() {
                // Nobody listens any more only when the sink was dropped.
                tell.send(()).ok();
            }
        };
        // Without the thread the next write fails.
        let started = thread::Builder::new()
            .name("watch stdout".to_owned())
            .spawn(wait)
            .is_ok();
        Self(started.then_some(closed))
    }

    async fn closed(&mut self) {
        if let Some(closed) = &mut self.0
            && closed.await.is_ok()
        {
            return;
        }
        // Not a pipe, or one that cannot be watched: the next write fails.
        self.0 = None;
        std::future::pending::<()>().await;
    }
}

/// Standard output, seen from the writing thread.
struct StdoutTarget {
    out: File,
    /// It is a terminal, whose lines end like this and are shown without what it would act upon.
    shows: Option<u8>,
    /// A write that would have to wait can be refused instead.
    may_refuse: bool,
    /// How much may be written and not read yet.
    unread: usize,
    /// The largest single write, so that progress on a pipe is seen.
    chunk: usize,
    written: u64,
    /// How much of it had been read when that was last looked at.
    read: u64,
    /// Line ends that are not accepted yet: the byte after the line, and the number of events up to
    /// it.
    marks: VecDeque<(u64, u64)>,
}

impl StdoutTarget {
    fn new(out: Handle) -> Self {
        let unread = if is_pipe(&out) { capacity(&out) } else { 0 };
        Self {
            may_refuse: true,
            unread,
            chunk: if unread > 0 { unread } else { usize::MAX },
            out: File::from(out),
            shows: None,
            written: 0,
            read: 0,
            marks: VecDeque::new(),
        }
    }

    /// Takes lines from the network, of which each ends in `end`; without it, what may be shown as
    /// it is.
    fn of_lines(out: Handle, end: Option<u8>) -> Self {
        let is_terminal = is_terminal(&out);
        Self {
            shows: end.filter(|_| is_terminal),
            may_refuse: !is_terminal,
            ..Self::new(out)
        }
    }

    /// Notes the line ends of what is written next.
    fn note(&mut self, marks: &[(usize, u64)]) {
        let marks = marks
            .iter()
            .map(|(end, events)| (self.written + *end as u64, *events));
        self.marks.extend(marks);
    }

    /// Counts what was written, and accepts what the reader has certainly read.
    fn count(&mut self, written: usize, context: &SinkContext) {
        self.written += written as u64;
        self.accept(self.written.saturating_sub(self.unread as u64), context);
    }

    fn accept(&mut self, certain: u64, context: &SinkContext) {
        let mut total = None;
        while let Some((_, events)) = self.marks.front().filter(|(end, _)| *end <= certain) {
            total = Some(*events);
            self.marks.pop_front();
        }
        if let Some(total) = total {
            context.accept_up_to(total, Vec::new());
        }
    }
}

impl Target for StdoutTarget {
    fn write(&mut self, buffer: &Buffer, context: &SinkContext) -> Result<(), MemberError> {
        if buffer.written == 0 {
            self.note(&buffer.marks);
        }
        let rest = buffer.lines.get(buffer.written..).unwrap_or_default();
        if let Some(end) = self.shows {
            let mut shown = Vec::with_capacity(rest.len());
            terminal::show(rest, end, &mut shown);
            write_fully(&self.out, &shown).map_err(|source| failure(source, "write to"))?;
            self.count(rest.len(), context);
            return Ok(());
        }
        for chunk in rest.chunks(self.chunk) {
            write_fully(&self.out, chunk).map_err(|source| failure(source, "write to"))?;
            self.count(chunk.len(), context);
        }
        if rest.is_empty() {
            // There may be events without a line.
            self.count(0, context);
        }
        Ok(())
    }

    /// Possible on pipes, sockets and devices such as `/dev/null`. Where it is not, on a file or a
    /// terminal, and where something is wrong, the write that waits shows what is.
    fn write_now(&mut self, lines: &[u8], marks: &[(usize, u64)], context: &SinkContext) -> usize {
        if !self.may_refuse {
            return 0;
        }
        match write_without_waiting(&self.out, lines) {
            Ok(0) => 0,
            Err(later) if is_for_later(&later) => 0,
            Ok(written) => {
                self.note(marks);
                self.count(written, context);
                written
            }
            Err(_) => {
                self.may_refuse = false;
                0
            }
        }
    }

    /// On a quiet stream the last lines would stay within the pipe's capacity for ever: what was
    /// read out of the pipe by the time of the checkpoint before counts too.
    fn sync(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        if self.unread > 0 {
            self.accept(self.read, context);
            let waiting = stdout::unread_in(&self.out).unwrap_or(self.unread as u64);
            self.read = self.written.saturating_sub(waiting);
        }
        Ok(())
    }

    /// What is still in the pipe counts as read, as long as there is somebody to read it.
    fn finish(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        if self.unread > 0 && has_no_reader(&self.out) {
            return Err(MemberError::closed());
        }
        self.accept(self.written, context);
        Ok(())
    }
}

/// Whether a write was not refused for good.
fn is_for_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

fn failure(source: io::Error, action: &'static str) -> MemberError {
    match source.kind() {
        io::ErrorKind::BrokenPipe => MemberError::closed(),
        _ => OutputError {
            action,
            target: NAME.to_owned(),
            source,
        }
        .into(),
    }
}

#[cfg(test)]
mod tests;
