//! Lines as rows: what each column of a file holds of an event.

use std::{io, mem, sync::Arc};

use super::{
    block::{Block, Values},
    layout::Layout,
};
use crate::{
    event::{Batch, Envelope, Event, Kind, Point},
    table::{Cell, Row},
};

/// The rows of one group.
#[derive(Debug)]
pub(crate) struct Rows {
    layout: Arc<Layout>,
    /// In their order; the last one is filled.
    blocks: Vec<Block>,
    n: u64,
    n_unfit: u64,
    /// Where lines are read.
    batch: Batch,
}

impl Rows {
    /// None yet.
    pub(crate) fn new(layout: Arc<Layout>) -> Self {
        Self {
            layout,
            blocks: Vec::new(),
            n: 0,
            n_unfit: 0,
            batch: Batch::new(),
        }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.n
    }

    /// Values that their column cannot hold.
    pub(crate) fn n_unfit(&self) -> u64 {
        self.n_unfit
    }

    pub(super) fn blocks_mut(&mut self) -> &mut [Block] {
        &mut self.blocks
    }

    /// Leaves none. Their memory is kept for the next ones.
    pub(crate) fn clear(&mut self) {
        self.layout.spare().put(&mut self.blocks);
        (self.n, self.n_unfit) = (0, 0);
    }

    /// Adds the events of lines, each with its line end.
    pub(crate) fn push_lines(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut batch = mem::take(&mut self.batch);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', lines) {
            batch.clear();
            push(&mut batch, lines.get(start..end).unwrap_or_default())?;
            if let Some(event) = batch.events().next() {
                self.push_event(&event)?;
            }
            start = end + 1;
        }
        self.batch = batch;
        Ok(())
    }

    fn push_event(&mut self, event: &Event<'_>) -> io::Result<()> {
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
        let layout = Arc::clone(&self.layout);
        let record = layout.has_record().then(|| cell(row.record));
        let others = record.into_iter().chain([cell(row.detail)]);
        let own = layout.columns().iter().map(|column| column.cell(event));
        let cells = named.into_iter().chain(others).chain(own);
        let mut n_unfit = 0;
        self.push_row(|columns| {
            columns
                .iter_mut()
                .zip(cells)
                .try_for_each(|(values, cell)| {
                    n_unfit += u64::from(cell == Cell::Unfit);
                    values.push(&cell)
                })
        })?;
        self.n_unfit += n_unfit;
        Ok(())
    }

    /// Adds a row: what is given has to add one value to every column.
    pub(super) fn push_row(
        &mut self,
        push: impl FnOnce(&mut [Values]) -> io::Result<()>,
    ) -> io::Result<()> {
        let last = self.blocks.last();
        if last.is_none_or(Block::is_full) {
            let fresh = || last.map_or_else(|| Block::empty(self.layout.schema()), Block::like);
            let block = self.layout.spare().take().unwrap_or_else(fresh);
            self.blocks.push(block);
        }
        if let Some(block) = self.blocks.last_mut() {
            push(&mut block.columns)?;
            block.end_row();
            self.n += 1;
        }
        Ok(())
    }
}

fn cell(text: Option<&str>) -> Cell<'_> {
    text.map_or(Cell::Missing, |text| Cell::Text(text.into()))
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

    /// The texts of a column.
    fn texts(rows: &Rows, at: usize) -> Vec<Option<String>> {
        let mut found = Vec::new();
        for block in &rows.blocks {
            let Values::Texts(texts) = &block.columns[at] else {
                panic!("column {at} holds no texts");
            };
            let mut ends = texts.ends.present.iter().map(|end| *end as usize);
            let mut start = 0;
            for level in &texts.ends.levels {
                found.push((*level == 1).then(|| {
                    let end = ends.next().unwrap();
                    let text = &texts.text[start..end];
                    start = end;
                    str::from_utf8(text).unwrap().to_owned()
                }));
            }
            assert!(ends.next().is_none());
        }
        found
    }

    fn some(texts: [&str; 2]) -> Vec<Option<String>> {
        texts.map(|text| Some(text.to_owned())).to_vec()
    }

    #[test]
    fn a_message_that_is_no_event_is_a_row_as_it_is() {
        let message = r#"{"seq":9,"subject":"orders.new","time":"2027-01-15T08:00:00.123456789Z","headers":{},"type":null,"key":"orders.new","data":{"did":"x","kind":"commit"}}"#;
        let event = r#"{"did":"did:plc:a","time_us":5,"kind":"identity","identity":{"seq":4}}"#;
        let lines = format!("{message}\n{event}\n");
        let layout = Arc::new(Layout::new(Vec::new(), true, None).unwrap());
        let mut rows = Rows::new(Arc::clone(&layout));
        rows.push_lines(lines.as_bytes()).unwrap();
        assert_eq!(texts(&rows, 0), some(["", "did:plc:a"]));
        let [.., times, numbers] = &rows.blocks[0].columns[..3] else {
            panic!("there are eleven columns");
        };
        let (Values::Integers(times), Values::Integers(numbers)) = (times, numbers) else {
            panic!("times and numbers are numbers");
        };
        assert_eq!(times.present, [1_800_000_000_123_456, 5]);
        assert_eq!(
            (&numbers.present[..], &numbers.levels[..]),
            (&[9][..], &[1, 0][..])
        );
        assert_eq!(texts(&rows, 4), [None, None]);
        assert_eq!(texts(&rows, 9), [None, None]);
        assert_eq!(texts(&rows, 10), some([message, r#"{"seq":4}"#]));
        assert!(Rows::new(layout).push_lines(b"{\"seq\":9}\n").is_err());
    }

    #[test]
    fn rows_come_in_blocks_whose_memory_is_used_again() {
        let layout = Arc::new(Layout::new(Vec::new(), true, None).unwrap());
        let mut rows = Rows::new(Arc::clone(&layout));
        let line = |n: usize, pad: &str| {
            format!(
                r#"{{"did":"did:plc:{n}","time_us":5,"kind":"commit","commit":{{"rev":"3k","operation":"create","collection":"a.b.c","rkey":"k","record":{{"text":"{pad}"}},"cid":"c"}}}}"#
            ) + "\n"
        };
        let long = "x".repeat(5 << 20);
        for n in 0..3000 {
            let pad = if n == 1500 { &long } else { "" };
            rows.push_lines(line(n, pad).as_bytes()).unwrap();
        }
        let expected: Vec<_> = (0..3000).map(|n| Some(format!("did:plc:{n}"))).collect();
        assert_eq!(texts(&rows, 0), expected);
        assert_eq!((rows.len(), rows.blocks.len()), (3000, 4));
        rows.clear();
        assert_eq!((rows.len(), rows.blocks.len()), (0, 0));
        // That of the long line is gone.
        let mut spare: Vec<_> = std::iter::from_fn(|| layout.spare().take()).collect();
        assert_eq!(spare.len(), 3);
        layout.spare().put(&mut spare);
        (0..2000).for_each(|n| rows.push_lines(line(n, "").as_bytes()).unwrap());
        assert_eq!(texts(&rows, 0), expected[..2000]);
        assert!(layout.spare().take().is_some() && layout.spare().take().is_none());
    }
}
