//! Persons and companies as team messaging shows them: extensions and the account.

use axum::extract::{FromRef, Path, State};
use axum::response::Response;
use hookswitch_core::chat::Asker;
use hookswitch_core::id::ExtensionId;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Messaging;
use super::answers::{self, PartOfMany};
use super::asking::Asking;
use super::refusal;
use crate::problem::{ApiError, ErrorBody};
use crate::state::Front;

/// The caller, where an id is expected.
const OWN: &str = "~";

pub(super) fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Messaging: FromRef<S>,
    Front: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(person)).routes(routes!(company))
}

/// A person: an extension of the account. What is not known is null.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PersonInfo {
    id: String,
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
    avatar: Option<String>,
    /// The account.
    company_id: String,
    creation_time: String,
    last_modified_time: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CompanyInfo {
    id: String,
    name: String,
    domain: Option<String>,
    creation_time: String,
    last_modified_time: String,
}

/// A person by the id of their extension, or `~`; several with commas.
#[utoipa::path(get, path = "/persons/{personId}", operation_id = "readPerson", params(("personId" = String, Path)),
    responses((status = 200, body = PersonInfo), (status = 207, description = "Several were named", body = Vec<PartOfMany>),
        (status = 404, body = ErrorBody)))]
async fn person(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(ids): Path<String>,
) -> Result<Response, ApiError> {
    answers::one_or_many(&ids, "personId", async |id| one_person(&messaging, asker, id).await).await
}

async fn one_person(messaging: &Messaging, asker: Asker, id: &str) -> Result<Value, ApiError> {
    let extension = if id == OWN { asker.extension } else { ExtensionId(refusal::id("personId", id)?) };
    let found = messaging.directory.extension(asker.account, extension).await?;
    let found = found.ok_or_else(|| ApiError::not_found("personId", id))?;
    let known = |text: String| (!text.is_empty()).then_some(text);
    to_value(PersonInfo {
        id: found.id.to_string(),
        // Not everybody has two names; a bot has one.
        first_name: known(found.contact.first_name).or(Some(found.name)),
        last_name: known(found.contact.last_name),
        email: known(found.contact.email),
        avatar: None,
        company_id: found.account.to_string(),
        creation_time: found.created_at.iso8601(),
        last_modified_time: found.created_at.iso8601(),
    })
}

/// The caller's company, which is the account, or `~`.
#[utoipa::path(get, path = "/companies/{companyId}", operation_id = "readCompany", params(("companyId" = String, Path)),
    responses((status = 200, body = CompanyInfo), (status = 207, description = "Several were named", body = Vec<PartOfMany>),
        (status = 404, body = ErrorBody)))]
async fn company(
    State(messaging): State<Messaging>,
    Asking(asker): Asking,
    Path(ids): Path<String>,
) -> Result<Response, ApiError> {
    answers::one_or_many(&ids, "companyId", async |id| one_company(&messaging, asker, id).await).await
}

async fn one_company(messaging: &Messaging, asker: Asker, id: &str) -> Result<Value, ApiError> {
    let unknown = || ApiError::not_found("companyId", id);
    if id != OWN && refusal::id("companyId", id)? != asker.account.0 {
        return Err(unknown());
    }
    let account = messaging.directory.account(asker.account).await?.ok_or_else(unknown)?;
    to_value(CompanyInfo {
        id: account.id.to_string(),
        name: account.name,
        domain: None,
        creation_time: account.created_at.iso8601(),
        last_modified_time: account.created_at.iso8601(),
    })
}

fn to_value(info: impl Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(info).map_err(|error| ApiError::malformed(error.to_string()))
}
