//! A running program: in a process group of its own, and never left behind.
//!
//! A Ctrl-C reaches us and not the program, which is then waited for. What takes too long gets
//! SIGTERM, as does whatever it has started, and SIGKILL if that does not help.

use std::{
    collections::HashSet,
    io,
    process::ExitStatus,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::{
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    time::{sleep, timeout},
};

use crate::platform::Group;

/// How long a program may take to end after SIGTERM. A guess: enough to close what is open.
const TERM_GRACE: Duration = Duration::from_secs(2);

/// The same where everything has to end at once.
const DROP_GRACE: Duration = Duration::from_millis(200);

/// How often it is looked whether all have ended.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The process groups of the programs that run. A clone is the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups(Arc<Mutex<HashSet<Group>>>);

impl Groups {
    /// Starts a program.
    pub(super) fn spawn(&self, command: &mut Command) -> io::Result<Process> {
        let child = Group::begin(command).kill_on_drop(true).spawn()?;
        let group = Group::of(&child).expect("a program that was not waited for has an id");
        self.running().insert(group);
        Ok(Process {
            child,
            group,
            groups: self.clone(),
        })
    }

    /// Ends all of them: SIGTERM, some time, SIGKILL.
    pub(super) async fn end(&self) {
        self.each(Group::terminate);
        let deadline = Instant::now() + TERM_GRACE;
        while !self.are_over() && Instant::now() < deadline {
            sleep(POLL_INTERVAL).await;
        }
        self.each(Group::kill);
    }

    /// The same in hardly any time, where nothing can wait.
    pub(super) fn end_at_once(&self) {
        if self.running().is_empty() {
            return;
        }
        self.each(Group::terminate);
        let deadline = Instant::now() + DROP_GRACE;
        while !self.are_over() && Instant::now() < deadline {
            thread::sleep(POLL_INTERVAL);
        }
        self.each(Group::kill);
    }

    /// Whether every program has ended; none of them is reaped.
    fn are_over(&self) -> bool {
        self.running().iter().all(|group| group.is_over())
    }

    fn each(&self, act: fn(Group)) {
        for group in self.running().iter() {
            act(*group);
        }
    }

    fn running(&self) -> MutexGuard<'_, HashSet<Group>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A program that runs. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    group: Group,
    groups: Groups,
}

impl Process {
    /// Our ends of its pipes, once.
    pub(super) fn pipes(
        &mut self,
    ) -> (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>) {
        let Child {
            stdin,
            stdout,
            stderr,
            ..
        } = &mut self.child;
        (stdin.take(), stdout.take(), stderr.take())
    }

    /// Waits for its end.
    ///
    /// Cancel safety: asked again it returns the same.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.groups.running().remove(&self.group);
        status
    }

    /// Ends it, and what it has started: SIGTERM, some time, SIGKILL.
    pub(super) async fn end(&mut self) {
        self.group.terminate();
        let ended = timeout(TERM_GRACE, self.child.wait()).await;
        // Also for what it has left behind.
        self.group.kill();
        if ended.is_err() {
            // Nothing survives SIGKILL, and the caller knows why it was sent.
            self.child.wait().await.ok();
        }
        self.groups.running().remove(&self.group);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.groups.running().remove(&self.group) {
            self.group.kill();
        }
    }
}
