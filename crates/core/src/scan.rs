//! Walking over JSON text without parsing it into values.
//!
//! The hot path looks at a few places of a body, or cuts a few members out of it; building a tree for
//! that would cost more than the rest of the match. Everything here expects the text of one valid
//! JSON value without whitespace between tokens, which is what `envelope::minify` makes. On other text
//! the answers are wrong but finite: no index is taken without a check.

use std::borrow::Cow;

/// What a byte means where tokens stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Plain,
    Quote,
    Open,
    Close,
    Space,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Plain; 256];
    classes[b'"' as usize] = Class::Quote;
    classes[b'{' as usize] = Class::Open;
    classes[b'[' as usize] = Class::Open;
    classes[b'}' as usize] = Class::Close;
    classes[b']' as usize] = Class::Close;
    classes[b' ' as usize] = Class::Space;
    classes[b'\t' as usize] = Class::Space;
    classes[b'\n' as usize] = Class::Space;
    classes[b'\r' as usize] = Class::Space;
    classes
};

/// The next byte from `at` on that is not plain, and what it is.
pub(crate) fn next_token(text: &[u8], at: usize) -> Option<(usize, Class)> {
    let rest = text.get(at..)?;
    let found = rest.iter().position(|byte| CLASSES[usize::from(*byte)] != Class::Plain)?;
    Some((at + found, CLASSES[usize::from(rest[found])]))
}

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
    /// Most strings are short, and end before a vectorised search has begun.
    const SHORT: usize = 24;
    let mut next = at + 1;
    loop {
        let rest = text.get(next..)?;
        let start = &rest[..rest.len().min(SHORT)];
        let found = match start.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
            Some(found) => found,
            None => start.len() + memchr::memchr2(b'"', b'\\', &rest[start.len()..])?,
        };
        if rest[found] == b'"' {
            return Some(next + found + 1);
        }
        next += found + 2;
    }
}

fn end_of_container(text: &[u8], at: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut next = at;
    loop {
        let (found, class) = next_token(text, next)?;
        next = found + 1;
        match class {
            Class::Quote => next = end_of_string(text, found)?,
            Class::Open => depth += 1,
            Class::Close => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(next);
                }
            }
            Class::Plain | Class::Space => {}
        }
    }
}

/// Whether the key in `span`, quotes included, is `name`, however it is escaped.
pub(crate) fn is_key(text: &[u8], span: (usize, usize), name: &str) -> bool {
    let Some(inner) = text.get(span.0 + 1..span.1.saturating_sub(1)) else { return false };
    inner == name.as_bytes() || (inner.contains(&b'\\') && string_at(text, span).as_deref() == Some(name))
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
    fn the_end_of_a_value_is_found_whatever_stands_in_its_strings() {
        for value in [
            r#""x\"},{""#,
            r#""""#,
            r#"[1,{"c":"]"},[]]"#,
            r#"{"a":"\\","b":{}}"#,
            "-1.5e3",
            "null",
            r#""a string that is long enough to be searched \" the fast way, and on, and on""#,
        ] {
            for (before, after) in [("", ""), ("[", "]"), ("[0,", ",1]")] {
                let text = format!("{before}{value}{after}");
                let end = end_of_value(text.as_bytes(), before.len());
                assert_eq!(end, Some(before.len() + value.len()), "{text}");
            }
        }
        for cut in ["", r#""abc"#, r#""abc\""#, "[[]", r#"{"a":"#] {
            assert_eq!(end_of_value(cut.as_bytes(), 0), None, "{cut}");
        }
        assert!(is_key(br#""\u0063""#, (0, 8), "c") && !is_key(br#""cc""#, (0, 4), "c"));
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
                let _ = is_key(text, (at, text.len()), "a");
                let _ = scalar_at(text, (at, text.len()));
            }
        }
    }
}
