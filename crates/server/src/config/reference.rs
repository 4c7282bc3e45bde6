//! The reference of all settings, made from their list: the example file and the page of the guide.
//!
//! Both are committed, as `config.example.toml` and `docs/configuration.md`; a test keeps them fresh, and
//! `UPDATE_CONFIG=1` lets that test write them.

use std::fmt::Write as _;

use super::{Setting, Settings};

/// A TOML file that says nothing yet: every setting with its default, as a comment.
pub fn example() -> String {
    let mut text = String::from(
        "# Settings of Hookswitch: hookswitch serve --config FILE\n\
         # Every line shows a default; take the # away to change it. A flag or an environment variable beats\n\
         # this file, see docs/configuration.md.\n",
    );
    for (table, settings) in tables() {
        if !table.is_empty() {
            push(&mut text, format_args!("\n[{table}]\n"));
        }
        for setting in settings {
            let name = name_of(&setting);
            push(&mut text, format_args!("\n{}", comment(setting.about)));
            match setting.default.as_str() {
                "" => {
                    push(&mut text, format_args!("# {}; not set.\n# {name} =\n", capitalised(setting.form)))
                }
                default => push(&mut text, format_args!("# {name} = {default}\n")),
            }
        }
    }
    text
}

/// The page of the guide.
pub fn guide() -> String {
    let mut text = String::from(
        "# Settings\n\n\
         A setting is a key of the TOML file (`--config FILE`, or `HOOKSWITCH_CONFIG`), an environment variable, or\n\
         a flag: `--listen`, `--data`, `--public-url`, `--dev`, `--dev-remote`, `--log`, `--log-format`, and `--set KEY=VALUE` for\n\
         every other.\n\
         A flag beats the environment, the environment beats the file. All mistakes, unknown keys too, are reported\n\
         together, with exit code 2. `config.example.toml` has every setting with its default.\n\n\
         Times are written `500ms`, `10s`, `5m`, `1h`, `7d`; sizes `65536`, `64KiB`, `8MiB`; lists in the environment\n\
         with commas between.\n",
    );
    for (table, settings) in tables() {
        let heading = if table.is_empty() { "The server".to_owned() } else { format!("`[{table}]`") };
        push(
            &mut text,
            format_args!("\n## {heading}\n\n| setting | default | meaning |\n| --- | --- | --- |\n"),
        );
        for setting in settings {
            let default = match setting.default.as_str() {
                "" => "none".to_owned(),
                default => format!("`{default}`"),
            };
            let about = setting.about.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
            push(
                &mut text,
                format_args!(
                    "| `{}`<br>`{}` | {default} | {about} |\n",
                    setting.key,
                    setting.environment_twin()
                ),
            );
        }
    }
    text
}

/// The settings by table, those of no table first.
fn tables() -> Vec<(String, Vec<Setting>)> {
    let mut tables: Vec<(String, Vec<Setting>)> = Vec::new();
    for setting in Settings::describe() {
        let table = setting.key.rsplit_once('.').map_or("", |(table, _)| table).to_owned();
        match tables.iter_mut().find(|(name, _)| *name == table) {
            Some((_, settings)) => settings.push(setting),
            None => tables.push((table, vec![setting])),
        }
    }
    tables
}

fn name_of(setting: &Setting) -> &str {
    setting.key.rsplit('.').next().unwrap_or(&setting.key)
}

fn comment(about: &str) -> String {
    about.lines().map(|line| format!("#{}\n", line.trim_end())).collect()
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn push(text: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = text.write_fmt(words);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Layers;

    fn is_fresh(file: &str, fresh: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
        if std::env::var_os("UPDATE_CONFIG").is_some() {
            std::fs::write(&path, fresh).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == fresh,
            "{file} is stale: run this test with UPDATE_CONFIG=1 and look at the difference"
        );
    }

    #[test]
    fn the_committed_reference_is_fresh() {
        is_fresh("config.example.toml", &example());
        is_fresh("docs/configuration.md", &guide());
    }

    #[test]
    fn the_example_says_nothing_as_it_is_and_only_defaults_when_its_lines_are_uncommented() {
        let load =
            |text: &str| Settings::load(Layers::default().with_file(Path::new("example"), text)).unwrap();
        let nothing = load(&example());
        let key_line = |line: &&str| {
            let name = line.strip_prefix("# ").and_then(|rest| rest.split_once(" = ")).map(|(name, _)| name);
            name.is_some_and(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        };
        let lines: Vec<&str> = example_lines(key_line).collect();
        let described = Settings::describe().iter().filter(|setting| !setting.default.is_empty()).count();
        assert_eq!(lines.iter().filter(|line| !line.starts_with('[')).count(), described);
        let everything = load(&lines.join("\n"));
        assert_eq!(format!("{everything:?}"), format!("{nothing:?}"));
    }

    fn example_lines(key_line: impl Fn(&&str) -> bool) -> impl Iterator<Item = &'static str> {
        let text: &'static str = Box::leak(example().into_boxed_str());
        text.lines()
            .filter(move |line| line.starts_with('[') || key_line(line))
            .map(|line| line.strip_prefix("# ").unwrap_or(line))
    }
}
