//! Writes to stderr: a thread writes messages and draws the status line, so that a reader that
//! stalls, or a terminal that is held with Ctrl-S, never holds up the stream.
//!
//! Bounded: where nobody takes them, messages are dropped, and their number is logged once somebody
//! does again.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use crate::platform::size_of_stderr;

/// Messages that may wait for a stderr that is slow. A guess: far more than a run says in a minute.
const MAX_WAITING_MESSAGES: usize = 1024;

/// How long the last messages may take to leave at the end.
const CLEAR_TIMEOUT: Duration = Duration::from_secs(1);

/// How often it is tried again to get the last job into a full queue.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

enum Job {
    Message(Vec<u8>),
    Status(String),
    /// Takes the status line away, and signals when all before is written.
    Clear(SyncSender<()>),
}

/// The near side of the thread; a clone leads to the same.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    /// `None` where no thread could be started; then messages are written in place.
    jobs: Option<SyncSender<Job>>,
    left_out: Arc<AtomicU64>,
}

impl Console {
    /// Starts the thread; with a status line if it is to be drawn. `note` words how many messages
    /// were left out.
    pub(crate) fn start(has_status: bool, note: fn(u64) -> String) -> Self {
        let target = if has_status {
            ProgressDrawTarget::term_like(Box::new(Terminal::default()))
        } else {
            ProgressDrawTarget::hidden()
        };
        let style = ProgressStyle::with_template("{wide_msg}").expect("the template is valid");
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        let left_out = Arc::new(AtomicU64::new(0));
        let (jobs, inbox) = sync_channel(MAX_WAITING_MESSAGES);
        let counter = Arc::clone(&left_out);
        let started = thread::Builder::new()
            .name("write stderr".to_owned())
            .spawn(move || write_all(&inbox, &bar, &counter, note));
        Self {
            jobs: started.is_ok().then_some(jobs),
            left_out,
        }
    }

    /// Hands a message over, whole lines with their ends.
    pub(crate) fn message(&self, text: &[u8]) {
        let Some(jobs) = &self.jobs else {
            // Where nobody reads stderr any more there is nobody to tell.
            io::stderr().write_all(text).ok();
            return;
        };
        if jobs.try_send(Job::Message(text.to_vec())).is_err() {
            self.left_out.fetch_add(1, Relaxed);
        }
    }

    /// Redraws the status line; skipped while older ones wait.
    pub(crate) fn status(&self, text: String) {
        if let Some(jobs) = &self.jobs {
            jobs.try_send(Job::Status(text)).ok();
        }
    }

    /// Takes the status line away, and waits until all messages are written, but not for a stderr
    /// that takes none.
    pub(crate) fn clear(&self) {
        let Some(jobs) = &self.jobs else {
            return;
        };
        let deadline = Instant::now() + CLEAR_TIMEOUT;
        let (tell, done) = sync_channel(1);
        let mut job = Job::Clear(tell);
        while let Err(TrySendError::Full(back)) = jobs.try_send(job) {
            if Instant::now() >= deadline {
                return;
            }
            thread::sleep(RETRY_INTERVAL);
            job = back;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        // Too late, or the thread is gone: there is nothing more to wait for.
        done.recv_timeout(left).ok();
    }
}

/// Works until the last near side is gone.
fn write_all(
    inbox: &Receiver<Job>,
    bar: &ProgressBar,
    left_out: &AtomicU64,
    note: fn(u64) -> String,
) {
    while let Ok(job) = inbox.recv() {
        match job {
            Job::Message(text) => {
                let missing = match left_out.swap(0, Relaxed) {
                    0 => String::new(),
                    n => note(n),
                };
                // A message that nobody can read any more is no reason to end.
                bar.suspend(|| io::stderr().write_all(&[missing.as_bytes(), &text].concat()))
                    .ok();
            }
            Job::Status(text) => bar.set_message(text),
            Job::Clear(tell) => {
                bar.finish_and_clear();
                // The caller may have waited long enough.
                tell.send(()).ok();
            }
        }
    }
}

/// The terminal behind stderr, a little narrower than it is: the line is filled up to its end, and
/// the `^C` that the terminal writes after it must not begin a row of its own.
#[derive(Debug, Default)]
struct Terminal {
    /// How many columns the line that stands there has.
    drawn: AtomicUsize,
}

/// Room for `^C` and the cursor.
const MARGIN_COLUMNS: u16 = 3;

impl Terminal {
    fn columns() -> u16 {
        Self::size().0 + MARGIN_COLUMNS
    }

    fn size() -> (u16, u16) {
        match size_of_stderr() {
            Some((columns, rows)) if columns > MARGIN_COLUMNS => (columns - MARGIN_COLUMNS, rows),
            // A terminal that does not say is taken for an old one.
            _ => (80 - MARGIN_COLUMNS, 24),
        }
    }

    /// Moves the cursor `n` times; the letter says where to (ECMA-48, section 8.3).
    fn step(n: usize, letter: char) -> io::Result<()> {
        if n == 0 {
            return Ok(());
        }
        write!(io::stderr(), "\x1b[{n}{letter}")
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        Self::size().0
    }

    fn height(&self) -> u16 {
        Self::size().1
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        Self::step(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        Self::step(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        Self::step(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        Self::step(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        writeln!(io::stderr(), "{text}")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        // What fills the row up would become rows of its own in a narrower terminal.
        if text.trim().is_empty() {
            return Ok(());
        }
        let text = text.trim_end();
        self.drawn.fetch_add(text.chars().count(), Relaxed);
        write!(io::stderr(), "{text}")
    }

    fn clear_line(&self) -> io::Result<()> {
        // A terminal that became narrower shows the line on several rows.
        let width = usize::from(Self::columns());
        let rows = self.drawn.swap(0, Relaxed).div_ceil(width.max(1));
        write!(io::stderr(), "\r\x1b[2K")?;
        for _ in 1..rows {
            Self::step(1, 'A')?;
            // Row by row: to clear to the end of the screen is to scroll in some terminals.
            write!(io::stderr(), "\x1b[2K")?;
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        io::stderr().flush()
    }
}
