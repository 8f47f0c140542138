//! What a person sees on stderr.
