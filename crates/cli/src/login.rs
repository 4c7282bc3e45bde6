//! Logging in as the user of a dev.env: what any client of the platform does with these variables.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::Method;
use url::form_urlencoded::Serializer;

use crate::arguments::Connect;
use crate::connection::{Api, Role, Variables};
use crate::failure::Failure;
use crate::http_client::HttpClient;

/// The API as the user sees it: RC_USER_JWT with RC_APP_CLIENT_ID and RC_APP_CLIENT_SECRET.
pub async fn user(variables: &Variables, options: &Connect) -> Result<Api, Failure> {
    let app = Api::client(options)?;
    let token = token(&|name| variables.needed(name), &app).await?;
    Api::new(&Connect { token: Some(token), ..options.clone() }, Role::Nobody)
}

/// An access token for the user whose variables these are.
pub async fn token(
    variable: &dyn Fn(&str) -> Result<String, Failure>,
    client: &HttpClient,
) -> Result<String, Failure> {
    let form = Serializer::new(String::new())
        .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
        .append_pair("assertion", &variable("RC_USER_JWT")?)
        .finish();
    let pair = format!("{}:{}", variable("RC_APP_CLIENT_ID")?, variable("RC_APP_CLIENT_SECRET")?);
    let authorization = format!("Basic {}", BASE64.encode(pair));
    let body = Some(("application/x-www-form-urlencoded", Bytes::from(form)));
    let answer = client.send(Method::POST, "/restapi/oauth/token", Some(&authorization), body).await?;
    let token = answer.success()?.json()?["access_token"].as_str().map(str::to_owned);
    token.ok_or_else(|| Failure::Failed("the login gave no access token".to_owned()))
}
