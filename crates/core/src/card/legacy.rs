//! Cards of the two older forms, brought into the newer one.
//!
//! The older of the two is flat and speaks like other chat products (`author_name`, `image_url`, `ts`);
//! the newer one nests (`author.name`, `imageUri`, `footnote.time`). Either spelling is taken in any
//! card, the newer one counts if both are there. What comes out has the newer members only.

use serde_json::{Map, Value, json};

use super::{FAULTS, Fault, LEGACY};
use crate::clock::WallTime;
use crate::limits::{CARD_FIELDS, CARD_TEXT_CHARS, LINK_BYTES, SHORT_TEXT_BYTES};

/// The card in the newer form; else what is wrong with it.
pub fn read(card: &Value) -> Result<Value, Vec<Fault>> {
    let Value::Object(members) = card else { return Err(vec![Fault::new("", "must be an object")]) };
    if !matches!(members.get("type"), None | Some(Value::Null)) && members.get("type") != Some(&json!(LEGACY))
    {
        return Err(vec![Fault::new(".type", format!("must be {LEGACY}"))]);
    }
    let mut reader = Reader { card: members, faults: Vec::new() };
    let read = reader.read();
    if reader.faults.is_empty() { Ok(Value::Object(read)) } else { Err(reader.faults) }
}

#[derive(Clone, Copy)]
enum Limit {
    Bytes(usize),
    Chars(usize),
}

const SHORT: Limit = Limit::Bytes(SHORT_TEXT_BYTES);
const LINK: Limit = Limit::Bytes(LINK_BYTES);
const TEXT: Limit = Limit::Chars(CARD_TEXT_CHARS);

struct Reader<'a> {
    card: &'a Map<String, Value>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn read(&mut self) -> Map<String, Value> {
        let mut card = Map::new();
        card.insert("type".into(), LEGACY.into());
        for (name, spellings, limit) in [
            ("fallback", &["fallback"][..], SHORT),
            ("color", &["color"], SHORT),
            ("intro", &["intro", "pretext"], SHORT),
        ] {
            insert(&mut card, name, self.text(spellings, limit));
        }
        insert(&mut card, "author", self.author());
        let title = self.text(&["title"], SHORT);
        let link = self.text(&["titleLink", "title_link"], LINK);
        insert(&mut card, "title", title.map(|title| linked(title, link)));
        insert(&mut card, "text", self.text(&["text", "body"], TEXT));
        insert(&mut card, "imageUri", self.text(&["imageUri", "image_url"], LINK));
        insert(&mut card, "thumbnailUri", self.text(&["thumbnailUri", "thumb_url"], LINK));
        insert(&mut card, "fields", self.fields());
        insert(&mut card, "footnote", self.footnote());
        let shows = |name: &&str| card.contains_key(*name);
        let any =
            ["fallback", "intro", "title", "text", "imageUri", "thumbnailUri", "fields"].iter().any(shows);
        if !any && self.faults.is_empty() {
            self.fault("", "has nothing to show: title, text, fields, an image or a fallback is needed");
        }
        card
    }

    fn fault(&mut self, path: impl Into<String>, reason: impl Into<String>) {
        if self.faults.len() < FAULTS {
            self.faults.push(Fault::new(path, reason));
        }
    }

    /// The first of the spellings that is there.
    fn text(&mut self, spellings: &[&str], limit: Limit) -> Option<Value> {
        let card = self.card;
        self.text_of(card, "", spellings, limit)
    }

    fn text_of(
        &mut self,
        of: &Map<String, Value>,
        path: &str,
        spellings: &[&str],
        limit: Limit,
    ) -> Option<Value> {
        let (name, value) = spellings.iter().find_map(|name| {
            let value = of.get(*name).filter(|value| !value.is_null())?;
            Some((*name, value))
        })?;
        let path = format!("{path}.{name}");
        let Value::String(text) = value else {
            self.fault(path, "must be a string");
            return None;
        };
        let excess = match limit {
            Limit::Bytes(limit) if text.len() > limit => Some(format!("{limit} bytes")),
            Limit::Chars(limit) if text.len() > limit && text.chars().count() > limit => {
                Some(format!("{limit} characters"))
            }
            _ => None,
        };
        if let Some(limit) = excess {
            self.fault(path, format!("is longer than {limit}"));
        }
        (!text.is_empty()).then(|| value.clone())
    }

    /// A nested object of the newer form; absent counts as empty.
    fn nested(&mut self, name: &str) -> Map<String, Value> {
        match self.card.get(name) {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(members)) => members.clone(),
            Some(_) => {
                self.fault(format!(".{name}"), "must be an object");
                Map::new()
            }
        }
    }

    fn author(&mut self) -> Option<Value> {
        let nested = self.nested("author");
        let mut author = Map::new();
        for (name, flat, limit) in
            [("name", "author_name", SHORT), ("uri", "author_link", LINK), ("iconUri", "author_icon", LINK)]
        {
            let value =
                self.text_of(&nested, ".author", &[name], limit).or_else(|| self.text(&[flat], limit));
            insert(&mut author, name, value);
        }
        (!author.is_empty()).then_some(Value::Object(author))
    }

    fn footnote(&mut self) -> Option<Value> {
        // `footer` was an object for a while.
        let nested = self.nested("footnote");
        let mut footnote = Map::new();
        let text = self.text_of(&nested, ".footnote", &["text"], SHORT);
        insert(&mut footnote, "text", text.or_else(|| self.text(&["footer"], SHORT)));
        let icon = self.text_of(&nested, ".footnote", &["iconUri"], LINK);
        insert(&mut footnote, "iconUri", icon.or_else(|| self.text(&["footer_icon"], LINK)));
        let time = match nested.get("time").filter(|time| !time.is_null()) {
            Some(time) => self.time(".footnote.time", time),
            None => self
                .card
                .get("ts")
                .filter(|time| !time.is_null())
                .cloned()
                .and_then(|ts| self.time(".ts", &ts)),
        };
        insert(&mut footnote, "time", time);
        (!footnote.is_empty()).then_some(Value::Object(footnote))
    }

    /// ISO 8601, or seconds since 1970 as a number or in digits.
    fn time(&mut self, path: &str, time: &Value) -> Option<Value> {
        let seconds = |seconds: f64| (seconds.abs() < 1e11).then_some(WallTime((seconds * 1000.0) as i64));
        let read = match time {
            Value::Number(number) => number.as_f64().and_then(seconds),
            Value::String(text) => match text.parse::<f64>() {
                Ok(number) => seconds(number),
                Err(_) => WallTime::parse_iso8601(text),
            },
            _ => None,
        };
        if read.is_none() {
            self.fault(path, "must be an ISO 8601 time or seconds since 1970");
        }
        read.map(|time| time.iso8601().into())
    }

    fn fields(&mut self) -> Option<Value> {
        let fields = match self.card.get("fields") {
            None | Some(Value::Null) => return None,
            Some(Value::Array(fields)) => fields,
            Some(_) => {
                self.fault(".fields", "must be an array");
                return None;
            }
        };
        if fields.len() > CARD_FIELDS {
            self.fault(".fields", format!("has more than {CARD_FIELDS} fields"));
            return None;
        }
        let read: Vec<Value> =
            fields.iter().enumerate().map(|(index, field)| self.field(index, field)).collect();
        (!read.is_empty()).then_some(Value::Array(read))
    }

    fn field(&mut self, index: usize, field: &Value) -> Value {
        let path = format!(".fields[{index}]");
        let Value::Object(members) = field else {
            self.fault(path, "must be an object");
            return Value::Null;
        };
        let mut read = Map::new();
        insert(&mut read, "title", self.text_of(members, &path, &["title"], SHORT));
        insert(&mut read, "value", self.text_of(members, &path, &["value"], TEXT));
        let style = match (members.get("style"), members.get("short")) {
            (Some(Value::String(style)), _) if style == "Short" || style == "Long" => style.as_str(),
            (None | Some(Value::Null), Some(Value::Bool(true))) => "Short",
            (None | Some(Value::Null), None | Some(Value::Null | Value::Bool(false))) => "Long",
            (None | Some(Value::Null), Some(_)) => {
                self.fault(format!("{path}.short"), "must be true or false");
                "Long"
            }
            _ => {
                self.fault(format!("{path}.style"), "must be Short or Long");
                "Long"
            }
        };
        read.insert("style".into(), style.into());
        Value::Object(read)
    }
}

fn insert(into: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        into.insert(name.to_owned(), value);
    }
}

/// The newer form has no link of its own for the title: it stands in the text, as a link is written.
fn linked(title: Value, link: Option<Value>) -> Value {
    match (&title, &link) {
        (Value::String(title), Some(Value::String(link))) => {
            format!("[{title}]({})", link.replace('(', "%28").replace(')', "%29")).into()
        }
        _ => title,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flat_form_becomes_the_nested_one() {
        let flat = json!({
            "type": "Card", "fallback": "f", "color": "#00ff2a", "pretext": "p",
            "author_name": "Ben", "author_link": "https://example.com/ben", "author_icon": "https://example.com/i",
            "title": "T", "title_link": "https://example.com/a(b)", "text": "body text",
            "fields": [{ "title": "Where", "value": "Alderaan", "short": true }, { "title": "What", "value": "x" }],
            "image_url": "https://example.com/1", "thumb_url": "https://example.com/2",
            "footer": "foot", "footer_icon": "https://example.com/3", "ts": 1_459_336_583,
        });
        let nested = json!({
            "type": "Card", "fallback": "f", "color": "#00ff2a", "intro": "p",
            "author": { "name": "Ben", "uri": "https://example.com/ben", "iconUri": "https://example.com/i" },
            "title": "[T](https://example.com/a%28b%29)", "text": "body text",
            "imageUri": "https://example.com/1", "thumbnailUri": "https://example.com/2",
            "fields": [
                { "title": "Where", "value": "Alderaan", "style": "Short" },
                { "title": "What", "value": "x", "style": "Long" }],
            "footnote": { "text": "foot", "iconUri": "https://example.com/3", "time": "2016-03-30T11:16:23.000Z" },
        });
        assert_eq!(read(&flat), Ok(nested.clone()));
        assert_eq!(read(&nested), Ok(nested), "the newer form stays as it is");
    }

    #[test]
    fn either_spelling_is_taken_and_the_newer_one_counts() {
        let mixed = json!({
            "text": "new", "body": "old", "imageUri": "u", "image_url": "old", "intro": null, "pretext": "p",
            "author": { "name": "new" }, "author_name": "old", "author_link": "link",
            "footnote": { "time": "2016-03-30T11:16:23.162+0000" }, "footer": "foot", "ts": "5",
        });
        let read = read(&mixed).expect("a card");
        assert_eq!(read["text"], "new");
        assert_eq!((&read["imageUri"], &read["intro"]), (&json!("u"), &json!("p")));
        assert_eq!(read["author"], json!({ "name": "new", "uri": "link" }));
        assert_eq!(read["footnote"], json!({ "text": "foot", "time": "2016-03-30T11:16:23.162Z" }));
        assert_eq!(
            super::read(&json!({ "title": "t", "body": "as text" })).expect("a card")["text"],
            "as text"
        );
    }

    #[test]
    fn bad_cards_are_refused_with_the_place() {
        let long = "x".repeat(301);
        for (card, fault) in [
            (json!("card"), " must be an object"),
            (json!({ "type": "Letter", "text": "t" }), ".type must be Card"),
            (json!({}), " has nothing to show: title, text, fields, an image or a fallback is needed"),
            (
                json!({ "title": "", "color": "#fff" }),
                " has nothing to show: title, text, fields, an image or a fallback is needed",
            ),
            (json!({ "text": 5 }), ".text must be a string"),
            (json!({ "text": "x".repeat(1001) }), ".text is longer than 1000 characters"),
            (json!({ "text": "t", "fallback": long }), ".fallback is longer than 300 bytes"),
            (json!({ "title": "é".repeat(151) }), ".title is longer than 300 bytes"),
            (json!({ "text": "t", "image_url": "u".repeat(2049) }), ".image_url is longer than 2048 bytes"),
            (json!({ "text": "t", "author": "Ben" }), ".author must be an object"),
            (json!({ "text": "t", "author": { "name": 1 } }), ".author.name must be a string"),
            (json!({ "text": "t", "fields": {} }), ".fields must be an array"),
            (json!({ "text": "t", "fields": [1] }), ".fields[0] must be an object"),
            (json!({ "text": "t", "fields": [{ "title": 1 }] }), ".fields[0].title must be a string"),
            (
                json!({ "text": "t", "fields": [{ "style": "Wide" }] }),
                ".fields[0].style must be Short or Long",
            ),
            (
                json!({ "text": "t", "fields": [{ "short": "yes" }] }),
                ".fields[0].short must be true or false",
            ),
            (json!({ "text": "t", "fields": vec![json!({}); 101] }), ".fields has more than 100 fields"),
            (json!({ "text": "t", "ts": "yesterday" }), ".ts must be an ISO 8601 time or seconds since 1970"),
            (json!({ "text": "t", "ts": 1e300 }), ".ts must be an ISO 8601 time or seconds since 1970"),
        ] {
            assert_eq!(read(&card).expect_err("a bad card")[0].to_string(), fault, "{card}");
        }
        assert!(read(&json!({ "text": "é".repeat(1000) })).is_ok(), "the limit counts characters, not bytes");
    }
}
