//! What is an address among the sources that were typed, and of what.

/// What cannot be meant to be a file; one of such a name is written ./NAME.
pub(super) fn is_address(source: &str) -> bool {
    source.contains("://") || source.starts_with("nats:") || source.starts_with("demo:")
}

/// Whether a source is meant to be a stream of NATS.
pub(super) fn is_nats(source: &str) -> bool {
    ["nats:", "nats+", "tls://"]
        .iter()
        .any(|start| source.starts_with(start))
}
