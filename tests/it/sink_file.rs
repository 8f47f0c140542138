//! A file that lines are appended to.
