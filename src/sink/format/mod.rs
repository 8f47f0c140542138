//! How events are written: the line of JSON as it is, or in another form for people and programs
//! that want something else.

mod clock;
mod fit;
mod paint;
mod pretty;
mod row;
mod table;
mod template;

use std::str::FromStr;

#[cfg(feature = "http")]
pub(super) use self::template::unescaped;
use self::{
    clock::Clock,
    row::Rows,
    table::{Separator, Table},
    template::Template,
};
use crate::{error::ParseError, event::Event, log::address::Shown, sink::terminal::show_json};

/// How events are written: by default as the line that came.
///
/// ```
/// use rocketman::sink::LineFormat;
///
/// let format: LineFormat = r"%T %d %{commit.record.text}\n".parse()?;
/// assert_eq!(LineFormat::default(), "json".parse()?);
/// # Ok::<_, rocketman::ParseError>(())
/// ```
///
/// A text is one of `json`, `pretty` and `human`, or a template. In a template `%` and one of the
/// [letters](Self::letters) are a part of the event, `%{path.of.keys}` or `%{/pointer}` is any
/// field of the line, `%J{path.of.keys}` the same as JSON, and `\n`, `\t`, `\r`, `\0`, `\xNN`, `\\` and `%%` are single characters. A field that is missing
/// or `null` is empty. Nothing is added, line ends included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineFormat {
    shape: Shape,
    has_colors: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Shape {
    #[default]
    Json,
    Pretty,
    Human,
    Template(Template),
    Table(Table),
}

impl LineFormat {
    /// Rows of CSV (RFC 4180, with `\n` as the line end) with these fields, separated by commas:
    /// each a path such as `commit.record.text`, or a JSON pointer. Each file begins with their
    /// names if `has_header`.
    pub fn csv(fields: &str, has_header: bool) -> Result<Self, ParseError> {
        Self::table(Separator::Comma, fields, has_header)
    }

    /// The same with tabs between fields, and tabs, line ends and backslashes in them as `\t`,
    /// `\n`, `\r` and `\\`.
    pub fn tsv(fields: &str, has_header: bool) -> Result<Self, ParseError> {
        Self::table(Separator::Tab, fields, has_header)
    }

    /// The letters of a template, and what each stands for.
    pub fn letters() -> impl ExactSizeIterator<Item = (char, &'static str)> {
        template::letters()
    }

    fn table(separator: Separator, fields: &str, has_header: bool) -> Result<Self, ParseError> {
        let table = Table::parse(separator, fields, has_header);
        Ok(Self::of(Shape::Table(table.map_err(ParseError::new)?)))
    }

    /// One event a row, for people, as `human` is read.
    pub fn human() -> Self {
        Self::of(Shape::Human)
    }

    /// With colours, where it is for people.
    #[must_use]
    pub fn colored(self, has_colors: bool) -> Self {
        Self { has_colors, ..self }
    }

    /// Whether events are written as they came.
    pub fn is_json(&self) -> bool {
        self.shape == Shape::Json
    }

    fn of(shape: Shape) -> Self {
        Self {
            shape,
            has_colors: false,
        }
    }

    /// What a receiver is told that it gets.
    #[cfg(feature = "http")]
    pub(super) fn content_type(&self) -> &'static str {
        match &self.shape {
            Shape::Json => "application/x-ndjson",
            Shape::Table(table) => table.content_type(),
            Shape::Pretty | Shape::Human | Shape::Template(_) => "text/plain; charset=utf-8",
        }
    }

    /// What a file begins with.
    pub(super) fn header(&self) -> &[u8] {
        match &self.shape {
            Shape::Table(table) => table.header(),
            _ => &[],
        }
    }

    /// Whether what is written of each event ends with a line end.
    pub(super) fn ends_lines(&self) -> bool {
        match &self.shape {
            Shape::Template(template) => template.ends_lines(),
            _ => true,
        }
    }
}

impl FromStr for LineFormat {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let shape = match text {
            "json" => Shape::Json,
            "pretty" => Shape::Pretty,
            "human" => Shape::Human,
            text if text.contains(['%', '\\']) => {
                Shape::Template(Template::parse(text).map_err(ParseError::new)?)
            }
            _ => {
                return Err(ParseError::new(format!(
                    "'{}' is not a format: write json, pretty or human, or a template such as '%t %c %{{commit.record.text}}\\n'",
                    Shown::address(text)
                )));
            }
        };
        Ok(Self::of(shape))
    }
}

/// What a format makes of an event, for a terminal of this width where there is one.
#[cfg(fuzzing)]
pub(crate) fn formatted(format: &LineFormat, event: &Event<'_>, columns: Option<usize>) -> Vec<u8> {
    let Some(mut formatter) = Formatter::new(format) else {
        return event.line().to_vec();
    };
    if let Some(columns) = columns {
        formatter.set_terminal(columns);
    }
    formatter.text_of(event)
}

/// Memory that a large event needs beyond this is given back.
const KEPT_BYTES: usize = 320 * 1024;

/// Writes events in a form that is not their line.
#[derive(Debug)]
pub(super) struct Formatter {
    format: LineFormat,
    /// What is written is shown by a terminal.
    is_shown: bool,
    rows: Rows,
    clock: Clock,
    text: Vec<u8>,
    shown: Vec<u8>,
    /// What is written before the next event, a header.
    lead: Vec<u8>,
    lines: Vec<u8>,
}

impl Formatter {
    /// `None` where events are written as they are.
    pub(super) fn new(format: &LineFormat) -> Option<Self> {
        (!format.is_json()).then(|| Self {
            format: format.clone(),
            is_shown: false,
            rows: Rows::new(format.has_colors),
            clock: Clock::new(),
            text: Vec::new(),
            shown: Vec::new(),
            lead: Vec::new(),
            lines: Vec::new(),
        })
    }

    /// From now on it writes for a terminal of this width.
    pub(super) fn set_terminal(&mut self, columns: usize) {
        self.is_shown = true;
        self.rows.set_columns(columns);
    }

    /// Whether it writes for a terminal.
    pub(super) fn is_shown(&self) -> bool {
        self.is_shown
    }

    /// Has this written before the next event.
    pub(super) fn set_lead(&mut self, lead: &[u8]) {
        self.lead = lead.to_vec();
    }

    /// What is still to be written before the next event.
    pub(super) fn lead_mut(&mut self) -> &mut Vec<u8> {
        &mut self.lead
    }

    /// Forgets what was written.
    pub(super) fn begin(&mut self) {
        for memory in [&mut self.text, &mut self.shown, &mut self.lines] {
            memory.clear();
            memory.shrink_to(KEPT_BYTES);
        }
        self.lines.extend_from_slice(&self.lead);
    }

    /// Writes an event behind the others, and returns how long all of it is.
    pub(super) fn add(&mut self, event: &Event<'_>) -> usize {
        let out = &mut self.lines;
        match &self.format.shape {
            Shape::Human => self.rows.write(event, out),
            Shape::Template(template) => {
                template.write(event, self.is_shown, &mut self.clock, &mut self.text, out);
            }
            Shape::Table(table) => table.write(event, self.is_shown, &mut self.text, out),
            Shape::Json | Shape::Pretty => {
                let mut line = event.line();
                if self.is_shown {
                    self.shown.clear();
                    show_json(line, &mut self.shown);
                    line = &self.shown;
                }
                pretty::write(line, self.format.has_colors, out);
            }
        }
        out.len()
    }

    /// What is written of one event.
    pub(super) fn text_of(mut self, event: &Event<'_>) -> Vec<u8> {
        self.add(event);
        self.lines
    }

    /// What was written since the beginning.
    pub(super) fn lines_mut(&mut self) -> &mut Vec<u8> {
        &mut self.lines
    }
}
