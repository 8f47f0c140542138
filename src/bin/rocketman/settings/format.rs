//! How events are written, from what was typed.

use std::io::{self, IsTerminal};

use super::SettingsError;
use crate::args::OutputArgs;
use rocketman::sink::LineFormat;

/// The flags that say it.
pub(super) struct FormatFlags {
    format: Option<String>,
    fields: Option<String>,
    no_header: bool,
    raw: bool,
    print0: bool,
}

impl FormatFlags {
    pub(super) fn take(args: &mut OutputArgs) -> Self {
        Self {
            format: args.format.take(),
            fields: args.fields.take(),
            no_header: args.no_header,
            raw: args.raw,
            print0: args.print0,
        }
    }

    /// The format that was asked for; otherwise events are written as they are.
    pub(super) fn resolve(&self) -> Result<LineFormat, SettingsError> {
        let format = self.parse()?;
        if format.is_json() {
            return Ok(format);
        }
        for (flag, is_given) in [("--raw", self.raw), ("--print0", self.print0)] {
            if is_given {
                return Err(SettingsError::FormatWith(flag));
            }
        }
        Ok(format)
    }

    /// The same for stdout, and whether it was chosen here: a terminal is for people.
    pub(super) fn resolve_stdout(&self) -> Result<(LineFormat, bool), SettingsError> {
        let is_open = self.format.is_none() && !self.raw && !self.print0;
        let format = self.resolve()?;
        if is_open && io::stdout().is_terminal() {
            return Ok((LineFormat::human(), true));
        }
        Ok((format, false))
    }

    fn parse(&self) -> Result<LineFormat, SettingsError> {
        let format = self.format.as_deref().unwrap_or("json");
        let failed = |flag| move |source| SettingsError::Format { flag, source };
        let table = match format {
            "csv" => LineFormat::csv,
            "tsv" => LineFormat::tsv,
            _ => {
                for (flag, is_given) in [
                    ("--fields", self.fields.is_some()),
                    ("--no-header", self.no_header),
                ] {
                    if is_given {
                        return Err(SettingsError::ForTables(flag));
                    }
                }
                return format.parse().map_err(failed("--format"));
            }
        };
        let fields = self.fields.as_deref();
        let fields = fields.ok_or_else(|| SettingsError::NoFields(format.to_owned()))?;
        table(fields, !self.no_header).map_err(failed("--fields"))
    }
}
