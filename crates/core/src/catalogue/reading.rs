//! Reading places: all that filters of an event type are compared with, in one pass over a body.
//!
//! A plan is made for each entry when the catalogue is read: a tree over all places in the body that
//! its refining parameters and variables name, each with a slot for what is found there. A body is
//! walked once; slots keep where values stand, and a value becomes text only when somebody compares it.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::catalogue::place::{Place, Pointer};
use crate::scan;

/// What was read at a place: a scalar, or those of an array. Nearly always one.
pub(crate) type Values<'a> = SmallVec<[Cow<'a, str>; 2]>;

/// Where in a body the values of each slot stand.
pub(crate) type Slots = SmallVec<[Slot; 8]>;

#[derive(Clone, Debug, Default)]
pub(crate) struct Slot {
    /// There is something, if only an empty array or (at a place that is not compared) an object.
    exists: bool,
    /// There is a scalar, or an array.
    present: bool,
    scalars: SmallVec<[(u32, u32); 2]>,
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    nodes: Vec<Node>,
    slots: usize,
}

#[derive(Clone, Debug, Default)]
struct Node {
    members: Vec<(Box<str>, usize)>,
    elements: Option<usize>,
    slot: Option<usize>,
}

/// A place with the slots that its values are read into.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Scalars(SmallVec<[usize; 2]>),
    Existence(usize),
    /// A variable of the path, by its name.
    Variable(String),
}

impl Default for Plan {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], slots: 0 }
    }
}

impl Plan {
    /// Takes places into the plan.
    pub(crate) fn add(&mut self, places: &[Place]) -> Vec<Source> {
        let source = |place: &Place| match place {
            Place::Body(pointer) => Source::Scalars(SmallVec::from_elem(self.slot(pointer), 1)),
            Place::Any(pointers) => {
                Source::Scalars(pointers.iter().map(|pointer| self.slot(pointer)).collect())
            }
            Place::Exists(pointer) => Source::Existence(self.slot(pointer)),
            Place::Variable(name) => Source::Variable(name.clone()),
        };
        places.iter().map(source).collect()
    }

    fn slot(&mut self, pointer: &Pointer) -> usize {
        let mut at = 0;
        for step in pointer.steps() {
            let known = match step {
                Some(name) => {
                    self.nodes[at].members.iter().find(|(known, _)| **known == *name).map(|(_, next)| *next)
                }
                None => self.nodes[at].elements,
            };
            at = known.unwrap_or_else(|| {
                let next = self.nodes.len();
                match step {
                    Some(name) => self.nodes[at].members.push((name.into(), next)),
                    None => self.nodes[at].elements = Some(next),
                }
                self.nodes.push(Node::default());
                next
            });
        }
        *self.nodes[at].slot.get_or_insert_with(|| {
            self.slots += 1;
            self.slots - 1
        })
    }

    pub(crate) fn read(&self, body: &[u8]) -> Slots {
        let mut slots = Slots::new();
        slots.resize_with(self.slots, Slot::default);
        let _ = self.walk(&self.nodes[0], body, 0, &mut slots);
        slots
    }

    /// Reads the value at `at` and tells where it ends. The recursion is as deep as places have steps,
    /// whatever the body is.
    fn walk(&self, node: &Node, body: &[u8], at: usize, slots: &mut Slots) -> Option<usize> {
        let end = match body.get(at)? {
            b'{' if !node.members.is_empty() => self.walk_object(node, body, at, slots)?,
            b'[' if node.elements.is_some() || node.slot.is_some() => {
                self.walk_array(node, body, at, slots)?
            }
            _ => scan::end_of_value(body, at)?,
        };
        if let Some(slot) = node.slot {
            slots[slot].take(body, at, end);
        }
        Some(end)
    }

    fn walk_object(&self, node: &Node, body: &[u8], at: usize, slots: &mut Slots) -> Option<usize> {
        let mut next = at + 1;
        while *body.get(next)? == b'"' {
            let key_end = scan::end_of_string(body, next)?;
            let key = (next, key_end);
            let wanted = node.members.iter().find(|(name, _)| scan::is_key(body, key, name));
            let value_end = match wanted {
                Some((_, child)) => self.walk(&self.nodes[*child], body, key_end + 1, slots)?,
                None => scan::end_of_value(body, key_end + 1)?,
            };
            next = value_end + 1;
            if *body.get(value_end)? != b',' {
                return Some(next);
            }
        }
        Some(next + 1)
    }

    fn walk_array(&self, node: &Node, body: &[u8], at: usize, slots: &mut Slots) -> Option<usize> {
        let mut next = at + 1;
        while *body.get(next)? != b']' {
            let end = match node.elements {
                Some(child) => self.walk(&self.nodes[child], body, next, slots)?,
                None => scan::end_of_value(body, next)?,
            };
            if let Some(slot) = node.slot {
                slots[slot].take_element(body, next, end);
            }
            next = end + 1;
            if *body.get(end)? != b',' {
                return Some(next);
            }
        }
        Some(next + 1)
    }
}

impl Slot {
    fn take(&mut self, body: &[u8], at: usize, end: usize) {
        match body[at] {
            b'n' => {}
            b'[' => (self.exists, self.present) = (true, true),
            b'{' => self.exists = true,
            _ => {
                (self.exists, self.present) = (true, true);
                self.take_element(body, at, end);
            }
        }
    }

    /// An array at a place is read like its elements.
    fn take_element(&mut self, body: &[u8], at: usize, end: usize) {
        if let (false, Ok(at), Ok(end)) =
            (matches!(body[at], b'n' | b'[' | b'{'), at.try_into(), end.try_into())
        {
            self.scalars.push((at, end));
        }
    }
}

/// Takes the values of the first source that is present; false if none is. `variable` reads from the
/// path.
pub(crate) fn first_present<'a>(
    sources: &[Source],
    slots: &Slots,
    body: &'a [u8],
    variable: impl Fn(&str) -> Option<Cow<'a, str>>,
    out: &mut Values<'a>,
) -> bool {
    sources.iter().any(|source| match source {
        Source::Scalars(read_into) => {
            let present = read_into.iter().filter(|slot| slots[**slot].present);
            present.fold(false, |_, slot| {
                let spans = slots[*slot].scalars.iter().map(|(from, to)| (*from as usize, *to as usize));
                out.extend(spans.filter_map(|span| scan::scalar_at(body, span)));
                true
            })
        }
        Source::Existence(slot) => {
            out.push(if slots[*slot].exists { "true" } else { "false" }.into());
            true
        }
        Source::Variable(name) => {
            let value = variable(name);
            let present = value.is_some();
            out.extend(value);
            present
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(text: &str) -> Place {
        Place::parse(&serde_json::from_str(text).unwrap_or_else(|_| text.into())).unwrap()
    }

    /// What is read at the first of the places, together with others that must not disturb it.
    fn values(text: &str, body: &str) -> Option<Vec<String>> {
        let mut plan = Plan::default();
        plan.add(&[place("/list"), place("/list/*"), place("/a"), place("/n")]);
        let sources = plan.add(&[place(text)]);
        let slots = plan.read(body.as_bytes());
        let mut out = Values::new();
        let present = first_present(&sources, &slots, body.as_bytes(), |_| None, &mut out);
        present.then(|| out.into_iter().map(Cow::into_owned).collect())
    }

    fn list(values: &[&str]) -> Option<Vec<String>> {
        Some(values.iter().map(|value| (*value).to_owned()).collect())
    }

    #[test]
    fn a_place_reads_scalars_as_text_and_arrays_element_by_element() {
        let body = r#"{"a":{"b~/":7,"\u0063":"\u0041"},"list":[{"t":"x"},{"u":1},{"t":["y",true,null,{},[1]]},2],"n":null,"e":[]}"#;
        assert_eq!(values("/a/b~0~1", body), list(&["7"]));
        assert_eq!(values("/a/c", body), list(&["A"]));
        assert_eq!(values("/list/*/t", body), list(&["x", "y", "true"]));
        assert_eq!(values("/list", body), list(&["2"]));
        assert_eq!(values("/e", body), list(&[]));
        for absent in ["/n", "/a", "/list/t", "/a/*", "/zzz", "/list/*/zzz", "/e/*", "/n/x"] {
            assert_eq!(values(absent, body), None, "{absent}");
        }
        assert_eq!(values(r#"{"any": ["/n", "/a/c", "/list/*/u"]}"#, body), list(&["A", "1"]));
        assert_eq!(values("/a", "[]"), None);
    }

    #[test]
    fn a_place_that_asks_for_existence_sees_anything_but_null() {
        let body = r#"{"parties":[{"recordings":[]},{"recordings":[{"id":1}]}],"n":null,"e":{}}"#;
        for (pointer, exists) in [
            ("/parties/*/recordings/*", "true"),
            ("/parties/*/recordings", "true"),
            ("/e", "true"),
            ("/n", "false"),
            ("/parties/*/zzz", "false"),
            ("/parties/*/recordings/*/id/*", "false"),
        ] {
            assert_eq!(values(&format!(r#"{{"exists": "{pointer}"}}"#), body), list(&[exists]), "{pointer}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{},:\"\\\\atn1 ]{0,40}") {
            for pointer in ["/a", "/a/t", "/a/*", "/a/*/t"] {
                let _ = values(pointer, &text);
                let _ = values(pointer, &format!(r#"{{"a":{text}"#));
            }
        }
    }
}
