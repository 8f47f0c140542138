//! The status line as a person sees it: in terminals that change, and those that can draw nothing.

use std::time::Instant;

use crate::support::{DEADLINE, program::Rocketman, terminal::Terminal};

/// What only the status line says.
const STATUS: &str = "/s read";

/// A run of a slow demo into a file, some rows below the top: what tmux scrolls away when it becomes
/// narrower cannot be drawn over.
fn run() -> Option<Terminal> {
    let terminal = Terminal::run("trap : INT; seq 20; $R tail 'demo:?rate=20' -o f");
    if terminal.is_none() {
        Rocketman::tail("demo:").with("-n 5").succeed();
    }
    terminal
}

#[test]
fn the_line_names_the_demo_and_the_file() {
    let Some(terminal) = run() else { return };
    let line = terminal.line_with("delivered to 'f'");
    assert!(line.contains(STATUS) && line.ends_with("  demo:"), "{line}");
    terminal.press("C-c");
    terminal.line_with("exit code 130");
}

fn fits(line: &str, columns: u16) -> bool {
    line.chars().count() < usize::from(columns)
}

#[test]
fn a_terminal_that_changes_its_width_keeps_no_dead_lines() {
    let Some(terminal) = run() else { return };
    // tmux tells the program of a second change a while later only, so each is awaited.
    let mut before = terminal.line_with("delivered to 'f'");
    // How much of the line a terminal of this width shows.
    for (columns, shown) in [
        (60, "delivered to 'f'"),
        (40, STATUS),
        (150, "delivered to 'f'"),
    ] {
        terminal.resize(columns);
        let deadline = Instant::now() + DEADLINE;
        before = loop {
            let lines = terminal.history();
            let of_status: Vec<_> = lines.iter().filter(|line| line.contains(STATUS)).collect();
            match of_status[..] {
                [line] if line.contains(shown) && fits(line, columns) && *line != before => {
                    break line.clone();
                }
                _ => assert!(Instant::now() < deadline, "{columns}: {lines:#?}"),
            }
        };
    }
    let lines = terminal.history();
    let messages: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("rocketman: "))
        .collect();
    assert_eq!((messages.len(), lines.len()), (2, 23), "{lines:#?}");
    terminal.press("C-c");
    terminal.line_with("exit code 130");
}

#[test]
fn a_terminal_that_cannot_draw_gets_neither_line_nor_colours() {
    let line =
        "TERM=dumb $R tail demo: --progress always --duration 600ms -o f; echo x > o; $R check o";
    let Some(terminal) = Terminal::run(line) else {
        Rocketman::tail("demo:").with("-n 5").succeed();
        return;
    };
    let bytes = terminal.bytes();
    assert!(bytes.contains("events delivered"), "{bytes}");
    let before_check = bytes.split("damaged").next().unwrap();
    assert!(
        !before_check.contains(STATUS) && !before_check.contains('\x1b'),
        "{bytes}"
    );
}
