//! The signals that ask us to stop, and which of them are one wish.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::platform::{Signal, SignalKind};

/// How long a signal repeats the wish that was heeded. `timeout` signals a process and then its
/// group, and a shell may pass on a Ctrl-C that the terminal has sent to everybody; a person takes
/// longer.
const SAME_WISH: Duration = Duration::from_millis(500);

/// A wish to stop, and how it was expressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopSignal {
    /// Ctrl-C.
    Interrupt,
    /// A service manager, or `kill`.
    Terminate,
    /// The terminal is gone.
    HangUp,
}

impl StopSignal {
    /// The signal's usual name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::HangUp => "SIGHUP",
        }
    }

    /// Whether it says again what `heeded` said: the end of a session sends SIGTERM and SIGHUP at
    /// once.
    fn repeats(self, heeded: Self) -> bool {
        (self == Self::Interrupt) == (heeded == Self::Interrupt)
    }
}

/// Listens for signals from its creation on.
///
/// A signal that was ignored when the program was started stays ignored: that is how `nohup` and a
/// shell's `&` protect it.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hang_up: Option<Signal>,
    /// SIGHUP is no wish to stop, so it repeats none.
    reloads_on_hang_up: bool,
    /// The wish that was heeded, and until when it may be repeated.
    heeded: Option<(StopSignal, Instant)>,
}

impl Signals {
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: Signal::listen(SignalKind::Interrupt)?,
            terminate: Signal::listen(SignalKind::Terminate)?,
            hang_up: Signal::listen(SignalKind::HangUp)?,
            reloads_on_hang_up: false,
            heeded: None,
        })
    }

    /// Whether from now on each SIGHUP counts by itself, for it asks for something else than a stop.
    pub(crate) fn reload_on_hang_up(&mut self, does: bool) {
        self.reloads_on_hang_up = does;
    }

    /// Notes that a wish to stop is heeded, so that its repeats within half a second are passed
    /// over.
    pub(crate) fn heed(&mut self, signal: StopSignal) {
        self.heeded = Some((signal, Instant::now() + SAME_WISH));
    }

    /// Waits for the next signal that says something new.
    ///
    /// Cancel safety: no signal is lost.
    pub(crate) async fn next(&mut self) -> StopSignal {
        while let Some((heeded, until)) = self.heeded {
            tokio::select! {
                // What came before we looked counts as a repeat, however late we look.
                biased;
                signal = self.received() => if !self.is_repeat(signal, heeded) {
                    return signal;
                },
                () = sleep_until(until) => self.heeded = None,
            }
        }
        self.received().await
    }

    fn is_repeat(&self, signal: StopSignal, heeded: StopSignal) -> bool {
        let is_stop = signal != StopSignal::HangUp || !self.reloads_on_hang_up;
        is_stop && signal.repeats(heeded)
    }

    async fn received(&mut self) -> StopSignal {
        tokio::select! {
            () = received(&mut self.interrupt) => StopSignal::Interrupt,
            () = received(&mut self.terminate) => StopSignal::Terminate,
            () = received(&mut self.hang_up) => StopSignal::HangUp,
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => signal.received().await,
        None => std::future::pending().await,
    }
}
