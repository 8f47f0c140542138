//! What a replay would cost, as a table.

use std::{fmt::Write, process::ExitCode, time::Duration};

use indicatif::{BinaryBytes, HumanCount};

use crate::{
    failure::Failure,
    settings::Cursor,
    signals::Signals,
    terminal::{print, status_line::StatusLine},
};
use rocketman::{
    Error, Shown,
    cursor::FileCursor,
    event::Kind,
    source::history::{Amount, Choice, History, HistorySettings, Price},
    table::sqlite::{self, SqliteSettings},
};

/// How often each request is made again, unless that is said.
const MAX_RETRIES: u32 = 4;

/// Prints what a replay would cost, from where a saved cursor is, or a database. Nothing else is read or written.
pub(crate) async fn run(
    settings: HistorySettings,
    cursor: &Cursor,
    database: Option<&SqliteSettings>,
    line: &StatusLine,
) -> Result<ExitCode, Failure> {
    let saved = match (cursor, database) {
        (_, Some(database)) => sqlite::place_of(database).map_err(Error::Sink)?,
        (Cursor::File(path), None) => FileCursor::look(path).map_err(Error::Cursor)?.saved,
        #[cfg(feature = "nats")]
        (Cursor::Kv(_), None) => None,
        (Cursor::Nowhere, None) => None,
    };
    let mut settings = settings;
    // Somebody waits for it.
    settings.live.max_retries.get_or_insert(MAX_RETRIES);
    let saved = saved.as_ref().map(|saved| (&saved.place, &saved.trail));
    let mut signals = Signals::listen().map_err(Failure::system("listen for signals"))?;
    let price = tokio::select! {
        price = History::price(settings, saved) => price.map_err(Error::Source)?,
        signal = signals.next() => {
            signals.heed(signal);
            return Ok(ExitCode::from(crate::failure::INTERRUPTED));
        }
    };
    line.clear();
    print(table(&price).as_bytes())
}

/// The price in words and numbers.
fn table(price: &Price) -> String {
    let Price {
        url,
        from,
        to,
        archive,
        choices,
        whole,
        quota,
        over_read,
        spent_bytes,
    } = price;
    let url = Shown::address(url);
    let mut text = format!(
        "the archive of {url}: {} files, {}\nnumbers {} to {}\n\n",
        HumanCount(archive.files),
        BinaryBytes(archive.bytes),
        HumanCount(*from),
        HumanCount(*to),
    );
    // Writing into a text does not fail.
    let mut row = |what: &str, files: &str, blocks: &str, bytes: &str, time: &str| {
        writeln!(
            text,
            "{what:<34}{files:>8}{blocks:>12}{bytes:>14}{time:>12}"
        )
        .ok();
    };
    row("WHAT", "FILES", "BLOCKS", "BYTES", "TIME");
    for (at, choice) in choices.iter().enumerate() {
        let Choice {
            kinds,
            amount,
            time,
        } = choice;
        let what = match (at, kinds.is_empty()) {
            (0, _) => format!("what is asked for ({})", named(kinds)),
            (_, true) => "the same with --kind all".to_owned(),
            (_, false) => named(kinds),
        };
        let Amount { files, blocks, .. } = amount;
        let time = time.map_or("?".to_owned(), |time| rounded(time).to_string());
        row(
            &what,
            &HumanCount(*files).to_string(),
            &about(&HumanCount(*blocks), amount),
            &about(&BinaryBytes(amount.bytes), amount),
            &time,
        );
    }
    let (files, blocks) = (HumanCount(whole.files), HumanCount(whole.blocks));
    let bytes = BinaryBytes(whole.bytes);
    row(
        "its files, whole (--download)",
        &files.to_string(),
        &blocks.to_string(),
        &bytes.to_string(),
        "",
    );
    text.push('\n');
    if let Some(over_read) = over_read {
        writeln!(text, "1 of {over_read:.0} events that are read is asked for, by the files that were looked at").ok();
    }
    match quota {
        Some((burst, rate)) => writeln!(
            text,
            "the operator allows {} at once, and then {} a second",
            BinaryBytes(*burst),
            BinaryBytes(*rate)
        ),
        None => writeln!(text, "the server does not say how much it allows"),
    }
    .ok();
    writeln!(text, "finding this out took {}", BinaryBytes(*spent_bytes)).ok();
    text
}

fn named(kinds: &[Kind]) -> String {
    match kinds {
        [] => "all kinds".to_owned(),
        kinds => {
            let names: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
            names.join(", ")
        }
    }
}

/// A number, marked where it is an estimate.
fn about(number: &impl ToString, amount: &Amount) -> String {
    let mark = if amount.is_estimate { "~ " } else { "" };
    format!("{mark}{}", number.to_string())
}

/// Two units are enough.
fn rounded(time: Duration) -> humantime::FormattedDuration {
    let seconds = match time.as_secs() {
        0 => 1,
        seconds @ 1..3600 => seconds,
        seconds @ 3600..86_400 => seconds / 60 * 60,
        seconds => seconds / 3600 * 3600,
    };
    humantime::format_duration(Duration::from_secs(seconds))
}
