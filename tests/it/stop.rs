//! Every way to end, and the exit code of each.
