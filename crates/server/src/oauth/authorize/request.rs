//! What an app asks of the sign-in page, read and judged.
//!
//! Until the redirect URI is known to be the app's own, what is wrong is shown to the person; from there
//! on it is told to the app.

use hookswitch_store::StoreError;
use hookswitch_store::directory::{Grant, RegisteredApp};
use hookswitch_store::sign_in::{Challenge, ChallengeMethod};
use url::{Url, form_urlencoded};

use super::super::authorization_code::is_verifier;
use super::super::form::Form;
use super::super::issue::granted;
use super::super::problem::OAuthError;
use super::PATH;
use crate::state::Front;

/// The parameters that a page carries along while a person signs in and agrees.
const CARRIED: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "scope",
    "code_challenge",
    "code_challenge_method",
    "prompt",
];
/// Schemes whose URIs a browser would run or read, and not send to an app.
const UNSAFE_SCHEMES: [&str; 7] = ["javascript", "data", "vbscript", "file", "blob", "about", "view-source"];

/// The parameters of an authorization request; others are ignored.
#[derive(utoipa::IntoParams, utoipa::ToSchema)]
#[into_params(parameter_in = Query)]
#[schema(as = AuthorizationRequest)]
#[expect(dead_code, reason = "describes the parameters, which `AuthorizationRequest` reads")]
pub(super) struct Parameters {
    /// `code`.
    response_type: String,
    client_id: String,
    /// One of the app's registered redirect URIs, to the letter.
    redirect_uri: String,
    /// Comes back with the answer.
    state: Option<String>,
    /// Scopes separated by spaces; without it all that the app has.
    scope: Option<String>,
    /// PKCE; a public app needs it.
    code_challenge: Option<String>,
    /// `S256`, or `plain`, which is meant without it.
    code_challenge_method: Option<String>,
    /// Of `login`, `consent` and `none`: ask for the password again, for consent again, or for nothing.
    prompt: Option<String>,
    /// A number or e-mail that the page proposes.
    login_hint: Option<String>,
}

#[derive(Debug)]
pub(super) struct AuthorizationRequest {
    pub(super) app: RegisteredApp,
    pub(super) redirect_uri: String,
    pub(super) scopes: Vec<String>,
    pub(super) challenge: Option<Challenge>,
    pub(super) prompt: Prompt,
    pub(super) login_hint: String,
    state: Option<String>,
    /// As they came, by name.
    pub(super) carried: Vec<(&'static str, String)>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prompt {
    pub(super) login: bool,
    pub(super) consent: bool,
    pub(super) none: bool,
}

pub(super) enum Refusal {
    /// For the person: who asks, or where the answer should go, is wrong.
    Page(OAuthError),
    /// For the app, as the URI to go back to.
    Back(String),
}

impl From<OAuthError> for Refusal {
    fn from(error: OAuthError) -> Self {
        Self::Page(error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Page(error.into())
    }
}

impl AuthorizationRequest {
    pub(super) async fn read(front: &Front, form: &Form) -> Result<Self, Refusal> {
        let client_id = form.required("client_id")?;
        let app = front.directory.app_by_client_id(client_id).await?;
        let app =
            app.ok_or_else(|| OAuthError::new("invalid_client", "OAU-120", "The application is not known"))?;
        let redirect_uri = own_redirect(&app, form.get("redirect_uri"))?;
        let carried = CARRIED.iter().filter_map(|name| Some((*name, form.get(name)?.to_owned())));
        let mut request = Self {
            redirect_uri,
            scopes: Vec::new(),
            challenge: None,
            prompt: Prompt::default(),
            login_hint: form.get("login_hint").unwrap_or_default().to_owned(),
            state: form.get("state").map(str::to_owned),
            carried: carried.collect(),
            app,
        };
        request.judge(form).map_err(|(error, why)| request.refuse(error, &why))?;
        Ok(request)
    }

    /// The rest of it; what is wrong is told to the app.
    fn judge(&mut self, form: &Form) -> Result<(), (&'static str, String)> {
        match form.get("response_type") {
            Some("code") => {}
            None => return Err(("invalid_request", "Parameter [response_type] is missing".into())),
            Some(other) => {
                return Err((
                    "unsupported_response_type",
                    format!("Response type [{other}] is not supported"),
                ));
            }
        }
        if !self.app.grants.contains(&Grant::AuthorizationCode) {
            let why = "The application may not use authorization codes";
            return Err(("unauthorized_client", why.into()));
        }
        self.scopes = granted(&self.app, form).map_err(|error| (error.error, error.description))?;
        self.challenge = challenge(form).map_err(|why| ("invalid_request", why))?;
        if self.challenge.is_none() && self.app.secret.is_none() {
            let why = "Parameter [code_challenge] is missing; a public application needs it";
            return Err(("invalid_request", why.into()));
        }
        self.prompt = prompt(form.get("prompt")).map_err(|why| ("invalid_request", why))?;
        Ok(())
    }

    /// The URI that brings an answer to the app.
    pub(super) fn back(&self, first: &[(&str, &str)], last: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(first);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.extend_pairs(last);
        let separator = if self.redirect_uri.contains('?') { '&' } else { '?' };
        format!("{}{separator}{}", self.redirect_uri, query.finish())
    }

    pub(super) fn refuse(&self, error: &str, why: &str) -> Refusal {
        Refusal::Back(self.back(&[("error", error), ("error_description", why)], &[]))
    }

    /// This request again, for a person who has just given their password.
    pub(super) fn target_after_sign_in(&self) -> String {
        self.target(if self.prompt.consent { Some("consent") } else { None })
    }

    /// This request again, for another person than the one who is signed in.
    pub(super) fn target_for_another(&self) -> String {
        self.target(Some("login"))
    }

    fn target(&self, prompt: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.carried.iter().filter(|(name, _)| *name != "prompt"));
        query.extend_pairs(prompt.map(|prompt| ("prompt", prompt)));
        format!("{PATH}?{}", query.finish())
    }

    /// Where forms of a page may lead, for its content security policy: browsers judge redirects too.
    pub(super) fn form_target(&self) -> String {
        match Url::parse(&self.redirect_uri) {
            Ok(url) if url.origin().is_tuple() => url.origin().ascii_serialization(),
            Ok(url) => format!("{}:", url.scheme()),
            Err(_) => String::new(),
        }
    }
}

/// One of the app's own, to the letter.
fn own_redirect(app: &RegisteredApp, asked: Option<&str>) -> Result<String, OAuthError> {
    let wrong = |code, why: &str| OAuthError::new("invalid_request", code, why).naming("redirect_uri");
    if app.redirect_uris.is_empty() {
        return Err(wrong("OAU-113", "The application has registered no redirect URI"));
    }
    let asked = asked.ok_or_else(|| OAuthError::missing("redirect_uri"))?;
    if !app.redirect_uris.iter().any(|own| own == asked) {
        return Err(wrong("OAU-109", "The redirect URI is not one that the application has registered"));
    }
    if is_safe(asked) {
        Ok(asked.to_owned())
    } else {
        Err(wrong("OAU-109", "The redirect URI is not one that a browser may be sent to"))
    }
}

/// Whether a browser may be sent to this address with an answer.
pub(crate) fn is_safe(uri: &str) -> bool {
    let printable = uri.bytes().all(|byte| byte.is_ascii_graphic());
    let parsed = Url::parse(uri);
    printable && parsed.is_ok_and(|url| url.fragment().is_none() && !UNSAFE_SCHEMES.contains(&url.scheme()))
}

fn challenge(form: &Form) -> Result<Option<Challenge>, String> {
    let Some(text) = form.get("code_challenge") else {
        return match form.get("code_challenge_method") {
            None => Ok(None),
            Some(_) => Err("Parameter [code_challenge] is missing".to_owned()),
        };
    };
    let name = form.get("code_challenge_method").unwrap_or("plain");
    let Some(method) = ChallengeMethod::from_name(name) else {
        return Err(format!("Code challenge method [{name}] is not supported; use S256"));
    };
    // Both forms have the characters and at least the length of a verifier.
    if is_verifier(text) {
        Ok(Some(Challenge { text: text.to_owned(), method }))
    } else {
        Err("Parameter [code_challenge] is not a challenge of 43 to 128 characters".to_owned())
    }
}

fn prompt(text: Option<&str>) -> Result<Prompt, String> {
    let mut prompt = Prompt::default();
    let words: Vec<_> = text.unwrap_or_default().split(' ').filter(|word| !word.is_empty()).collect();
    for word in &words {
        match *word {
            "login" => prompt.login = true,
            "consent" => prompt.consent = true,
            "none" => prompt.none = true,
            // Single sign-on is what happens anyway where somebody is signed in.
            "sso" => {}
            other => return Err(format!("Prompt [{other}] is not known")),
        }
    }
    if prompt.none && words.len() > 1 {
        return Err("Prompt [none] stands alone".to_owned());
    }
    Ok(prompt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_to_no_uri_that_it_would_run() {
        for (uri, safe) in [
            ("https://a.example/cb?x=1", true),
            ("http://127.0.0.1:3000/cb", true),
            ("com.example.app:/cb", true),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("https://a.example/cb#part", false),
            ("https://a.example/c b", false),
            ("/cb", false),
            ("https://a.example/\r\nset-cookie: x", false),
        ] {
            assert_eq!(is_safe(uri), safe, "{uri}");
        }
    }

    #[test]
    fn prompts_are_a_list_in_which_none_stands_alone() {
        assert!(prompt(None).is_ok_and(|prompt| !prompt.login && !prompt.consent && !prompt.none));
        assert!(prompt(Some("login  consent")).is_ok_and(|prompt| prompt.login && prompt.consent));
        assert!(prompt(Some("sso")).is_ok());
        assert!(prompt(Some("none login")).is_err());
        assert!(prompt(Some("dance")).is_err());
    }
}
