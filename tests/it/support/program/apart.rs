//! The program under conditions of its own: in a mount namespace where it asks a name server of the
//! test's own, or under a limit.

use std::{ffi::OsStr, path::Path, process::Command};

use super::Rocketman;
use crate::support::path_of;

impl Rocketman {
    /// Replaces the system's `resolv.conf` by this one, for this call alone.
    pub fn with_resolver(self, conf: &Path) -> Self {
        let script = r#"mount --bind "$0" /etc/resolv.conf && exec "$@""#;
        let mut command = Command::new(path_of("unshare"));
        command.args(["-m", "sh", "-c", script]).arg(conf);
        self.behind(command)
    }

    /// Lets no file become larger than `blocks` of 512 bytes.
    pub fn with_file_limit(self, blocks: u32) -> Self {
        self.with_limit(r#"ulimit -f "$0" && exec "$@""#, blocks)
    }

    /// Lets it have so much memory of its own, and no more: what asks for more ends it.
    pub fn with_memory_limit(self, kilobytes: u32) -> Self {
        self.with_limit(r#"ulimit -d "$0" && exec "$@""#, kilobytes)
    }

    fn with_limit(self, script: &str, limit: u32) -> Self {
        let mut command = Command::new(path_of("sh"));
        command.args([OsStr::new("-c"), OsStr::new(script)]);
        command.arg(limit.to_string());
        self.behind(command)
    }

    /// Has a command begin the program, in the same environment and folder.
    fn behind(self, mut command: Command) -> Self {
        command
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .env_clear()
            .envs(
                self.command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .current_dir(self.command.get_current_dir().unwrap_or(self.folder.path()));
        Self { command, ..self }
    }
}
