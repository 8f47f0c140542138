//! Bad input of every kind: a clear error, and nothing lost that was accepted.
