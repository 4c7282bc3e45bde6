//! The body of an answer as it comes in: what of the bytes belongs to it, and where it ends.

use super::head::{Framing, Head};

/// Chunk sizes with their extensions, and trailers: lines that nobody needs long.
const LINE_BYTES: usize = 4096;

/// Takes bytes as they are read and gives back those of the body. A value; it waits for nothing.
#[derive(Debug)]
pub(crate) struct BodyReader {
    state: State,
    /// The connection can serve another request once the body is over.
    reusable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Over,
    Length(u64),
    Chunk(Chunk),
    UntilClosed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    /// In the line that begins a chunk: the size so far, in digits, and how much of the line was read.
    Size {
        size: u64,
        digits: u8,
        extension: bool,
        read: usize,
    },
    Data(u64),
    /// The line break behind the data.
    Break,
    /// Lines behind the last chunk: how long the present one is, and all of them together.
    Trailer {
        line: usize,
        read: usize,
    },
}

const SIZE: State = State::Chunk(Chunk::Size { size: 0, digits: 0, extension: false, read: 0 });

/// The bytes are not a body as announced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl BodyReader {
    pub(super) fn new(head: &Head, cut_short: bool) -> Self {
        let state = match head.framing {
            Framing::Empty => State::Over,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => SIZE,
            Framing::UntilClosed => State::UntilClosed,
        };
        Self { state, reusable: head.keeps_alive && !cut_short }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Whether the connection can serve another request now.
    pub(crate) fn leaves_connection(&self) -> bool {
        self.is_over() && self.reusable
    }

    /// How much of the body is known to be still to come.
    pub(crate) fn at_least_left(&self) -> u64 {
        match self.state {
            State::Length(left) | State::Chunk(Chunk::Data(left)) => left,
            _ => 0,
        }
    }

    /// Takes the next bytes and hands those of the body to `take`.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Over => {
                    // Nobody asked for more.
                    self.reusable = false;
                    return Ok(());
                }
                State::UntilClosed => {
                    take(bytes);
                    return Ok(());
                }
                State::Length(left) => {
                    let data = split(&mut bytes, left);
                    take(data);
                    if *left == 0 {
                        self.state = State::Over;
                    }
                }
                State::Chunk(Chunk::Data(left)) => {
                    take(split(&mut bytes, left));
                    if *left == 0 {
                        self.state = State::Chunk(Chunk::Break);
                    }
                }
                State::Chunk(chunk) => {
                    let byte = bytes[0];
                    bytes = &bytes[1..];
                    self.state = chunk.next(byte)?;
                }
            }
        }
        Ok(())
    }
}

/// As many of the bytes as are `left`, taken away from both.
fn split<'a>(bytes: &mut &'a [u8], left: &mut u64) -> &'a [u8] {
    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    let (data, rest) = bytes.split_at(here);
    *bytes = rest;
    *left -= here as u64;
    data
}

impl Chunk {
    /// What comes after one more byte of what is not data.
    fn next(self, byte: u8) -> Result<State, Malformed> {
        match self {
            Self::Size { size, digits, extension, read } => {
                if read >= LINE_BYTES {
                    return Err(Malformed);
                }
                Self::size(size, digits, extension, read + 1, byte)
            }
            Self::Break => match byte {
                b'\r' => Ok(State::Chunk(self)),
                b'\n' => Ok(SIZE),
                _ => Err(Malformed),
            },
            Self::Trailer { line, read } => match byte {
                b'\n' if line == 0 => Ok(State::Over),
                _ if read >= LINE_BYTES => Err(Malformed),
                b'\n' => Ok(State::Chunk(Self::Trailer { line: 0, read: read + 1 })),
                b'\r' => Ok(State::Chunk(Self::Trailer { line, read: read + 1 })),
                _ => Ok(State::Chunk(Self::Trailer { line: line + 1, read: read + 1 })),
            },
            Self::Data(_) => Err(Malformed),
        }
    }

    fn size(size: u64, digits: u8, extension: bool, read: usize, byte: u8) -> Result<State, Malformed> {
        match (char::from(byte).to_digit(16), byte) {
            (_, b'\n') if digits == 0 => Err(Malformed),
            (_, b'\n') if size == 0 => Ok(State::Chunk(Self::Trailer { line: 0, read: 0 })),
            (_, b'\n') => Ok(State::Chunk(Self::Data(size))),
            // Sixteen digits would be more than any body has.
            (Some(digit), _) if !extension && digits < 15 => {
                let size = size * 16 + u64::from(digit);
                Ok(State::Chunk(Self::Size { size, digits: digits + 1, extension, read }))
            }
            (_, b';' | b' ' | b'\t' | b'\r') if digits > 0 => {
                Ok(State::Chunk(Self::Size { size, digits, extension: true, read }))
            }
            _ if extension => Ok(State::Chunk(Self::Size { size, digits, extension, read })),
            _ => Err(Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reader(headers: &str) -> BodyReader {
        let head = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n");
        BodyReader::new(&Head::parse(head.as_bytes()).unwrap().expect("a whole head").0, false)
    }

    fn chunked() -> BodyReader {
        reader("Transfer-Encoding: chunked")
    }

    fn fed(reader: &mut BodyReader, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut body = Vec::new();
        reader.feed(bytes, |data| body.extend_from_slice(data)).map(|()| body)
    }

    #[test]
    fn a_body_of_known_length_ends_there_and_more_spoils_the_connection() {
        let mut reader = reader("Content-Length: 5");
        assert_eq!(reader.at_least_left(), 5);
        assert_eq!(fed(&mut reader, b"abc").unwrap(), b"abc");
        assert!(!reader.is_over());
        assert_eq!(fed(&mut reader, b"de").unwrap(), b"de");
        assert!(reader.leaves_connection());
        assert_eq!(fed(&mut reader, b"HTTP/1.1").unwrap(), b"");
        assert!(reader.is_over() && !reader.leaves_connection());
    }

    #[test]
    fn chunks_are_put_together_whatever_their_extensions_and_trailers() {
        let mut reader = chunked();
        let wire = b"3;a=\"b\"\r\nabc\r\n0A \r\n0123456789\r\n000\r\nX: y\r\nZ: 0\r\n\r\n";
        assert_eq!(fed(&mut reader, wire).unwrap(), b"abc0123456789");
        assert!(reader.leaves_connection());
    }

    #[test]
    fn what_are_no_chunks_is_refused() {
        for wire in ["\r\n", "x\r\n", ";a\r\n", "-1\r\n", "ffffffffffffffff\r\n", "1\r\nabc", "1\r\na1"] {
            assert_eq!(fed(&mut chunked(), wire.as_bytes()), Err(Malformed), "{wire:?}");
        }
        let endless = format!("1;{}", "a".repeat(LINE_BYTES + 1));
        assert_eq!(fed(&mut chunked(), endless.as_bytes()), Err(Malformed));
        let trailers = format!("0\r\n{}", "a: b\r\n".repeat(LINE_BYTES));
        assert_eq!(fed(&mut chunked(), trailers.as_bytes()), Err(Malformed));
    }

    #[test]
    fn a_body_until_the_end_of_the_connection_takes_everything() {
        let mut reader = reader("X: y");
        assert_eq!(fed(&mut reader, b"abc").unwrap(), b"abc");
        assert!(!reader.is_over() && !reader.leaves_connection());
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_changes_nothing(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            cuts in prop::collection::vec(1..9usize, 1..40),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let (mut reader, mut body, mut rest) = (chunked(), Vec::new(), wire.as_slice());
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                prop_assert_eq!(reader.feed(now, |data| body.extend_from_slice(data)), Ok(()));
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(body, chunks.concat());
            prop_assert!(reader.leaves_connection());
        }

        #[test]
        fn no_bytes_at_all_make_it_panic_or_give_more_than_it_got(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut taken = 0;
            chunked().feed(&bytes, |data| taken += data.len()).ok();
            prop_assert!(taken <= bytes.len());
        }
    }
}
