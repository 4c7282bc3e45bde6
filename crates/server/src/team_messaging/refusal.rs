//! Every way in which the store refuses, as an answer.

use axum::http::StatusCode;
use hookswitch_store::team_messaging::Refusal;

use crate::problem::ApiError;

/// `parameter` and `value` name what was asked for.
pub(super) fn answer(refusal: Refusal, parameter: &'static str, value: &str) -> ApiError {
    let bad = |name: &str, why: String| {
        ApiError::parameter(name, format!("Parameter [{name}] value is invalid: {why}"))
    };
    match refusal {
        Refusal::NotFound => ApiError::not_found(parameter, value),
        Refusal::NotRunByAsker => forbidden("CMN-402", "Only an administrator of the team may do this"),
        Refusal::NotByAsker => forbidden("CMN-404", "Only the one who made it may do this"),
        Refusal::Archived => forbidden("CMN-109", "The team is archived"),
        Refusal::NotEditable => forbidden("CMN-109", "Only the text of a message can be changed"),
        Refusal::UnknownPerson(index) => bad(&format!("members[{index}]"), "there is no such person".into()),
        Refusal::TooManyMembers(limit) => bad("members", format!("there may be {limit} members")),
        Refusal::UnknownParent => bad("parentPostId", "there is no such post in this chat".into()),
        Refusal::UnknownThread => bad("threadId", "there is no such thread in this chat".into()),
        Refusal::TooManyFavorites(limit) => bad("chatId", format!("there may be {limit} favorite chats")),
        Refusal::TooManyHooks(limit) => bad(parameter, format!("a chat may have {limit} webhooks")),
    }
}

fn forbidden(code: &'static str, message: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, code, message)
}

/// An id of the path: what is no number names nothing.
pub(super) fn id(parameter: &str, text: &str) -> Result<u64, ApiError> {
    // The store's numbers have 63 bits.
    let id = text.parse::<u64>().ok().filter(|id| *id <= i64::MAX.cast_unsigned());
    id.ok_or_else(|| ApiError::not_found(parameter, text))
}
