//! Envelopes: what a notification looks like on the wire, the same for every transport (D22).
//!
//! A body is minified once, when its event is accepted, and from then on only shared: an envelope is
//! three parts, of which the middle one is the body itself. Which members of the body a subscriber gets
//! is the catalogue's business (`Catalogue::shape_body`).

use bytes::Bytes;

use crate::clock::WallTime;
use crate::limits;
use crate::scan::{self, Class};

/// Why bytes cannot be the body of an event.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("has {bytes} bytes without whitespace; the limit is {limit}")]
    TooLarge { bytes: usize, limit: usize },
    #[error("is nested deeper than {} levels", limits::EVENT_BODY_DEPTH)]
    TooDeep,
    #[error("is not a JSON object")]
    NoObject,
    #[error("is not JSON: {0}")]
    Syntax(#[from] serde_json::Error),
}

/// Takes the whitespace between tokens out of one JSON object. Members keep their order, numbers and
/// strings the way they are written. `limit` is for the result.
pub fn minify(raw: &[u8], limit: usize) -> Result<Bytes, BodyError> {
    let raw: &serde_json::value::RawValue = serde_json::from_slice(raw)?;
    minify_valid(raw, limit)
}

/// The same for text that is known to be JSON.
pub fn minify_valid(raw: &serde_json::value::RawValue, limit: usize) -> Result<Bytes, BodyError> {
    let raw = raw.get().trim_ascii().as_bytes();
    if raw.first() != Some(&b'{') {
        return Err(BodyError::NoObject);
    }
    let mut compact = Vec::with_capacity(raw.len().min(limit));
    let (mut kept_from, mut at, mut depth) = (0, 0, 0usize);
    while let Some((found, class)) = scan::next_token(raw, at) {
        at = found + 1;
        match class {
            // Valid JSON ends its strings; if it did not, the rest would be one.
            Class::Quote => at = scan::end_of_string(raw, found).unwrap_or(raw.len()),
            Class::Space => {
                compact.extend_from_slice(&raw[kept_from..found]);
                while raw.get(at).is_some_and(u8::is_ascii_whitespace) {
                    at += 1;
                }
                kept_from = at;
            }
            Class::Open if depth == limits::EVENT_BODY_DEPTH => return Err(BodyError::TooDeep),
            Class::Open => depth += 1,
            Class::Close => depth = depth.saturating_sub(1),
            Class::Plain => {}
        }
    }
    compact.extend_from_slice(&raw[kept_from..]);
    if compact.len() > limit {
        return Err(BodyError::TooLarge { bytes: compact.len(), limit });
    }
    Ok(compact.into())
}

/// What stands around the body. The texts that many notifications share are formed once by the caller.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    pub uuid: &'a str,
    /// The filter that matched.
    pub event: &'a str,
    pub timestamp: &'a str,
    pub subscription_id: &'a str,
    pub owner_id: &'a str,
}

impl Envelope<'_> {
    /// The envelope in three parts, to be sent one after the other.
    pub fn parts(&self, body: Bytes) -> [Bytes; 3] {
        [self.before_body(), body, Bytes::from_static(b"}")]
    }

    fn before_body(&self) -> Bytes {
        let members = [
            (r#"{"uuid":""#, self.uuid),
            (r#"","event":""#, self.event),
            (r#"","timestamp":""#, self.timestamp),
            (r#"","subscriptionId":""#, self.subscription_id),
            (r#"","ownerId":""#, self.owner_id),
        ];
        let length: usize = members.iter().map(|(name, value)| name.len() + value.len()).sum();
        let mut text = Vec::with_capacity(length + 16);
        for (name, value) in members {
            text.extend_from_slice(name.as_bytes());
            push_escaped(&mut text, value.as_bytes());
        }
        text.extend_from_slice(br#"","body":"#);
        text.into()
    }
}

/// Writes UTF-8 text as the inside of a JSON string.
pub(crate) fn push_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    let must_escape = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    let mut from = 0;
    while let Some(found) = bytes[from..].iter().position(must_escape) {
        let at = from + found;
        out.extend_from_slice(&bytes[from..at]);
        match bytes[at] {
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => {
                let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble & 15)];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)]);
            }
        }
        from = at + 1;
    }
    out.extend_from_slice(&bytes[from..]);
}

/// The notification of a reminder has a body of our own making (contract.md §4.4).
pub fn reminder_body(expires_in: i64) -> Bytes {
    format!(r#"{{"expiresIn":{expires_in}}}"#).into()
}

/// `WallTime::iso8601`, fast enough to be written for every event.
pub fn timestamp(at: WallTime) -> String {
    const DAY: i64 = 86_400_000;
    let (days, millis) = (at.0.div_euclid(DAY), at.0.rem_euclid(DAY));
    // Days to a civil date, in eras of 400 years that begin on a first of March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    if !(0..=9999).contains(&year) {
        return at.iso8601();
    }
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let fields = [
        (0, 4, year),
        (5, 2, month),
        (8, 2, day),
        (11, 2, millis / 3_600_000),
        (14, 2, millis / 60_000 % 60),
        (17, 2, millis / 1_000 % 60),
        (20, 3, millis % 1_000),
    ];
    for (from, width, mut value) in fields {
        for digit in text[from..from + width].iter_mut().rev() {
            *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
            value /= 10;
        }
    }
    text.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    const LIMIT: usize = limits::EVENT_BODY_BYTES;

    fn minified(text: &str) -> Result<String, String> {
        let bytes = minify(text.as_bytes(), LIMIT).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn a_body_keeps_its_order_its_numbers_and_its_strings() {
        let raw = " {\"z\" : 1.50 ,\r\n\t\"a\": [ 1e400, 12345678901234567890123, -0 ] , \"s\":\" \\\" \\u00e9 { \" , \"z\":null}\n";
        let compact = r#"{"z":1.50,"a":[1e400,12345678901234567890123,-0],"s":" \" \u00e9 { ","z":null}"#;
        assert_eq!(minified(raw).unwrap(), compact);
        assert_eq!(minified(compact).unwrap(), compact);
    }

    #[test]
    fn what_is_not_one_json_object_within_the_limits_is_refused() {
        let deep =
            |levels: usize| format!("{}{}", "{\"a\":".repeat(levels - 1) + "{}", "}".repeat(levels - 1));
        assert!(minified(&deep(limits::EVENT_BODY_DEPTH)).is_ok());
        for (raw, words) in [
            ("[]", "is not a JSON object"),
            ("null", "is not a JSON object"),
            ("", "is not JSON"),
            ("{} {}", "is not JSON"),
            ("{\"a\":1,}", "is not JSON"),
            ("{'a':1}", "is not JSON"),
            ("{\"a\":\"\u{1}\"}", "is not JSON"),
            ("{\"a\":01}", "is not JSON"),
            (deep(limits::EVENT_BODY_DEPTH + 1).as_str(), "is nested deeper than 100 levels"),
        ] {
            let error = minified(raw).unwrap_err();
            assert!(error.starts_with(words), "{raw}: {error}");
        }
        assert!(minify(b"{\"a\":\"\xff\"}", LIMIT).is_err(), "not UTF-8");
        assert!(minify(b"{ \"a\" : 1 }", 7).is_ok());
        assert!(matches!(minify(b"{\"a\":11}", 7), Err(BodyError::TooLarge { bytes: 8, limit: 7 })));
    }

    #[test]
    fn the_members_come_in_their_order_and_the_body_is_shared() {
        let body = minify(br#"{ "expiresIn": 59 }"#, LIMIT).unwrap();
        let envelope = Envelope {
            uuid: "11111111-2222-4333-8444-555555555555",
            event: "/restapi/v1.0/account/1/a2p-sms/messages?to=\"\\\u{7f}é\u{1}\n",
            timestamp: "2024-01-31T12:34:56.789Z",
            subscription_id: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
            owner_id: "200001",
        };
        let parts = envelope.parts(body.clone());
        assert_eq!(parts[1].as_ptr(), body.as_ptr());
        let text = String::from_utf8(parts.concat()).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"uuid":"11111111-2222-4333-8444-555555555555","#,
                r#""event":"/restapi/v1.0/account/1/a2p-sms/messages?to=\"\\"#,
                "\u{7f}é",
                r#"\u0001\n","timestamp":"2024-01-31T12:34:56.789Z","#,
                r#""subscriptionId":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee","ownerId":"200001","#,
                r#""body":{"expiresIn":59}}"#
            )
        );
        let parsed: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["event"], envelope.event);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec(("\\PC{0,8}", inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn minifying_pretty_text_gives_the_compact_text(members in proptest::collection::vec((".{0,9}", any_json()), 0..6)) {
            let value = Value::Object(members.into_iter().collect());
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(minified(&pretty).unwrap(), serde_json::to_string(&value).unwrap());
        }

        #[test]
        fn minify_takes_exactly_the_objects_that_serde_takes(text in "[\\[\\]{},:\"\\\\ an1.]{0,24}") {
            let parsed = serde_json::from_str::<Value>(&text);
            prop_assert_eq!(minified(&text).is_ok(), parsed.is_ok_and(|value| value.is_object()), "{}", text);
        }

        #[test]
        fn any_text_survives_escaping(text in any::<String>()) {
            let mut out = vec![b'"'];
            push_escaped(&mut out, text.as_bytes());
            out.push(b'"');
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }

        #[test]
        fn the_fast_timestamp_is_the_usual_one(millis in -62_167_219_200_000i64..253_402_300_800_000) {
            prop_assert_eq!(timestamp(WallTime(millis)), WallTime(millis).iso8601());
        }
    }
}
