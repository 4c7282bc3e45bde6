//! JSON Schema, as much of it as the catalogue needs: compiled once, checked against parsed values.
//!
//! Known: `type` (one or several), `nullable`, `enum`, `const`, `properties`, `required`, `items`,
//! `anyOf`, `minimum`, `maximum`, `minLength`, `maxLength`, `maxItems`, `minItems`; `title`,
//! `description`, `format`, `default` and `examples` are taken and not checked. Any other keyword is an
//! error when compiling, so that nobody relies on a check that is not made. Members that a schema does
//! not name are always allowed (D14).

mod fitting;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

/// What is wrong with a schema itself, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schema at {pointer:?}: {reason}")]
pub struct SchemaError {
    pub pointer: String,
    pub reason: String,
}

/// The first thing that is wrong with a value, and where in it (a JSON pointer; empty for the whole).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", if pointer.is_empty() { "body" } else { pointer })]
pub struct Violation {
    pub pointer: String,
    pub reason: String,
}

#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Empty: any.
    types: Vec<Type>,
    /// `enum`, or `const` as an enumeration of one.
    legal: Option<Vec<Value>>,
    properties: Vec<(String, Schema)>,
    required: Vec<String>,
    items: Option<Box<Schema>>,
    any_of: Vec<Schema>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    length: Bounds,
    count: Bounds,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    least: Option<u64>,
    most: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Type {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Null, "null"),
        (Self::Boolean, "boolean"),
        (Self::Integer, "integer"),
        (Self::Number, "number"),
        (Self::String, "string"),
        (Self::Array, "array"),
        (Self::Object, "object"),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(kind, _)| kind)
    }

    fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Boolean => value.is_boolean(),
            Self::Integer => value.as_number().is_some_and(is_integer),
            Self::Number => value.is_number(),
            Self::String => value.is_string(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}

/// JSON Schema counts 1.0 as an integer.
fn is_integer(number: &serde_json::Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
}

// === compiling ===

impl Schema {
    pub fn compile(source: &Value) -> Result<Self, SchemaError> {
        compile(source, "")
    }
}

fn fault<T>(pointer: &str, reason: impl Into<String>) -> Result<T, SchemaError> {
    Err(SchemaError { pointer: pointer.to_owned(), reason: reason.into() })
}

fn compile(source: &Value, at: &str) -> Result<Schema, SchemaError> {
    let Value::Object(members) = source else { return fault(at, "is not an object") };
    let mut schema = Schema::default();
    for (keyword, value) in members {
        let at = format!("{at}/{keyword}");
        match keyword.as_str() {
            "type" => schema.types.extend(types(value, &at)?),
            "nullable" if value.is_boolean() => {}
            "enum" => match value.as_array() {
                Some(legal) if !legal.is_empty() => schema.legal = Some(legal.clone()),
                _ => return fault(&at, "is not a list of values"),
            },
            "const" => schema.legal = Some(vec![value.clone()]),
            "properties" => schema.properties = properties(value, &at)?,
            "required" => schema.required = strings(value, &at)?,
            "items" => schema.items = Some(Box::new(compile(value, &at)?)),
            "anyOf" => schema.any_of = alternatives(value, &at)?,
            "minimum" => schema.minimum = Some(number(value, &at)?),
            "maximum" => schema.maximum = Some(number(value, &at)?),
            "minLength" => schema.length.least = Some(whole(value, &at)?),
            "maxLength" => schema.length.most = Some(whole(value, &at)?),
            "minItems" => schema.count.least = Some(whole(value, &at)?),
            "maxItems" => schema.count.most = Some(whole(value, &at)?),
            "title" | "description" | "format" | "default" | "examples" => {}
            _ => return fault(&at, "this keyword is not supported here"),
        }
    }
    allow_null(&mut schema, members);
    Ok(schema)
}

/// OpenAPI's `nullable` adds null to the types and to the enumeration.
fn allow_null(schema: &mut Schema, members: &Map<String, Value>) {
    if members.get("nullable") != Some(&Value::Bool(true)) {
        return;
    }
    if !schema.types.is_empty() {
        schema.types.push(Type::Null);
    }
    if let Some(legal) = &mut schema.legal {
        legal.push(Value::Null);
    }
}

fn types(value: &Value, at: &str) -> Result<Vec<Type>, SchemaError> {
    let names = match value {
        Value::String(name) => vec![name.clone()],
        _ => strings(value, at)?,
    };
    let named =
        |name: &String| Type::named(name).map_or_else(|| fault(at, format!("{name:?} is no type")), Ok);
    names.iter().map(named).collect()
}

fn strings(value: &Value, at: &str) -> Result<Vec<String>, SchemaError> {
    let all = value.as_array().map(|list| list.iter().map(|item| item.as_str().map(str::to_owned)).collect());
    match all {
        Some(Some(strings)) => Ok(strings),
        _ => fault(at, "is not a list of strings"),
    }
}

fn properties(value: &Value, at: &str) -> Result<Vec<(String, Schema)>, SchemaError> {
    let Value::Object(members) = value else { return fault(at, "is not an object") };
    members
        .iter()
        .map(|(name, schema)| Ok((name.clone(), compile(schema, &format!("{at}/{name}"))?)))
        .collect()
}

fn alternatives(value: &Value, at: &str) -> Result<Vec<Schema>, SchemaError> {
    match value.as_array() {
        Some(list) if !list.is_empty() => {
            list.iter().enumerate().map(|(index, schema)| compile(schema, &format!("{at}/{index}"))).collect()
        }
        _ => fault(at, "is not a list of schemas"),
    }
}

fn number(value: &Value, at: &str) -> Result<f64, SchemaError> {
    value.as_f64().map_or_else(|| fault(at, "is not a number"), Ok)
}

fn whole(value: &Value, at: &str) -> Result<u64, SchemaError> {
    value.as_u64().map_or_else(|| fault(at, "is not a whole number"), Ok)
}

// === checking ===

impl Schema {
    /// Finds the first thing in `value` that breaks the schema.
    pub fn check(&self, value: &Value) -> Result<(), Violation> {
        self.check_at(value, &mut String::new())
    }

    fn check_at(&self, value: &Value, at: &mut String) -> Result<(), Violation> {
        if !self.types.is_empty() && !self.types.iter().any(|kind| kind.fits(value)) {
            let names: Vec<&str> = self.types.iter().map(|kind| kind.name()).collect();
            return violated(at, format!("must be {}, is {}", names.join(" or "), short(value)));
        }
        if let Some(legal) = &self.legal
            && !legal.contains(value)
        {
            let legal: Vec<String> = legal.iter().map(Value::to_string).collect();
            return violated(at, format!("must be one of {}, is {}", legal.join(", "), short(value)));
        }
        self.check_any_of(value, at)?;
        match value {
            Value::Number(number) => self.check_range(number.as_f64().unwrap_or(f64::NAN), at),
            Value::String(text) => self.length.check(text.chars().count(), "characters", at),
            Value::Array(elements) => {
                self.count.check(elements.len(), "elements", at)?;
                self.check_elements(elements, at)
            }
            Value::Object(members) => self.check_members(members, at),
            Value::Null | Value::Bool(_) => Ok(()),
        }
    }

    fn check_any_of(&self, value: &Value, at: &mut String) -> Result<(), Violation> {
        let (mut first, mut meant) = (None, Vec::new());
        let length = at.len();
        for alternative in &self.any_of {
            let Err(violation) = alternative.check_at(value, at) else { return Ok(()) };
            at.truncate(length);
            if !alternative.is_ruled_out_by(value) {
                meant.push(violation.clone());
            }
            first = first.or(Some(violation));
        }
        let Some(first) = first else { return Ok(()) };
        // What the other forms would want is of no help to somebody who chose this one.
        match <[Violation; 1]>::try_from(meant) {
            Ok([only]) => Err(only),
            Err(_) => {
                violated(at, format!("fits none of {} forms; the first because {first}", self.any_of.len()))
            }
        }
    }

    /// Whether the value says that it is something else: it has another type, or a member has a value that is
    /// not among the legal ones here.
    fn is_ruled_out_by(&self, value: &Value) -> bool {
        let is_other = |(name, member): &(String, Schema)| match (&member.legal, value.get(name)) {
            (Some(legal), Some(value)) => !legal.contains(value),
            _ => false,
        };
        let fits_type = self.types.is_empty() || self.types.iter().any(|kind| kind.fits(value));
        !fits_type || self.properties.iter().any(is_other)
    }

    fn check_range(&self, number: f64, at: &str) -> Result<(), Violation> {
        if let Some(least) = self.minimum
            && number < least
        {
            return violated(at, format!("must be at least {least}, is {number}"));
        }
        match self.maximum {
            Some(most) if number > most => violated(at, format!("must be at most {most}, is {number}")),
            _ => Ok(()),
        }
    }

    fn check_elements(&self, elements: &[Value], at: &mut String) -> Result<(), Violation> {
        let Some(items) = &self.items else { return Ok(()) };
        let length = at.len();
        for (index, element) in elements.iter().enumerate() {
            at.push('/');
            at.push_str(&index.to_string());
            items.check_at(element, at)?;
            at.truncate(length);
        }
        Ok(())
    }

    fn check_members(&self, members: &Map<String, Value>, at: &mut String) -> Result<(), Violation> {
        let length = at.len();
        if let Some(absent) = self.required.iter().find(|name| !members.contains_key(*name)) {
            push_name(at, absent);
            return violated(at, "is required".to_owned());
        }
        for (name, schema) in &self.properties {
            let Some(value) = members.get(name) else { continue };
            push_name(at, name);
            schema.check_at(value, at)?;
            at.truncate(length);
        }
        Ok(())
    }
}

impl Bounds {
    fn check(self, count: usize, unit: &str, at: &str) -> Result<(), Violation> {
        let count = count as u64;
        match self {
            Self { least: Some(least), .. } if count < least => {
                violated(at, format!("must have at least {least} {unit}, has {count}"))
            }
            Self { most: Some(most), .. } if count > most => {
                violated(at, format!("must have at most {most} {unit}, has {count}"))
            }
            _ => Ok(()),
        }
    }
}

fn violated(at: &str, reason: String) -> Result<(), Violation> {
    Err(Violation { pointer: at.to_owned(), reason })
}

fn push_name(at: &mut String, name: &str) {
    at.push('/');
    at.push_str(&name.replace('~', "~0").replace('/', "~1"));
}

/// The value for a message: scalars as they are, cut if long, the rest by kind.
fn short(value: &Value) -> String {
    match value {
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) if text.chars().count() > 40 => {
            format!("{:?} and more", text.chars().take(40).collect::<String>())
        }
        scalar => scalar.to_string(),
    }
}
