//! The far side of the thread: rows and places, in transactions.

use rusqlite::Connection;
use tracing::{info, warn};

use super::{
    SqliteSettings, TableKind, account,
    columns::Columns,
    error::TableError,
    events,
    events::Append,
    job::Job,
    known::Known,
    numbering::Numberings,
    places::{self, Found},
    schema,
    state::{self, Fold},
};
use crate::{
    cursor::Saved,
    error::MemberError,
    event::{Batch, Kind, Origin, Point, Position},
    log::STATE,
    sink::SinkContext,
};

/// A transaction has no more rows than this, and hardly more bytes, whatever the time.
const MAX_ROWS: usize = 25_000;
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The connection, and the transaction that is open on it.
pub(super) struct Database {
    connection: Connection,
    settings: SqliteSettings,
    columns: Columns,
    /// The statement that writes a row.
    insert: String,
    context: SinkContext,
    /// Which numbers `seq` is of.
    numberings: Numberings,
    open: Open,
    /// Rows of this run have a place.
    has_reached: bool,
    /// What may have been removed, of a state.
    known: Option<Known>,
    /// Events that were not understood.
    unread: u64,
}

/// What the open transaction holds.
#[derive(Default)]
struct Open {
    is_begun: bool,
    rows: usize,
    bytes: usize,
    /// How many events there are with its rows since the beginning.
    total: u64,
    reached: Option<Position>,
    /// What of its events is kept for a while, and the latest time of them.
    recent: Vec<u8>,
    latest_us: u64,
}

impl Database {
    pub(super) fn open(settings: SqliteSettings) -> Result<Self, MemberError> {
        let connection = schema::open(&settings)?;
        let columns = Columns::new(settings.columns.clone());
        let insert = match settings.table {
            TableKind::State => state::upsert(&columns),
            TableKind::Events => events::insert(&columns),
        };
        let known = match settings.table {
            TableKind::State => Some(Known::load(&connection, &Known::REMOVED)),
            TableKind::Events => None,
        };
        let known = known
            .transpose()
            .map_err(TableError::of("read", &settings.path))?;
        Ok(Self {
            connection,
            settings,
            columns,
            insert,
            context: SinkContext::default(),
            numberings: Numberings::default(),
            open: Open::default(),
            has_reached: false,
            known,
            unread: 0,
        })
    }

    pub(super) fn saved(&self) -> Result<Found, MemberError> {
        places::find(&self.connection, &self.settings)
    }

    /// What a table of events has of late.
    pub(super) fn recent(&self) -> Result<Vec<Point>, MemberError> {
        match self.settings.table {
            TableKind::Events => places::recent(&self.connection).map_err(self.failed("read")),
            TableKind::State => Ok(Vec::new()),
        }
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(rusqlite::Error) -> MemberError {
        TableError::of(action, &self.settings.path)
    }

    /// Does one thing; returns a batch to be used again.
    pub(super) fn work(&mut self, job: Job) -> Result<Option<Box<Batch>>, MemberError> {
        match job {
            Job::Begin(context) => {
                self.context = context;
                self.open.total = 0;
            }
            Job::Rows {
                batch,
                total,
                reached,
            } => {
                self.add(&batch, reached).map_err(self.failed("write to"))?;
                self.context.stats().add_unfit(self.columns.uncounted());
                self.open.total = total;
                if self.open.rows >= MAX_ROWS || self.open.bytes >= MAX_BYTES {
                    self.commit().map_err(self.failed("write to"))?;
                }
                return Ok(Some(batch));
            }
            Job::Commit => self.commit().map_err(self.failed("write to"))?,
            Job::Save(saved, done) => {
                if let Err(error) = self.save(&saved) {
                    done.send(Err(MemberError::other("the database takes no more")))
                        .ok();
                    return Err(self.failed("write to")(error));
                }
                done.send(Ok(())).ok();
            }
            #[cfg(feature = "history")]
            Job::Read(read) => read(&self.connection),
            #[cfg(feature = "history")]
            Job::Change(change, done) => {
                let changed = self.begin().and_then(|()| change(&self.connection));
                let committed = changed.and_then(|()| self.commit());
                done.send(committed.map_err(self.failed("write to"))).ok();
            }
            Job::Finish(done) => {
                self.commit().map_err(self.failed("write to"))?;
                self.log();
                done.send(()).ok();
            }
        }
        Ok(None)
    }

    fn begin(&mut self) -> rusqlite::Result<()> {
        if !self.open.is_begun {
            self.connection
                .prepare_cached("BEGIN IMMEDIATE")?
                .execute([])?;
            self.open.is_begun = true;
        }
        Ok(())
    }

    fn add(&mut self, batch: &Batch, reached: Option<Point>) -> rusqlite::Result<()> {
        self.begin()?;
        if let (Some(point), Some(origin)) = (reached, batch.origin()) {
            self.open.reached = Some(Position {
                origin: Origin::clone(origin),
                point,
            });
        }
        self.open.rows += batch.len();
        self.open.bytes += batch.lines().len();
        match self.settings.table {
            TableKind::Events => self.append(batch),
            TableKind::State => self.fold(batch),
        }
    }

    fn append(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        let keeps_record = self.settings.keeps_record;
        let mut append = Append::prepare(&self.connection, &self.insert, keeps_record)?;
        for event in batch.events() {
            append.add(&event, &mut self.columns)?;
            places::push_point(event.point(), &mut self.open.recent);
            self.open.latest_us = self.open.latest_us.max(event.time_us());
        }
        Ok(())
    }

    fn fold(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        let numbering = self.numberings.note(&self.connection, batch.origin())?;
        let (connection, settings) = (&self.connection, &self.settings);
        let mut fold = Fold::prepare(connection, &self.insert, settings.keeps_record, numbering)?;
        let Some(known) = &mut self.known else {
            return Ok(());
        };
        for event in batch.events() {
            if event.kind() == Kind::Commit {
                fold.add(&event, &mut self.columns, known)?;
            } else {
                if matches!(event.kind(), Kind::Account | Kind::Sync) {
                    known.add(event.did());
                }
                let policy = settings.on_account_gone;
                let is_read = account::add(connection, &event, policy, numbering)?;
                self.unread += u64::from(!is_read);
            }
        }
        Ok(())
    }

    /// Commits rows and their place, which accepts them.
    fn commit(&mut self) -> rusqlite::Result<()> {
        if !self.open.is_begun {
            return Ok(());
        }
        let open = std::mem::take(&mut self.open);
        let SqliteSettings { source, filter, .. } = &self.settings;
        if let Some(reached) = &open.reached {
            places::note_reached(&self.connection, [source, filter], reached)?;
            self.has_reached = true;
        }
        if !open.recent.is_empty() {
            let (latest_us, recent) = (open.latest_us, &open.recent);
            places::note_recent(&self.connection, &self.settings, latest_us, recent)?;
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.open.total = open.total;
        self.context.accept_up_to(open.total, Vec::new());
        Ok(())
    }

    /// Commits a cursor, and whatever rows there are.
    fn save(&mut self, saved: &Saved) -> rusqlite::Result<()> {
        if let Some(filter) = &saved.filter {
            self.settings.filter.clone_from(filter);
        }
        self.begin()?;
        let SqliteSettings { source, filter, .. } = &self.settings;
        if !self.has_reached {
            places::forget_reached(&self.connection, [source, filter])?;
        }
        places::note_saved(&self.connection, [source, filter], saved)?;
        self.commit()
    }

    fn log(&self) {
        self.columns.log();
        let unread = self.unread;
        if unread > 0 {
            warn!(target: STATE, unread, "{unread} events about accounts were not of a shape that can be understood, and changed nothing");
        }
    }

    /// Leaves one file where nobody else reads the database.
    pub(super) fn close(self) {
        let path = self.settings.path.display().to_string();
        if let Err((_, error)) = self.connection.close() {
            info!(target: STATE, path, %error, "database '{path}' could not be closed: {error}");
        }
    }
}
