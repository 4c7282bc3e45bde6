//! Headers of a notification as the bytes that go on the wire: `name: value`, a line each.
//!
//! Thousands of messages a second carry a dozen headers each; what they share is copied as one block.
//! A line can only be added with a name and a value that cannot break out of it.

use std::fmt;

use http::{HeaderName, HeaderValue};

#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderLines(Vec<u8>);

impl HeaderLines {
    /// A copy with room for `more` bytes.
    pub fn with_room(&self, more: usize) -> Self {
        let mut lines = Vec::with_capacity(self.0.len() + more);
        lines.extend_from_slice(&self.0);
        Self(lines)
    }

    /// As `with_room`, less the headers of this name.
    pub fn without(&self, name: &HeaderName, more: usize) -> Self {
        let mut lines = Vec::with_capacity(self.0.len() + more);
        let is_named = |line: &[u8]| {
            let rest = line.strip_prefix(name.as_str().as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b":"))
        };
        for line in self.0.split_inclusive(|byte| *byte == b'\n').filter(|line| !is_named(line)) {
            lines.extend_from_slice(line);
        }
        Self(lines)
    }

    pub fn push(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.line(name, value.as_bytes());
    }

    /// As `push`, for text that we made ourselves; text that is no header value is an error.
    pub fn push_text(&mut self, name: &HeaderName, text: &str) -> Result<(), NoHeaderValue> {
        if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(NoHeaderValue { name: name.clone() });
        }
        self.line(name, text.as_bytes());
        Ok(())
    }

    fn line(&mut self, name: &HeaderName, value: &[u8]) {
        self.0.extend_from_slice(name.as_str().as_bytes());
        self.0.extend_from_slice(b": ");
        self.0.extend_from_slice(value);
        self.0.extend_from_slice(b"\r\n");
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromIterator<(HeaderName, HeaderValue)> for HeaderLines {
    fn from_iter<I: IntoIterator<Item = (HeaderName, HeaderValue)>>(headers: I) -> Self {
        let mut lines = Self::default();
        headers.into_iter().for_each(|(name, value)| lines.push(&name, &value));
        lines
    }
}

impl fmt::Debug for HeaderLines {
    /// Names only: there are tokens among the values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.split(|byte| *byte == b'\n');
        let names = lines.filter_map(|line| line.split(|byte| *byte == b':').next());
        f.debug_list().entries(names.map(String::from_utf8_lossy)).finish()
    }
}

/// Control characters, or letters beyond ASCII.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text for the header {name} has characters that a header cannot carry")]
pub struct NoHeaderValue {
    pub name: HeaderName,
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, USER_AGENT};

    use super::*;

    #[test]
    fn each_header_is_a_line_and_a_copy_leaves_the_shared_ones_alone() {
        let shared: HeaderLines = [(ACCEPT, HeaderValue::from_static("a/b"))].into_iter().collect();
        let mut own = shared.with_room(64);
        own.push_text(&USER_AGENT, "Agent/1 (x)").unwrap();
        assert_eq!(own.as_bytes(), b"accept: a/b\r\nuser-agent: Agent/1 (x)\r\n");
        assert_eq!(shared.as_bytes(), b"accept: a/b\r\n");
    }

    #[test]
    fn a_header_can_be_left_out_of_a_copy() {
        let headers = [(ACCEPT, "a"), (USER_AGENT, "b"), (ACCEPT, "c")];
        let lines: HeaderLines =
            headers.map(|(name, value)| (name, HeaderValue::from_static(value))).into_iter().collect();
        assert_eq!(lines.without(&ACCEPT, 0).as_bytes(), b"user-agent: b\r\n");
        assert_eq!(lines.without(&http::header::ACCEPT_ENCODING, 0), lines, "a longer name is another one");
    }

    #[test]
    fn text_cannot_break_out_of_its_line() {
        for text in ["a\r\nx: y", "a\nb", "a\0", "ü", "a\tb\u{7f}"] {
            let mut lines = HeaderLines::default();
            assert_eq!(lines.push_text(&ACCEPT, text), Err(NoHeaderValue { name: ACCEPT }));
            assert_eq!(lines, HeaderLines::default());
        }
    }
}
