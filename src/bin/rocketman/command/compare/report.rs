//! What is shown of a comparison: for people, or as JSON.

use std::fmt::Write as _;

use indicatif::HumanCount;
use serde_json::{Value, json};

use super::{
    tally::{Stretch, Tally},
    which::{Each, Which},
};
use crate::settings::TimeUs;
use rocketman::Shown;

/// How many missing events of each are named to people; JSON has all of them.
const MAX_NAMED: usize = 20;

/// How many stretches of each are shown to people.
const MAX_STRETCHES: usize = 20;

/// What is known at the end.
pub(super) struct Report<'a> {
    pub(super) sources: Each<&'a str>,
    pub(super) window: (u64, u64),
    pub(super) tally: &'a Tally,
    pub(super) repeated: Each<u64>,
    pub(super) reordered: u64,
}

/// The missing events that are named to people.
#[derive(Debug, Default)]
pub(super) struct Named(Each<Vec<String>>);

impl Named {
    pub(super) fn add(&mut self, which: Which, time_us: u64, what: &Value) {
        let named = self.0.of_mut(which);
        if named.len() < MAX_NAMED {
            let text = |key: &str| what[key].as_str().unwrap_or_default();
            let path = match text("collection") {
                "" => text("kind").to_owned(),
                collection => format!("{collection}/{} {}", text("rkey"), text("operation")),
            };
            let line = format!("{} at://{}/{path}", TimeUs(time_us), text("did"));
            named.push(Shown::text(&line).to_string());
        }
    }
}

/// A missing event as a line of JSON.
pub(super) fn missing_line(which: Which, time_us: u64, mut what: Value) -> String {
    what["type"] = "missing".into();
    what["missing_in"] = which.name().into();
    what["time_us"] = time_us.into();
    format!("{what}\n")
}

impl Report<'_> {
    /// The last line of JSON.
    pub(super) fn json(&self) -> String {
        let tally = self.tally;
        let side = |which: Which| {
            json!({
                "source": self.sources.of(which),
                "events": tally.events(which),
                "missing": tally.missing.of(which),
                "repeated": self.repeated.of(which),
            })
        };
        let collections: Vec<_> = tally
            .collections
            .iter()
            .map(|(name, counts)| {
                json!({
                    "collection": name,
                    "both": counts.both,
                    "missing_in_a": counts.missing.a,
                    "missing_in_b": counts.missing.b,
                    "a_blind_from_us": counts.blind_from_us(Which::A),
                    "b_blind_from_us": counts.blind_from_us(Which::B),
                })
            })
            .collect();
        let stretches: Vec<_> = Which::BOTH
            .into_iter()
            .flat_map(|which| {
                let stretches = tally.stretches.of(which).iter();
                stretches.map(move |stretch| {
                    json!({
                        "missing_in": which.name(),
                        "from_us": stretch.from_us,
                        "until_us": stretch.until_us,
                        "events": stretch.events,
                    })
                })
            })
            .collect();
        let summary = json!({
            "type": "summary",
            "from_us": self.window.0,
            "until_us": self.window.1,
            "a": side(Which::A),
            "b": side(Which::B),
            "both": tally.both,
            "reordered": self.reordered,
            "collections": collections,
            "stretches": stretches,
        });
        format!("{summary}\n")
    }

    /// The same for people.
    pub(super) fn text(&self, named: &Named) -> String {
        let (from_us, until_us) = self.window;
        let tally = self.tally;
        let mut text = format!("window  {} to {}\n", TimeUs(from_us), TimeUs(until_us));
        // Writing to a String cannot fail.
        for which in Which::BOTH {
            let (events, missing) = (tally.events(which), *tally.missing.of(which));
            let repeated = match *self.repeated.of(which) {
                0 => String::new(),
                n => format!(", {} repeated", HumanCount(n)),
            };
            let source = Shown::text(self.sources.of(which));
            let (name, events) = (which.name().to_uppercase(), HumanCount(events));
            writeln!(
                text,
                "{name}       {source}: {events} events, {} missing{repeated}",
                HumanCount(missing)
            )
            .ok();
        }
        if self.reordered > 0 {
            writeln!(
                text,
                "order   {} in another order",
                HumanCount(self.reordered)
            )
            .ok();
        }
        self.blind(&mut text);
        self.collections(&mut text);
        for which in Which::BOTH {
            self.missing(which, named, &mut text);
        }
        text
    }

    fn blind(&self, text: &mut String) {
        for (collection, counts) in &self.tally.collections {
            for which in Which::BOTH {
                if let Some(from_us) = counts.blind_from_us(which) {
                    let (name, from) = (which.name().to_uppercase(), TimeUs(from_us));
                    let collection = shown(collection);
                    writeln!(text, "blind   {name} has no {collection} from {from} on").ok();
                }
            }
        }
    }

    /// The collections of which something is missing.
    fn collections(&self, text: &mut String) {
        let differing = self.tally.collections.iter();
        let differing = differing.filter(|(_, counts)| counts.missing != Each::default());
        let rows: Vec<_> = differing
            .map(|(name, counts)| (shown(name), counts))
            .collect();
        if rows.is_empty() {
            return;
        }
        let width = rows.iter().map(|(name, _)| name.chars().count());
        let width = width.max().unwrap_or_default().max("COLLECTION".len());
        writeln!(
            text,
            "\n{:width$}  {:>12}  {:>12}  {:>12}",
            "COLLECTION", "BOTH", "MISSING IN A", "MISSING IN B"
        )
        .ok();
        for (name, counts) in rows {
            let [both, a, b] = [counts.both, counts.missing.a, counts.missing.b]
                .map(|n| HumanCount(n).to_string());
            writeln!(text, "{name:width$}  {both:>12}  {a:>12}  {b:>12}").ok();
        }
    }

    /// When events are missing from one, and the first of them.
    fn missing(&self, which: Which, named: &Named, text: &mut String) {
        let stretches = self.tally.stretches.of(which);
        if stretches.is_empty() {
            return;
        }
        let name = which.name().to_uppercase();
        writeln!(text, "\nmissing in {name}").ok();
        for Stretch {
            from_us,
            until_us,
            events,
        } in stretches.iter().take(MAX_STRETCHES)
        {
            let (from, until) = (TimeUs(*from_us), TimeUs(*until_us));
            writeln!(text, "  {from} to {until}: {}", HumanCount(*events)).ok();
        }
        if stretches.len() > MAX_STRETCHES {
            writeln!(text, "  and {} more times", stretches.len() - MAX_STRETCHES).ok();
        }
        let named = named.0.of(which);
        for line in named {
            writeln!(text, "  {line}").ok();
        }
        let others = self
            .tally
            .missing
            .of(which)
            .saturating_sub(named.len() as u64);
        if others > 0 {
            writeln!(
                text,
                "  and {} more, which --json lists",
                HumanCount(others)
            )
            .ok();
        }
    }
}

/// A collection's name; events of other kinds have none.
fn shown(collection: &str) -> String {
    match collection {
        "" => "(no collection)".to_owned(),
        name => Shown::text(name).to_string(),
    }
}
