//! The sign-in page: what a browser is shown, where it is sent, and what is never redirected.

use http::{Method, StatusCode};
use parking_lot::Mutex;
use url::{Url, form_urlencoded};

use super::stage::{Reply, Stage};

const PATH: &str = "/restapi/oauth/authorize";
pub(super) const REDIRECT: &str = "http://localhost:3000/oauth2callback";

/// A browser that keeps its cookie, follows nothing by itself, and sends forms as a person fills them in.
pub(super) struct Browser<'a> {
    stage: &'a Stage,
    cookie: Mutex<Option<String>>,
}

impl<'a> Browser<'a> {
    pub(super) fn new(stage: &'a Stage) -> Self {
        Self { stage, cookie: Mutex::default() }
    }

    pub(super) async fn get(&self, target: &str) -> Reply {
        self.send(Method::GET, target, "").await
    }

    /// Submits the form of `page` by one of its buttons.
    pub(super) async fn submit(&self, page: &Reply, action: &str, filled_in: &[(&str, &str)]) -> Reply {
        let mut form = hidden_fields(&page.text);
        form.extend(filled_in.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        form.push(("action".into(), action.into()));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(Method::POST, PATH, &body).await
    }

    pub(super) async fn sign_in(&self, page: &Reply, password: &str) -> Reply {
        let name = self.stage.demo.username.clone();
        self.submit(page, "sign-in", &[("username", &name), ("extension", "101"), ("password", password)])
            .await
    }

    /// From the app's link to its redirect URI, whatever is asked on the way.
    pub(super) async fn agree(&self, target: &str) -> Url {
        let mut page = self.get(target).await;
        for _ in 0..4 {
            page = match page.header("location") {
                Some(to) if to.starts_with(REDIRECT) => return Url::parse(to).unwrap(),
                Some(to) => self.get(to).await,
                None if page.text.contains("name=\"password\"") => {
                    self.sign_in(&page, &self.stage.demo.password.clone()).await
                }
                None => self.submit(&page, "allow", &[]).await,
            };
        }
        panic!("no way back to the app from {}", page.text);
    }

    async fn send(&self, method: Method, target: &str, body: &str) -> Reply {
        let cookie = self.cookie.lock().clone().unwrap_or_default();
        let form = ("content-type", "application/x-www-form-urlencoded");
        let headers = [form, ("cookie", cookie.as_str())];
        let headers = if cookie.is_empty() { &headers[..1] } else { &headers[..] };
        let reply = self.stage.ask(method, target, headers, body).await;
        if let Some(set) = reply.header("set-cookie") {
            *self.cookie.lock() = Some(set.split(';').next().unwrap_or_default().to_owned());
        }
        reply
    }
}

fn hidden_fields(page: &str) -> Vec<(String, String)> {
    let fields = page.split("<input type=\"hidden\" name=\"").skip(1);
    let field = |text: &str| {
        let (name, rest) = text.split_once("\" value=\"").unwrap();
        let value = rest
            .split('"')
            .next()
            .unwrap()
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&");
        (name.to_owned(), value)
    };
    fields.map(field).collect()
}

/// The app's link to the page.
pub(super) fn link(stage: &Stage, more: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let own =
        [("response_type", "code"), ("client_id", stage.demo.client_id.as_str()), ("redirect_uri", REDIRECT)];
    for (name, value) in own {
        if !more.iter().any(|(given, _)| *given == name) {
            query.append_pair(name, value);
        }
    }
    query.extend_pairs(more.iter().filter(|(_, value)| !value.is_empty()));
    format!("{PATH}?{}", query.finish())
}

pub(super) fn parameter(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[track_caller]
fn sent_back(reply: &Reply) -> Url {
    assert_eq!(reply.status, StatusCode::FOUND, "{}", reply.text);
    let location = reply.header("location").unwrap();
    assert!(location.starts_with(REDIRECT), "{location}");
    Url::parse(location).unwrap()
}

#[tokio::test]
async fn a_person_signs_in_and_agrees_and_the_app_gets_a_code_with_its_state() {
    let stage = Stage::new().await;
    let browser = Browser::new(&stage);
    let page =
        browser.get(&link(&stage, &[("state", "a&b=c \"x\""), ("login_hint", "ada@demo.example")])).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("Demo App") && page.text.contains("value=\"ada@demo.example\""));

    let signed_in = browser.sign_in(&page, &stage.demo.password).await;
    assert_eq!(signed_in.status, StatusCode::FOUND, "{}", signed_in.text);
    let consent = browser.get(signed_in.header("location").unwrap()).await;
    assert!(consent.text.contains("Ada Demo") && consent.text.contains("Read your messages"));

    let url = sent_back(&browser.submit(&consent, "allow", &[]).await);
    assert_eq!(parameter(&url, "state"), "a&b=c \"x\"");
    assert_eq!(parameter(&url, "expires_in"), "60");
    assert!(parameter(&url, "code").len() >= 32);
}

#[tokio::test]
async fn who_is_signed_in_and_has_agreed_is_asked_nothing_unless_the_app_wants_it() {
    let stage = Stage::new().await;
    let browser = Browser::new(&stage);
    let narrow = [("scope", "ReadMessages")];
    browser.agree(&link(&stage, &narrow)).await;
    for prompt in ["", "none", "sso"] {
        let url = sent_back(&browser.get(&link(&stage, &[narrow[0], ("prompt", prompt)])).await);
        assert!(!parameter(&url, "code").is_empty(), "prompt={prompt}");
    }
    let more = browser.get(&link(&stage, &[("scope", "ReadMessages SMS")])).await;
    assert!(more.text.contains("Send text messages"), "consent for a scope that was not granted yet");
    let again = browser.get(&link(&stage, &[narrow[0], ("prompt", "consent")])).await;
    assert!(again.text.contains("value=\"allow\""));
    let login = browser.get(&link(&stage, &[narrow[0], ("prompt", "login")])).await;
    assert!(login.text.contains("name=\"password\""));
    let after = browser.sign_in(&login, &stage.demo.password).await;
    sent_back(&browser.get(after.header("location").unwrap()).await);

    let unasked = sent_back(&browser.get(&link(&stage, &[("scope", "SMS"), ("prompt", "none")])).await);
    assert_eq!(parameter(&unasked, "error"), "consent_required");
    let stranger = Browser::new(&stage).get(&link(&stage, &[("prompt", "none"), ("state", "s")])).await;
    let url = sent_back(&stranger);
    assert_eq!((parameter(&url, "error"), parameter(&url, "state")), ("login_required".into(), "s".into()));
}

#[tokio::test]
async fn a_session_at_the_page_ends_with_its_time_and_with_its_user() {
    let stage = Stage::with(&[("sessions.sign_in_lifetime", "1h")]).await;
    let browser = Browser::new(&stage);
    browser.agree(&link(&stage, &[])).await;
    stage.clock.advance(std::time::Duration::from_secs(3599));
    sent_back(&browser.get(&link(&stage, &[])).await);
    stage.clock.advance(std::time::Duration::from_secs(1));
    assert!(browser.get(&link(&stage, &[])).await.text.contains("name=\"password\""));
}

#[tokio::test]
async fn what_could_send_a_browser_astray_is_told_on_a_page_and_redirects_nowhere() {
    let stage = Stage::new().await;
    for (more, code) in [
        (vec![("client_id", "nobody")], "OAU-120"),
        (vec![("client_id", "")], "CMN-101"),
        (vec![("redirect_uri", "http://localhost:3000/oauth2callback/")], "OAU-109"),
        (vec![("redirect_uri", "http://localhost:3000/oauth2callback?x=1")], "OAU-109"),
        (vec![("redirect_uri", "http://localhost:3001/oauth2callback")], "OAU-109"),
        (vec![("redirect_uri", "https://evil.example/")], "OAU-109"),
        (vec![("redirect_uri", "")], "CMN-101"),
        (vec![("state", "1"), ("state", "2")], "OAU-111"),
    ] {
        let reply = Browser::new(&stage).get(&link(&stage, &more)).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{more:?}");
        assert_eq!(reply.header("location"), None, "{more:?}");
        assert!(reply.header("content-type").unwrap().starts_with("text/html"));
        assert!(reply.text.contains(code), "{more:?}: {}", reply.text);
    }
}

#[tokio::test]
async fn what_is_wrong_otherwise_is_told_to_the_app() {
    let stage = Stage::new().await;
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    for (more, error) in [
        (vec![("response_type", "")], "invalid_request"),
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("scope", "Everything")], "invalid_scope"),
        (vec![("code_challenge", "short")], "invalid_request"),
        (vec![("code_challenge", challenge), ("code_challenge_method", "S512")], "invalid_request"),
        (vec![("code_challenge_method", "S256")], "invalid_request"),
        (vec![("prompt", "none login")], "invalid_request"),
    ] {
        let more = [more, vec![("state", "kept")]].concat();
        let url = sent_back(&Browser::new(&stage).get(&link(&stage, &more)).await);
        assert_eq!(parameter(&url, "error"), error, "{more:?}");
        assert_eq!(parameter(&url, "state"), "kept");
        assert!(!parameter(&url, "error_description").is_empty());
        assert_eq!(parameter(&url, "code"), "");
    }
    let browser = Browser::new(&stage);
    let page = browser.get(&link(&stage, &[("state", "s")])).await;
    let signed_in = browser.sign_in(&page, &stage.demo.password).await;
    let consent = browser.get(signed_in.header("location").unwrap()).await;
    let url = sent_back(&browser.submit(&consent, "deny", &[]).await);
    assert_eq!((parameter(&url, "error"), parameter(&url, "state")), ("access_denied".into(), "s".into()));
    let asked_again = browser.get(&link(&stage, &[])).await;
    assert!(asked_again.text.contains("value=\"allow\""), "a denial is not remembered as consent");
}

#[tokio::test]
async fn a_wrong_password_is_told_on_the_page_and_not_written_there() {
    let stage = Stage::new().await;
    let browser = Browser::new(&stage);
    let page = browser.get(&link(&stage, &[])).await;
    let reply = browser.sign_in(&page, "guess-<b>").await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert!(reply.text.contains("role=\"alert\"") && reply.text.contains(&stage.demo.username));
    assert!(!reply.text.contains("guess"));
    let reply = browser.submit(&reply, "sign-in", &[("username", "<script>"), ("password", "x")]).await;
    assert!(reply.text.contains("&lt;script&gt;") && !reply.text.contains("<script>"));
}

#[tokio::test]
async fn a_form_that_this_browser_was_not_given_does_nothing() {
    let stage = Stage::new().await;
    let (victim, attacker) = (Browser::new(&stage), Browser::new(&stage));
    victim.agree(&link(&stage, &[("scope", "ReadMessages")])).await;
    let lure = attacker.get(&link(&stage, &[("scope", "SMS")])).await;
    let reply = victim.submit(&lure, "allow", &[]).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(reply.header("location"), None);
    let url = sent_back(&victim.get(&link(&stage, &[("scope", "SMS"), ("prompt", "none")])).await);
    assert_eq!(parameter(&url, "error"), "consent_required", "nothing was agreed to");

    let without_cookie = Browser::new(&stage).sign_in(&lure, &stage.demo.password).await;
    assert_eq!(without_cookie.status, StatusCode::BAD_REQUEST);
    assert!(without_cookie.text.contains("cookies"));
}

#[tokio::test]
async fn signing_in_gives_the_browser_a_new_cookie_so_that_a_planted_one_is_worth_nothing() {
    let stage = Stage::new().await;
    let browser = Browser::new(&stage);
    let page = browser.get(&link(&stage, &[])).await;
    let planted = Browser { stage: &stage, cookie: Mutex::new(browser.cookie.lock().clone()) };
    browser.sign_in(&page, &stage.demo.password).await;
    assert_ne!(*browser.cookie.lock(), *planted.cookie.lock());
    assert!(planted.get(&link(&stage, &[])).await.text.contains("name=\"password\""));
}

#[tokio::test]
async fn the_page_loads_nothing_is_framed_by_nobody_and_is_no_business_of_other_sites() {
    let stage = Stage::new().await;
    let headers = [("origin", "http://localhost:3000")];
    let page = stage.ask(Method::GET, &link(&stage, &[]), &headers, "").await;
    let policy = page.header("content-security-policy").unwrap();
    for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self' http://localhost:3000"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("access-control-allow-origin"), None);
    let cookie = page.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && !cookie.contains("Secure"));
    let https = Stage::on(std::sync::Arc::default(), "https://a.example", 1, &[]).await;
    let page = https.ask(Method::GET, &link(&https, &[]), &[], "").await;
    assert!(page.header("set-cookie").unwrap().contains("; Secure"));
}
