//! `rocketman cursor`: shows a cursor, or puts it elsewhere.

mod at;
mod set;
mod show;

use std::process::ExitCode;

use crate::{
    command::with_runtime,
    failure::Failure,
    settings::CursorSettings,
    terminal::{print, print_json},
};

/// Does what one of its commands says.
pub(crate) fn run(settings: CursorSettings) -> Result<ExitCode, Failure> {
    match settings {
        CursorSettings::Show { at, json } => {
            let text = with_runtime(show::run(&at, json))?;
            if json {
                print_json(&text)
            } else {
                print(text.as_bytes())
            }
        }
        CursorSettings::ShowTable { path, json } => {
            let text = show::of_table(&path, json)?;
            if json {
                print_json(&text)
            } else {
                print(text.as_bytes())
            }
        }
        CursorSettings::Move {
            at,
            target,
            forget_files,
        } => with_runtime(set::run(&at, &target, forget_files)),
    }
}
