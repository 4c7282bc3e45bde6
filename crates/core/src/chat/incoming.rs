//! What a third party posts to an incoming webhook, in either of its two dialects.
//!
//! The dialects differ in a few names (`icon` and `iconUri`, `body` and `text`) and in the form of cards;
//! both are taken wherever they stand, the newer name counts. What is refused is told in the words that
//! the platform uses, so that integrations which read them go on working.

use serde_json::{Map, Value};

use super::{Content, Look};
use crate::card::{self, ADAPTIVE, Fault, LEGACY};
use crate::limits::{
    LINK_BYTES, POST_ATTACHMENTS, POST_ATTACHMENTS_BYTES, POST_TEXT_CHARS, SHORT_TEXT_BYTES,
};

/// Why no post was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub error: String,
    /// For cards: what is wrong with them.
    pub validation: Vec<String>,
}

impl Rejected {
    fn because(error: impl Into<String>) -> Self {
        Self { error: error.into(), validation: Vec::new() }
    }

    fn parameter(name: &str, reason: &str) -> Self {
        Self::because(format!("Parameter [{name}] {reason}"))
    }
}

/// Reads the body of a post.
pub fn read(body: &Map<String, Value>) -> Result<Content, Rejected> {
    let text = text(body, &["text", "body"], Limit::Text)?;
    let look = look(body)?;
    let attachments = attachments(body)?;
    if text.is_none() && look.title.is_none() && attachments.is_empty() {
        return Err(Rejected::because("Parameter [text] or [attachments] is required"));
    }
    Ok(Content { text, attachments, look })
}

#[derive(Clone, Copy)]
enum Limit {
    Text,
    Short,
    Link,
}

/// The first of the spellings that is there and not empty.
fn text(body: &Map<String, Value>, spellings: &[&str], limit: Limit) -> Result<Option<String>, Rejected> {
    for name in spellings {
        let text = match body.get(*name) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) if text.is_empty() => continue,
            Some(Value::String(text)) => text,
            Some(_) => return Err(Rejected::parameter(name, "must be a string")),
        };
        let excess = match limit {
            Limit::Text => {
                (text.chars().count() > POST_TEXT_CHARS).then(|| format!("{POST_TEXT_CHARS} characters"))
            }
            Limit::Short => (text.len() > SHORT_TEXT_BYTES).then(|| format!("{SHORT_TEXT_BYTES} bytes")),
            Limit::Link => (text.len() > LINK_BYTES).then(|| format!("{LINK_BYTES} bytes")),
        };
        return match excess {
            Some(limit) => Err(Rejected::parameter(name, &format!("is longer than {limit}"))),
            None => Ok(Some(text.clone())),
        };
    }
    Ok(None)
}

fn look(body: &Map<String, Value>) -> Result<Look, Rejected> {
    let mut look = Look {
        activity: text(body, &["activity"], Limit::Short)?,
        title: text(body, &["title"], Limit::Short)?,
        icon_uri: text(body, &["iconUri"], Limit::Link)?,
        icon_emoji: text(body, &["iconEmoji"], Limit::Short)?,
    };
    // The older dialect has one member for both.
    match text(body, &["icon"], Limit::Link)? {
        Some(icon) if icon.starts_with(':') => look.icon_emoji = look.icon_emoji.or(Some(icon)),
        Some(icon) => look.icon_uri = look.icon_uri.or(Some(icon)),
        None => {}
    }
    Ok(look)
}

fn attachments(body: &Map<String, Value>) -> Result<Vec<Value>, Rejected> {
    let attachments = match body.get("attachments") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(attachments)) => attachments,
        Some(_) => return Err(Rejected::parameter("attachments", "must be an array")),
    };
    if attachments.len() > POST_ATTACHMENTS {
        return Err(Rejected::parameter(
            "attachments",
            &format!("has more than {POST_ATTACHMENTS} attachments"),
        ));
    }
    let bytes: usize = attachments.iter().map(|attachment| attachment.to_string().len()).sum();
    if bytes > POST_ATTACHMENTS_BYTES {
        return Err(Rejected::parameter(
            "attachments",
            &format!("is larger than {POST_ATTACHMENTS_BYTES} bytes"),
        ));
    }
    let mut read = Vec::with_capacity(attachments.len());
    let (mut error, mut validation) = (None, Vec::new());
    for (index, one) in attachments.iter().enumerate() {
        match attachment(one) {
            Ok(attachment) => read.push(attachment),
            Err((what, faults)) => {
                error.get_or_insert(what);
                let place = format!("payload.attachments[{index}]");
                validation.push(format!("{place} does not match any schema"));
                validation.extend(faults.iter().map(|fault| format!("{place}{fault}")));
            }
        }
    }
    match error {
        None => Ok(read),
        Some(error) => Err(Rejected { error: error.into(), validation }),
    }
}

fn attachment(attachment: &Value) -> Result<Value, (&'static str, Vec<Fault>)> {
    const BAD_CARD: &str = "Invalid AdaptiveCard payload";
    const BAD_ATTACHMENT: &str = "Invalid attachment payload";
    match attachment.get("type").and_then(Value::as_str) {
        Some(ADAPTIVE) => {
            card::check_adaptive(attachment).map_err(|faults| (BAD_CARD, faults))?;
            Ok(attachment.clone())
        }
        Some(LEGACY) | None => card::read_legacy(attachment).map_err(|faults| (BAD_ATTACHMENT, faults)),
        Some(_) => Err((BAD_ATTACHMENT, Vec::new())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> Result<Content, Rejected> {
        super::read(body.as_object().expect("an object"))
    }

    #[test]
    fn both_dialects_say_the_same() {
        let older =
            json!({ "icon": "https://example.com/i.png", "activity": "A", "title": "T", "body": "B" });
        let newer =
            json!({ "iconUri": "https://example.com/i.png", "activity": "A", "title": "T", "text": "B" });
        let content = read(&older).expect("a post");
        assert_eq!(content, read(&newer).expect("a post"));
        assert_eq!(content.text.as_deref(), Some("B"));
        assert_eq!(content.look.icon_uri.as_deref(), Some("https://example.com/i.png"));
    }

    #[test]
    fn the_newer_name_counts_and_an_empty_or_null_one_does_not() {
        let content =
            read(&json!({ "text": "new", "body": "old", "icon": ":tada:", "title": "" })).expect("a post");
        assert_eq!(content.text.as_deref(), Some("new"));
        assert_eq!(
            (content.look.icon_emoji.as_deref(), content.look.icon_uri, content.look.title),
            (Some(":tada:"), None, None)
        );
        let content =
            read(&json!({ "text": null, "body": "old", "iconEmoji": ":a:", "icon": ":b:" })).expect("a post");
        assert_eq!((content.text.as_deref(), content.look.icon_emoji.as_deref()), (Some("old"), Some(":a:")));
    }

    #[test]
    fn cards_of_all_three_forms_may_be_attached() {
        let adaptive = json!({ "type": "AdaptiveCard", "version": "1.0", "body": [{ "type": "TextBlock", "text": "t" }] });
        let body = json!({ "attachments": [
            adaptive, { "type": "Card", "text": "t", "image_url": "u" }, { "title": "no type", "imageUri": "u" }] });
        let content = read(&body).expect("a post");
        assert_eq!(content.attachments[0], adaptive);
        assert_eq!(content.attachments[1], json!({ "type": "Card", "text": "t", "imageUri": "u" }));
        assert_eq!(content.attachments[2], json!({ "type": "Card", "title": "no type", "imageUri": "u" }));
    }

    #[test]
    fn a_bad_card_is_told_in_the_platforms_words_and_more() {
        let body = json!({ "text": "t", "attachments": [
            { "title": "good" }, { "type": "AdaptiveCard", "version": "1.3", "body": [{ "type": "TextBlock" }] }] });
        let rejected = read(&body).expect_err("a bad card");
        assert_eq!(rejected.error, "Invalid AdaptiveCard payload");
        assert_eq!(
            rejected.validation,
            [
                "payload.attachments[1] does not match any schema",
                "payload.attachments[1].body[0].text is required"
            ]
        );
    }

    #[test]
    fn posts_beyond_a_limit_or_of_the_wrong_form_are_refused() {
        let big = json!({ "type": "AdaptiveCard", "version": "1.0", "body": [{ "type": "TextBlock", "text": "x".repeat(800_000) }] });
        for (body, error) in [
            (json!({}), "Parameter [text] or [attachments] is required"),
            (
                json!({ "text": "", "body": null, "attachments": [], "activity": "A" }),
                "Parameter [text] or [attachments] is required",
            ),
            (json!({ "text": 5 }), "Parameter [text] must be a string"),
            (json!({ "body": {} }), "Parameter [body] must be a string"),
            (json!({ "text": "x".repeat(10_001) }), "Parameter [text] is longer than 10000 characters"),
            (json!({ "body": "x".repeat(10_001) }), "Parameter [body] is longer than 10000 characters"),
            (json!({ "text": "t", "title": "x".repeat(301) }), "Parameter [title] is longer than 300 bytes"),
            (
                json!({ "text": "t", "activity": "x".repeat(301) }),
                "Parameter [activity] is longer than 300 bytes",
            ),
            (json!({ "text": "t", "icon": "x".repeat(2049) }), "Parameter [icon] is longer than 2048 bytes"),
            (json!({ "text": "t", "attachments": {} }), "Parameter [attachments] must be an array"),
            (
                json!({ "text": "t", "attachments": vec![json!({ "title": "t" }); 26] }),
                "Parameter [attachments] has more than 25 attachments",
            ),
            (
                json!({ "text": "t", "attachments": [big, big] }),
                "Parameter [attachments] is larger than 1500000 bytes",
            ),
            (json!({ "attachments": [{ "type": "Letter" }] }), "Invalid attachment payload"),
            (json!({ "attachments": ["card"] }), "Invalid attachment payload"),
            (json!({ "attachments": [{ "type": "Card" }] }), "Invalid attachment payload"),
            (json!({ "attachments": [{ "type": "AdaptiveCard" }] }), "Invalid AdaptiveCard payload"),
        ] {
            assert_eq!(read(&body).expect_err("a bad post").error, error);
        }
        assert!(
            read(&json!({ "text": "é".repeat(10_000), "attachments": vec![json!({ "title": "t" }); 25] }))
                .is_ok()
        );
    }
}
