//! Who and what is named in a post's text: `![:Person](200001)`, `![:Team](42)`.

use super::MentionKind;
use crate::limits::MENTIONS_PER_POST;

/// The mentions of a text in their order, each once; no more than `MENTIONS_PER_POST`.
pub fn find(text: &str) -> Vec<(MentionKind, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("![:") {
        rest = &rest[start + 3..];
        let Some(mention) = read(rest) else { continue };
        if !found.contains(&mention) {
            found.push(mention);
        }
        if found.len() == MENTIONS_PER_POST {
            break;
        }
    }
    found
}

/// Reads on behind `![:`.
fn read(text: &str) -> Option<(MentionKind, &str)> {
    let (name, rest) = text.split_once("](")?;
    let kind = MentionKind::from_name(name)?;
    let (id, _) = rest.split_once(')')?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (!id.is_empty() && id.len() <= 64 && id.bytes().all(is_plain)).then_some((kind, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_are_found_in_order_and_once() {
        let text = "Hi ![:Person](200001), tell ![:Team](42) and ![:Person](200001) and ![:Person](7)!";
        let expected =
            [(MentionKind::Person, "200001"), (MentionKind::Team, "42"), (MentionKind::Person, "7")];
        assert_eq!(find(text), expected);
    }

    #[test]
    fn what_only_looks_like_a_mention_is_text() {
        for text in [
            "",
            "![:Person]",
            "![:Person](",
            "![:Person](1",
            "![:Person]()",
            "![:Robot](1)",
            "[:Person](1)",
            "![:person](1)",
            "![:Person](1 2)",
            "![:Person](ä)",
            "![:Person]\n(1)",
            "![:",
        ] {
            assert_eq!(find(text), [], "{text}");
        }
        assert_eq!(find("![:![:Person](1)"), [(MentionKind::Person, "1")]);
    }

    #[test]
    fn no_more_than_the_bound_are_found() {
        let text: String = (0..200).map(|n| format!("![:Person]({n})")).collect();
        assert_eq!(find(&text).len(), MENTIONS_PER_POST);
    }
}
