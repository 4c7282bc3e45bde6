//! The reference page, in Markdown: each event type with its filters, parameters, members and sample.

use hookswitch_core::catalogue::{Catalogue, Entry, Form, OnViolation, ParameterKind, Scope};
use hookswitch_core::subscription::Door;

use super::members;

const HEAD: &str = "# Events

Every event type that is built in; made from the catalogue. `hookswitch events` and
`hookswitch event-types NAME` show the same of a running server, the operator's own types included;
`hookswitch trigger NAME` publishes a sample.

An event is published under one of its paths with ids (`/restapi/v1.0/account/400131/presence`), and subscribed to
under any of them, with `~` for one's own ids and with parameters as a query. Members that a schema does not name are
always allowed. A body that breaks its schema is taken, counted and told in the answer, except where a type is strict.

";

/// The page, ending in a line break.
pub fn page(catalogue: &Catalogue) -> String {
    let mut text = String::from(HEAD);
    text.push_str("| event type | comes when |\n| --- | --- |\n");
    for (_, entry) in catalogue.entries() {
        text.push_str(&format!(
            "| [{}](#{}) | {} |\n",
            entry.name,
            anchor(&entry.name),
            cell(&entry.summary)
        ));
    }
    for (_, entry) in catalogue.entries() {
        section(&mut text, catalogue, entry);
    }
    text
}

fn section(text: &mut String, catalogue: &Catalogue, entry: &Entry) {
    text.push_str(&format!("\n## {}\n\n{}\n\n", entry.name, entry.summary));
    text.push_str("| filter | whose events | permission |\n| --- | --- | --- |\n");
    for form in &entry.forms {
        let form = catalogue.form(*form);
        let needed = if form.permissions.is_empty() { "-".to_owned() } else { form.permissions.join(" or ") };
        text.push_str(&format!("| `{}` | {} | {needed} |\n", form.pattern, whose(form)));
    }
    text.push_str(&format!("\n{}\n", conditions(entry)));
    parameters(text, entry);
    text.push_str("\n| member | is | |\n| --- | --- | --- |\n");
    for member in members::of(&entry.schema_source) {
        let required = if member.required { "required" } else { "" };
        let words = [required, &member.about].into_iter().filter(|words| !words.is_empty());
        let words = words.collect::<Vec<_>>().join(". ");
        text.push_str(&format!("| `{}` | {} | {} |\n", member.path, cell(&member.kind), cell(&words)));
    }
    text.push_str(&format!("\n```json\n{:#}\n```\n", entry.sample));
}

fn whose(form: &Form) -> &'static str {
    match form.scope {
        Scope::Account => "the account's",
        Scope::Extension => "the extension's",
        Scope::Company => "the account's, by what the body says",
        Scope::Conference => "the company's",
        Scope::Reminder => "the subscription's own",
    }
}

/// Where it is subscribed to, what an app needs, how long it is retried.
fn conditions(entry: &Entry) -> String {
    let door = match entry.door {
        Door::Core => "Subscribed to at `/restapi/v1.0/subscription`",
        Door::Webinar => "Subscribed to at `/webinar/notifications/v1/subscriptions`",
        Door::Conference => "Delivered to conference endpoints",
    };
    let mut words = vec![door.to_owned()];
    words.extend(entry.app_scope.as_ref().map(|scope| format!("the app needs {scope}")));
    if entry.members_only {
        words.push("delivered to members of the chat only".to_owned());
    }
    words.push(format!("retried for {}", span(entry.class.time_to_live().as_secs())));
    if entry.on_violation == OnViolation::Reject {
        words.push("strict: a body that breaks the schema is refused".to_owned());
    }
    format!("{}.", words.join("; "))
}

fn span(seconds: u64) -> String {
    let (count, unit) = match seconds {
        seconds if seconds.is_multiple_of(86_400) => (seconds / 86_400, "day"),
        seconds if seconds.is_multiple_of(3_600) => (seconds / 3_600, "hour"),
        seconds => (seconds.div_ceil(60), "minute"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn parameters(text: &mut String, entry: &Entry) {
    if entry.parameters.is_empty() {
        return;
    }
    text.push_str("\n| parameter | does | values | |\n| --- | --- | --- | --- |\n");
    for parameter in &entry.parameters {
        let (does, values) = match &parameter.kind {
            ParameterKind::Refine(refine) => ("narrows", refine.values.join(", ")),
            ParameterKind::Constant { value, required: true } => ("must be given", value.clone()),
            ParameterKind::Constant { value, .. } => ("may be given", value.clone()),
            ParameterKind::Shape(_) => ("adds to the body", "true, false".to_owned()),
            ParameterKind::Seconds => ("must be given", "seconds".to_owned()),
        };
        let values = if values.is_empty() { "any".to_owned() } else { values };
        let summary = cell(&parameter.summary);
        text.push_str(&format!("| `{}` | {does} | {} | {summary} |\n", parameter.name, cell(&values)));
    }
}

/// As the common renderers make it from a heading.
fn anchor(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
}

fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
