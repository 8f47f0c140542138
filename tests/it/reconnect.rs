//! Cuts, silences and refusals: what comes after them.
