//! Rows of fields: CSV as of RFC 4180, and values between tabs.

use crate::{
    event::{
        Event,
        field::Field,
        json::{Value, unescape},
    },
    sink::terminal::show_text,
};

/// What stands between fields, and how their text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    /// A comma; a field in quotes holds anything.
    Comma,
    /// A tab; tabs, line ends and backslashes are escaped.
    Tab,
}

/// The fields of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    separator: Separator,
    fields: Vec<Field>,
    /// The row of their names; empty where none is wanted.
    header: Vec<u8>,
}

impl Table {
    /// What a receiver is told that it gets.
    #[cfg(feature = "http")]
    pub(super) fn content_type(&self) -> &'static str {
        match self.separator {
            Separator::Comma => "text/csv; charset=utf-8",
            Separator::Tab => "text/tab-separated-values; charset=utf-8",
        }
    }

    /// Reads the names of fields, separated by commas.
    pub(super) fn parse(
        separator: Separator,
        names: &str,
        has_header: bool,
    ) -> Result<Self, String> {
        let fields = names.split(',').map(str::trim).map(Field::parse);
        let mut table = Self {
            separator,
            fields: fields.collect::<Result<_, _>>()?,
            header: Vec::new(),
        };
        if has_header {
            let mut header = Vec::new();
            for (n, name) in names.split(',').enumerate() {
                table.separate(n, &mut header);
                table.write_text(name.trim().as_bytes(), &mut header);
            }
            header.push(b'\n');
            table.header = header;
        }
        Ok(table)
    }

    pub(super) fn header(&self) -> &[u8] {
        &self.header
    }

    /// Appends the row of an event, with its line end. `text` is memory for a while.
    pub(super) fn write(
        &self,
        event: &Event<'_>,
        is_shown: bool,
        text: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) {
        for (n, field) in self.fields.iter().enumerate() {
            self.separate(n, out);
            let value = field.of(event);
            text.clear();
            match value {
                // A blank line would be no row.
                None if self.fields.len() == 1 && self.separator == Separator::Comma => {
                    out.extend_from_slice(b"\"\"");
                    continue;
                }
                None => continue,
                Some(Value::Text(raw)) => unescape(raw, text),
                Some(Value::Other(json)) => text.extend_from_slice(json),
            }
            if is_shown {
                let mut shown = Vec::new();
                show_text(text, &mut shown);
                *text = shown;
            }
            self.write_text(text, out);
        }
        out.push(b'\n');
    }

    fn separate(&self, n: usize, out: &mut Vec<u8>) {
        if n > 0 {
            out.push(match self.separator {
                Separator::Comma => b',',
                Separator::Tab => b'\t',
            });
        }
    }

    fn write_text(&self, text: &[u8], out: &mut Vec<u8>) {
        match self.separator {
            Separator::Comma => write_quoted(text, out),
            Separator::Tab => write_escaped(text, out),
        }
    }
}

/// In quotes where it has to be, and where it is empty: a field that is missing has none.
fn write_quoted(text: &[u8], out: &mut Vec<u8>) {
    let is_mark = |byte: &u8| matches!(byte, b'"' | b',' | b'\r' | b'\n');
    let is_plain = !text.is_empty() && !text.iter().any(is_mark);
    if is_plain {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for part in text.split_inclusive(|byte| *byte == b'"') {
        out.extend_from_slice(part);
        if part.last() == Some(&b'"') {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

fn write_escaped(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            byte => out.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Batch;

    fn row(separator: Separator, names: &str, record: &str) -> String {
        let line = format!(
            r#"{{"did":"did:plc:a","time_us":1,"kind":"commit","commit":{{"rev":"r","operation":"create","collection":"a.b.c","rkey":"1","record":{record}}}}}"#
        );
        let mut batch = Batch::new();
        batch.push(line.as_bytes()).unwrap();
        let table = Table::parse(separator, names, true).unwrap();
        let mut out = table.header().to_vec();
        let event = batch.events().next().unwrap();
        table.write(&event, false, &mut Vec::new(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_of_csv_is_quoted_as_the_rfc_says() {
        let names = "did, commit.record.text,time_us,commit.record.none,commit.record.list";
        let record = r#"{"text":"a \"b\",\r\nc","none":null,"list":[1, "x"]}"#;
        assert_eq!(
            row(Separator::Comma, names, record),
            "did,commit.record.text,time_us,commit.record.none,commit.record.list\n\
             did:plc:a,\"a \"\"b\"\",\r\nc\",1,,\"[1, \"\"x\"\"]\"\n"
        );
    }

    #[test]
    fn a_missing_field_is_empty_and_an_empty_one_is_quoted() {
        let row = |names, record| {
            row(Separator::Comma, names, record)
                .lines()
                .nth(1)
                .map(str::to_owned)
        };
        let (names, record) = ("commit.record.a,commit.record.b", r#"{"a":""}"#);
        assert_eq!(row(names, record).as_deref(), Some("\"\","));
        assert_eq!(row("commit.record.b", record).as_deref(), Some("\"\""));
    }

    #[test]
    fn a_row_of_tsv_is_one_line_whatever_its_fields_hold() {
        let names = "commit.record.text,did,commit.record.none";
        let record = r#"{"text":"a\tb\nc\rd\\e \"f\""}"#;
        assert_eq!(
            row(Separator::Tab, names, record),
            "commit.record.text\tdid\tcommit.record.none\n\
             a\\tb\\nc\\rd\\\\e \"f\"\tdid:plc:a\t\n"
        );
    }

    #[test]
    fn a_name_that_is_no_field_is_refused() {
        for bad in ["", "did,,text", "did,a..b", "did,"] {
            assert!(Table::parse(Separator::Comma, bad, true).is_err(), "{bad}");
        }
    }
}
