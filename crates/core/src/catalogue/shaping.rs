//! Shaping: which members of a published body a subscriber does not get (D13).
//!
//! A body is published at its richest. Each shaping parameter of an entry names the members it adds;
//! where no parameter that adds a member is given, the member is cut out of the text. Everything else
//! stays byte for byte as it was published.

use bytes::Bytes;

use crate::catalogue::place::Pointer;
use crate::scan;

/// The members that can be cut, as a tree over the body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shaping {
    root: Cut,
    /// With all of these bits set nothing is cut.
    all: u8,
}

#[derive(Clone, Debug, Default)]
struct Cut {
    members: Vec<(Box<str>, Cut)>,
    elements: Option<Box<Cut>>,
    /// Not zero: this member stays only if the shape has one of these bits.
    unless: u8,
}

impl Shaping {
    /// Each pointer with the bits of the parameters that add what stands there.
    pub(crate) fn new<'a>(members: impl IntoIterator<Item = (&'a Pointer, u8)>) -> Self {
        let mut shaping = Self::default();
        for (pointer, bit) in members {
            let mut cut = &mut shaping.root;
            for step in pointer.steps() {
                cut = match step {
                    Some(name) => cut.member(name),
                    None => cut.elements.get_or_insert_default(),
                };
            }
            cut.unless |= bit;
            shaping.all |= bit;
        }
        shaping
    }

    /// The body as a subscriber with this shape gets it; the same bytes if there is nothing to cut.
    pub(crate) fn apply(&self, shape: u8, body: &Bytes) -> Bytes {
        if shape & self.all == self.all {
            return body.clone();
        }
        let mut knife = Knife { text: body, shape, kept: None, from: 0 };
        let _ = knife.pass(0, &self.root);
        match knife.kept {
            None => body.clone(),
            Some(mut kept) => {
                kept.extend_from_slice(&body[knife.from..]);
                kept.into()
            }
        }
    }
}

impl Cut {
    fn member(&mut self, name: &str) -> &mut Self {
        let index = self.members.iter().position(|(known, _)| **known == *name).unwrap_or_else(|| {
            self.members.push((name.into(), Self::default()));
            self.members.len() - 1
        });
        &mut self.members[index].1
    }
}

struct Knife<'a> {
    text: &'a [u8],
    shape: u8,
    /// What was kept before `from`; `None` while nothing was cut.
    kept: Option<Vec<u8>>,
    from: usize,
}

impl Knife<'_> {
    /// Passes over the value at `at`, cuts what has to be cut, and tells where the value ends. The
    /// recursion is as deep as the tree of cuts, whatever the body is.
    fn pass(&mut self, at: usize, cut: &Cut) -> Option<usize> {
        match (self.text.get(at)?, &cut.elements) {
            (b'{', _) if !cut.members.is_empty() => self.pass_object(at, cut),
            (b'[', Some(of_elements)) => self.pass_array(at, of_elements),
            _ => scan::end_of_value(self.text, at),
        }
    }

    fn pass_object(&mut self, at: usize, cut: &Cut) -> Option<usize> {
        let text = self.text;
        let mut next = at + 1;
        let mut follows_a_kept_one = false;
        while *text.get(next)? == b'"' {
            let key = (next, scan::end_of_string(text, next)?);
            let value = key.1 + 1;
            let of_member = cut.members.iter().find(|(name, _)| scan::is_key(text, key, name));
            let value_end = match of_member {
                Some((_, cut)) if cut.unless != 0 && cut.unless & self.shape == 0 => {
                    let end = scan::end_of_value(text, value)?;
                    self.remove((key.0, end), follows_a_kept_one);
                    end
                }
                Some((_, cut)) => {
                    follows_a_kept_one = true;
                    self.pass(value, cut)?
                }
                None => {
                    follows_a_kept_one = true;
                    scan::end_of_value(text, value)?
                }
            };
            next = value_end + 1;
            if *text.get(value_end)? != b',' {
                return Some(next);
            }
        }
        Some(next + 1)
    }

    fn pass_array(&mut self, at: usize, of_elements: &Cut) -> Option<usize> {
        let mut next = at + 1;
        while *self.text.get(next)? != b']' {
            let end = self.pass(next, of_elements)?;
            next = end + 1;
            if *self.text.get(end)? != b',' {
                return Some(next);
            }
        }
        Some(next + 1)
    }

    /// Takes a member out with the comma before it, or else with the one after it.
    fn remove(&mut self, member: (usize, usize), follows_a_kept_one: bool) {
        let (mut from, mut to) = member;
        if follows_a_kept_one {
            from -= 1;
        } else if self.text.get(to) == Some(&b',') {
            to += 1;
        }
        let kept = self.kept.get_or_insert_with(|| Vec::with_capacity(self.text.len()));
        kept.extend_from_slice(&self.text[self.from..from]);
        self.from = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shaping() -> Shaping {
        let pointer = |text| Pointer::parse(text).unwrap();
        let (calls, total, sip) = (pointer("/calls"), pointer("/total"), pointer("/calls/*/sip"));
        Shaping::new([(&calls, 1), (&total, 1), (&sip, 2)])
    }

    fn shaped(shape: u8, body: &str) -> String {
        let body = Bytes::copy_from_slice(body.as_bytes());
        String::from_utf8(shaping().apply(shape, &body).to_vec()).unwrap()
    }

    #[test]
    fn only_named_members_are_cut_and_commas_come_out_right() {
        let body =
            r#"{"calls":[{"sip":{"a":[1,"]"]},"id":1},{"id":2,"sip":0},{"sip":1},7],"n":1.50,"total":2}"#;
        assert_eq!(shaped(3, body), body);
        assert_eq!(shaped(1, body), r#"{"calls":[{"id":1},{"id":2},{},7],"n":1.50,"total":2}"#);
        assert_eq!(shaped(0, body), r#"{"n":1.50}"#);
        assert_eq!(shaped(0, r#"{"total":1,"calls":[],"x":"calls","total":2}"#), r#"{"x":"calls"}"#);
        assert_eq!(shaped(0, r#"{"total":1,"calls":[]}"#), "{}");
        assert_eq!(shaped(0, r#"{"\u0074otal":1,"x":{"total":1}}"#), r#"{"x":{"total":1}}"#);
    }

    #[test]
    fn a_body_with_nothing_to_cut_is_shared() {
        for (shape, text) in [(0, r#"{"x":1}"#), (3, r#"{"total":1}"#), (1, r#"{"total":1}"#)] {
            let body = Bytes::copy_from_slice(text.as_bytes());
            assert_eq!(shaping().apply(shape, &body).as_ptr(), body.as_ptr());
        }
    }
}
