//! Places: where in an event something stands, in its body or in its path.
//!
//! A place in the body is written like a JSON pointer, with `*` for every element of an array:
//! `/webinar/id`, `/changes/*/type`. A place in the path is the name of one of its variables:
//! `{deviceId}`. `{"exists": "/parties/*/recordings/*"}` asks only whether there is something; it is
//! always present and reads `true` or `false`. `{"any": ["/from", "/to"]}` reads several as one.

use std::fmt;

use serde_json::Value;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_print_as_they_are_written() {
        for text in ["/webinar/id", "/changes/*/type", "/a~1b/~0"] {
            assert_eq!(Pointer::parse(text).unwrap().to_string(), text);
        }
        assert!(Place::parse(&serde_json::json!("webinarId")).is_err());
        assert!(Place::parse(&serde_json::json!({"exist": "/a"})).is_err());
    }
}
