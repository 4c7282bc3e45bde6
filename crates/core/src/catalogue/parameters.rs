//! Reading the parameters of an entry, and the restrictions of its forms, which are like parameters
//! that nobody writes.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::catalogue::entry::{Parameter, ParameterKind, Refine, Shape, WhenAbsent};
use crate::catalogue::fields::{CatalogueError, Fields};
use crate::catalogue::file::{self, WrittenForm};
use crate::catalogue::place::{Place, Pointer};
use crate::catalogue::shaping::Shaping;
use crate::filter::Condition;

/// As many as a shape has bits.
const SHAPING_PARAMETERS: usize = 8;
/// As many as a set of them has bits; restrictions of forms count too.
const REFINING_PARAMETERS: usize = 16;

pub(crate) fn read(fields: &mut Fields) -> Result<Vec<Parameter>, CatalogueError> {
    let mut parameters: Vec<Parameter> = Vec::new();
    let (mut refining, mut shaping) = (0usize, 0usize);
    for (within, value) in fields.list("parameters")? {
        let mut of_parameter = Fields::new(&fields.entry, &within, value)?;
        let name: String = of_parameter.required("name")?;
        if parameters.iter().any(|known| known.name == name) {
            return Err(of_parameter.error("name", format!("{name:?} occurs twice")));
        }
        let kind: String = of_parameter.required("kind")?;
        let kind = match kind.as_str() {
            "refine" => {
                refining += 1;
                ParameterKind::Refine(refine(&mut of_parameter, refining - 1)?)
            }
            "constant" => ParameterKind::Constant {
                value: of_parameter.required("value")?,
                required: of_parameter.or_default("required")?,
            },
            "shape" => {
                shaping += 1;
                ParameterKind::Shape(shape(&mut of_parameter, shaping - 1)?)
            }
            "seconds" => ParameterKind::Seconds,
            other => {
                let reason = format!("{other:?} is none of refine, constant, shape, seconds");
                return Err(of_parameter.error("kind", reason));
            }
        };
        let summary = of_parameter.or_default("summary")?;
        of_parameter.finish()?;
        parameters.push(Parameter { name, summary, kind });
    }
    follow_implications(fields, &mut parameters)?;
    Ok(parameters)
}

fn refine(fields: &mut Fields, no: usize) -> Result<Refine, CatalogueError> {
    if no >= REFINING_PARAMETERS {
        return Err(fields.error("kind", format!("there are more than {REFINING_PARAMETERS} of this kind")));
    }
    let written: Vec<Value> = fields.required("places")?;
    let places = file::places(fields, "places", &written)?;
    if places.is_empty() {
        return Err(fields.error("places", "is empty"));
    }
    let values: Vec<String> = fields.or_default("values")?;
    let aliases: BTreeMap<String, String> = fields.or_default("aliases")?;
    if let Some((alias, value)) = aliases.iter().find(|(_, value)| !values.contains(value)) {
        return Err(
            fields.error("aliases", format!("{alias:?} stands for {value:?}, which is no legal value"))
        );
    }
    let when_absent = fields.or_default("whenAbsent")?;
    let no = u8::try_from(no).unwrap_or(u8::MAX);
    Ok(Refine {
        places,
        values,
        aliases: aliases.into_iter().collect(),
        when_absent,
        no,
        sources: Vec::new(),
    })
}

fn shape(fields: &mut Fields, no: usize) -> Result<Shape, CatalogueError> {
    if no >= SHAPING_PARAMETERS {
        return Err(fields.error("kind", format!("there are more than {SHAPING_PARAMETERS} of this kind")));
    }
    let adds: Vec<String> = fields.required("adds")?;
    let pointer = |text: &String| Pointer::parse(text).map_err(|reason| fields.error("adds", reason));
    let adds = adds.iter().map(pointer).collect::<Result<_, _>>()?;
    Ok(Shape { adds, implies: fields.or_default("implies")?, bits: 1 << no })
}

/// Gives each shaping parameter the bits of all that it implies.
fn follow_implications(fields: &Fields, parameters: &mut [Parameter]) -> Result<(), CatalogueError> {
    let bits_of = |parameters: &[Parameter], name: &str| {
        parameters.iter().find(|parameter| parameter.name == name).and_then(|parameter| {
            match &parameter.kind {
                ParameterKind::Shape(shape) => Some(shape.bits),
                _ => None,
            }
        })
    };
    // An implication may lead to another one: as many rounds as there are parameters settle it.
    for _ in 0..parameters.len() {
        for index in 0..parameters.len() {
            let ParameterKind::Shape(shape) = &parameters[index].kind else { continue };
            let mut bits = shape.bits;
            for implied in &shape.implies {
                bits |= bits_of(parameters, implied).ok_or_else(|| {
                    fields.error("parameters", format!("{implied:?} is implied and is no shaping parameter"))
                })?;
            }
            if let ParameterKind::Shape(shape) = &mut parameters[index].kind {
                shape.bits = bits;
            }
        }
    }
    Ok(())
}

/// A member is kept for any shape with the own bit of a parameter that adds it. Own bits come in the
/// order of the parameters.
pub(crate) fn shaping(parameters: &[Parameter]) -> Shaping {
    let shapes = parameters.iter().filter_map(|parameter| match &parameter.kind {
        ParameterKind::Shape(shape) => Some(shape),
        _ => None,
    });
    let members =
        shapes.enumerate().flat_map(|(no, shape)| shape.adds.iter().map(move |pointer| (pointer, 1 << no)));
    Shaping::new(members)
}

/// Makes the restrictions of forms into conditions, numbered behind the refining parameters.
pub(crate) fn restrictions(
    fields: &Fields,
    forms: &mut [WrittenForm],
    parameters: &[Parameter],
) -> Result<Vec<Refine>, CatalogueError> {
    let written =
        parameters.iter().filter(|parameter| matches!(parameter.kind, ParameterKind::Refine(_))).count();
    let mut unwritten: Vec<Refine> = Vec::new();
    for form in forms {
        for (place, value) in &form.restrictions {
            let place =
                Pointer::parse(place).map(Place::Body).map_err(|reason| fields.error("forms", reason))?;
            let known = unwritten.iter().position(|refine| refine.places.contains(&place));
            let at = known.unwrap_or(unwritten.len());
            let no = u8::try_from(written + at).ok().filter(|no| usize::from(*no) < REFINING_PARAMETERS);
            let no =
                no.ok_or_else(|| fields.error("forms", "there are too many parameters and restrictions"))?;
            if known.is_none() {
                let (places, when_absent) = (vec![place], WhenAbsent::Differs);
                let (values, aliases, sources) = (Vec::new(), Vec::new(), Vec::new());
                unwritten.push(Refine { places, values, aliases, when_absent, no, sources });
            }
            form.conditions.push(Condition { parameter: no, values: [value.as_str().into()].into() });
        }
    }
    Ok(unwritten)
}
