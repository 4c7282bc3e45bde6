//! Places: where in an event something stands, in its body or in its path.
//!
//! A place in the body is written like a JSON pointer, with `*` for every element of an array:
//! `/webinar/id`, `/changes/*/type`. A place in the path is the name of one of its variables:
//! `{deviceId}`. `{"exists": "/parties/*/recordings/*"}` asks only whether there is something; it is
//! always present and reads `true` or `false`. `{"any": ["/from", "/to"]}` reads several as one.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;
use smallvec::SmallVec;

use crate::scan;

/// What was read at a place: a scalar, or those of an array. Nearly always one.
pub(crate) type Values<'a> = SmallVec<[Cow<'a, str>; 2]>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Body(Pointer),
    Any(Vec<Pointer>),
    Exists(Pointer),
    /// A variable of the path, by its name.
    Variable(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    steps: Box<[Step]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(Box<str>),
    EachElement,
}

impl Place {
    pub(crate) fn parse(written: &Value) -> Result<Self, String> {
        match written {
            Value::String(text) => match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) => Ok(Self::Variable(name.to_owned())),
                None => Pointer::parse(text).map(Self::Body),
            },
            Value::Object(members) if members.len() == 1 => match (members.get("exists"), members.get("any"))
            {
                (Some(Value::String(text)), _) => Pointer::parse(text).map(Self::Exists),
                (_, Some(Value::Array(several))) => {
                    let parse = |one: &Value| Pointer::parse(one.as_str().unwrap_or_default());
                    several.iter().map(parse).collect::<Result<_, _>>().map(Self::Any)
                }
                _ => Err(format!("{written} is no place")),
            },
            _ => Err(format!("{written} is no place")),
        }
    }

    pub(crate) fn reads_arrays(&self) -> bool {
        let is_list = |pointer: &Pointer| pointer.steps.contains(&Step::EachElement);
        match self {
            Self::Body(pointer) => is_list(pointer),
            Self::Any(_) => true,
            Self::Exists(_) | Self::Variable(_) => false,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(pointer) => pointer.fmt(f),
            Self::Any(pointers) => {
                f.write_str("any of")?;
                pointers.iter().try_for_each(|pointer| write!(f, " {pointer}"))
            }
            Self::Exists(pointer) => write!(f, "exists {pointer}"),
            Self::Variable(name) => write!(f, "{{{name}}}"),
        }
    }
}

impl Pointer {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix('/').ok_or_else(|| format!("{text:?} does not start with /"))?;
        let step = |written: &str| match written {
            "*" => Step::EachElement,
            name => Step::Member(name.replace("~1", "/").replace("~0", "~").into()),
        };
        Ok(Self { steps: rest.split('/').map(step).collect() })
    }

    /// Reads what stands there into `out`. False if nothing does; null counts as nothing. An array at
    /// the end is read like its elements.
    pub(crate) fn read<'a>(&self, body: &'a [u8], out: &mut Values<'a>) -> bool {
        read(body, 0, &self.steps, out)
    }

    pub(crate) fn exists(&self, body: &[u8]) -> bool {
        exists(body, 0, &self.steps)
    }

    /// The steps as member names, `None` for each element of an array.
    pub(crate) fn steps(&self) -> impl Iterator<Item = Option<&str>> {
        self.steps.iter().map(|step| match step {
            Step::Member(name) => Some(&**name),
            Step::EachElement => None,
        })
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in self.steps() {
            match step {
                Some(name) => write!(f, "/{}", name.replace('~', "~0").replace('/', "~1"))?,
                None => f.write_str("/*")?,
            }
        }
        Ok(())
    }
}

// The recursion is as deep as the pointer has steps, whatever the body is.
fn read<'a>(body: &'a [u8], at: usize, steps: &[Step], out: &mut Values<'a>) -> bool {
    let Some((step, rest)) = steps.split_first() else { return read_end(body, at, out) };
    match step {
        Step::Member(name) => scan::members(body, at)
            .find(|member| member.is_named(body, name))
            .is_some_and(|member| read(body, member.value.0, rest, out)),
        Step::EachElement => {
            let mut present = false;
            for element in scan::elements(body, at) {
                present |= read(body, element.0, rest, out);
            }
            present
        }
    }
}

fn read_end<'a>(body: &'a [u8], at: usize, out: &mut Values<'a>) -> bool {
    if body.get(at) == Some(&b'[') {
        out.extend(scan::elements(body, at).filter_map(|element| scan::scalar_at(body, element)));
        return true;
    }
    let scalar = scan::end_of_value(body, at).and_then(|end| scan::scalar_at(body, (at, end)));
    let present = scalar.is_some();
    out.extend(scalar);
    present
}

fn exists(body: &[u8], at: usize, steps: &[Step]) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return body.get(at).is_some_and(|byte| *byte != b'n');
    };
    match step {
        Step::Member(name) => scan::members(body, at)
            .any(|member| member.is_named(body, name) && exists(body, member.value.0, rest)),
        Step::EachElement => scan::elements(body, at).any(|element| exists(body, element.0, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pointer: &str, body: &str) -> Option<Vec<String>> {
        let mut out = Values::new();
        let present = Pointer::parse(pointer).unwrap().read(body.as_bytes(), &mut out);
        present.then(|| out.into_iter().map(Cow::into_owned).collect())
    }

    #[test]
    fn a_place_reads_scalars_as_text_and_arrays_element_by_element() {
        let body = r#"{"a":{"b~/":7},"list":[{"t":"x"},{"u":1},{"t":["y",true,null,{}]}],"n":null,"e":[]}"#;
        assert_eq!(values("/a/b~0~1", body), Some(vec!["7".into()]));
        assert_eq!(values("/list/*/t", body), Some(vec!["x".into(), "y".into(), "true".into()]));
        assert_eq!(values("/e", body), Some(vec![]));
        for absent in ["/n", "/a", "/list/t", "/a/*", "/zzz", "/list/*/zzz", "/e/*"] {
            assert_eq!(values(absent, body), None, "{absent}");
        }
    }

    #[test]
    fn a_place_that_asks_for_existence_sees_anything_but_null() {
        let body = br#"{"parties":[{"recordings":[]},{"recordings":[{"id":1}]}],"n":null}"#;
        let exists = |pointer: &str| Pointer::parse(pointer).unwrap().exists(body);
        assert!(exists("/parties/*/recordings/*") && exists("/parties/*/recordings"));
        assert!(!exists("/n") && !exists("/parties/*/zzz"));
    }

    #[test]
    fn places_print_as_they_are_written() {
        for text in ["/webinar/id", "/changes/*/type", "/a~1b/~0"] {
            assert_eq!(Pointer::parse(text).unwrap().to_string(), text);
        }
        assert!(Place::parse(&serde_json::json!("webinarId")).is_err());
        assert!(Place::parse(&serde_json::json!({"exist": "/a"})).is_err());
    }
}
