//! A program per event: the line on its stdin, the names in its environment, no shell anywhere.
//!
//! One at a time, in order. An event is accepted when the program ends with status 0; anything else ends the run.

mod variables;

use std::{ffi::OsString, io, process::Stdio};

use tokio::{io::AsyncWriteExt, process::Command};

use self::variables::variables;
use super::{Ledger, Sink, SinkError};
use crate::event::{Batch, Event};

/// Runs a program for each event.
#[derive(Debug)]
pub struct ExecSink {
    program: OsString,
    arguments: Vec<OsString>,
}

impl ExecSink {
    /// Runs `program` with `arguments`, as they are.
    pub fn new(program: OsString, arguments: Vec<OsString>) -> Self {
        Self { program, arguments }
    }

    fn program(&self) -> String {
        self.program.display().to_string()
    }

    fn command(&self, event: &Event<'_>) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(variables(event))
            // They are between the service manager and us.
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_PID")
            .env_remove("WATCHDOG_USEC")
            .stdin(Stdio::piped())
            // Its own process group: a Ctrl-C is for us, who then wait for it.
            .process_group(0)
            .kill_on_drop(true);
        command
    }

    async fn run(&self, event: &Event<'_>) -> Result<(), SinkError> {
        let start = |source| SinkError::Start {
            program: self.program(),
            source,
        };
        let mut child = self.command(event).spawn().map_err(start)?;
        let mut stdin = child.stdin.take().expect("its stdin is a pipe");
        let feed = async {
            let line = [event.line(), b"\n"].concat();
            match stdin.write_all(&line).await {
                // It did not want to read; its exit status is what counts.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                other => other,
            }?;
            drop(stdin);
            Ok(())
        };
        let failed = |source| SinkError::Io {
            action: "feed",
            target: format!("program '{}'", self.program()),
            source,
        };
        let status = tokio::select! {
            // Something it has left behind may still hold the pipe, and will not read it.
            status = child.wait() => status,
            fed = feed => {
                fed.map_err(failed)?;
                child.wait().await
            }
        }
        .map_err(failed)?;
        if status.success() {
            return Ok(());
        }
        let event = event.uri().unwrap_or_else(|| event.did().to_owned());
        Err(SinkError::Program {
            program: self.program(),
            event: event.escape_debug().to_string(),
            status,
        })
    }
}

impl Sink for ExecSink {
    fn name(&self) -> String {
        format!("program '{}'", self.program())
    }

    /// Takes one event, so that a stop waits for one program and not for a batch of them.
    async fn accept(&mut self, batch: &mut Batch, ledger: &Ledger) -> Result<(), SinkError> {
        if let Some(event) = batch.events().next() {
            self.run(&event).await?;
            batch.take(1);
            ledger.accept(1);
        }
        Ok(())
    }
}
