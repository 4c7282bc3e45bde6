use serde_json::json;

use super::*;

fn check(schema: Value, value: Value) -> Result<(), String> {
    Schema::compile(&schema).unwrap().check(&value).map_err(|violation| violation.to_string())
}

#[test]
fn each_keyword_takes_what_fits_and_names_what_does_not() {
    let party = json!({"type": "object", "required": ["id"], "properties": {
        "id": {"type": "string"}, "muted": {"type": "boolean", "nullable": true},
        "role": {"enum": ["Host", "Participant"], "nullable": true}}});
    let schema = json!({"type": "object", "properties": {
        "parties": {"type": "array", "items": party, "maxItems": 2, "minItems": 1},
        "n": {"type": ["integer", "string"], "minimum": 1, "maximum": 9, "maxLength": 3, "minLength": 1},
        "k": {"const": 5},
        "any": {"anyOf": [{"type": "string"}, {"type": "object", "required": ["x"]}]},
        "f": {"type": "number"}}});
    for fitting in [
        json!({}),
        json!({"unknown": [1, {"x": null}], "parties": [{"id": "1", "muted": null, "role": null, "more": 1}]}),
        json!({"n": 3, "k": 5, "any": {"x": 1}, "f": 1.5}),
        json!({"n": "abc", "any": "s", "f": 2}),
        json!({"n": 2.0}),
    ] {
        assert_eq!(check(schema.clone(), fitting.clone()), Ok(()), "{fitting}");
    }
    for (broken, words) in [
        (json!([]), "body: must be object, is an array"),
        (json!({"parties": [{"id": "1"}, {}]}), "/parties/1/id: is required"),
        (json!({"parties": [{"id": 1}]}), "/parties/0/id: must be string, is 1"),
        (json!({"parties": []}), "/parties: must have at least 1 elements, has 0"),
        (
            json!({"parties": [{"id": "1", "role": "X"}]}),
            r#"/parties/0/role: must be one of "Host", "Participant", null, is "X""#,
        ),
        (json!({"n": 2.5}), "/n: must be integer or string, is 2.5"),
        (json!({"n": 10}), "/n: must be at most 9, is 10"),
        (json!({"n": 0}), "/n: must be at least 1, is 0"),
        (json!({"n": "abcd"}), "/n: must have at most 3 characters, has 4"),
        (json!({"k": 6}), "/k: must be one of 5, is 6"),
        (json!({"any": {"y": 1}}), "/any/x: is required"),
        (json!({"f": "1"}), r#"/f: must be number, is "1""#),
    ] {
        assert_eq!(check(schema.clone(), broken).unwrap_err(), words);
    }
}

#[test]
fn a_schema_with_a_keyword_that_would_not_be_checked_is_refused() {
    for (schema, words) in [
        (
            json!({"properties": {"a": {"additionalProperties": false}}}),
            r#"schema at "/properties/a/additionalProperties": this keyword is not supported here"#,
        ),
        (json!({"type": "text"}), r#"schema at "/type": "text" is no type"#),
        (json!({"anyOf": []}), r#"schema at "/anyOf": is not a list of schemas"#),
        (json!({"items": 5}), r#"schema at "/items": is not an object"#),
        (json!({"required": "id"}), r#"schema at "/required": is not a list of strings"#),
    ] {
        assert_eq!(Schema::compile(&schema).unwrap_err().to_string(), words);
    }
}

#[test]
fn of_several_forms_the_one_that_the_value_chose_tells_what_is_wrong() {
    let schema = json!({"anyOf": [
        {"required": ["id"], "properties": {"kind": {"const": "removed"}}},
        {"required": ["id", "text"], "properties": {"kind": {"enum": ["added", "changed"]}}}]});
    for (broken, words) in [
        (json!({"kind": "added", "id": 1}), "/text: is required"),
        (json!({"kind": "removed", "text": ""}), "/id: is required"),
        // Nothing chosen, or nothing that there is.
        (json!({}), "body: fits none of 2 forms; the first because /id: is required"),
        (
            json!({"kind": "lost", "id": 1}),
            r#"body: fits none of 2 forms; the first because /kind: must be one of "removed", is "lost""#,
        ),
    ] {
        assert_eq!(check(schema.clone(), broken).unwrap_err(), words);
    }
}
