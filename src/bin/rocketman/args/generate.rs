//! Completions, made from the definition of the command line.

use clap_complete::Shell;

/// The completions for a shell.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "rocketman", &mut script);
    script
}
