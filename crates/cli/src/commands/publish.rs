//! `hookswitch publish`: events from standard input, one JSON object a line, in requests of a bounded size.
//!
//! A request is durable as a whole or not at all, so when one is refused, everything before it is
//! published and nothing of it is: the message names the first line that is not.

use std::io::BufRead;
use std::time::Duration;

use bytes::Bytes;
use hookswitch_core::clock::Handles;
use hookswitch_core::limits;
use hookswitch_server::clock::system_handles;
use serde_json::Value;

use crate::arguments::Publish;
use crate::connection::{Api, Role};
use crate::failure::Failure;
use crate::http_client::Answer;
use crate::output;

/// A server that is full is asked again so many times.
const TRIES: u32 = 10;
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const NDJSON: &str = "application/x-ndjson";

pub async fn run(options: &Publish) -> Result<(), Failure> {
    let api = Api::new(&options.connect, Role::Publisher)?;
    let handles = system_handles();
    let mut batches = Batches::new(std::io::stdin().lock(), options.batch as usize);
    let (mut published, mut duplicates) = (0, 0);
    while let Some(batch) = batches.next_batch()? {
        let answer = send(&api, &handles, &batch).await?;
        let events = match answer.json()?["events"].take() {
            Value::Array(events) => events,
            _ => return Err(Failure::Failed("the server's answer names no events".to_owned())),
        };
        published += events.len();
        duplicates += events.iter().filter(|event| event["duplicate"] == true).count();
        if options.connect.json {
            output::unless_unread(output::json_lines(&events))?;
        }
    }
    if options.connect.json {
        return Ok(());
    }
    let again = if duplicates > 0 { format!(", {duplicates} of them known before") } else { String::new() };
    output::line(&format!("{published} events published{again}"))
}

async fn send(api: &Api, handles: &Handles, batch: &Batch) -> Result<Answer, Failure> {
    let answer = send_patiently(api, handles, NDJSON, &batch.body).await?;
    answer.success().map_err(|failure| at_line(failure, batch.first_line))
}

/// Publishes; a server that is full is asked again when it says so.
pub async fn send_patiently(
    api: &Api,
    handles: &Handles,
    content_type: &str,
    body: &Bytes,
) -> Result<Answer, Failure> {
    let post = || api.call(http::Method::POST, "/hookswitch/v1/events", Some((content_type, body.clone())));
    for _ in 1..TRIES {
        let answer = post().await?;
        if !matches!(answer.status, 429 | 503) {
            return Ok(answer);
        }
        let wait = Duration::from_secs(answer.retry_after.unwrap_or(1)).min(LONGEST_WAIT);
        handles.sleep(wait).await;
    }
    post().await
}

fn at_line(failure: Failure, line: usize) -> Failure {
    match failure {
        Failure::Refused { status, message } => Failure::Refused {
            status,
            message: format!("{message} (nothing from line {line} on is published)"),
        },
        other => other,
    }
}

/// Some lines that go into one request.
#[derive(Debug, PartialEq, Eq)]
struct Batch {
    /// Counted from 1.
    first_line: usize,
    body: Bytes,
}

/// Cuts the input into requests, bounded by entries and bytes. Empty lines are passed over.
struct Batches<R> {
    input: R,
    entries: usize,
    /// How many lines were read.
    lines: usize,
    /// A line that was read and did not fit any more.
    left: Option<Vec<u8>>,
}

impl<R: BufRead> Batches<R> {
    fn new(input: R, entries: usize) -> Self {
        Self { input, entries, lines: 0, left: None }
    }

    fn next_batch(&mut self) -> Result<Option<Batch>, Failure> {
        let (mut body, mut count, mut first_line) = (Vec::new(), 0, self.lines + 1);
        while count < self.entries {
            let Some(line) = self.next_line()? else { break };
            if count == 0 {
                first_line = self.lines;
            } else if body.len() + line.len() > limits::PUBLISH_REQUEST_BYTES {
                self.left = Some(line);
                break;
            }
            body.extend_from_slice(&line);
            count += 1;
        }
        Ok((count > 0).then(|| Batch { first_line, body: body.into() }))
    }

    /// The next line that is not empty, with its end.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        if let Some(line) = self.left.take() {
            return Ok(Some(line));
        }
        loop {
            let mut line = Vec::new();
            if self.input.read_until(b'\n', &mut line).map_err(Failure::io("standard input"))? == 0 {
                return Ok(None);
            }
            self.lines += 1;
            if line.iter().any(|byte| !byte.is_ascii_whitespace()) {
                if !line.ends_with(b"\n") {
                    line.push(b'\n');
                }
                return Ok(Some(line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(input: &str, entries: usize) -> Vec<(usize, String)> {
        let mut batches = Batches::new(input.as_bytes(), entries);
        let mut all = Vec::new();
        while let Some(batch) = batches.next_batch().expect("reading memory") {
            all.push((batch.first_line, String::from_utf8(batch.body.to_vec()).expect("UTF-8")));
        }
        all
    }

    #[test]
    fn lines_are_cut_into_requests_and_empty_ones_passed_over() {
        assert_eq!(batches("", 2), []);
        assert_eq!(batches("\n \n", 2), []);
        let expected = [(1, "a\nb\n".to_owned()), (4, "c\n".to_owned())];
        assert_eq!(batches("a\nb\n\nc", 2), expected);
    }

    #[test]
    fn a_request_stays_below_the_servers_limit() {
        let line = format!("{}\n", "x".repeat(3 * 1024 * 1024));
        let starts: Vec<_> = batches(&line.repeat(5), 100).into_iter().map(|(first, _)| first).collect();
        assert_eq!(starts, [1, 3, 5]);
    }
}
