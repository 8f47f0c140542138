//! A program per event.
