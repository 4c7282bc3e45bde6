//! What a conference endpoint gets (seed 002, contract.md §9): `event`, `payload`, `timestamp`, of which the
//! payload is a JSON text inside a JSON string.
//!
//! Every other subscription gets the envelope of `envelope`. Whose endpoints hear what is `matching`'s
//! work, the token that goes with it is `signing_token`'s.

use bytes::Bytes;

use crate::catalogue::{Pointer, Shaping};
use crate::envelope::push_escaped;

/// What stands around a payload.
#[derive(Clone, Copy, Debug)]
pub struct ConferenceEnvelope<'a> {
    /// The event's own name, also for an endpoint that wants them all.
    pub event: &'a str,
    pub timestamp: &'a str,
}

impl ConferenceEnvelope<'_> {
    /// In three parts, to be sent one after the other; `payload` is one that `payload` made.
    pub fn parts(&self, payload: Bytes) -> [Bytes; 3] {
        let mut before = Vec::with_capacity(self.event.len() + 24);
        before.extend_from_slice(br#"{"event":""#);
        push_escaped(&mut before, self.event.as_bytes());
        before.extend_from_slice(br#"","payload":""#);
        let mut after = Vec::with_capacity(self.timestamp.len() + 20);
        after.extend_from_slice(br#"","timestamp":""#);
        push_escaped(&mut after, self.timestamp.as_bytes());
        after.extend_from_slice(br#""}"#);
        [before.into(), payload, after.into()]
    }
}

/// A body as the inside of a JSON string, as it was published (D9) or without its `company_id`: the
/// sample of seed 002 has none.
pub fn payload(body: &Bytes, omit_company_id: bool) -> Bytes {
    let body = if omit_company_id { without_company_id(body) } else { body.clone() };
    let mut text = Vec::with_capacity(body.len() + body.len() / 4);
    push_escaped(&mut text, &body);
    text.into()
}

fn without_company_id(body: &Bytes) -> Bytes {
    let company_id = Pointer::parse("/company_id").expect("it starts with a slash");
    Shaping::new([(&company_id, 1)]).apply(0, body)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn sent(body: &str, omit_company_id: bool) -> Value {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let envelope = ConferenceEnvelope { event: "conference_end", timestamp: "2022-08-24T20:56:55.000Z" };
        let whole = envelope.parts(payload(&body, omit_company_id)).concat();
        let parsed: Value = serde_json::from_slice(&whole).unwrap();
        assert_eq!(serde_json::to_vec(&parsed).unwrap(), whole, "compact, in the order of the seed");
        parsed
    }

    #[test]
    fn the_sample_of_the_seed_comes_out_as_it_is_written_there() {
        assert_eq!(
            sent(r#"{"conference_id":1258835,"host_id":61803}"#, false),
            json!({
                "event": "conference_end",
                "payload": "{\"conference_id\":1258835,\"host_id\":61803}",
                "timestamp": "2022-08-24T20:56:55.000Z",
            })
        );
    }

    #[test]
    fn a_payload_read_twice_is_the_body_as_it_was_published() {
        let body = r#"{"host_id":1,"filename":"a \"b\" \\ \u00fc ü\n.pdf","size":1.50}"#;
        assert_eq!(sent(body, false)["payload"], body);
        assert_eq!(sent(body, true)["payload"], body, "there is no company_id to leave out");
    }

    #[test]
    fn only_the_company_id_at_the_top_is_left_out() {
        let body = r#"{"company_id":7,"host_id":1,"inner":{"company_id":7}}"#;
        assert_eq!(sent(body, true)["payload"], r#"{"host_id":1,"inner":{"company_id":7}}"#);
    }
}
