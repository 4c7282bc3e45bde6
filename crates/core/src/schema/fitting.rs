//! Checking JSON text against a schema without building a value of it: nearly every body that is published
//! keeps to its schema, and only of one that does not anybody wants to know more.

use std::fmt;

use serde::de::{
    Deserialize as _, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;

use super::{Schema, Type};

/// As many required members of one object as are followed here.
const REQUIRED: usize = 64;

impl Schema {
    /// Whether JSON text keeps to the schema for certain. Where this says no, `check` decides: it also says no
    /// to some rarities, such as a member that occurs twice and is wrong once.
    pub fn fits(&self, text: &[u8]) -> bool {
        let mut reader = serde_json::Deserializer::from_slice(text);
        Fitting(self).deserialize(&mut reader).is_ok() && reader.end().is_ok()
    }

    fn allows(&self, kind: Type) -> bool {
        self.types.is_empty() || self.types.contains(&kind)
    }
}

struct Fitting<'s>(&'s Schema);

impl<'de> DeserializeSeed<'de> for Fitting<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        if self.0.any_of.is_empty() {
            return reader.deserialize_any(self);
        }
        // Several forms are tried on one value.
        let value = Value::deserialize(reader)?;
        self.0.check(&value).map_err(D::Error::custom)
    }
}

impl Fitting<'_> {
    /// Of null, booleans and numbers, which cost nothing to make a value of.
    fn scalar<E: Error>(&self, value: &Value) -> Result<(), E> {
        self.0.check(value).map_err(E::custom)
    }
}

fn broken<E: Error>() -> E {
    E::custom("the schema is broken")
}

impl<'de> Visitor<'de> for Fitting<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what the schema says")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scalar(&Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar(&value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.scalar(&value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.scalar(&value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.scalar(&value.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let schema = self.0;
        let is_legal =
            schema.legal.as_ref().is_none_or(|legal| legal.iter().any(|one| one.as_str() == Some(text)));
        let has_bounds = schema.length.least.is_some() || schema.length.most.is_some();
        let is_bounded = !has_bounds || schema.length.check(text.chars().count(), "", "").is_ok();
        if schema.allows(Type::String) && is_legal && is_bounded { Ok(()) } else { Err(broken()) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let schema = self.0;
        let mut count = 0;
        match &schema.items {
            Some(items) => {
                while elements.next_element_seed(Fitting(items))?.is_some() {
                    count += 1;
                }
            }
            None => {
                while elements.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
            }
        }
        let is_bounded = schema.count.check(count, "", "").is_ok();
        if schema.allows(Type::Array) && schema.legal.is_none() && is_bounded {
            Ok(())
        } else {
            Err(broken())
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let schema = self.0;
        if !schema.allows(Type::Object) || schema.legal.is_some() || schema.required.len() > REQUIRED {
            return Err(broken());
        }
        let mut absent = (0..schema.required.len()).fold(0_u64, |all, place| all | 1 << place);
        while let Some((of_member, required)) = members.next_key_seed(Name(schema))? {
            if let Some(place) = required {
                absent &= !(1 << place);
            }
            match of_member {
                Some(schema) => members.next_value_seed(Fitting(schema))?,
                None => members.next_value::<IgnoredAny>().map(|_| ())?,
            }
        }
        if absent == 0 { Ok(()) } else { Err(broken()) }
    }
}

/// The name of a member: its schema, and its place among those that are required.
struct Name<'s>(&'s Schema);

impl<'de, 's> DeserializeSeed<'de> for Name<'s> {
    type Value = (Option<&'s Schema>, Option<usize>);

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'s> Visitor<'_> for Name<'s> {
    type Value = (Option<&'s Schema>, Option<usize>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        let schema = self.0.properties.iter().find(|(known, _)| known == name).map(|(_, schema)| schema);
        Ok((schema, self.0.required.iter().position(|known| known == name)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalogue::Catalogue;

    /// Every place of a value.
    fn places(value: &Value, at: &str, out: &mut Vec<String>) {
        out.push(at.to_owned());
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, member)| places(member, &format!("{at}/{name}"), out));
            }
            Value::Array(elements) => {
                elements
                    .iter()
                    .enumerate()
                    .for_each(|(no, element)| places(element, &format!("{at}/{no}"), out));
            }
            _ => {}
        }
    }

    #[test]
    fn it_says_of_every_sample_and_of_every_change_to_one_what_the_full_check_says() {
        let others = [
            json!(null),
            json!(true),
            json!(-1),
            json!(7),
            json!(1.5),
            json!(2.0),
            json!("text"),
            json!([]),
            json!({}),
        ];
        let (mut fitting, mut broken) = (0, 0);
        for (_, entry) in Catalogue::built_in().entries() {
            assert!(entry.schema.fits(entry.sample.to_string().as_bytes()), "{}", entry.name);
            let mut all = Vec::new();
            places(&entry.sample, "", &mut all);
            for place in &all {
                let without = place.rsplit_once('/').and_then(|(parent, name)| {
                    let mut changed = entry.sample.clone();
                    changed.pointer_mut(parent)?.as_object_mut()?.shift_remove(name)?;
                    Some(changed)
                });
                let with = others.iter().map(|other| {
                    let mut changed = entry.sample.clone();
                    *changed.pointer_mut(place).unwrap() = other.clone();
                    changed
                });
                for changed in with.chain(without) {
                    let fits = entry.schema.fits(changed.to_string().as_bytes());
                    assert_eq!(fits, entry.schema.check(&changed).is_ok(), "{}: {changed}", entry.name);
                    if fits { fitting += 1 } else { broken += 1 }
                }
            }
        }
        assert!(fitting > 500 && broken > 3000, "{fitting} fitting, {broken} broken");
    }

    #[test]
    fn every_keyword_is_kept_and_text_that_is_no_json_fits_nothing() {
        let schema = Schema::compile(&json!({"type": "object", "properties": {
            "s": {"type": "string", "minLength": 2, "maxLength": 3}, "k": {"const": 5}, "e": {"enum": ["a", null]},
            "n": {"minimum": 1, "maximum": 9}, "list": {"items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
            "any": {"anyOf": [{"type": "string"}, {"required": ["x"], "type": "object"}]}}}))
        .unwrap();
        for (text, fits) in [
            (r#"{"s":"äö","k":5,"e":null,"n":1,"list":[1],"any":{"x":1},"more":[{}]}"#, true),
            (r#"{"\u0073":"abcd"}"#, false),
            (r#"{"s":"a"}"#, false),
            (r#"{"k":6}"#, false),
            (r#"{"e":"b"}"#, false),
            (r#"{"n":9.5}"#, false),
            (r#"{"list":[]}"#, false),
            (r#"{"list":[1,2,3]}"#, false),
            (r#"{"list":["1"]}"#, false),
            (r#"{"any":{"y":1}}"#, false),
            (r#"{"s":"ab"} x"#, false),
            (r#"{"s":"#, false),
            ("[]", false),
        ] {
            assert_eq!(schema.fits(text.as_bytes()), fits, "{text}");
        }
    }
}
