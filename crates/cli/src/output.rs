//! Tables for people and JSON for programs, on standard output.

use std::io::{ErrorKind, Write as _};

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

/// What people read in a terminal without the lines being broken for them.
pub const WIDTH: usize = 100;

/// One piece after the other behind `first`; where a line would be longer than `WIDTH`, the next begins with
/// `further`.
pub fn wrapped(first: &str, pieces: impl IntoIterator<Item = String>, further: &str) -> Result<(), Failure> {
    lines_of(first, pieces, further).iter().try_for_each(|text| line(text))
}

fn lines_of(first: &str, pieces: impl IntoIterator<Item = String>, further: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = first.to_owned();
    let mut holds_any = !first.trim().is_empty();
    for piece in pieces {
        let length = current.chars().count() + piece.trim_end().chars().count();
        if holds_any && length > WIDTH {
            lines.push(current.trim_end().to_owned());
            current = further.to_owned();
        }
        current.push_str(&piece);
        holds_any = true;
    }
    lines.push(current.trim_end().to_owned());
    lines
}

/// The words of a text, to be wrapped.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace().map(|word| format!("{word} "))
}

/// Where standard output is closed early, as by `| head`, the failure is one that ends the command quietly.
pub fn line(text: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{text}").map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Unread,
        _ => Failure::io("standard output")(error),
    })
}

/// For what is told beside the work: the work goes on when nobody reads any more.
pub fn unless_unread(told: Result<(), Failure>) -> Result<(), Failure> {
    match told {
        Err(Failure::Unread) => Ok(()),
        told => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_pieces_and_never_within_one() {
        let pieces = |length: usize, count: usize| vec![format!("{} ", "x".repeat(length)); count];
        let lines = lines_of("name: ", pieces(30, 4), "  ");
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [98, 32]);
        assert!(lines[0].starts_with("name: x") && lines[1].starts_with("  x"), "{lines:?}");
        let long = lines_of("    ", pieces(200, 2), "    ");
        assert_eq!(long.iter().map(String::len).collect::<Vec<_>>(), [204, 204], "no empty line before it");
        assert_eq!(lines_of("name", vec![], "  "), ["name"]);
    }
}
