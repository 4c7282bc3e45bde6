//! From a path to the form it has: a tree over the segments of all patterns.
//!
//! A look-up takes as many steps as the path has segments, however many event types there are. Fixed
//! segments go before variables. `{accountId}` and `{extensionId}` take digits or `~`, any other
//! variable takes any segment.

use std::borrow::Cow;
use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use smallvec::SmallVec;

use crate::catalogue::entry::FormNo;

/// More segments than any pattern may have.
const SEGMENTS: usize = 24;

pub(crate) type Segments<'a> = SmallVec<[Cow<'a, str>; 12]>;

/// The segments that stand for variables, by their place in the path.
pub(crate) type Captures = SmallVec<[usize; 4]>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathError {
    #[error("it does not start with /")]
    NotAbsolute,
    #[error("it has a segment that is not valid percent-encoded text")]
    Encoding,
    #[error("no path has as many segments")]
    TooLong,
}

/// The decoded segments of a path; a slash at its end is left out.
pub(crate) fn split(path: &str) -> Result<Segments<'_>, PathError> {
    let rest = path.strip_prefix('/').ok_or(PathError::NotAbsolute)?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let is_plain = !rest.bytes().any(|byte| byte == b'%' || !(b' '..0x7f).contains(&byte));
    let mut segments = Segments::new();
    for segment in rest.split('/') {
        if segments.len() == SEGMENTS {
            return Err(PathError::TooLong);
        }
        segments.push(if is_plain {
            Cow::Borrowed(segment)
        } else {
            decode(segment).ok_or(PathError::Encoding)?
        });
    }
    Ok(segments)
}

/// Percent-decoded text; `+` stays a plus. `None` if it is not UTF-8 or has control characters.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    let decoded = match memchr::memchr(b'%', text.as_bytes()) {
        None => Cow::Borrowed(text),
        Some(_) => percent_decode_str(text).decode_utf8().ok()?,
    };
    (!decoded.contains(char::is_control)).then_some(decoded)
}

#[derive(Clone, Debug)]
pub(crate) enum Part {
    Fixed(String),
    Variable(String),
}

/// The parts of a pattern; an event name without slashes is a pattern of one fixed part.
pub(crate) fn parse_pattern(pattern: &str) -> Result<Vec<Part>, String> {
    let is_plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte))
    };
    if is_plain(pattern) {
        return Ok(vec![Part::Fixed(pattern.to_owned())]);
    }
    let rest = pattern.strip_prefix('/').ok_or("it does not start with / and is no event name")?;
    let part = |segment: &str| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) if is_plain(name) => Ok(Part::Variable(name.to_owned())),
        None if is_plain(segment) => Ok(Part::Fixed(segment.to_owned())),
        _ => Err(format!("{segment:?} is neither a plain segment nor a {{variable}}")),
    };
    let parts = rest.split('/').map(part).collect::<Result<Vec<Part>, String>>()?;
    if parts.len() > SEGMENTS {
        return Err(format!("it has more than {SEGMENTS} segments"));
    }
    Ok(parts)
}

pub(crate) fn is_number(variable: &str) -> bool {
    matches!(variable, "accountId" | "extensionId")
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    nodes: Vec<Node>,
    names: HashMap<String, FormNo>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    fixed: Vec<(Box<str>, usize)>,
    /// Whether it takes ids only, and where it leads.
    variable: Option<(bool, usize)>,
    form: Option<FormNo>,
}

impl Paths {
    pub(crate) fn insert(&mut self, pattern: &str, form: FormNo) -> Result<(), String> {
        let parts = parse_pattern(pattern)?;
        if !pattern.starts_with('/') {
            return match self.names.insert(pattern.to_owned(), form) {
                None => Ok(()),
                Some(_) => Err("another event type has this name for a pattern".to_owned()),
            };
        }
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut node = 0;
        for part in &parts {
            node = match part {
                Part::Fixed(segment) => self.fixed(node, segment),
                Part::Variable(name) => self.variable(node, is_number(name))?,
            };
        }
        match self.nodes[node].form.replace(form) {
            None => Ok(()),
            Some(_) => Err("another form has the same pattern".to_owned()),
        }
    }

    fn fixed(&mut self, node: usize, segment: &str) -> usize {
        if let Some((_, next)) = self.nodes[node].fixed.iter().find(|(known, _)| **known == *segment) {
            return *next;
        }
        let next = self.nodes.len();
        self.nodes[node].fixed.push((segment.into(), next));
        self.nodes.push(Node::default());
        next
    }

    fn variable(&mut self, node: usize, takes_ids: bool) -> Result<usize, String> {
        if let Some((known, next)) = self.nodes[node].variable {
            return if known == takes_ids {
                Ok(next)
            } else {
                Err("another pattern has a variable of another kind at the same place".to_owned())
            };
        }
        let next = self.nodes.len();
        self.nodes[node].variable = Some((takes_ids, next));
        self.nodes.push(Node::default());
        Ok(next)
    }

    pub(crate) fn named(&self, name: &str) -> Option<FormNo> {
        self.names.get(name).copied()
    }

    pub(crate) fn find(&self, segments: &[Cow<'_, str>]) -> Option<(FormNo, Captures)> {
        let mut captures = Captures::new();
        let form = self.walk(self.nodes.first()?, segments, 0, &mut captures)?;
        Some((form, captures))
    }

    // The recursion is as deep as the path has segments, which `split` bounds.
    fn walk(
        &self,
        node: &Node,
        segments: &[Cow<'_, str>],
        at: usize,
        captures: &mut Captures,
    ) -> Option<FormNo> {
        let Some(segment) = segments.get(at) else { return node.form };
        let fixed = node.fixed.iter().find(|(known, _)| **known == **segment);
        if let Some((_, next)) = fixed
            && let Some(form) = self.walk(&self.nodes[*next], segments, at + 1, captures)
        {
            return Some(form);
        }
        let (takes_ids, next) = node.variable?;
        if segment.is_empty() || (takes_ids && !is_id_or_tilde(segment)) {
            return None;
        }
        captures.push(at);
        let form = self.walk(&self.nodes[next], segments, at + 1, captures);
        if form.is_none() {
            captures.pop();
        }
        form
    }
}

fn is_id_or_tilde(segment: &str) -> bool {
    segment == "~" || segment.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(patterns: &[&str]) -> Paths {
        let mut paths = Paths::default();
        for (index, pattern) in patterns.iter().enumerate() {
            paths.insert(pattern, FormNo(u16::try_from(index).unwrap())).unwrap();
        }
        paths
    }

    fn find(paths: &Paths, path: &str) -> Option<(u16, Vec<usize>)> {
        paths.find(&split(path).unwrap()).map(|(form, captures)| (form.0, captures.to_vec()))
    }

    #[test]
    fn fixed_segments_go_before_variables_and_the_search_goes_back_where_needed() {
        let paths = paths(&[
            "/a/{accountId}/x",
            "/a/{accountId}",
            "/a/b/{thing}",
            "/a/b/c",
            "/a/{accountId}/{thing}/d",
        ]);
        assert_eq!(find(&paths, "/a/1/x"), Some((0, vec![1])));
        assert_eq!(find(&paths, "/a/%7E/x/"), Some((0, vec![1])));
        assert_eq!(find(&paths, "/a/1"), Some((1, vec![1])));
        assert_eq!(find(&paths, "/a/b/c"), Some((3, vec![])));
        assert_eq!(find(&paths, "/a/b/z"), Some((2, vec![2])));
        assert_eq!(find(&paths, "/a/1/x/d"), Some((4, vec![1, 2])));
        for unknown in ["/a", "/a/me", "/a/1/y", "/a/b/", "/a//x", "/", "/a/1/x/d/e"] {
            assert_eq!(find(&paths, unknown), None, "{unknown}");
        }
    }

    #[test]
    fn paths_that_cannot_be_read_are_refused() {
        assert_eq!(split("a/b").unwrap_err(), PathError::NotAbsolute);
        assert_eq!(split("/a/%ff").unwrap_err(), PathError::Encoding);
        assert_eq!(split("/a/%00").unwrap_err(), PathError::Encoding);
        assert_eq!(split(&"/a".repeat(2000)).unwrap_err(), PathError::TooLong);
        assert_eq!(decode("%2B1+2").unwrap(), "+1+2");
    }

    #[test]
    fn two_patterns_that_cannot_be_told_apart_are_refused() {
        let mut paths = paths(&["/a/{accountId}", "name"]);
        assert!(paths.insert("/a/{extensionId}", FormNo(9)).is_err());
        assert!(paths.insert("/a/{other}", FormNo(9)).is_err());
        assert!(paths.insert("name", FormNo(9)).is_err());
        for bad in ["", "a/b", "/a//b", "/a/{b", "/a b", "/{}"] {
            assert!(paths.insert(bad, FormNo(9)).is_err(), "{bad}");
        }
    }
}
