//! A real terminal, through tmux: what a person sees, and every byte that made it so.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{path_of, wait_until};

/// A terminal of 180 columns in which one shell line runs. Dropped, it is closed.
pub struct Terminal {
    folder: TempDir,
}

impl Terminal {
    /// Runs a line of shell, `$R` being the program. `None`, with a printed reason, where there is
    /// no tmux.
    pub fn run(line: &str) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            println!("skipped: it takes tmux to see what a terminal shows");
            return None;
        }
        let terminal = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        // It begins when every byte is being recorded, and its last screen stays.
        let script = format!(
            "until [ -e go ]; do sleep 0.01; done\nR={}\n{line}\necho \"exit code $?\"\nexec cat",
            env!("CARGO_BIN_EXE_rocketman")
        );
        fs::write(terminal.path("script"), script).unwrap();
        terminal.tmux(&["new-session", "-d", "-x", "180", "-y", "40", "sh script"]);
        terminal.tmux(&["pipe-pane", "-O", "cat > bytes"]);
        wait_until("the recorder", || terminal.path("bytes").exists());
        fs::write(terminal.path("go"), "").unwrap();
        Some(terminal)
    }

    /// A file in the folder the line runs in.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The lines that are on the screen now.
    pub fn screen(&self) -> Vec<String> {
        let text = self.tmux(&["capture-pane", "-p"]);
        let lines = text.lines().map(str::trim_end);
        lines
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// All lines that are on the screen or were scrolled away, each whole.
    pub fn history(&self) -> Vec<String> {
        let text = self.tmux(&["capture-pane", "-p", "-J", "-S", "-"]);
        let lines = text.lines().map(str::trim_end);
        lines
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Waits until a line of the screen contains this, and returns that line.
    pub fn line_with(&self, text: &str) -> String {
        let mut found = None;
        wait_until(text, || {
            found = self.screen().into_iter().find(|line| line.contains(text));
            found.is_some()
        });
        found.unwrap()
    }

    /// Presses a key; `C-c` is Ctrl-C.
    pub fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// Makes it this wide.
    pub fn resize(&self, columns: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string()]);
    }

    /// Waits for the end, and returns all that the terminal was sent.
    pub fn bytes(&self) -> String {
        self.line_with("exit code");
        let mut bytes = String::new();
        wait_until("the record", || {
            bytes = fs::read_to_string(self.path("bytes")).unwrap();
            bytes.contains("exit code")
        });
        bytes
    }

    /// Closes the window; what ran in it may go on.
    pub fn close(&self) {
        self.tmux(&["kill-server"]);
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = tmux(self.folder.path(), arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn tmux(folder: &Path, arguments: &[&str]) -> std::process::Output {
    Command::new(path_of("tmux"))
        .args(["-S", "tmux", "-f", "/dev/null", "-u"])
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TERM", "xterm-256color")
        .env("LC_ALL", "C.UTF-8")
        .env("SHELL", "/bin/sh")
        .output()
        .unwrap()
}

impl Drop for Terminal {
    fn drop(&mut self) {
        tmux(self.folder.path(), &["kill-server"]);
    }
}
