//! `rocketman cursor`: shows a cursor, or puts it elsewhere.

mod at;
mod set;
mod show;

use std::process::ExitCode;

use crate::{command::with_runtime, failure::Failure, settings::CursorSettings, terminal::print};

/// Does what one of its commands says.
pub(crate) fn run(settings: CursorSettings) -> Result<ExitCode, Failure> {
    match settings {
        CursorSettings::Show { at, json } => print(&with_runtime(show::run(&at, json))?),
        CursorSettings::Move {
            at,
            target,
            forget_files,
        } => with_runtime(set::run(&at, &target, forget_files)),
    }
}
