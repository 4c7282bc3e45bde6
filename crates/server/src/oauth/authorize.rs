//! `/restapi/oauth/authorize`: where a person signs in and lets an app act for them (contract.md §1.3).
//!
//! `request` reads what the app asks for, `browser` knows who sits before it, `page` is what they see.
//! The way goes: the request is sound, the person is signed in, the app may have what it asks for; at the
//! end the browser is sent back to the app with a code, or with the reason why not. Only a redirect URI
//! that the app has registered, to the letter, is ever redirected to; all else is told on a page.

mod browser;
mod page;
mod request;
mod scopes;

use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use hookswitch_core::clock::WallTime;
use hookswitch_store::directory::{LoginName, LoginRecord};
use hookswitch_store::sign_in::AuthorizationCode;

use self::browser::Visit;
use self::page::Page;
use self::request::{AuthorizationRequest, Refusal};
use super::form::Form;
use super::password::{self, Attempt};
use super::problem::OAuthError;
use super::token::may_log_in;
use crate::authenticate::hash_token;
use crate::headers::ClientAddress;
use crate::state::Front;

pub(crate) use self::browser::Browsers;
pub(crate) use self::request::is_safe;

pub(super) const PATH: &str = "/restapi/oauth/authorize";
const CODE_BYTES: usize = 32;
/// Contract.md §1.3; also what `expires_in` of the redirect says.
const CODE_LIFETIME: Duration = Duration::from_secs(60);

/// The sign-in page, or, for somebody who is signed in and has agreed before, the way back to the app.
#[utoipa::path(
    get,
    path = "/restapi/oauth/authorize",
    tag = "oauth",
    operation_id = "authorize",
    security(()),
    params(request::Parameters),
    responses(
        (status = 200, description = "A page for a person", content_type = "text/html"),
        (status = 302, description = "Back to the app, with `code`, `state` and `expires_in`, or with `error`"),
        (status = 400, description = "The app or its redirect URI is wrong: a page that says so", content_type = "text/html"),
    )
)]
pub(super) async fn show(
    State(front): State<Front>,
    headers: HeaderMap,
    form: Result<Form, OAuthError>,
) -> Response {
    let visit = Visit::of(&front, &headers);
    let page = match form {
        Ok(form) => arrive(&front, &visit, &form).await,
        Err(error) => Err(error.into()),
    };
    page::answer(&front, &visit, page)
}

/// What a person does on the page: signs in, allows, denies. Without an `action` the same as GET.
#[utoipa::path(
    post,
    path = "/restapi/oauth/authorize",
    tag = "oauth",
    operation_id = "authorizeByForm",
    security(()),
    request_body(content = request::Parameters, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A page for a person", content_type = "text/html"),
        (status = 302, description = "Onwards"),
        (status = 400, description = "The page again, with what was wrong", content_type = "text/html"),
    )
)]
pub(super) async fn submit(
    State(front): State<Front>,
    from: ClientAddress,
    headers: HeaderMap,
    form: Result<Form, OAuthError>,
) -> Response {
    let visit = Visit::of(&front, &headers);
    let page = match form {
        Ok(form) => act(&front, &visit, from, &form).await,
        Err(error) => Err(error.into()),
    };
    page::answer(&front, &visit, page)
}

/// Where the way leads next.
enum Step {
    Page(Box<Page>),
    /// Back to the app.
    Back(String),
    /// To this path again, in a browser that is now known by this cookie.
    SignedIn {
        cookie: String,
        target: String,
    },
}

async fn arrive(front: &Front, visit: &Visit, form: &Form) -> Result<Step, Refusal> {
    let request = AuthorizationRequest::read(front, form).await?;
    let user = user(front, visit).await?;
    match user {
        Some(user) if !request.prompt.login => offer(front, request, &user).await,
        _ if request.prompt.none => Err(request.refuse("login_required", "OAU-102: nobody is signed in")),
        _ => Ok(Step::Page(Box::new(Page::sign_in(request)))),
    }
}

/// Somebody is signed in.
async fn offer(front: &Front, request: AuthorizationRequest, user: &LoginRecord) -> Result<Step, Refusal> {
    let given = front.directory.consented(user.extension.id, request.app.no).await?;
    let agreed = request.scopes.iter().all(|scope| given.contains(scope));
    if agreed && !request.prompt.consent {
        return give_code(front, &request, user).await;
    }
    if request.prompt.none {
        return Err(
            request.refuse("consent_required", "OAU-102: the user has not let the application have this yet")
        );
    }
    Ok(Step::Page(Box::new(Page::consent(request, user))))
}

async fn act(front: &Front, visit: &Visit, from: ClientAddress, form: &Form) -> Result<Step, Refusal> {
    let Some(action) = form.get("action") else {
        return arrive(front, visit, form).await;
    };
    let request = AuthorizationRequest::read(front, form).await?;
    if !visit.has_made(form.get("csrf")) {
        let page = Page::sign_in(request).with_problem(
            "This page was open for too long, or your browser refuses cookies. Please try again.",
        );
        return Ok(Step::Page(Box::new(page)));
    }
    match action {
        "sign-in" => sign_in(front, request, from, form).await,
        "allow" | "deny" => match user(front, visit).await? {
            None => Ok(Step::Page(Box::new(Page::sign_in(request)))),
            Some(_) if action == "deny" => {
                Err(request.refuse("access_denied", "OAU-102: the user has denied the application access"))
            }
            Some(user) => {
                let now = front.handles.now();
                let (extension, scopes) = (user.extension.id, request.scopes.clone());
                front.directory.consent(extension, request.app.no, scopes, now).await?;
                give_code(front, &request, &user).await
            }
        },
        _ => Err(OAuthError::parameter("action", "Parameter [action] is invalid").into()),
    }
}

async fn sign_in(
    front: &Front,
    request: AuthorizationRequest,
    from: ClientAddress,
    form: &Form,
) -> Result<Step, Refusal> {
    let (name, extension) = (form.get("username").unwrap_or_default(), form.get("extension"));
    let password = form.get("password").unwrap_or_default();
    let attempt = Attempt { name, extension, password, from };
    match password::log_in(front, attempt).await {
        Ok(user) => {
            let lifetime = front.settings.sessions.sign_in_lifetime;
            let cookie = front.browsers.sign_in(&front.handles, user.extension.id, lifetime);
            Ok(Step::SignedIn { cookie, target: request.target_after_sign_in() })
        }
        Err(error) if error.status.is_server_error() => Err(error.into()),
        Err(error) => {
            let page = Page::sign_in(request).with_login(name, extension).with_problem(&in_words(&error));
            Ok(Step::Page(Box::new(page)))
        }
    }
}

/// For a person; the codes are for programs.
fn in_words(error: &OAuthError) -> String {
    match error.code {
        "OAU-140" => "That number or e-mail and password do not match. Please check both.".to_owned(),
        _ => format!("{}.", error.description.trim_end_matches('.')),
    }
}

/// Who is signed in, as long as they may be.
async fn user(front: &Front, visit: &Visit) -> Result<Option<LoginRecord>, Refusal> {
    let Some(extension) = front.browsers.user(visit, front.handles.now()) else {
        return Ok(None);
    };
    let user = front.directory.login(LoginName::Id(extension)).await?;
    Ok(user.filter(|user| may_log_in(user).is_ok()))
}

async fn give_code(
    front: &Front,
    request: &AuthorizationRequest,
    user: &LoginRecord,
) -> Result<Step, Refusal> {
    let code = front.handles.token(CODE_BYTES);
    let expires_at: WallTime = front.handles.now().plus(CODE_LIFETIME);
    let meaning = AuthorizationCode {
        app: request.app.no,
        account: user.extension.account,
        extension: user.extension.id,
        redirect_uri: request.redirect_uri.clone(),
        scopes: request.scopes.clone(),
        challenge: request.challenge.clone(),
        expires_at,
    };
    front.directory.store_code(hash_token(&code), meaning).await?;
    let lifetime = CODE_LIFETIME.as_secs().to_string();
    Ok(Step::Back(request.back(&[("code", &code)], &[("expires_in", &lifetime)])))
}
