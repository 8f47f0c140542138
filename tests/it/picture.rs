//! The picture of README.md: what a terminal shows, as SVG, made of what the program writes to it.
//!
//! After a change to the rows: `UPDATE_GENERATED=1 cargo test --test it picture`.

use std::{fmt::Write as _, fs, path::Path};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::support::program::Rocketman;

/// The command that is shown. With its place in the stream it shows the same on every day.
const COMMAND: &str = "rocketman tail demo:";
const PLACE: &str = "tail demo:?rate=5&seed=7 --cursor 1000 -n 14 --kind all";

/// Of 14px in the common fonts of terminals.
const CELL_WIDTH: f64 = 8.4;
const ROW_HEIGHT: f64 = 19.0;
const MARGIN: f64 = 14.0;

/// What is drawn alike, and in which class.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    class: &'static str,
    text: String,
}

/// The rows on the screen of this many columns, as they are coloured.
fn screen(columns: u16) -> Vec<Vec<Span>> {
    let call = Rocketman::new(PLACE.split(' ')).env("TZ", "UTC");
    let output = call.run_all_on_terminal_of(columns);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let lines = output
        .stderr
        .lines()
        .map(|line| line.trim_end_matches('\r'));
    // What is said of the place and of the end would be another on a stream that goes on.
    let rows = lines.filter(|line| !line.starts_with("rocketman: "));
    rows.map(spans).collect()
}

/// The parts of a line between its colours (ECMA-48, section 8.3.117).
fn spans(line: &str) -> Vec<Span> {
    let mut parts = line.split("\x1b[");
    let plain = parts.next().unwrap_or_default();
    let mut spans = vec![Span {
        class: "",
        text: plain.to_owned(),
    }];
    for part in parts {
        let (code, text) = part.split_once('m').unwrap();
        let class = match code {
            "0" => "",
            "2" => "dim",
            "31" => "red",
            "32" => "green",
            "33" => "yellow",
            "34" => "blue",
            "35" => "magenta",
            "36" => "cyan",
            other => panic!("the picture knows no colour {other}"),
        };
        spans.push(Span {
            class,
            text: text.to_owned(),
        });
    }
    spans.retain(|span| !span.text.is_empty());
    spans
}

fn text_of(spans: &[Span]) -> String {
    spans.iter().map(|span| span.text.as_str()).collect()
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;")
}

fn svg(columns: u16, rows: &[Vec<Span>]) -> String {
    let prompt = vec![
        Span {
            class: "dim",
            text: "$ ".to_owned(),
        },
        Span {
            class: "",
            text: COMMAND.to_owned(),
        },
    ];
    let width = f64::from(columns).mul_add(CELL_WIDTH, 2.0 * MARGIN);
    let n_rows = u16::try_from(rows.len() + 1).unwrap();
    let height = f64::from(n_rows).mul_add(ROW_HEIGHT, 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xml:space=\"preserve\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n\
         <title>{COMMAND} in a terminal of {columns} columns</title>\n\
         <style>rect{{fill:#161b22}}text{{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#d0d7de;white-space:pre}}\
         .dim{{fill:#8b949e}}.red{{fill:#ff7b72}}.green{{fill:#7ee787}}.yellow{{fill:#e3b341}}.blue{{fill:#79c0ff}}.magenta{{fill:#d2a8ff}}.cyan{{fill:#56d4dd}}</style>\n\
         <rect width=\"{width:.0}\" height=\"{height:.0}\" rx=\"8\"/>\n"
    );
    for (n, row) in (0_u16..).zip([&prompt].into_iter().chain(rows)) {
        let y = f64::from(n).mul_add(ROW_HEIGHT, MARGIN + 14.0);
        write!(svg, "<text y=\"{y}\">").unwrap();
        let mut column = 0;
        for Span { class, text } in row {
            // Each where its column is, however wide the letters before it were drawn.
            let at = f64::from(column).mul_add(CELL_WIDTH, MARGIN);
            let class = match *class {
                "" => String::new(),
                class => format!(" class=\"{class}\""),
            };
            write!(svg, "<tspan x=\"{at:.1}\"{class}>{}</tspan>", escaped(text)).unwrap();
            column += u16::try_from(text.width()).unwrap();
        }
        svg.push_str("</text>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

/// The text that a picture shows, row by row.
fn shown(svg: &str) -> Vec<String> {
    let rows = svg.lines().filter(|line| line.starts_with("<text "));
    rows.map(|row| {
        let mut text = String::new();
        let mut is_tag = false;
        for letter in row.chars() {
            match letter {
                '<' => is_tag = true,
                '>' if is_tag => is_tag = false,
                letter if !is_tag => text.push(letter),
                _ => {}
            }
        }
        let text = text.replace("&lt;", "<").replace("&gt;", ">");
        text.replace("&amp;", "&")
    })
    .collect()
}

#[test]
fn the_picture_has_what_the_screen_has() {
    for columns in [80, 120] {
        let rows = screen(columns);
        assert_eq!(rows.len(), 14, "{rows:#?}");
        let texts: Vec<_> = rows.iter().map(|row| text_of(row)).collect();
        for text in &texts {
            assert!(text.width() <= columns.into(), "{text:?}");
            assert!(
                text.chars().all(|letter| letter.width().is_some()),
                "{text:?}"
            );
        }
        let has = |word: &str| texts.iter().any(|text| text.contains(word));
        assert!(has("create feed.post ") && has("feed.like "), "{texts:#?}");
        let picture = svg(columns, &rows);
        let shown = shown(&picture);
        assert_eq!(shown[0], format!("$ {COMMAND}"));
        assert_eq!(shown[1..], texts);
        let name = format!("docs/images/terminal-{columns}.svg");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&name);
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &picture).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == picture,
            "{name} is stale: run UPDATE_GENERATED=1 cargo test --test it picture"
        );
        let readme = fs::read_to_string(path.with_file_name("../../README.md")).unwrap();
        assert!(columns != 80 || readme.contains(&format!("]({name})")));
    }
}
