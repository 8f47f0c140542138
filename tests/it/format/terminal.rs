//! What a person sees of events on a terminal.

use std::{fs, thread, time::Duration};

use unicode_width::UnicodeWidthStr;

use super::{events, of_each_kind, post_of};
use crate::support::{
    events::{did, post},
    jetstream::Server,
    program::{Output, Rocketman},
    terminal::Terminal,
    wait_until,
};

/// The rows that a terminal of this width shows of four events.
fn rows(call: Rocketman, columns: u16) -> (Output, Vec<String>) {
    let output = call.with("-n 4").run_all_on_terminal_of(columns);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let lines = output
        .stderr
        .lines()
        .map(|line| line.trim_end_matches('\r'));
    let rows = lines.filter(|line| !line.starts_with("rocketman: "));
    let rows = rows.map(str::to_owned).collect();
    (output, rows)
}

fn call(server: &Server) -> Rocketman {
    Rocketman::tail(&server.url()).env("TZ", "UTC")
}

/// The rows of [`of_each_kind`] in a terminal of 120 columns, after the time.
fn expected() -> [String; 4] {
    [
        format!("create feed.post    {} \"héllo 🚀\"", did(0)),
        format!("delete feed.like    {} 3l00000000001", did(1)),
        format!("identity            {} a2.example", did(2)),
        format!("account             {} deleted", did(3)),
    ]
}

#[test]
fn a_terminal_is_shown_one_row_for_each_event() {
    let (server, lines) = of_each_kind();
    let (output, rows) = rows(call(&server).env("NO_COLOR", "1"), 120);
    let expected = expected().map(|row| format!("14:13:20 {row}"));
    assert_eq!(rows, expected, "{output:#?}");
    // A busy machine may show rows before it.
    let mut lines_of_screen = output.stderr.lines();
    let first = lines_of_screen.find(|line| line.starts_with("rocketman: "));
    let first = first.unwrap_or_default();
    assert!(first.contains("--format json"), "{first}");
    // What is no terminal gets the lines.
    let piped = call(&server).with("-n 4").succeed();
    assert_eq!(piped.lines(), lines);
    assert!(!piped.stderr.contains("--format"), "{piped:#?}");
}

#[test]
fn the_time_of_day_is_that_of_the_time_zone() {
    let (server, _) = of_each_kind();
    let call = Rocketman::tail(&server.url()).with("--color never");
    let (_, rows) = rows(call.env("TZ", "Etc/GMT-2"), 120);
    assert!(rows[0].starts_with("16:13:20 create"), "{rows:#?}");
}

#[test]
fn the_line_is_shown_where_it_is_asked_for() {
    let (server, lines) = of_each_kind();
    for call in [
        call(&server).with("--format json"),
        call(&server).env("ROCKETMAN_FORMAT", "json"),
        call(&server).with("--raw"),
    ] {
        let (output, rows) = rows(call, 120);
        assert_eq!(rows, lines, "{output:#?}");
    }
    let rows_in_a_pipe = call(&server)
        .env("ROCKETMAN_FORMAT", "human")
        .with("-n 4")
        .succeed();
    let expected = expected().map(|row| format!("14:13:20 {row}"));
    assert_eq!(rows_in_a_pipe.lines(), expected);
}

#[test]
fn rows_are_cut_to_the_width_of_the_terminal() {
    let text = "漢字 and 👨‍👩‍👧 whatever\nelse there is to be said of it ".repeat(9);
    let server = Server::every(events((0..4).map(|n| post_of(n, &text)).collect()));
    for (columns, shown) in [(80, 80), (120, 120), (0, 80)] {
        let (_, rows) = rows(call(&server).with("--color never"), columns);
        assert_eq!(rows.len(), 4, "{rows:#?}");
        for row in rows {
            let width = row.width();
            assert!((shown - 8..=shown).contains(&width), "{width}: {row}");
            assert!(row.ends_with('…'), "{row}");
        }
    }
    let whole = call(&server).with("-n 1 --format human").succeed();
    let end = "whatever↵else there is to be said of it \"\n";
    assert!(whole.stdout.ends_with(end), "{}", whole.stdout);
}

#[test]
fn rows_are_coloured_unless_that_is_not_wanted() {
    let (server, _) = of_each_kind();
    let green = "\x1b[32mcreate\x1b[0m";
    for (call, is_coloured) in [
        (call(&server), true),
        (call(&server).env("NO_COLOR", "1"), false),
        (call(&server).with("--color never"), false),
        (call(&server).env("TERM", "dumb"), false),
        (
            call(&server).env("TERM", "dumb").with("--color always"),
            true,
        ),
    ] {
        let (output, rows) = rows(call, 120);
        assert_eq!(output.stderr.contains(green), is_coloured, "{rows:#?}");
        let has_escapes = rows.iter().any(|row| row.contains('\x1b'));
        assert_eq!(has_escapes, is_coloured, "{rows:#?}");
    }
    let piped = call(&server).with("-n 1 --format human").succeed();
    assert!(!piped.stdout.contains('\x1b'), "{piped:#?}");
    let piped = call(&server)
        .with("-n 1 --format human --color always")
        .succeed();
    assert!(piped.stdout.contains(green), "{piped:#?}");
}

#[test]
fn pretty_is_the_same_json_over_several_lines() {
    let (server, lines) = of_each_kind();
    let output = call(&server).with("-n 4 --format pretty").succeed();
    let values = serde_json::Deserializer::from_str(&output.stdout).into_iter();
    let values: Vec<serde_json::Value> = values.map(Result::unwrap).collect();
    let sent: Vec<serde_json::Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(values, sent);
    let first = output.stdout.lines().take(2).collect::<Vec<_>>();
    assert_eq!(
        first,
        ["{".to_owned(), format!("  \"did\": \"{}\",", did(0))]
    );
    let (output, _) = rows(call(&server).with("--format pretty"), 80);
    let colored = format!("\x1b[34m\"did\"\x1b[0m: \x1b[32m\"{}\"\x1b[0m,", did(0));
    assert!(output.stderr.contains(&colored), "{output:#?}");
}

#[test]
fn nothing_in_a_row_acts_upon_the_terminal() {
    let text = "a\u{9b}31m\u{7f}\u{202e}b\u{2066}c\u{1b}[2J\td\r\ne";
    let server = Server::every(events((0..4).map(|n| post_of(n, text)).collect()));
    let shown = r"a\u009b31m\u007f\u202eb\u2066c\u001b[2J";
    let (_, human) = rows(call(&server).with("--color never"), 180);
    assert!(
        human[0].ends_with(&format!("\"{shown} d↵e\"")),
        "{human:#?}"
    );
    let template = [
        "--color",
        "never",
        "--format",
        r"%{commit.record.text}|%j\n",
    ];
    let call = template.iter().fold(call(&server), Rocketman::arg);
    let (output, _) = rows(call, 80);
    let acts = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    assert!(!output.stderr.contains(acts), "{output:#?}");
    assert!(
        output.stderr.contains(&format!("{shown}\td")),
        "{output:#?}"
    );
}

#[test]
fn rows_are_as_wide_as_the_terminal_after_it_changed() {
    let server = Server::every(|request| {
        let mut connection = request.accept();
        let mut posts = (0..).map(|n| post_of(n, &"x".repeat(300)));
        while posts.next().is_some_and(|post| connection.try_send(post)) {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let line = format!("trap : INT; $R tail {} --color never", server.url());
    let Some(terminal) = Terminal::run(&line) else {
        return;
    };
    let is_row = |columns: usize| {
        let screen = terminal.screen();
        screen
            .iter()
            .any(|row| row.ends_with('…') && row.chars().count() == columns)
    };
    wait_until("rows of 180 columns", || is_row(180));
    terminal.resize(100);
    wait_until("rows of 100 columns", || is_row(100));
    terminal.press("C-c");
    terminal.line_with("exit code 130");
}

#[test]
fn a_file_has_no_colours_and_is_not_cut() {
    let server = Server::every(events(vec![post_of(0, &"x".repeat(300)), post(1)]));
    let folder = tempfile::tempdir().unwrap();
    call(&server)
        .with("-n 2 --format human --color always -o rows")
        .inside(folder.path())
        .succeed();
    let rows = fs::read_to_string(folder.path().join("rows")).unwrap();
    assert!(
        rows.contains(&"x".repeat(300)) && !rows.contains('\x1b'),
        "{rows}"
    );
}
