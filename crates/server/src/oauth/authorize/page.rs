//! The pages a person sees, as HTML without scripts, and the answers they come in.
//!
//! Everything that is not a constant here goes through `escape`. The headers let a page load nothing, be
//! framed by nobody and send its forms to us and to the app's redirect URI alone.

use std::fmt::{self, Write as _};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use hookswitch_store::directory::LoginRecord;

use super::browser::{self, Visit};
use super::request::{AuthorizationRequest, Refusal};
use super::{Step, scopes};
use crate::oauth::problem::OAuthError;
use crate::problem::ApiError;
use crate::state::Front;

const STYLE: &str = include_str!("page.css");
const NONCE_BYTES: usize = 16;

/// What a person is asked.
pub(super) struct Page {
    request: AuthorizationRequest,
    question: Question,
    problem: Option<String>,
}

enum Question {
    SignIn { name: String, extension: String },
    Consent { name: String, contact: String },
}

impl Page {
    pub(super) fn sign_in(request: AuthorizationRequest) -> Self {
        let name = request.login_hint.clone();
        Self { request, question: Question::SignIn { name, extension: String::new() }, problem: None }
    }

    pub(super) fn consent(request: AuthorizationRequest, user: &LoginRecord) -> Self {
        let extension = &user.extension;
        let contact = match extension.contact.email.as_str() {
            "" => format!("extension {}", extension.number),
            email => email.to_owned(),
        };
        Self { request, question: Question::Consent { name: extension.name.clone(), contact }, problem: None }
    }

    /// With what the person has already written; never the password.
    pub(super) fn with_login(self, name: &str, extension: Option<&str>) -> Self {
        let extension = extension.unwrap_or_default().to_owned();
        Self { question: Question::SignIn { name: name.to_owned(), extension }, ..self }
    }

    pub(super) fn with_problem(self, problem: &str) -> Self {
        Self { problem: Some(problem.to_owned()), ..self }
    }
}

/// The answer that a step, or a refusal, becomes.
pub(super) fn answer(front: &Front, visit: &Visit, step: Result<Step, Refusal>) -> Response {
    match step {
        Ok(Step::Page(page)) => {
            // What a person has to correct is no success (D18).
            let status = if page.problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
            let (mut response, nonce) = html(front, status, &page.request.form_target());
            give_cookie(front, response.headers_mut(), visit.new_cookie());
            *response.body_mut() = Body::from(questions(&page, visit, &nonce));
            response
        }
        Ok(Step::Back(uri)) | Err(Refusal::Back(uri)) => redirect(&uri),
        Ok(Step::SignedIn { cookie, target }) => {
            let mut response = redirect(&target);
            give_cookie(front, response.headers_mut(), Some(&cookie));
            response
        }
        Err(Refusal::Page(error)) => {
            // 401 would make a browser ask for the app's password.
            let server_fault = error.status.is_server_error();
            let status = if server_fault { error.status } else { StatusCode::BAD_REQUEST };
            let (mut response, nonce) = html(front, status, "");
            *response.body_mut() = Body::from(refusal(&error, &nonce));
            response
        }
    }
}

fn give_cookie(front: &Front, headers: &mut HeaderMap, cookie: Option<&str>) {
    if let Some(cookie) = cookie.and_then(|cookie| browser::set_cookie(front, cookie)) {
        headers.insert(header::SET_COOKIE, cookie);
    }
}

fn redirect(uri: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(uri) else {
        let message = "The redirect URI cannot be sent to a browser";
        return axum::response::IntoResponse::into_response(ApiError::parameter("redirect_uri", message));
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The address that is left has the app's state in it.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// An empty page with the headers that guard it, and the nonce of its style.
fn html(front: &Front, status: StatusCode, form_target: &str) -> (Response, String) {
    const FIXED: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // With "no-referrer" browsers would send our own forms with the origin "null".
        (header::REFERRER_POLICY, "same-origin"),
    ];
    let nonce = front.handles.token(NONCE_BYTES);
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self' {form_target}; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A form target comes from a parsed URL, so this is always a header.
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    (response, nonce)
}

fn questions(page: &Page, visit: &Visit, nonce: &str) -> String {
    let app = escape(&page.request.app.name);
    let mut body = String::new();
    if let Some(problem) = &page.problem {
        body.push_str(&format!("<p class=\"problem\" role=\"alert\">{}</p>", escape(problem)));
    }
    let title = match &page.question {
        Question::SignIn { name, extension } => {
            write_sign_in(&mut body, page, visit, name, extension);
            format!("Sign in to continue to <b>{app}</b>")
        }
        Question::Consent { name, contact } => {
            write_consent(&mut body, page, visit, name, contact);
            format!("<b>{app}</b> would like to")
        }
    };
    document(&title, &body, nonce)
}

fn write_sign_in(body: &mut String, page: &Page, visit: &Visit, name: &str, extension: &str) {
    let (name, extension, hidden) = (escape(name), escape(extension), hidden(page, visit));
    let focus = |here: bool| if here { " autofocus" } else { "" };
    body.push_str(&format!(
        r#"<form method="post" action="{path}">
{hidden}
<label for="username">Phone number or e-mail</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required value="{name}"{first}>
<label for="extension">Extension <small>if the number is shared</small></label>
<input id="extension" name="extension" inputmode="numeric" autocomplete="off" value="{extension}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required{second}>
<button type="submit" name="action" value="sign-in">Sign in</button>
</form>"#,
        path = super::PATH,
        first = focus(name.is_blank()),
        second = focus(!name.is_blank()),
    ));
}

fn write_consent(body: &mut String, page: &Page, visit: &Visit, name: &str, contact: &str) {
    let (name, contact, hidden) = (escape(name), escape(contact), hidden(page, visit));
    let wishes = scopes::in_words(&page.request.scopes);
    let wishes: String = wishes.iter().map(|wish| format!("<li>{}</li>", escape(wish))).collect();
    body.push_str(&format!(
        r#"<ul class="wishes" tabindex="0">{wishes}</ul>
<p class="person"><span>Signed in as <b>{name}</b><br><small>{contact}</small></span>
<a href="{another}">Not you?</a></p>
<form method="post" action="{path}" class="choice">
{hidden}
<button type="submit" name="action" value="deny" class="quiet">Deny</button>
<button type="submit" name="action" value="allow">Allow</button>
</form>
<p class="note">Afterwards you return to <b>{target}</b>.</p>"#,
        another = escape(&page.request.target_for_another()),
        path = super::PATH,
        target = escape(&page.request.form_target()),
    ));
}

/// What the next request needs of this one, and the mark that this page made it.
fn hidden(page: &Page, visit: &Visit) -> String {
    let carried = page.request.carried.iter().map(|(name, value)| (*name, value.as_str()));
    let fields = carried.chain([("csrf", visit.mark.as_str())]);
    fields
        .map(|(name, value)| format!(r#"<input type="hidden" name="{name}" value="{}">"#, escape(value)))
        .collect()
}

fn refusal(error: &OAuthError, nonce: &str) -> String {
    let body = format!(
        r#"<p class="problem" role="alert">{}.</p>
<p class="note">The application that sent you here made a mistake, or somebody else did in its name. You are not signed in to anything. Please go back and tell its makers this code: <b>{}</b></p>"#,
        escape(error.description.trim_end_matches('.')),
        escape(error.code),
    );
    document("This does not work", &body, nonce)
}

fn document(title: &str, body: &str, nonce: &str) -> String {
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>Hookswitch: sign in</title>
<style nonce="{nonce}">{STYLE}</style>
</head>
<body>
<main>
<p class="brand">Hookswitch</p>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"#
    )
}

/// Text that may stand between tags and in quoted attributes.
struct Escaped<'a>(&'a str);

fn escape(text: &str) -> Escaped<'_> {
    Escaped(text)
}

impl Escaped<'_> {
    fn is_blank(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_comes_from_outside_can_end_a_text_or_an_attribute() {
        let attack = r#""><script>alert('x')</script>&"#;
        let harmless = escape(attack).to_string();
        assert_eq!(harmless, "&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;");
    }
}
