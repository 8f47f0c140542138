//! Streams of NATS of one command line: none has two roles, since what was written to the one that
//! is read would come back for ever. A bucket is a stream too.

use super::{Cursor, Output, SettingsError, SourceSettings};

/// Refuses a stream in two roles.
pub(super) fn check(
    source: &SourceSettings,
    output: &Output,
    cursor: &Cursor,
) -> Result<(), SettingsError> {
    let source = match source {
        SourceSettings::Nats(settings) => Some(("SOURCE", &settings.connection, &settings.stream)),
        SourceSettings::Jetstream(_)
        | SourceSettings::Demo(..)
        | SourceSettings::Segments(_)
        | SourceSettings::History(_)
        | SourceSettings::Price(_)
        | SourceSettings::Download(..) => None,
    };
    let output = output.stream();
    let output = output.map(|(at, stream)| ("--output", at, stream));
    let bucket = match cursor {
        Cursor::Kv(settings) => Some((settings, format!("KV_{}", settings.address.bucket))),
        Cursor::Nowhere | Cursor::File(_) => None,
    };
    let cursor = bucket
        .as_ref()
        .map(|(settings, stream)| ("--cursor-kv", &settings.nats, stream));
    for (one, other) in [(source, output), (source, cursor), (output, cursor)] {
        let (Some((one, at, stream)), Some((other, other_at, other_stream))) = (one, other) else {
            continue;
        };
        let is_same_account = at.login == other_at.login
            && at.js_domain == other_at.js_domain
            && at
                .servers
                .iter()
                .any(|server| other_at.servers.contains(server));
        if is_same_account && stream == other_stream {
            return Err(SettingsError::SameStream {
                stream: stream.clone(),
                roles: [one, other],
            });
        }
    }
    Ok(())
}
