//! The members of a body, one row each, as its schema names them.

use serde_json::Value;

/// `parties[].status.code`, what it may be, and whether it must be there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) path: String,
    pub(super) kind: String,
    /// In the object that it is a member of.
    pub(super) required: bool,
    pub(super) about: String,
}

/// In the order of the schema. The recursion is as deep as the schema, which a catalogue file has written.
pub(super) fn of(schema: &Value) -> Vec<Member> {
    let mut rows = Vec::new();
    add(schema, "", &mut rows);
    rows
}

fn add(schema: &Value, path: &str, rows: &mut Vec<Member>) {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        rows.push(Member {
            kind: kind(member),
            required: required.contains(&name.as_str()),
            about: member["description"].as_str().unwrap_or_default().to_owned(),
            path: path.clone(),
        });
        add(member, &path, rows);
        if let Some(items) = member.get("items") {
            add(items, &format!("{path}[]"), rows);
        }
    }
}

fn kind(schema: &Value) -> String {
    let words = kind_of_value(schema);
    if schema["nullable"] == true { format!("{words} or null") } else { words }
}

fn kind_of_value(schema: &Value) -> String {
    if let Some(constant) = schema.get("const") {
        return plain(constant);
    }
    if let Some(legal) = schema["enum"].as_array() {
        return legal.iter().map(plain).collect::<Vec<_>>().join(", ");
    }
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        several => several.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
    };
    let named = |name: &str| match (name, schema.get("items"), schema["format"].as_str()) {
        ("array", Some(items), _) => format!("array of {}", kind(items)),
        ("string", _, Some(format)) => format!("string ({format})"),
        _ => name.to_owned(),
    };
    let words = types.into_iter().map(named).collect::<Vec<_>>().join(" or ");
    if words.is_empty() { "any".to_owned() } else { words }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_members_are_rows_of_their_own() {
        let schema = json!({"type": "object", "required": ["a"], "properties": {
            "a": {"type": ["string", "null"], "format": "date-time", "description": "When."},
            "list": {"type": "array", "items": {"type": "object", "required": ["x"], "properties": {
                "x": {"enum": ["P", null]}, "y": {}}}},
            "ids": {"type": "array", "items": {"type": "integer"}}}});
        let rows: Vec<_> = of(&schema).into_iter().map(|row| (row.path, row.kind, row.required)).collect();
        let row = |path: &str, kind: &str, required| (path.to_owned(), kind.to_owned(), required);
        assert_eq!(
            rows,
            [
                row("a", "string (date-time) or null", true),
                row("list", "array of object", false),
                row("list[].x", "P, null", true),
                row("list[].y", "any", false),
                row("ids", "array of integer", false),
            ]
        );
        assert_eq!(of(&schema)[0].about, "When.");
    }
}
