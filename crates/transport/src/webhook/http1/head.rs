//! The head of an answer: its status, and the few headers that decide something.
//!
//! Success is decided at the status line (D3), so what is odd in the headers does not matter: the worst
//! that comes of a bad one is that the connection is not used again.

use http::StatusCode;

use super::Broken;

const HEADERS: usize = 100;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<String>,
    pub(crate) location: Option<String>,
    pub(super) framing: Framing,
    /// The peer will take another request on this connection.
    pub(super) keeps_alive: bool,
}

/// Where the body ends (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Empty,
    Length(u64),
    Chunked,
    UntilClosed,
}

impl Head {
    /// The head that `bytes` begin with and its size; `None` if more bytes are needed.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Broken> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let mut rules = httparse::ParserConfig::default();
        rules
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .ignore_invalid_headers_in_responses(true);
        let size = match rules.parse_response(&mut response, bytes) {
            Ok(httparse::Status::Complete(size)) => size,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Broken::TooLarge),
            Err(_) => return Err(Broken::NotHttp),
        };
        let status = response.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(Broken::NotHttp)?;
        let mut seen = Seen::default();
        response.headers.iter().for_each(|header| seen.note(header.name, header.value));
        let framing = seen.framing(status);
        let is_newer = response.version == Some(1);
        let keeps_alive = !seen.close && (is_newer || seen.keep_alive) && framing != Framing::UntilClosed;
        let Seen { retry_after, location, .. } = seen;
        Ok(Some((Self { status, retry_after, location, framing, keeps_alive }, size)))
    }

    /// "100 Continue" and the like. "101 Switching Protocols" is final: we never asked for it.
    pub(super) fn is_interim(&self) -> bool {
        self.status.is_informational() && self.status != StatusCode::SWITCHING_PROTOCOLS
    }
}

#[derive(Default)]
struct Seen {
    retry_after: Option<String>,
    location: Option<String>,
    close: bool,
    keep_alive: bool,
    chunked: bool,
    /// Any transfer-encoding at all.
    encoded: bool,
    length: Length,
}

#[derive(Default)]
enum Length {
    #[default]
    Unsaid,
    Said(u64),
    /// Not a number, or two that differ.
    Odd,
}

impl Seen {
    fn note(&mut self, name: &str, value: &[u8]) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("content-length") {
            self.note_length(value);
        } else if is("connection") {
            self.close |= names(value).any(|name| name.eq_ignore_ascii_case(b"close"));
            self.keep_alive |= names(value).any(|name| name.eq_ignore_ascii_case(b"keep-alive"));
        } else if is("transfer-encoding") {
            self.encoded = true;
            self.chunked = names(value).last().is_some_and(|name| name.eq_ignore_ascii_case(b"chunked"));
        } else if is("retry-after") {
            self.retry_after = self.retry_after.take().or_else(|| text(value));
        } else if is("location") {
            self.location = self.location.take().or_else(|| text(value));
        }
    }

    fn note_length(&mut self, value: &[u8]) {
        for part in names(value) {
            let digits = !part.is_empty() && part.iter().all(u8::is_ascii_digit);
            let said = std::str::from_utf8(part).ok().filter(|_| digits).and_then(|text| text.parse().ok());
            self.length = match (&self.length, said) {
                (Length::Unsaid, Some(length)) => Length::Said(length),
                (Length::Said(before), Some(length)) if *before == length => Length::Said(length),
                _ => Length::Odd,
            };
        }
    }

    fn framing(&self, status: StatusCode) -> Framing {
        let bodiless =
            status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        match self.length {
            _ if status == StatusCode::SWITCHING_PROTOCOLS => Framing::UntilClosed,
            _ if bodiless => Framing::Empty,
            // Both together are how requests are smuggled: whatever follows is not to be trusted.
            Length::Said(_) | Length::Odd if self.encoded => Framing::UntilClosed,
            _ if self.chunked => Framing::Chunked,
            _ if self.encoded => Framing::UntilClosed,
            Length::Said(0) => Framing::Empty,
            Length::Said(length) => Framing::Length(length),
            Length::Unsaid | Length::Odd => Framing::UntilClosed,
        }
    }
}

/// The names of a comma-separated list.
fn names(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn text(value: &[u8]) -> Option<String> {
    let legal = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
    value.iter().all(legal).then(|| String::from_utf8_lossy(value.trim_ascii()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        let text = text.replace('\n', "\r\n");
        let (head, size) = Head::parse(text.as_bytes()).unwrap().expect("a whole head");
        assert_eq!(size, text.len());
        head
    }

    fn framing(headers: &str) -> (Framing, bool) {
        let head = head(&format!("HTTP/1.1 200 OK\n{headers}\n"));
        (head.framing, head.keeps_alive)
    }

    #[test]
    fn where_the_body_ends_follows_rfc_9112() {
        assert_eq!(framing("Content-Length: 5\n"), (Framing::Length(5), true));
        assert_eq!(framing("content-length: 0\n"), (Framing::Empty, true));
        assert_eq!(framing("Content-Length: 5, 5\n"), (Framing::Length(5), true));
        assert_eq!(framing("Transfer-Encoding: gzip, Chunked\n"), (Framing::Chunked, true));
        assert_eq!(framing("Transfer-Encoding: gzip\n"), (Framing::UntilClosed, false));
        assert_eq!(framing(""), (Framing::UntilClosed, false));
    }

    #[test]
    fn lengths_that_contradict_each_other_end_the_connection() {
        for headers in [
            "Content-Length: 5\nContent-Length: 6\n",
            "Content-Length: -1\n",
            "Content-Length: +5\n",
            "Content-Length: 99999999999999999999\n",
            "Content-Length: 5\nTransfer-Encoding: chunked\n",
        ] {
            assert_eq!(framing(headers), (Framing::UntilClosed, false), "{headers}");
        }
    }

    #[test]
    fn a_peer_says_whether_it_takes_another_request() {
        assert!(!framing("Content-Length: 0\nConnection: x, Close\n").1);
        assert!(framing("Content-Length: 0\nConnection: keep-alive\n").1);
        let old = |more: &str| head(&format!("HTTP/1.0 200 OK\nContent-Length: 0\n{more}\n")).keeps_alive;
        assert!(!old(""));
        assert!(old("Connection: Keep-Alive\n"));
    }

    #[test]
    fn what_never_has_a_body_is_not_waited_for() {
        for status in [204, 304] {
            let head = head(&format!("HTTP/1.1 {status} X\nContent-Length: 7\n\n"));
            assert_eq!((head.framing, head.keeps_alive), (Framing::Empty, true));
        }
        let switched = head("HTTP/1.1 101 Switching Protocols\n\n");
        assert!(!switched.keeps_alive && !switched.is_interim());
        assert!(head("HTTP/1.1 100 Continue\n\n").is_interim());
    }

    #[test]
    fn the_headers_that_decide_something_are_kept() {
        let head = head("HTTP/1.1 503 Busy\nRetry-After: 30 \nLOCATION: /x\nOdd\u{1}name: y\nOdd : z\n\n");
        assert_eq!(head.retry_after.as_deref(), Some("30"));
        assert_eq!(head.location.as_deref(), Some("/x"));
    }

    #[test]
    fn a_head_that_is_not_whole_needs_more_and_what_is_no_head_is_refused() {
        let whole = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
        for end in 0..whole.len() {
            assert!(matches!(Head::parse(&whole[..end]), Ok(None)), "{end}");
        }
        for odd in ["GET / HTTP/1.1\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "\u{16}\u{3}\r\n"]
        {
            assert!(matches!(Head::parse(odd.as_bytes()), Err(Broken::NotHttp)), "{odd:?}");
        }
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(HEADERS + 1));
        assert!(matches!(Head::parse(many.as_bytes()), Err(Broken::TooLarge)));
    }
}
