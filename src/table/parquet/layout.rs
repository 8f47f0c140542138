//! Which columns a Parquet file of events has, and how each is kept in it.

use std::sync::Arc;

use ::parquet::{
    basic::{
        Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as PhysicalType, ZstdLevel,
    },
    errors::Result,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
    },
    schema::types::{ColumnPath, SchemaDescriptor, Type},
};

use serde::Deserialize;

use super::block::Spare;
use crate::table::{COLUMNS, Column, ColumnType};

/// What a file begins and ends with.
pub(crate) const MAGIC: &[u8; 4] = b"PAR1";

/// What the layout is kept under in a file.
pub(crate) const LAYOUT_KEY: &str = "rocketman.layout";

/// Few collections are in one group; filters are made smaller where there are fewer values.
const MAX_FILTERED_COLLECTIONS: u64 = 4096;

/// How the values of a column lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A word out of few.
    Word,
    Text,
    Json,
    Time,
    Integer,
    Real,
    Boolean,
}

/// The columns of a file.
#[derive(Debug)]
pub(crate) struct Layout {
    columns: Vec<Column>,
    has_record: bool,
    level: ZstdLevel,
    schema: Arc<SchemaDescriptor>,
    spare: Spare,
}

impl Layout {
    /// With these columns of one's own, compressed at this level, 1 to 22, or else the usual one.
    pub(crate) fn new(columns: Vec<Column>, has_record: bool, level: Option<u32>) -> Result<Self> {
        let level = level.map_or(Ok(ZstdLevel::default()), |level| {
            ZstdLevel::try_new(level.cast_signed())
        })?;
        let fields = forms(&columns, has_record);
        let fields = fields.map(|(name, form)| form.field(name).map(Arc::new));
        let schema = Type::group_type_builder("event")
            .with_fields(fields.collect::<Result<_>>()?)
            .build()?;
        Ok(Self {
            schema: Arc::new(SchemaDescriptor::new(Arc::new(schema))),
            columns,
            has_record,
            level,
            spare: Spare::default(),
        })
    }

    /// That of a file, by its [text](Self::text).
    pub(super) fn of_text(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Kept {
            columns: Vec<String>,
            record: bool,
        }
        let Kept { columns, record } = serde_json::from_str(text).ok()?;
        let columns = columns.iter().map(|column| column.parse().ok());
        Self::new(columns.collect::<Option<_>>()?, record, None).ok()
    }

    /// The columns of one's own.
    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub(super) fn has_record(&self) -> bool {
        self.has_record
    }

    pub(super) fn schema(&self) -> &Arc<SchemaDescriptor> {
        &self.schema
    }

    /// Memory for rows of it.
    pub(super) fn spare(&self) -> &Spare {
        &self.spare
    }

    /// What tells it from others: the same text, the same columns.
    pub(crate) fn text(&self) -> String {
        let columns: Vec<_> = self.columns.iter().map(Column::to_string).collect();
        serde_json::json!({ "columns": columns, "record": self.has_record }).to_string()
    }

    /// What is kept of it in a file.
    pub(super) fn key_values(&self) -> Vec<KeyValue> {
        vec![KeyValue::new(LAYOUT_KEY.to_owned(), self.text())]
    }

    /// How a group of this many rows is written.
    pub(super) fn properties(&self, n_rows: u64) -> WriterProperties {
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(self.level))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .set_created_by(created_by())
            .set_key_value_metadata(Some(self.key_values()))
            .set_column_bloom_filter_max_ndv(ColumnPath::from("did"), n_rows.max(1))
            .set_column_bloom_filter_max_ndv(
                ColumnPath::from("collection"),
                n_rows.clamp(1, MAX_FILTERED_COLLECTIONS),
            );
        for (name, form) in forms(&self.columns, self.has_record) {
            let path = ColumnPath::from(name);
            // Those of accounts, which come again and again, are few enough to be worth one too.
            let has_dictionary = form == Form::Word || name == "did";
            properties = properties.set_column_dictionary_enabled(path.clone(), has_dictionary);
            if form == Form::Json {
                let none = EnabledStatistics::None;
                properties = properties.set_column_statistics_enabled(path.clone(), none);
            }
            if matches!(form, Form::Time | Form::Integer) {
                properties = properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
            }
        }
        properties.build()
    }
}

/// Who wrote a file.
pub(super) fn created_by() -> String {
    concat!("rocketman version ", env!("CARGO_PKG_VERSION")).to_owned()
}

/// Every column in its order.
fn forms(columns: &[Column], has_record: bool) -> impl Iterator<Item = (&str, Form)> {
    let named = COLUMNS.into_iter().map(|name| {
        let form = match name {
            "time" => Form::Time,
            "seq" => Form::Integer,
            "kind" | "operation" | "collection" => Form::Word,
            "record" | "detail" => Form::Json,
            _ => Form::Text,
        };
        (name, form)
    });
    let named = named.filter(move |(name, _)| has_record || *name != "record");
    let own = columns.iter().map(|column| {
        let form = match column.column_type() {
            ColumnType::Text => Form::Text,
            ColumnType::Integer => Form::Integer,
            ColumnType::Real => Form::Real,
            ColumnType::Boolean => Form::Boolean,
            ColumnType::Time => Form::Time,
            ColumnType::Json => Form::Json,
        };
        (column.name(), form)
    });
    named.chain(own)
}

impl Form {
    fn field(self, name: &str) -> Result<Type> {
        let (physical, logical) = match self {
            // JSON as well: what is called so in a file is mere bytes to some readers.
            Self::Word | Self::Text | Self::Json => {
                (PhysicalType::BYTE_ARRAY, Some(LogicalType::String))
            }
            Self::Time => {
                let logical = LogicalType::timestamp(true, TimeUnit::MICROS);
                (PhysicalType::INT64, Some(logical))
            }
            Self::Integer => (PhysicalType::INT64, None),
            Self::Real => (PhysicalType::DOUBLE, None),
            Self::Boolean => (PhysicalType::BOOLEAN, None),
        };
        let repetition = match name {
            "did" | "kind" => Repetition::REQUIRED,
            _ => Repetition::OPTIONAL,
        };
        Type::primitive_type_builder(name, physical)
            .with_repetition(repetition)
            .with_logical_type(logical)
            .build()
    }
}
