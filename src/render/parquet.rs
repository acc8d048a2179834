//! Tables of typed cells as Parquet files.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use crate::analysis::{Cell, Kind, Table};

/// A table as a Parquet file: text in UTF-8, whole numbers in 64 bits, numbers as doubles, times in
/// UTC to the millisecond. Every column may lack values.
///
/// # Errors
/// None that a table can cause.
pub fn to_parquet(table: &Table) -> Result<Vec<u8>> {
    write(table).context("the table does not fit Parquet")
}

fn write(table: &Table) -> Result<Vec<u8>> {
    let fields = table.columns.iter().map(|(name, kind)| field(name, *kind));
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    let schema = Type::group_type_builder("bn_runner").with_fields(fields).build()?;
    let properties = WriterProperties::builder()
        .set_created_by(format!("bn-runner {}", env!("CARGO_PKG_VERSION")))
        .build();
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for (index, (_, kind)) in table.columns.iter().enumerate() {
        let cells: Vec<&Cell> = table.rows.iter().map(|row| &row[index]).collect();
        match kind {
            Kind::Text => column::<ByteArrayType>(&mut group, &cells, |cell| match cell {
                Cell::Missing => None,
                Cell::Text(text) => Some(ByteArray::from(text.as_str())),
                Cell::Integer(_) | Cell::Number(_) | Cell::Truth(_) | Cell::Time(_) => {
                    Some(ByteArray::from(cell.plain().into_bytes()))
                }
            })?,
            Kind::Integer => column::<Int64Type>(&mut group, &cells, |cell| match cell {
                Cell::Integer(number) => Some(*number),
                Cell::Missing
                | Cell::Text(_)
                | Cell::Number(_)
                | Cell::Truth(_)
                | Cell::Time(_) => None,
            })?,
            Kind::Number => column::<DoubleType>(&mut group, &cells, |cell| match cell {
                Cell::Number(number) => Some(*number),
                Cell::Missing
                | Cell::Text(_)
                | Cell::Integer(_)
                | Cell::Truth(_)
                | Cell::Time(_) => None,
            })?,
            Kind::Truth => column::<BoolType>(&mut group, &cells, |cell| match cell {
                Cell::Truth(truth) => Some(*truth),
                Cell::Missing
                | Cell::Text(_)
                | Cell::Integer(_)
                | Cell::Number(_)
                | Cell::Time(_) => None,
            })?,
            Kind::Time => column::<Int64Type>(&mut group, &cells, |cell| match cell {
                Cell::Time(time) => Some(time.as_millisecond()),
                Cell::Missing
                | Cell::Text(_)
                | Cell::Integer(_)
                | Cell::Number(_)
                | Cell::Truth(_) => None,
            })?,
        }
    }
    group.close()?;
    Ok(file.into_inner()?)
}

fn field(name: &str, kind: Kind) -> Result<Arc<Type>, parquet::errors::ParquetError> {
    let (physical, logical) = match kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Integer => (Physical::INT64, None),
        Kind::Number => (Physical::DOUBLE, None),
        Kind::Truth => (Physical::BOOLEAN, None),
        Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
    };
    Type::primitive_type_builder(name, physical)
        .with_logical_type(logical)
        .with_repetition(Repetition::OPTIONAL)
        .build()
        .map(Arc::new)
}

/// Writes the next column: its values, and for each row whether it has one.
fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    cells: &[&Cell],
    value: impl Fn(&Cell) -> Option<T::T>,
) -> Result<()> {
    let values: Vec<Option<T::T>> = cells.iter().map(|cell| value(cell)).collect();
    let is_there: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    let mut column = group.next_column()?.context("the schema has a column less")?;
    column.typed::<T>().write_batch(&values, Some(&is_there), None)?;
    Ok(column.close()?)
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::RowAccessor as _;

    use super::*;

    #[test]
    fn values_and_gaps_come_back_with_their_types() {
        let table = Table {
            columns: [
                ("name", Kind::Text),
                ("seed", Kind::Integer),
                ("loss", Kind::Number),
                ("shuffle", Kind::Truth),
                ("started", Kind::Time),
            ]
            .map(|(name, kind)| (name.to_owned(), kind))
            .to_vec(),
            rows: vec![
                vec![
                    Cell::Text("批".to_owned()),
                    Cell::Integer(-7),
                    Cell::Number(0.1),
                    Cell::Truth(true),
                    Cell::time(Some("2026-01-01T00:00:00.25Z")),
                ],
                vec![Cell::Missing; 5],
            ],
        };
        let file = to_parquet(&table).unwrap();
        let reader = SerializedFileReader::new(bytes(file)).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].get_string(0).unwrap(), "批");
        assert_eq!(rows[0].get_long(1).unwrap(), -7);
        assert_eq!(rows[0].get_double(2).unwrap(), 0.1);
        assert!(rows[0].get_bool(3).unwrap());
        assert_eq!(rows[0].get_timestamp_millis(4).unwrap(), 1_767_225_600_250);
        assert!((0..5).all(|column| rows[1].get_double(column).is_err()));
    }

    #[test]
    fn a_table_without_rows_is_a_file_too() {
        let columns = vec![("n".to_owned(), Kind::Integer)];
        let file = to_parquet(&Table { columns, rows: Vec::new() }).unwrap();
        let reader = SerializedFileReader::new(bytes(file)).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
    }

    /// What the reader takes a file from.
    fn bytes(file: Vec<u8>) -> std::fs::File {
        let mut temporary = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut temporary, &file).unwrap();
        temporary
    }
}
