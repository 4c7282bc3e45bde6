//! Reading catalogue files. The built-in ones and an operator's have the same form:
//!
//! ```json
//! { "$defs": { "Party": { "type": "object" } },
//!   "eventTypes": [ {
//!     "name": "order.shipped",
//!     "summary": "An order has left the warehouse.",
//!     "forms": [ { "pattern": "/acme/v1/account/{accountId}/extension/{extensionId}/orders",
//!                  "scope": "extension", "permissions": ["ReadOrders"] } ],
//!     "door": "core", "class": "other", "appScope": "Orders",
//!     "variables": { "extensionId": { "places": ["/owner/id"] } },
//!     "parameters": [
//!       { "name": "carrier", "kind": "refine", "places": ["/carrier/code"], "values": ["post", "road"],
//!         "aliases": { "mail": "post" }, "whenAbsent": "differs" },
//!       { "name": "format", "kind": "constant", "value": "v2", "required": true },
//!       { "name": "items", "kind": "shape", "adds": ["/items"], "implies": [] } ],
//!     "membersOnly": false, "orderingKey": ["/orderId"], "onViolation": "warn",
//!     "schema": { "type": "object", "properties": { "buyer": { "$ref": "#/$defs/Party" } } },
//!     "sample": { "orderId": 1 } } ] }
//! ```
//!
//! A form may have a `where`: places with the value that must stand there, for a path that is meant for a
//! part of the events only; and `private`, for what of another extension only administrators may hear of. Required are `name`, `summary`, `forms`, `class`, `schema` and `sample`; a sample must fit its schema.
//! Places are described in `place`, schemas in `crate::schema`. A schema may refer to the file's
//! `$defs`; what stands beside `$ref` is merged into the definition (properties and required members
//! are united). The order of shaping parameters must not change while deliveries wait: stored
//! deliveries name them by their place.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::catalogue::entry::{
    Entry, OnViolation, Parameter, ParameterKind, Private, Refine, Scope, Variable,
};
use crate::catalogue::fields::{CatalogueError, Fields};
use crate::catalogue::parameters;
use crate::catalogue::paths::{Part, parse_pattern};
use crate::catalogue::place::Place;
use crate::catalogue::reading::Plan;
use crate::filter::Condition;
use crate::schema::Schema;

const VARIABLES: usize = 16;
/// How deep definitions may refer to each other.
const REFERENCES: u32 = 8;

/// A path form as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenForm {
    pub(crate) pattern: String,
    pub(crate) scope: Scope,
    #[serde(default)]
    pub(crate) permissions: Vec<String>,
    #[serde(default)]
    pub(crate) private: Option<Private>,
    /// Places with the value that must stand there: this path is for such events only.
    #[serde(default, rename = "where")]
    pub(crate) restrictions: BTreeMap<String, String>,
    #[serde(skip)]
    pub(crate) conditions: Vec<Condition>,
}

/// An entry whose forms are not numbered yet.
pub(crate) struct WrittenEntry {
    pub(crate) entry: Entry,
    pub(crate) forms: Vec<WrittenForm>,
}

pub(crate) fn parse(text: &str) -> Result<Vec<WrittenEntry>, CatalogueError> {
    let file: Value =
        serde_json::from_str(text).map_err(|error| CatalogueError::new("", "", error.to_string()))?;
    let mut fields = Fields::new("", "", file)?;
    let definitions: Map<String, Value> = fields.or_default("$defs")?;
    let entries = fields.list("eventTypes")?;
    fields.finish()?;
    entries.into_iter().map(|(within, value)| entry(&within, value, &definitions)).collect()
}

fn entry(
    within: &str,
    value: Value,
    definitions: &Map<String, Value>,
) -> Result<WrittenEntry, CatalogueError> {
    let mut fields = Fields::new(within.trim_end_matches('/'), "", value)?;
    let name: String = fields.required("name")?;
    fields.entry.clone_from(&name);
    let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_legal) {
        return Err(fields.error("name", "may only have a-z, 0-9, dot, underscore and hyphen"));
    }
    let mut forms = forms(&mut fields)?;
    let mut parameters = parameters::read(&mut fields)?;
    let mut variables = variables(&mut fields, &forms)?;
    check_places(&fields, &parameters, &variables)?;
    let source = fields.value("schema").ok_or_else(|| fields.error("schema", "is missing"))?;
    let schema_source =
        inline(source, definitions, REFERENCES).map_err(|reason| fields.error("schema", reason))?;
    let schema =
        Schema::compile(&schema_source).map_err(|error| fields.error("schema", error.to_string()))?;
    let sample: Value = fields.required("sample")?;
    if !sample.is_object() {
        return Err(fields.error("sample", "is no object"));
    }
    schema.check(&sample).map_err(|violation| fields.error("sample", violation.to_string()))?;
    let mut unwritten = parameters::restrictions(&fields, &mut forms, &parameters)?;
    let plan = plan(&mut parameters, &mut unwritten, &mut variables);
    let ordering_key = fields.or_default::<Vec<Value>>("orderingKey")?;
    let entry = Entry {
        summary: fields.required("summary")?,
        door: fields.optional("door")?.unwrap_or(crate::subscription::Door::Core),
        class: fields.required("class")?,
        app_scope: fields.optional("appScope")?,
        forms: Vec::new(),
        members_only: fields.or_default("membersOnly")?,
        ordering_key: places(&fields, "orderingKey", &ordering_key)?,
        on_violation: fields.optional("onViolation")?.unwrap_or(OnViolation::Warn),
        shaping: parameters::shaping(&parameters),
        unwritten,
        plan,
        name,
        parameters,
        variables,
        schema,
        schema_source,
        sample,
    };
    fields.finish()?;
    Ok(WrittenEntry { entry, forms })
}

fn forms(fields: &mut Fields) -> Result<Vec<WrittenForm>, CatalogueError> {
    let forms: Vec<WrittenForm> = fields.required("forms")?;
    if forms.is_empty() {
        return Err(fields.error("forms", "is empty"));
    }
    for form in &forms {
        let at = |reason: String| fields.error("forms", format!("{}: {reason}", form.pattern));
        let parts = parse_pattern(&form.pattern).map_err(at)?;
        let names: Vec<&str> = variable_names(&parts).collect();
        let has = |name: &str| names.contains(&name);
        let fits = match form.scope {
            Scope::Extension => has("accountId") && has("extensionId"),
            Scope::Account => has("accountId") && !has("extensionId"),
            Scope::Company | Scope::Reminder => names.is_empty() && form.pattern.starts_with('/'),
            Scope::Conference => !form.pattern.starts_with('/'),
        };
        if !fits {
            return Err(at(format!("the pattern does not fit the scope {:?}", form.scope)));
        }
        if names.iter().enumerate().any(|(index, name)| names[..index].contains(name)) {
            return Err(at("a variable occurs twice".to_owned()));
        }
    }
    Ok(forms)
}

pub(crate) fn variable_names(parts: &[Part]) -> impl Iterator<Item = &str> {
    parts.iter().filter_map(|part| match part {
        Part::Variable(name) => Some(name.as_str()),
        Part::Fixed(_) => None,
    })
}

// === variables and places ===

fn variables(fields: &mut Fields, forms: &[WrittenForm]) -> Result<Vec<Variable>, CatalogueError> {
    let written: Map<String, Value> = fields.or_default("variables")?;
    let mut variables = Vec::new();
    for (name, value) in written {
        let mut of_variable = Fields::new(&fields.entry, &format!("variables/{name}/"), value)?;
        let written: Vec<Value> = of_variable.or_default("places")?;
        let places = places(&of_variable, "places", &written)?;
        let values: Vec<String> = of_variable.or_default("values")?;
        let sample: String = of_variable.or_default("sample")?;
        if name != "extensionId" && sample.is_empty() {
            return Err(of_variable.error("sample", "is missing"));
        }
        if !values.is_empty() && !values.contains(&sample) {
            return Err(of_variable.error("sample", "is none of the legal values"));
        }
        of_variable.finish()?;
        variables.push(Variable { name, places, values, sample, sources: Vec::new() });
    }
    if variables.len() > VARIABLES {
        return Err(fields.error("variables", format!("there are more than {VARIABLES}")));
    }
    for form in forms {
        let parts = parse_pattern(&form.pattern).unwrap_or_default();
        let undeclared = |name: &&str| {
            !matches!(*name, "accountId" | "extensionId")
                && !variables.iter().any(|known| known.name == **name)
        };
        if let Some(name) = variable_names(&parts).find(undeclared) {
            return Err(fields.error("variables", format!("{name:?} of {} is not described", form.pattern)));
        }
        let of_form = |name: &str| variables.iter().find(|variable| variable.name == name);
        let lists = variable_names(&parts)
            .filter_map(of_form)
            .filter(|variable| variable.places.iter().any(Place::reads_arrays));
        if lists.count() > 1 {
            return Err(fields.error(
                "variables",
                format!("{} has two variables that are read from arrays", form.pattern),
            ));
        }
    }
    Ok(variables)
}

pub(crate) fn places(fields: &Fields, field: &str, written: &[Value]) -> Result<Vec<Place>, CatalogueError> {
    written.iter().map(|place| Place::parse(place).map_err(|reason| fields.error(field, reason))).collect()
}

fn plan(parameters: &mut [Parameter], unwritten: &mut [Refine], variables: &mut [Variable]) -> Plan {
    let mut plan = Plan::default();
    for parameter in parameters {
        if let ParameterKind::Refine(refine) = &mut parameter.kind {
            refine.sources = plan.add(&refine.places);
        }
    }
    for refine in unwritten {
        refine.sources = plan.add(&refine.places);
    }
    for variable in variables {
        variable.sources = plan.add(&variable.places);
    }
    plan
}

/// Places that name a variable must name one that there is.
fn check_places(
    fields: &Fields,
    parameters: &[Parameter],
    variables: &[Variable],
) -> Result<(), CatalogueError> {
    for parameter in parameters {
        let ParameterKind::Refine(refine) = &parameter.kind else { continue };
        for place in &refine.places {
            let Place::Variable(name) = place else { continue };
            if name != "extensionId" && !variables.iter().any(|variable| variable.name == *name) {
                let reason = format!("{} is compared with {place}, which is no variable", parameter.name);
                return Err(fields.error("parameters", reason));
            }
        }
    }
    Ok(())
}

// === schemas ===

/// Puts the definitions in the place of their references, so that each schema is complete in itself.
fn inline(schema: Value, definitions: &Map<String, Value>, depth: u32) -> Result<Value, String> {
    match schema {
        Value::Array(items) => items
            .into_iter()
            .map(|item| inline(item, definitions, depth))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        Value::Object(mut members) => {
            let reference = members.remove("$ref");
            let mut own = Map::new();
            for (name, value) in members {
                own.insert(name, inline(value, definitions, depth)?);
            }
            let Some(reference) = reference else { return Ok(Value::Object(own)) };
            let name = reference.as_str().and_then(|text| text.strip_prefix("#/$defs/"));
            let definition = name.and_then(|name| definitions.get(name));
            let definition = definition.ok_or_else(|| format!("{reference} is not defined"))?;
            let depth = depth.checked_sub(1).ok_or_else(|| format!("{reference} leads too deep"))?;
            let definition = inline(definition.clone(), definitions, depth)?;
            Ok(merge(definition, own))
        }
        scalar => Ok(scalar),
    }
}

fn merge(definition: Value, own: Map<String, Value>) -> Value {
    let Value::Object(mut merged) = definition else { return Value::Object(own) };
    for (name, value) in own {
        match (merged.get_mut(&name), value) {
            (Some(Value::Object(known)), Value::Object(more)) if name == "properties" => known.extend(more),
            (Some(Value::Array(known)), Value::Array(more)) if name == "required" => known.extend(more),
            (_, value) => {
                merged.insert(name, value);
            }
        }
    }
    Value::Object(merged)
}
