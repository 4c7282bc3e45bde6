//! The query of an event filter: what each parameter asks for, by what the catalogue says about it.

use std::time::Duration;

use super::{Condition, FilterError, ParsedFilter};
use crate::catalogue::paths;
use crate::catalogue::{Catalogue, Entry, ParameterKind, Refine, Scope};
use crate::reminder::Reminder;

impl ParsedFilter {
    pub(super) fn read_query(&mut self, catalogue: &Catalogue, query: &str) -> Result<(), FilterError> {
        let Some(entry) = self.entry.map(|entry| catalogue.entry(entry)) else { return Ok(()) };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = paths::decode(name)
                .ok_or(FilterError::Malformed("its query is not percent-encoded UTF-8"))?;
            if let Some(value) = self.read_parameter(entry, &name, value)? {
                self.pairs.push((name.into_owned(), value));
            }
        }
        self.conditions.extend_from_slice(&catalogue.form(self.form).conditions);
        self.conditions.sort_by_key(|condition| condition.parameter);
        self.pairs.sort();
        self.pairs.dedup();
        self.count_shaping(entry);
        self.check_required(entry)?;
        if catalogue.form(self.form).scope == Scope::Reminder {
            self.reminder =
                Some(Reminder { threshold: self.seconds("threshold")?, interval: self.seconds("interval")? });
        }
        Ok(())
    }

    /// Takes in one parameter; gives back the decoded value of one that does not refine.
    fn read_parameter(
        &mut self,
        entry: &Entry,
        name: &str,
        written: &str,
    ) -> Result<Option<String>, FilterError> {
        let undecodable = FilterError::Malformed("its query is not percent-encoded UTF-8");
        let value = paths::decode(written).ok_or(undecodable)?.into_owned();
        let bad = |value: String, legal: &[String]| {
            Err(FilterError::Value { parameter: name.to_owned(), value, legal: legal.to_vec() })
        };
        // Unknown parameters are kept and mean nothing.
        let Some(parameter) = entry.parameter(name) else { return Ok(Some(value)) };
        match &parameter.kind {
            ParameterKind::Refine(refine) => match list(refine, &value) {
                Some(values) => {
                    self.add_condition(refine.no, values);
                    Ok(None)
                }
                None => bad(value, &refine.values),
            },
            ParameterKind::Constant { value: legal, .. } if value != *legal => {
                bad(value, std::slice::from_ref(legal))
            }
            ParameterKind::Shape(shape) => match value.to_ascii_lowercase().as_str() {
                "true" => {
                    self.shape |= shape.bits;
                    Ok(Some("true".to_owned()))
                }
                "false" => Ok(Some("false".to_owned())),
                _ => bad(value, &["true".to_owned(), "false".to_owned()]),
            },
            ParameterKind::Constant { .. } | ParameterKind::Seconds => Ok(Some(value)),
        }
    }

    /// The same parameter twice is like a comma list.
    fn add_condition(&mut self, parameter: u8, mut values: Vec<Box<str>>) {
        let known = self.conditions.iter().position(|condition| condition.parameter == parameter);
        if let Some(known) = known {
            values.extend(self.conditions.swap_remove(known).values);
        }
        values.sort_unstable();
        values.dedup();
        self.conditions.push(Condition { parameter, values: values.into() });
    }

    fn count_shaping(&mut self, entry: &Entry) {
        let is_shaping = |name: &str| {
            entry.parameter(name).is_some_and(|parameter| matches!(parameter.kind, ParameterKind::Shape(_)))
        };
        let count = self.pairs.iter().filter(|(name, value)| value == "true" && is_shaping(name)).count();
        self.shaping_parameters = u8::try_from(count).unwrap_or(u8::MAX);
    }

    fn check_required(&self, entry: &Entry) -> Result<(), FilterError> {
        for parameter in &entry.parameters {
            if let ParameterKind::Constant { value, required: true } = &parameter.kind
                && !self.pairs.iter().any(|(name, _)| *name == parameter.name)
            {
                return Err(FilterError::Missing { parameter: parameter.name.clone(), value: value.clone() });
            }
        }
        Ok(())
    }

    fn seconds(&self, parameter: &str) -> Result<Duration, FilterError> {
        let mut values = self.pairs.iter().filter(|(name, _)| name == parameter).map(|(_, value)| value);
        let seconds = match (values.next(), values.next()) {
            (Some(value), None) if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                value.parse::<u32>().ok()
            }
            _ => None,
        };
        match seconds {
            Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
            _ => Err(FilterError::Reminder { parameter: parameter.to_owned() }),
        }
    }
}

/// The values of a comma list. `None` if one of them is empty or not legal.
fn list(refine: &Refine, decoded: &str) -> Option<Vec<Box<str>>> {
    let values = decoded.split(',').map(|value| refine.spelling(value));
    values.map(|value| (!value.is_empty() && refine.is_legal(value)).then(|| value.into())).collect()
}
