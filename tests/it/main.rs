//! Whole-program tests: the real binary against real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail by panicking, and say why they skip"
)]
#![allow(missing_docs, unreachable_pub, reason = "nothing here is public")]

mod support;

mod tail;
