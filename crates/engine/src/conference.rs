//! What a conference endpoint is sent: an envelope of its own, and the company's token in place of a
//! verification token. Everything around it, from lanes to history, is as for every other subscription.

use hookswitch_core::conference::ConferenceEnvelope;
use hookswitch_transport::Message;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};

use crate::deliverer::{add_own_headers, text_value};
use crate::lane::{Item, Live};
use crate::shared::Shared;

const X_SIGNING_TOKEN: HeaderName = HeaderName::from_static("x-signing-token");
const X_SIGNING_TOKEN_NEXT: HeaderName = HeaderName::from_static("x-signing-token-next");
const X_SIGNING_TOKEN_PREVIOUS: HeaderName = HeaderName::from_static("x-signing-token-previous");
/// As seed 002 has it, without a charset.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(crate) async fn message(shared: &Shared, live: &Live, item: &Item) -> Result<Message, String> {
    let deps = &shared.deps;
    let account = live.subscription.account;
    let token = match deps.secrets.signing_token_at_hand(account) {
        Some(token) => token,
        None => deps.secrets.fetch_signing_token(account).await.map_err(|error| error.to_string())?,
    };
    let event = &item.event;
    let envelope = ConferenceEnvelope { event: &event.stored.event.name, timestamp: &event.timestamp_text };
    let body = envelope.parts(event.conference_payload(deps.settings.omit_company_id));
    let usual = deps.settings.headers.iter().filter(|(name, _)| *name != CONTENT_TYPE).cloned();
    let mut headers: Vec<(HeaderName, HeaderValue)> = usual.collect();
    headers.push((CONTENT_TYPE, JSON));
    let tokens = token.at(deps.handles.now());
    let with_names = [
        (X_SIGNING_TOKEN, Some(tokens.current)),
        (X_SIGNING_TOKEN_NEXT, tokens.next),
        (X_SIGNING_TOKEN_PREVIOUS, tokens.previous),
    ];
    for (name, token) in with_names {
        if let Some(token) = token {
            headers.push((name, text_value(token)?));
        }
    }
    add_own_headers(&mut headers, shared, item, &body, live.signer.as_ref())?;
    Ok(Message { headers, body, within: deps.settings.conference_notification_within })
}
