//! What is in a cursor file: JSON with a format version, for people to read too.
//!
//! What is damaged, or another program's, is an error and never a place.

use std::{borrow::Cow, path::Path};

use serde::{Deserialize, Serialize, de::Error as _};

use super::{CursorFileError, Saved};
use crate::event::{FileMark, Identity, Origin, Place, Point, Position, Trail, show_time};

/// The format this version writes, and the latest that it reads. A program that knows the first one
/// alone would go back further than the run did, and deliver again what comes after the place, so
/// that it has to refuse.
pub(super) const FORMAT: u64 = 2;

/// The first format, which is read for ever: it knew the place alone.
const FIRST_FORMAT: u64 = 1;

/// All fields of every form. A place that was reached has a time, and a number where the server
/// counts; one that was set has either. `saved_until` is for people and never read back.
#[derive(Serialize, Deserialize)]
struct Contents {
    format: u64,
    /// Somebody put the cursor here, and nothing was read up to here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    set: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_us: Option<u64>,
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    saved_until: Option<String>,
    identity: Option<Identity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trail: Option<Trail>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<FileMark>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// Only the format, read first so that another one gets its own error.
#[derive(Deserialize)]
struct Header {
    format: u64,
}

/// Reads what `path` holds.
pub(crate) fn parse(path: &Path, text: &[u8]) -> Result<Saved, CursorFileError> {
    let damaged = |source| CursorFileError::Damaged {
        path: path.to_owned(),
        source,
    };
    if text.trim_ascii().is_empty() {
        return Err(CursorFileError::Empty(path.to_owned()));
    }
    let Header { format } = serde_json::from_slice(text).map_err(damaged)?;
    if !(FIRST_FORMAT..=FORMAT).contains(&format) {
        return Err(CursorFileError::Format {
            path: path.to_owned(),
            found: format,
            known: FORMAT,
        });
    }
    let contents: Contents = serde_json::from_slice(text).map_err(damaged)?;
    contents
        .into_saved()
        .map_err(|why| damaged(serde_json::Error::custom(why)))
}

/// The text of a cursor file.
pub(crate) fn text(saved: &Saved) -> Vec<u8> {
    let Saved {
        place,
        trail,
        filter,
        files,
        note,
    } = saved;
    let until_us = match trail.highest_us {
        0 => place.time_us(),
        highest_us => Some(highest_us),
    };
    let (is_set, identity) = match place {
        Place::Reached(position) => (false, position.point.identity),
        Place::Time { .. } | Place::Seq { .. } => (true, None),
    };
    let origin = place.origin().cloned();
    let (source, host, instance) = match origin {
        Some(origin) => (Some(origin.source), Some(origin.host), origin.instance),
        None => (None, None, None),
    };
    let contents = Contents {
        format: FORMAT,
        set: is_set,
        source,
        host,
        instance,
        seq: place.seq(),
        time_us: place.time_us(),
        saved_until: until_us.map(show_time),
        identity,
        filter: filter.clone(),
        trail: (*trail != Trail::default()).then(|| trail.clone()),
        files: files.clone(),
        note: note.clone(),
    };
    let mut text =
        serde_json::to_vec_pretty(&contents).expect("plain data with string keys is always JSON");
    text.push(b'\n');
    text
}

impl Contents {
    /// Checks that it is one of the three forms, and all of it.
    fn into_saved(self) -> Result<Saved, &'static str> {
        let Self {
            format: _,
            set: is_set,
            source,
            host,
            instance,
            seq,
            time_us,
            saved_until: _,
            identity,
            filter,
            trail,
            files,
            note,
        } = self;
        if time_us == Some(0) {
            return Err("its time_us is 0");
        }
        let origin = match (source, host) {
            (Some(source), Some(host)) => Some(Origin {
                source,
                host,
                instance,
            }),
            (None, None) if instance.is_some() => return Err("its instance is of no server"),
            (None, None) => None,
            (Some(_), None) => return Err("it has no host"),
            (None, Some(_)) => return Err("it has no source"),
        };
        let place = if is_set {
            match (seq, time_us, origin) {
                (None, Some(time_us), origin) => Place::Time { time_us, origin },
                (Some(0), ..) => return Err("its seq is 0"),
                (Some(seq), None, Some(origin)) => Place::Seq { seq, origin },
                (Some(_), None, None) => return Err("its seq is of no server"),
                (Some(_), Some(_), _) => return Err("it was set to both a seq and a time_us"),
                (None, None, _) => return Err("it was set to neither a seq nor a time_us"),
            }
        } else {
            if filter.is_none() {
                return Err("it has no filter");
            }
            Place::Reached(Position {
                origin: origin.ok_or("it has no source and no host")?,
                point: Point {
                    seq,
                    time_us: time_us.ok_or("it has no time_us")?,
                    identity,
                },
            })
        };
        if is_set && trail.is_some() {
            return Err("it was set, and has a trail");
        }
        Ok(Saved {
            place,
            trail: trail.unwrap_or_default(),
            filter,
            files,
            note,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin {
            source: "jetstream".into(),
            host: "wss://example.com/subscribe".to_owned(),
            instance: None,
        }
    }

    fn saved(place: Place) -> Saved {
        Saved {
            place,
            trail: Trail::default(),
            filter: Some("all kinds of events".to_owned()),
            files: Vec::new(),
            note: None,
        }
    }

    fn reached(time_us: u64) -> Saved {
        let point = Point {
            seq: Some(7),
            time_us,
            identity: serde_json::from_str("\"00000000000000ff\"").unwrap(),
        };
        saved(Place::Reached(Position {
            origin: origin(),
            point,
        }))
    }

    /// All that is known around a place.
    fn with_trail() -> Saved {
        let identity = |n: u64| Identity::of_rest(&n.to_be_bytes());
        let other = Position {
            origin: Origin {
                host: "wss://example.org/subscribe".to_owned(),
                ..origin()
            },
            point: Point {
                seq: None,
                time_us: 6,
                identity: Some(identity(1)),
            },
        };
        Saved {
            trail: Trail {
                highest_us: 8,
                first_us: 2,
                others: vec![other],
                known: vec![identity(2), identity(1)],
                known_since_us: 3,
                repeats_until_us: 9,
                ahead: vec![identity(3)],
                ahead_until_us: 10,
            },
            ..reached(5)
        }
    }

    fn parsed(text: &str) -> Result<Saved, CursorFileError> {
        parse(Path::new("c"), text.as_bytes())
    }

    #[test]
    fn every_form_is_read_as_it_was_written() {
        let mut forms = vec![reached(5)];
        let time_us = 1_790_000_000_000_000;
        for origin in [None, Some(origin())] {
            forms.push(saved(Place::Time { time_us, origin }));
        }
        let origin = origin();
        let made_anew = Origin {
            instance: Some("2026-11-25T00:00:00Z".to_owned()),
            ..origin.clone()
        };
        for origin in [origin, made_anew] {
            forms.push(saved(Place::Seq { seq: 9, origin }));
        }
        let mut bare = forms[1].clone();
        bare.filter = None;
        forms.push(bare);
        forms.push(with_trail());
        forms.push(Saved {
            note: Some("1 AbC".to_owned()),
            ..reached(5)
        });
        for form in forms {
            let text = text(&form);
            assert_eq!(parse(Path::new("c"), &text).unwrap(), form);
        }
    }

    /// As the first versions wrote it.
    #[test]
    fn a_file_of_the_first_format_is_read_for_ever() {
        let text = r#"{
  "format": 1,
  "source": "jetstream",
  "host": "wss://example.com/subscribe",
  "seq": 7,
  "time_us": 5,
  "saved_until": "1970-01-01T00:00:00.000005Z",
  "identity": "00000000000000ff",
  "filter": "all kinds of events"
}
"#;
        assert_eq!(parsed(text).unwrap(), reached(5));
        let legacy = r#"{"format":1,"source":"jetstream","host":"h","time_us":5,"identity":null,"filter":"f","files":[{"path":"/x","inode":3,"bytes":4}]}"#;
        let saved = parsed(legacy).unwrap();
        assert_eq!(
            (saved.place.seq(), saved.place.time_us(), saved.files.len()),
            (None, Some(5), 1)
        );
    }

    #[test]
    fn the_highest_time_is_readable_and_identities_are_one_line() {
        let text = String::from_utf8(super::text(&with_trail())).unwrap();
        assert!(text.starts_with("{\n  \"format\": 2,\n"), "{text}");
        let until = format!("\"saved_until\": \"{}\"", show_time(8));
        assert!(text.contains(&until), "{text}");
        let known = with_trail().trail.known;
        let line = format!("\"known\": \"{} {}\",\n", known[0], known[1]);
        assert!(text.contains(&line), "{text}");
    }

    #[test]
    fn damage_is_refused_and_never_read_as_nothing() {
        let path = Path::new("c");
        let good = text(&reached(5));
        assert!(parse(path, &good).is_ok());
        for cut in 1..good.len() - 2 {
            let result = parse(path, &good[..cut]);
            assert!(
                matches!(result, Err(CursorFileError::Damaged { .. })),
                "cut at {cut}: {result:?}"
            );
        }
        assert!(matches!(parsed(" \n"), Err(CursorFileError::Empty(_))));
        assert!(matches!(
            parsed(r#"{"format":3}"#),
            Err(CursorFileError::Format { found: 3, .. })
        ));
        for bad in [
            "1725911162329308",
            r#"{"format":1}"#,
            r#"{"format":1,"source":"jetstream","host":"h","time_us":0,"filter":"f"}"#,
            r#"{"format":1,"source":"jetstream","host":"h","seq":7,"filter":"f"}"#,
            r#"{"format":1,"source":"jetstream","host":"h","time_us":5}"#,
            r#"{"format":1,"source":"jetstream","time_us":5,"filter":"f"}"#,
            r#"{"format":1,"time_us":5,"filter":"f"}"#,
            r#"{"format":1,"set":true,"source":"jetstream","host":"h"}"#,
            r#"{"format":1,"set":true,"seq":7}"#,
            r#"{"format":1,"set":true,"source":"jetstream","host":"h","seq":0}"#,
            r#"{"format":1,"set":true,"source":"jetstream","host":"h","seq":7,"time_us":5}"#,
            r#"{"format":1,"set":true,"time_us":0}"#,
            r#"{"format":1,"set":true,"host":"h","time_us":5}"#,
            r#"{"format":1,"set":true,"instance":"i","time_us":5}"#,
            r#"{"format":2,"set":true,"time_us":5,"trail":{"highest_us":5}}"#,
            r#"{"format":2,"source":"jetstream","host":"h","time_us":5,"filter":"f","trail":{"known":"ff"}}"#,
            r#"{"format":1,"set":"yes","time_us":5}"#,
            r#"{"format":1,"set":true,"time_us":-5}"#,
        ] {
            let result = parsed(bad);
            assert!(
                matches!(result, Err(CursorFileError::Damaged { .. })),
                "{bad}: {result:?}"
            );
        }
    }
}
