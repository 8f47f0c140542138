//! The program in a mount namespace of its own, where it asks a name server of the test's own.

use std::{path::Path, process::Command};

use super::Rocketman;

impl Rocketman {
    /// Replaces the system's `resolv.conf` by this one, for this call alone.
    pub fn with_resolver(self, conf: &Path) -> Self {
        let mut command = Command::new("unshare");
        let script = r#"mount --bind "$0" /etc/resolv.conf && exec "$@""#;
        command.args(["-m", "sh", "-c", script]).arg(conf);
        command
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .env_clear()
            .envs(
                self.command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .current_dir(self.folder.path());
        Self { command, ..self }
    }
}
