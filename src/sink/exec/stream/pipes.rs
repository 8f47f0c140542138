//! The pipes of a program that lives on, each of which may be closed already.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStderr, ChildStdin},
};

/// Writes what can be written; waits for ever once it takes no more.
///
/// Cancel safety: what is not returned was not written.
pub(super) async fn write(stdin: &mut Option<ChildStdin>, lines: &[u8]) -> io::Result<usize> {
    match stdin {
        Some(stdin) => stdin.write(lines).await,
        None => std::future::pending().await,
    }
}

/// Reads what is there, and nothing at the end; waits for ever once that was returned.
///
/// Cancel safety: what is not returned was not read.
pub(super) async fn read(stderr: &mut Option<ChildStderr>, into: &mut [u8]) -> Option<usize> {
    match stderr {
        Some(stderr) => stderr.read(into).await.ok(),
        None => std::future::pending().await,
    }
}
