//! Lines as columns: where in the lines each value is, since most are in them as they are.

use std::io;

use ::parquet::basic::Type;

use super::layout::Layout;
use crate::{
    event::{Batch, Envelope, Event, Kind, Point},
    table::{Cell, Row},
};

/// A text among the lines, or behind them where it was unescaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) start: u32,
    pub(super) len: u32,
}

/// The values of one column, a row each.
#[derive(Debug)]
pub(super) enum Values {
    Texts(Vec<Option<Place>>),
    Integers(Vec<Option<i64>>),
    Reals(Vec<Option<f64>>),
    Booleans(Vec<Option<bool>>),
}

/// The rows of one group.
#[derive(Debug)]
pub(super) struct Rows {
    /// The lines, and behind them what is not in them as it is.
    pub(super) text: Vec<u8>,
    /// In the order of the layout.
    pub(super) columns: Vec<Values>,
    pub(super) n: u64,
    /// Values that their column cannot hold.
    pub(super) n_unfit: u64,
}

impl Rows {
    /// Reads lines, each with its line end.
    pub(super) fn read(text: Vec<u8>, layout: &Layout) -> io::Result<Self> {
        let mut rows = Self {
            columns: empty(layout),
            text,
            n: 0,
            n_unfit: 0,
        };
        let mut side = Vec::new();
        let mut batch = Batch::new();
        let lines = std::mem::take(&mut rows.text);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &lines) {
            let line = lines.get(start..end).unwrap_or_default();
            batch.clear();
            push(&mut batch, line)?;
            if let Some(event) = batch.events().next() {
                let mut sight = Sight {
                    line: event.line(),
                    start,
                    n_lines: lines.len(),
                    side: &mut side,
                };
                rows.add(&event, layout, &mut sight)?;
            }
            start = end + 1;
        }
        rows.text = lines;
        rows.text.append(&mut side);
        Ok(rows)
    }

    fn add(&mut self, event: &Event<'_>, layout: &Layout, sight: &mut Sight<'_>) -> io::Result<()> {
        let mut row = Row::of(event);
        if event.kind() == Kind::Other && row.did.is_empty() && row.detail.is_none() {
            // A message of NATS that is no event.
            row.detail = str::from_utf8(event.line()).ok();
        }
        let named = [
            Cell::Text(row.did.into()),
            i64::try_from(row.time_us).map_or(Cell::Unfit, Cell::Time),
            row.seq.map_or(Cell::Missing, |seq| {
                i64::try_from(seq).map_or(Cell::Unfit, Cell::Integer)
            }),
            Cell::Text(row.kind),
            cell(row.operation),
            cell(row.collection),
            cell(row.rkey),
            cell(row.rev),
            row.cid.map_or(Cell::Missing, Cell::Text),
        ];
        let record = layout.has_record().then(|| cell(row.record));
        let others = record.into_iter().chain([cell(row.detail)]);
        let own = layout.columns().iter().map(|column| column.cell(event));
        let cells = named.into_iter().chain(others).chain(own);
        for (values, cell) in self.columns.iter_mut().zip(cells) {
            self.n_unfit += u64::from(cell == Cell::Unfit);
            values.push(&cell, sight)?;
        }
        self.n += 1;
        Ok(())
    }
}

impl Values {
    fn push(&mut self, cell: &Cell<'_>, sight: &mut Sight<'_>) -> io::Result<()> {
        match (self, cell) {
            (Self::Texts(texts), Cell::Text(text)) => texts.push(Some(sight.place(text)?)),
            (Self::Texts(texts), _) => texts.push(None),
            (Self::Integers(values), Cell::Integer(n) | Cell::Time(n)) => values.push(Some(*n)),
            (Self::Integers(values), _) => values.push(None),
            (Self::Reals(values), Cell::Real(x)) => values.push(Some(*x)),
            (Self::Reals(values), _) => values.push(None),
            (Self::Booleans(values), Cell::Boolean(is)) => values.push(Some(*is)),
            (Self::Booleans(values), _) => values.push(None),
        }
        Ok(())
    }
}

/// What is in sight of one event: its line among the others, and what was unescaped so far.
struct Sight<'a> {
    line: &'a [u8],
    /// Where it begins among the others, and how long those are.
    start: usize,
    n_lines: usize,
    side: &'a mut Vec<u8>,
}

impl Sight<'_> {
    /// Where this text is: in the line, or else behind all lines from now on.
    fn place(&mut self, text: &str) -> io::Result<Place> {
        let begin = text.as_ptr().addr().wrapping_sub(self.line.as_ptr().addr());
        let end = begin.wrapping_add(text.len());
        let start = if begin <= end && end <= self.line.len() {
            self.start + begin
        } else {
            self.side.extend_from_slice(text.as_bytes());
            self.n_lines + self.side.len() - text.len()
        };
        let place = u32::try_from(start)
            .ok()
            .zip(u32::try_from(text.len()).ok());
        let (start, len) =
            place.ok_or_else(|| io::Error::other("a row group is larger than 4 GiB"))?;
        Ok(Place { start, len })
    }
}

fn cell(text: Option<&str>) -> Cell<'_> {
    text.map_or(Cell::Missing, |text| Cell::Text(text.into()))
}

/// Columns without a row.
fn empty(layout: &Layout) -> Vec<Values> {
    let columns = layout.schema().columns().iter();
    columns
        .map(|column| match column.physical_type() {
            Type::INT64 => Values::Integers(Vec::new()),
            Type::DOUBLE => Values::Reals(Vec::new()),
            Type::BOOLEAN => Values::Booleans(Vec::new()),
            _ => Values::Texts(Vec::new()),
        })
        .collect()
}

/// Reads a line that was an event, or a message of NATS, when it came.
fn push(batch: &mut Batch, line: &[u8]) -> io::Result<()> {
    let Err(bad) = batch.push(line) else {
        return Ok(());
    };
    let point = Point::of_message(line);
    let point = point.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, bad))?;
    let start = batch.lines().len();
    batch.buffer().extend_from_slice(line);
    batch.commit_tail(start, Envelope::bare(Kind::Other, point));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(rows: &Rows, at: usize) -> Vec<Option<&str>> {
        let Values::Texts(places) = &rows.columns[at] else {
            panic!("column {at} holds no texts");
        };
        let text = |place: &Place| {
            let start = place.start as usize;
            str::from_utf8(&rows.text[start..start + place.len as usize]).unwrap()
        };
        places
            .iter()
            .map(|place| place.as_ref().map(text))
            .collect()
    }

    #[test]
    fn a_message_that_is_no_event_is_a_row_as_it_is() {
        let message = r#"{"seq":9,"subject":"orders.new","time":"2027-01-15T08:00:00.123456789Z","headers":{},"type":null,"key":"orders.new","data":{"did":"x","kind":"commit"}}"#;
        let event = r#"{"did":"did:plc:a","time_us":5,"kind":"identity","identity":{"seq":4}}"#;
        let lines = format!("{message}\n{event}\n");
        let layout = Layout::new(Vec::new(), true, None).unwrap();
        let rows = Rows::read(lines.into_bytes(), &layout).unwrap();
        assert_eq!(texts(&rows, 0), [Some(""), Some("did:plc:a")]);
        let Values::Integers(times) = &rows.columns[1] else {
            panic!("times are numbers");
        };
        assert_eq!(times, &[Some(1_800_000_000_123_456), Some(5)]);
        let Values::Integers(numbers) = &rows.columns[2] else {
            panic!("numbers are numbers");
        };
        assert_eq!(numbers, &[Some(9), None]);
        assert_eq!(texts(&rows, 4), [None, None]);
        assert_eq!(texts(&rows, 9), [None, None]);
        assert_eq!(texts(&rows, 10), [Some(message), Some(r#"{"seq":4}"#)]);
        assert!(Rows::read(b"{\"seq\":9}\n".to_vec(), &layout).is_err());
    }
}
