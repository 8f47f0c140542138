//! What to do about a warning of the library: its field `setting` names what to change there.

/// The flag of a setting, and what it does about the warning.
pub(super) fn hint(setting: &str) -> Option<&'static str> {
    Some(match setting {
        "allowed_hosts" => "--allow-host adds it",
        "allowed_origins" => "--allow-origin adds it",
        "archive_kinds" => "--kind all reads it from the beginning",
        "endpoints" => "rocketman tail demo: needs no network",
        "lag_alert" => "--lag-alert moves the limit, and --max-lag ends a run",
        "max_frame_bytes" | "max_message_bytes" => "--max-frame-size allows larger ones",
        "max_unanswered" => "--max-unanswered allows more",
        "max_files" => "--max-files allows more",
        "subjects" => "?subject= names one, and several are written ?subject=A&subject=B",
        _ => return None,
    })
}
