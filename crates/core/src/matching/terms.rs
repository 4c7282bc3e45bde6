//! What few filters ask for beside account and extension: the other ids of their path, and the values
//! of their refining parameters. There may be a million of these, so they are packed into one string:
//! a line for each id, then a line for each parameter.
//!
//! Nothing that a filter asks for has control characters (`paths::decode` sees to that), so line ends
//! and tabs separate without escapes.

use crate::filter::Condition;

const ID: u8 = b'=';
/// Parameter 0; the next ones are the letters behind it.
const FIRST_PARAMETER: u8 = b'A';

#[derive(Debug)]
pub(crate) struct Terms(Box<str>);

impl Terms {
    /// `None` if nothing is asked for.
    pub(crate) fn new(ids: &[Box<str>], conditions: &[Condition]) -> Option<Self> {
        let mut lines = String::new();
        for id in ids {
            lines.push(char::from(ID));
            lines.push_str(id);
            lines.push('\n');
        }
        for condition in conditions {
            lines.push(char::from(FIRST_PARAMETER + condition.parameter));
            lines.push_str(&condition.values.join("\t"));
            lines.push('\n');
        }
        (!lines.is_empty()).then(|| Self(lines.into()))
    }

    fn lines(&self) -> impl Iterator<Item = (u8, &str)> {
        self.0.split_terminator('\n').filter_map(|line| Some((*line.as_bytes().first()?, line.get(1..)?)))
    }

    /// In path order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.lines().filter(|(mark, _)| *mark == ID).map(|(_, id)| id)
    }

    /// Each refining parameter with the values that are asked for.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = (u8, std::str::Split<'_, char>)> {
        self.lines()
            .filter(|(mark, _)| *mark != ID)
            .map(|(mark, values)| (mark.wrapping_sub(FIRST_PARAMETER), values.split('\t')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_come_back_as_they_were_packed() {
        let condition = |parameter, values: &[&str]| Condition {
            parameter,
            values: values.iter().map(|value| Box::from(*value)).collect(),
        };
        let conditions = [condition(0, &["+1650", "B=é"]), condition(15, &["x"])];
        let terms = Terms::new(&["=7".into(), "A".into()], &conditions).unwrap();
        assert_eq!(terms.ids().collect::<Vec<_>>(), ["=7", "A"]);
        let unpacked: Vec<(u8, Vec<&str>)> =
            terms.conditions().map(|(no, values)| (no, values.collect())).collect();
        assert_eq!(unpacked, [(0, vec!["+1650", "B=é"]), (15, vec!["x"])]);
        assert!(Terms::new(&[], &[]).is_none());
    }
}
