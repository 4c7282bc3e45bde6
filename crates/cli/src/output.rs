//! Tables for people and JSON for programs, on standard output.

use std::io::Write as _;

use serde_json::Value;

use crate::failure::Failure;

/// One value a line, so that `jq` and `while read` can take it.
pub fn json_lines<'a>(values: impl IntoIterator<Item = &'a Value>) -> Result<(), Failure> {
    values.into_iter().try_for_each(|value| line(&value.to_string()))
}

/// Indented, for people who look at one thing.
pub fn indented(value: &Value) -> Result<(), Failure> {
    line(&format!("{value:#}"))
}

/// A column: its heading and what it shows of a record.
pub struct Column(pub &'static str, pub fn(&Value) -> String);

pub fn table(columns: &[Column], records: &[Value]) -> Result<(), Failure> {
    let head = columns.iter().map(|column| column.0.to_owned()).collect();
    let cells = |record| columns.iter().map(|column| column.1(record)).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(records.iter().map(cells)).collect();
    let width = |place: usize| rows.iter().map(|row| row[place].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for row in &rows {
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        line(padded.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// What a member says, without the quotes of a string; nothing if it is absent.
pub fn member(record: &Value, name: &str) -> String {
    match &record[name] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Standard output that is closed early, as by `| head`, ends the command quietly as a failure to write.
pub fn line(text: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{text}").map_err(Failure::io("standard output"))
}
