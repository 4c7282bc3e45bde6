//! Walking over JSON text without parsing it into values.
//!
//! The hot path looks at a few places of a body, or cuts a few members out of it; building a tree for
//! that would cost more than the rest of the match. Everything here expects the text of one valid
//! JSON value without whitespace between tokens, which is what `envelope::minify` makes. On other text
//! the answers are wrong but finite: no index is taken without a check.

use std::borrow::Cow;

/// The end of the value that starts at `at`; `None` if the text ends before it.
pub(crate) fn end_of_value(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' => end_of_string(text, at),
        b'{' | b'[' => end_of_container(text, at),
        _ => {
            let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b':');
            let rest = &text[at..];
            Some(at + rest.iter().position(is_end).unwrap_or(rest.len()))
        }
    }
}

/// The end of the string whose opening quote is at `at`.
pub(crate) fn end_of_string(text: &[u8], at: usize) -> Option<usize> {
    let mut next = at + 1;
    loop {
        let found = next + memchr::memchr2(b'"', b'\\', text.get(next..)?)?;
        if text[found] == b'"' {
            return Some(found + 1);
        }
        next = found + 2;
    }
}

fn end_of_container(text: &[u8], at: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut next = at;
    loop {
        match text.get(next)? {
            b'"' => next = end_of_string(text, next)?,
            b'{' | b'[' => {
                depth += 1;
                next += 1;
            }
            b'}' | b']' => {
                depth -= 1;
                next += 1;
                if depth == 0 {
                    return Some(next);
                }
            }
            _ => next += 1,
        }
    }
}

/// A member of an object: where its key, with quotes, and its value stand in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) key: (usize, usize),
    pub(crate) value: (usize, usize),
}

impl Member {
    /// Whether the key is `name`, however it is escaped.
    pub(crate) fn is_named(&self, text: &[u8], name: &str) -> bool {
        let Some(inner) = text.get(self.key.0 + 1..self.key.1.saturating_sub(1)) else { return false };
        inner == name.as_bytes()
            || (inner.contains(&b'\\') && string_at(text, self.key).as_deref() == Some(name))
    }
}

/// The members of the object that starts at `at`; none if there is no object.
pub(crate) fn members(text: &[u8], at: usize) -> impl Iterator<Item = Member> {
    let mut next = (text.get(at) == Some(&b'{')).then_some(at + 1);
    std::iter::from_fn(move || {
        let key = next?;
        let key_end = (text.get(key) == Some(&b'"')).then(|| end_of_string(text, key))??;
        let value = key_end + 1;
        let value_end = end_of_value(text, value)?;
        next = (text.get(value_end) == Some(&b',')).then_some(value_end + 1);
        Some(Member { key: (key, key_end), value: (value, value_end) })
    })
}

/// The elements of the array that starts at `at`; none if there is no array.
pub(crate) fn elements(text: &[u8], at: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut next = (text.get(at) == Some(&b'[') && text.get(at + 1) != Some(&b']')).then_some(at + 1);
    std::iter::from_fn(move || {
        let element = next?;
        let end = end_of_value(text, element)?;
        next = (text.get(end) == Some(&b',')).then_some(end + 1);
        Some((element, end))
    })
}

/// The string in `span`, quotes included; `None` if it is none or names half a character.
pub(crate) fn string_at(text: &[u8], span: (usize, usize)) -> Option<Cow<'_, str>> {
    let quoted = text.get(span.0..span.1)?;
    let inner = quoted.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inner.contains(&b'\\') {
        return serde_json::from_slice::<String>(quoted).ok().map(Cow::Owned);
    }
    std::str::from_utf8(inner).ok().map(Cow::Borrowed)
}

/// A string without its quotes and escapes; a number or a truth value as it is written. `None` for
/// null, an object or an array.
pub(crate) fn scalar_at(text: &[u8], span: (usize, usize)) -> Option<Cow<'_, str>> {
    match text.get(span.0)? {
        b'"' => string_at(text, span),
        b'{' | b'[' | b'n' => None,
        _ => std::str::from_utf8(text.get(span.0..span.1)?).ok().map(Cow::Borrowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_and_elements_are_found_whatever_stands_in_strings() {
        let text = br#"{"a":"x\"},{","b":[1,{"c":"]"},[]],"\u0063":null,"d":-1.5e3}"#;
        let found: Vec<(&[u8], &[u8])> = members(text, 0)
            .map(|member| (&text[member.key.0..member.key.1], &text[member.value.0..member.value.1]))
            .collect();
        assert_eq!(
            found,
            [
                (&br#""a""#[..], &br#""x\"},{""#[..]),
                (br#""b""#, br#"[1,{"c":"]"},[]]"#),
                (br#""\u0063""#, b"null"),
                (br#""d""#, b"-1.5e3"),
            ]
        );
        let third = members(text, 0).nth(2).unwrap();
        assert!(third.is_named(text, "c"));
        let second = members(text, 0).nth(1).unwrap();
        let elements: Vec<&[u8]> = elements(text, second.value.0).map(|(from, to)| &text[from..to]).collect();
        assert_eq!(elements, [&b"1"[..], br#"{"c":"]"}"#, b"[]"]);
        assert_eq!(members(b"{}", 0).count() + super::elements(b"[]", 0).count(), 0);
    }

    #[test]
    fn scalars_are_read_as_text() {
        for (text, scalar) in [
            (r#""plain""#, Some("plain")),
            (r#""\u0041\n""#, Some("A\n")),
            (r#""\ud800""#, None),
            ("12345678901234567890123", Some("12345678901234567890123")),
            ("true", Some("true")),
            ("null", None),
            ("{}", None),
        ] {
            assert_eq!(scalar_at(text.as_bytes(), (0, text.len())).as_deref(), scalar, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{},:\"\\\\a1n ]{0,40}") {
            let text = text.as_bytes();
            for at in 0..=text.len() {
                let _ = end_of_value(text, at);
                for member in members(text, at) {
                    let _ = member.is_named(text, "a");
                    let _ = scalar_at(text, member.value);
                }
                elements(text, at).for_each(|span| drop(scalar_at(text, span)));
            }
        }
    }
}
