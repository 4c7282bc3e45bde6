//! File, environment and flags as layers: the highest one that names a setting gives its value, and
//! what is wrong anywhere is collected, so that one start shows every mistake.

use std::collections::BTreeMap;
use std::path::Path;

use super::value::Value;

/// A setting as the reference documents it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Dotted, as in TOML: `delivery.handshake_within`.
    pub key: String,
    pub about: &'static str,
    pub form: &'static str,
    /// As written in TOML; empty if there is none.
    pub default: String,
}

impl Setting {
    /// `HOOKSWITCH_DELIVERY_HANDSHAKE_WITHIN`.
    pub fn environment_twin(&self) -> String {
        environment_twin(&self.key)
    }
}

/// Everything that is wrong with the configuration, one line each.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has mistakes:\n{}", .mistakes.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError {
    pub mistakes: Vec<String>,
}

/// What was set where, before it is understood.
#[derive(Default)]
pub struct Layers {
    /// Leaves of the file by dotted key.
    file: BTreeMap<String, toml::Value>,
    file_name: String,
    environment: BTreeMap<String, String>,
    flags: BTreeMap<String, String>,
    mistakes: Vec<String>,
}

impl Layers {
    /// Adds the text of a TOML file; `path` is for messages.
    #[must_use]
    pub fn with_file(mut self, path: &Path, text: &str) -> Self {
        self.file_name = path.display().to_string();
        match text.parse::<toml::Table>() {
            Ok(table) => flatten("", table, &mut self.file),
            Err(error) => self.mistakes.push(format!("{}: {error}", self.file_name)),
        }
        self
    }

    /// Adds the process's environment (or a test's).
    #[must_use]
    pub fn with_environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment.extend(variables.into_iter().filter(|(name, _)| name.starts_with("HOOKSWITCH_")));
        self
    }

    /// Adds a flag of the command line by its setting's key.
    #[must_use]
    pub fn with_flag(mut self, key: &str, text: impl Into<String>) -> Self {
        self.flags.insert(key.to_owned(), text.into());
        self
    }

    /// The value of `key`, or `default` where no layer has it or the one that has it is wrong.
    pub(super) fn take<T: Value>(&mut self, key: &str, default: T) -> T {
        let from_file = self.file.remove(key);
        let twin = environment_twin(key);
        let (origin, result) = if let Some(text) = self.flags.get(key) {
            (format!("--{}", key.replace('_', "-")), T::from_text(text))
        } else if let Some(text) = self.environment.get(&twin) {
            (twin, T::from_text(text))
        } else if let Some(value) = from_file {
            (format!("{}: `{key}`", self.file_name), T::from_toml(&value))
        } else {
            return default;
        };
        result.unwrap_or_else(|why| {
            self.mistakes.push(format!("{origin}: {why}"));
            default
        })
    }

    /// Notes a mistake of a value that is well-formed.
    pub(super) fn reject(&mut self, key: &str, why: String) {
        self.mistakes.push(format!("`{key}`: {why}"));
    }

    /// What is left in the file belongs to no setting.
    pub(super) fn finish(mut self, known: &[Setting]) -> Result<(), ConfigError> {
        for key in self.file.keys() {
            let hint =
                nearest(key, known).map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
            self.mistakes.push(format!("{}: unknown key `{key}`{hint}", self.file_name));
        }
        if self.mistakes.is_empty() { Ok(()) } else { Err(ConfigError { mistakes: self.mistakes }) }
    }
}

fn environment_twin(key: &str) -> String {
    format!("HOOKSWITCH_{}", key.replace('.', "_").to_ascii_uppercase())
}

fn flatten(prefix: &str, table: toml::Table, leaves: &mut BTreeMap<String, toml::Value>) {
    for (name, value) in table {
        let key = super::key(prefix, &name);
        match value {
            toml::Value::Table(inner) if !inner.is_empty() => flatten(&key, inner, leaves),
            // An empty table says nothing.
            toml::Value::Table(_) => {}
            leaf => {
                leaves.insert(key, leaf);
            }
        }
    }
}

/// The known key that a typing mistake most likely meant.
fn nearest<'a>(key: &str, known: &'a [Setting]) -> Option<&'a str> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let distance = |other: &str| edits(key, other).min(edits(&last(key), &last(other)) + 1);
    let best = known.iter().map(|setting| (distance(&setting.key), setting.key.as_str())).min()?;
    (best.0 <= 3).then_some(best.1)
}

/// Levenshtein's distance.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, from) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}
