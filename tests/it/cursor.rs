//! The cursor file, `--cursor` and `--since`.
