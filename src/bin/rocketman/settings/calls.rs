//! What calls of an archive are allowed, and where there are any.

use std::path::PathBuf;

use super::SettingsError;
use crate::args::CallArgs;
use rocketman::serve::{Faults, Quota};

/// How calls of an archive are answered.
#[derive(Debug)]
pub(crate) struct CallSettings {
    /// The file that holds the key.
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) quota: Option<Quota>,
    pub(crate) plan_max_entries: Option<usize>,
    /// A flag that means nothing where the calls are not answered.
    pub(crate) flag: Option<String>,
}

impl CallSettings {
    /// Refuses what is of archive calls where there are none.
    pub(super) fn resolve(
        args: CallArgs,
        faults: &Faults,
        is_archive: bool,
        legacy: bool,
    ) -> Result<Self, SettingsError> {
        let fault = faults.of_archive().map(|fault| format!("--fault {fault}"));
        let flag = args.given().map(str::to_owned).or(fault);
        if let Some(flag) = flag.clone() {
            if !is_archive {
                return Err(SettingsError::ForArchive(
                    flag,
                    "where no segment files are served",
                ));
            }
            if legacy {
                return Err(SettingsError::ForArchive(flag, "with --legacy"));
            }
        }
        let CallArgs {
            key_file,
            quota,
            plan_max_entries,
        } = args;
        Ok(Self {
            key_file,
            quota,
            plan_max_entries,
            flag,
        })
    }
}
