//! Where events go, from what was typed.

use std::{
    env,
    ffi::OsString,
    io::{self, IsTerminal},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    SettingsError,
    any_sink::any_sink,
    exec, executable, files,
    format::FormatFlags,
    http::{self, HttpFlagError, HttpFlags},
    roles::is_stream,
    suffix,
    table::{self, TableFlagError, TableFlags},
};
use crate::{
    args::{ExecArgs, FileArgs, OutputArgs},
    platform::is_discarded,
};
use rocketman::{
    MemberError, Shown,
    filter::Filter,
    sink::{
        ExecSettings, ExecSink, Fate, FileSettings, FileSink, LineFormat, StdoutSink,
        http::{HttpSettings, HttpSink},
    },
    table::sqlite::{self, SqliteCursor, SqliteSettings, SqliteSink},
};
#[cfg(feature = "nats")]
use rocketman::{
    nats::NatsSettings,
    sink::nats::{NatsSink, NatsSinkSettings},
};

any_sink! {
    Stdout(StdoutSink),
    File(FileSink),
    Exec(Box<ExecSink>),
    Http(Box<HttpSink>),
    Sqlite(Box<SqliteSink>),
    #[cfg(feature = "nats")]
    Nats(Box<NatsSink>),
}

/// Has files opened again, from any thread.
pub(crate) type Reopen = Box<dyn Fn() + Send + Sync>;

/// What SIGHUP does to each of them.
impl AnySink {
    /// What opens its files again; none where it has none.
    pub(crate) fn reopen(&self) -> Option<Reopen> {
        match self {
            Self::File(sink) => Some(Box::new(sink.reopen())),
            _ => None,
        }
    }

    /// Whether it ends the run, where accounts are read again by it or not.
    pub(crate) fn stops_on_hang_up(&self, reads_accounts: bool) -> bool {
        match self {
            Self::File(_) => false,
            // A pipe says by itself when its reader is gone.
            Self::Stdout(_) => io::stdout().is_terminal(),
            Self::Exec(_) | Self::Http(_) | Self::Sqlite(_) => !reads_accounts,
            #[cfg(feature = "nats")]
            Self::Nats(_) => !reads_accounts,
        }
    }
}

/// Where events go.
#[derive(Debug, Clone)]
pub(crate) enum Output {
    Stdout {
        print0: bool,
        format: LineFormat,
        /// Nobody asked for the format: it is for a person at a terminal.
        is_for_person: bool,
    },
    File(Box<FileSettings>),
    Exec {
        program: OsString,
        arguments: Vec<OsString>,
        settings: ExecSettings,
    },
    Http(Box<HttpSettings>),
    Sqlite(Box<SqliteSettings>),
    #[cfg(feature = "nats")]
    Nats(Box<NatsSinkSettings>),
}

/// An output that is open, and what keeps the place where it does that itself.
type Opened = (AnySink, Option<SqliteCursor>);

impl Output {
    /// Opens it. A program's failures on purpose are its own, and may be tried again: it takes the
    /// fate.
    pub(crate) fn open(self, fate: &mut Option<Fate>) -> Result<Opened, MemberError> {
        let sink = match self {
            Self::Stdout { print0, format, .. } => {
                AnySink::Stdout(StdoutSink::new(print0).format(format))
            }
            Self::File(settings) => AnySink::File(FileSink::new(*settings)?),
            Self::Exec {
                program,
                arguments,
                settings,
            } => {
                let programs = ExecSink::new(program, arguments)
                    .settings(settings)
                    .fate(fate.take());
                AnySink::Exec(Box::new(programs))
            }
            Self::Http(settings) => AnySink::Http(Box::new(HttpSink::new(*settings)?)),
            Self::Sqlite(settings) => {
                let (sink, cursor) = sqlite::open(*settings)?;
                return Ok((AnySink::Sqlite(Box::new(sink)), Some(cursor)));
            }
            #[cfg(feature = "nats")]
            Self::Nats(settings) => AnySink::Nats(Box::new(NatsSink::new(*settings))),
        };
        Ok((sink, None))
    }

    /// What is for people on stdout has colours.
    pub(crate) fn colored(mut self, has_colors: bool) -> Self {
        if let Self::Stdout { format, .. } = &mut self {
            *format = std::mem::take(format).colored(has_colors);
        }
        self
    }

    /// What it holds is read back as far as a resume by time goes back.
    pub(super) fn recalling(mut self, rewind: Duration) -> Self {
        let recall = match &mut self {
            Self::File(settings) => &mut settings.recall,
            Self::Sqlite(settings) => &mut settings.recall,
            #[cfg(feature = "nats")]
            Self::Nats(settings) => &mut settings.recall,
            Self::Stdout { .. } | Self::Exec { .. } | Self::Http(_) => return self,
        };
        *recall = rewind.max(*recall);
        self
    }
}

/// Takes the address of a stream of NATS away, where the output is one.
pub(super) fn take_address(args: &mut OutputArgs) -> Result<Option<String>, SettingsError> {
    let output = args.output.as_deref().filter(|output| is_stream(output));
    let Some(address) = output.and_then(Path::to_str).map(str::to_owned) else {
        return Ok(None);
    };
    if args.print0 {
        return Err(SettingsError::Print0ToFile);
    }
    if !FormatFlags::take(args).resolve()?.is_json() {
        return Err(SettingsError::FormatWith("a stream of NATS"));
    }
    args.output = None;
    Ok(Some(address))
}

impl Output {
    /// What to call it, where it is not stdout.
    pub(crate) fn name(&self) -> Option<String> {
        match self {
            Self::Stdout { .. } => None,
            Self::File(settings) => {
                Some(format!("'{}'", Shown::word(&settings.pattern.to_string())))
            }
            Self::Exec { program, .. } => {
                Some(format!("'{}'", Shown::word(&program.to_string_lossy())))
            }
            Self::Http(settings) => Some(format!("'{}'", settings.address)),
            Self::Sqlite(settings) => Some(format!(
                "'{}'",
                Shown::word(&settings.path.to_string_lossy())
            )),
            #[cfg(feature = "nats")]
            Self::Nats(settings) => Some(format!("stream '{}'", Shown::word(&settings.stream))),
        }
    }

    /// What knows by itself where to go on, in words.
    pub(super) fn keeper(&self) -> Option<&'static str> {
        match self {
            #[cfg(feature = "nats")]
            Self::Nats(_) => Some("where the stream to write to ends"),
            Self::Sqlite(_) => Some("where the database comes to"),
            Self::Stdout { .. } | Self::File(_) | Self::Exec { .. } | Self::Http(_) => None,
        }
    }

    /// The database that it is, which keeps the place as well.
    pub(crate) fn database(&self) -> Option<&SqliteSettings> {
        match self {
            Self::Sqlite(settings) => Some(settings),
            _ => None,
        }
    }

    /// Says what is read, and through which filter.
    pub(super) fn of_stream(mut self, source: String, filter: &Filter) -> Self {
        if let Self::Sqlite(settings) = &mut self {
            settings.source = source;
            filter.description().clone_into(&mut settings.filter);
        }
        self
    }

    /// The stream of NATS that it is, and where that is.
    #[cfg(feature = "nats")]
    pub(super) fn stream(&self) -> Option<(&NatsSettings, &String)> {
        match self {
            Self::Nats(settings) => Some((&settings.nats, &settings.stream)),
            _ => None,
        }
    }

    /// What is to be said where events are shown in another form unasked, and where nobody gets what
    /// is written to stdout. One that was closed is `/dev/null` here too.
    pub(super) fn remark(&self) -> &'static str {
        match self {
            Self::Stdout {
                is_for_person: true,
                ..
            } => "; events are shown as rows, --format json shows their lines",
            Self::Stdout { .. } if is_discarded() => "; stdout is /dev/null, and no event is kept",
            Self::Exec { settings, .. } if settings.has_output && is_discarded() => {
                "; stdout is /dev/null, and what programs print is not kept"
            }
            _ => "",
        }
    }

    /// Checks the flags of sinks against each other. No output file may be one of `reserved`.
    /// Nothing but a file of dead letters is opened.
    pub(super) fn resolve(
        mut args: OutputArgs,
        file_args: &FileArgs,
        exec_args: ExecArgs,
        http: HttpFlags<'_>,
        tables: TableFlags<'_>,
        reserved: Vec<PathBuf>,
    ) -> Result<Self, SettingsError> {
        let endpoint = args.output.as_deref().and_then(http::address);
        if let Some(address) = endpoint.map(str::to_owned) {
            files::refuse(file_args)?;
            return Self::to_endpoint(&address, args, http, exec_args.jobs, tables);
        }
        http::refuse(&http.args)?;
        if args.exec.is_empty() && exec_args.jobs.is_some() {
            return Err(HttpFlagError::Jobs.into());
        }
        let database = args.output.as_deref().and_then(table::database);
        if let Some(database) = database.map(Path::to_owned) {
            files::refuse(file_args)?;
            table::check_form(&args)?;
            let settings = table::resolve(&database, tables)?;
            if !FormatFlags::take(&mut args).resolve()?.is_json() {
                return Err(SettingsError::FormatWith("a database"));
            }
            return Ok(Self::Sqlite(Box::new(settings)));
        }
        let is_table = args.output.as_deref().is_some_and(suffix::is_parquet);
        if !is_table || !args.exec.is_empty() {
            table::refuse(&tables.args)?;
        }
        let flags = FormatFlags::take(&mut args);
        let OutputArgs {
            output,
            exec,
            format: _,
            fields: _,
            no_header: _,
            raw,
            print0,
            validate: _,
            bad_events: _,
        } = args;
        let mut exec = exec.into_iter();
        let output = match (exec.next(), output) {
            (Some(program), _) => {
                executable::check(&program, env::var_os("PATH").as_deref())?;
                let arguments: Vec<_> = exec.collect();
                let settings = exec::resolve(exec_args, &program, &arguments)?;
                let format = flags.resolve()?;
                if settings.in_flight.is_some() && !format.is_json() {
                    return Err(SettingsError::FormatWith("--exec-mode stream"));
                }
                Self::Exec {
                    settings: ExecSettings { format, ..settings },
                    program,
                    arguments,
                }
            }
            (None, Some(path)) if path != Path::new("-") => {
                let mut settings = files::resolve(path, flags.resolve()?, file_args)?;
                if is_table {
                    refuse_for_columns([("--raw", raw), ("--print0", print0)])?;
                    table::resolve_files(&mut settings, tables)?;
                }
                Self::File(Box::new(FileSettings {
                    reserved,
                    ..settings
                }))
            }
            (None, _) => {
                let (format, is_for_person) = flags.resolve_stdout()?;
                Self::Stdout {
                    print0,
                    format,
                    is_for_person,
                }
            }
        };
        if !matches!(output, Self::File(_)) {
            files::refuse(file_args)?;
        }
        if print0 && matches!(output, Self::File(_)) {
            return Err(SettingsError::Print0ToFile);
        }
        Ok(output)
    }
}

impl Output {
    fn to_endpoint(
        address: &str,
        mut args: OutputArgs,
        http: HttpFlags<'_>,
        jobs: Option<NonZeroUsize>,
        tables: TableFlags<'_>,
    ) -> Result<Self, SettingsError> {
        for (flag, is_given) in [("--print0", args.print0), ("--raw", args.raw)] {
            if is_given {
                return Err(HttpFlagError::NotForEndpoints(flag).into());
            }
        }
        let format = FormatFlags::take(&mut args);
        let settings = http::resolve(address, http, &format, jobs, tables)?;
        Ok(Self::Http(Box::new(settings)))
    }
}

/// Refuses flags of how lines are written where there are columns.
fn refuse_for_columns(flags: [(&'static str, bool); 2]) -> Result<(), SettingsError> {
    match flags.into_iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => Err(TableFlagError::WithParquet(flag).into()),
        None => Ok(()),
    }
}
