//! What a person sees who asks for help.

use std::{fs, process::Command};

use insta::assert_snapshot;

use crate::support::program::Rocketman;

/// What these arguments print.
fn help(arguments: &str) -> String {
    let output = Rocketman::new(arguments.split(' ')).succeed();
    assert_eq!(output.stderr, "");
    output.stdout
}

#[test]
fn short_helps_fit_on_a_screen_of_80_columns() {
    for (arguments, rows) in [
        ("-h", 24),
        ("tail -h", 50),
        ("probe -h", 50),
        ("replay -h", 50),
        ("serve -h", 50),
    ] {
        let call = Rocketman::new(arguments.split(' ')).env("COLUMNS", "80");
        let help = call.succeed().stdout;
        let widest = help.lines().map(|line| line.chars().count()).max();
        assert!(help.lines().count() <= rows && widest <= Some(80), "{help}");
        assert!(!help.contains("[env:"), "{help}");
    }
    let tail = help("tail -h");
    assert!(
        tail.contains("[SOURCE]...") && tail.contains("demo:"),
        "{tail}"
    );
}

#[test]
fn pages_of_the_manual_are_formatted_without_a_warning() {
    if Command::new("groff").arg("--version").output().is_err() {
        println!("skipped: groff is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    Rocketman::new(["man", "--dir", "."])
        .inside(folder.path())
        .succeed();
    let mut n_pages = 0;
    for page in fs::read_dir(folder.path()).unwrap() {
        let page = page.unwrap().path();
        let made = Command::new("groff")
            .args(["-ww", "-man", "-Tutf8"])
            .arg(&page)
            .output();
        let made = made.unwrap();
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert_eq!(said, "", "{}", page.display());
        assert!(
            made.status.success() && made.stdout.len() > 500,
            "{}",
            page.display()
        );
        n_pages += 1;
    }
    assert!(n_pages > 8, "{n_pages}");
}

#[test]
fn the_short_help_of_the_program_lists_its_commands() {
    assert_snapshot!("rocketman-h", help("-h"));
    assert_eq!(help("--help"), help("help"));
}

#[test]
fn the_help_of_cursor_explains_each_of_its_commands() {
    assert_snapshot!("cursor-h", help("cursor -h"));
    for command in ["show", "set", "rewind"] {
        let short = help(&format!("cursor {command} -h"));
        assert!(short.lines().count() <= 24, "{short}");
        let long = help(&format!("cursor {command} --help"));
        let widest = long.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{long}");
        assert_eq!(long, help(&format!("help cursor {command}")));
        assert_snapshot!(format!("cursor-{command}-help"), long);
    }
}

#[test]
fn the_short_help_of_tail_fits_on_a_screen() {
    let short = help("tail -h");
    let widest = short.lines().map(|line| line.chars().count()).max();
    assert!(short.lines().count() <= 50, "{short}");
    assert!(widest <= Some(100), "{short}");
    assert_snapshot!("tail-h", short);
}

#[test]
fn the_long_help_of_tail_explains_everything() {
    let long = help("tail --help");
    let widest = long.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "{long}");
    assert_snapshot!("tail-help", long);
}

#[test]
fn the_help_of_replay_has_what_matters_for_files() {
    let (short, long) = (help("replay -h"), help("replay --help"));
    let lines = short.lines().chain(long.lines());
    assert!(lines.map(|line| line.chars().count()).max() <= Some(100));
    for flag in ["--after-seq", "--before-seq", "--threads"] {
        assert!(short.contains(flag), "{short}");
    }
    for flag in ["--quiet-timeout", "--exit-at-end", "--durable"] {
        assert!(!long.contains(&format!("{flag}\n")), "{long}");
    }
    assert_snapshot!("replay-h", short);
    assert_snapshot!("replay-help", long);
}

#[test]
fn the_help_of_probe_explains_columns_keys_and_exit_codes() {
    let (short, long) = (help("probe -h"), help("probe --help"));
    let lines = short.lines().chain(long.lines());
    assert!(lines.map(|line| line.chars().count()).max() <= Some(100));
    assert_snapshot!("probe-h", short);
    assert_snapshot!("probe-help", long);
}

#[test]
fn the_help_of_check_explains_keys_and_exit_codes() {
    let (short, long) = (help("check -h"), help("check --help"));
    let lines = short.lines().chain(long.lines());
    assert!(lines.map(|line| line.chars().count()).max() <= Some(100));
    assert_snapshot!("check-h", short);
    assert_snapshot!("check-help", long);
}

#[test]
fn the_help_of_inspect_explains_keys_and_exit_codes() {
    let (short, long) = (help("inspect -h"), help("inspect --help"));
    let lines = short.lines().chain(long.lines());
    assert!(lines.map(|line| line.chars().count()).max() <= Some(100));
    assert_snapshot!("inspect-h", short);
    assert_snapshot!("inspect-help", long);
}

#[test]
fn the_help_of_pack_explains_what_becomes_of_lines() {
    let (short, long) = (help("pack -h"), help("pack --help"));
    let lines = short.lines().chain(long.lines());
    assert!(lines.map(|line| line.chars().count()).max() <= Some(100));
    assert_snapshot!("pack-h", short);
    assert_snapshot!("pack-help", long);
}

#[test]
fn the_help_of_health_explains_its_exit_codes() {
    let (short, long) = (help("health -h"), help("health --help"));
    let lines = short.lines().chain(long.lines());
    assert!(lines.map(|line| line.chars().count()).max() <= Some(100));
    assert_snapshot!("health-h", short);
    assert_snapshot!("health-help", long);
}

#[test]
fn the_help_of_serve_explains_everything() {
    let (short, long) = (help("serve -h"), help("serve --help"));
    let lines = short.lines().chain(long.lines());
    assert!(lines.map(|line| line.chars().count()).max() <= Some(100));
    assert!(short.lines().count() <= 50, "{short}");
    assert_snapshot!("serve-h", short);
    assert_snapshot!("serve-help", long);
}

#[test]
fn the_help_of_compare_explains_its_keys_and_exit_codes() {
    let (short, long) = (help("compare -h"), help("compare --help"));
    let lines = short.lines().chain(long.lines());
    assert!(lines.map(|line| line.chars().count()).max() <= Some(100));
    assert_snapshot!("compare-h", short);
    assert_snapshot!("compare-help", long);
}
