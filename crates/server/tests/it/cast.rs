//! Who calls a server in the stories about permissions: an owner with things of their own, others who must
//! not see them, and tokens of every kind.

use std::time::Duration;

use hookswitch_core::id::{AccountId, ExtensionId};
use hookswitch_server::authenticate::hash_token;
use hookswitch_server::oauth::password;
use hookswitch_store::directory::{
    Account, AccountStatus, Contact, Extension, ExtensionStatus, ExtensionType, Foundation, Grant,
    NewAccount, NewApp, NewExtension, Sharing,
};
use hookswitch_testkit::Reply;
use http::Method;
use serde_json::Value;

use crate::world::World;

pub(crate) const PASSWORD: &str = "open sesame";
/// The account that owns nothing of the demo account's.
pub(crate) const OTHER_ACCOUNT: AccountId = AccountId(77);
const OTHER_NUMBER: &str = "+16505557777";
const TOKEN: &str = "/restapi/oauth/token";

/// An app as registered: client id and secret.
pub(crate) type AppKeys<'a> = (&'a str, &'a str);

pub(crate) const OTHER_APP: AppKeys<'static> = ("other-app", "other-secret");

impl World {
    pub(crate) fn demo_app(&self) -> AppKeys<'_> {
        (&self.env["RC_APP_CLIENT_ID"], &self.env["RC_APP_CLIENT_SECRET"])
    }

    /// A second account with an administrator (101) and one extension of each kind that may not log in, and
    /// a second app.
    pub(crate) async fn found_others(&self, changes: impl FnOnce(&mut Foundation)) {
        let now = self.now();
        let account = Account {
            id: OTHER_ACCOUNT,
            name: "Other Company".into(),
            main_number: OTHER_NUMBER.into(),
            status: AccountStatus::Confirmed,
            operator: Some(ExtensionId(77_101)),
            company: 7_777,
            created_at: now,
        };
        let mut foundation = Foundation {
            accounts: vec![NewAccount { account, conference_token: "other".into() }],
            extensions: vec![
                self.extension(101, ExtensionType::User, ExtensionStatus::Enabled),
                self.extension(102, ExtensionType::Department, ExtensionStatus::Enabled),
                self.extension(103, ExtensionType::Announcement, ExtensionStatus::Enabled),
                self.extension(104, ExtensionType::User, ExtensionStatus::Disabled),
            ],
            apps: vec![self.app(OTHER_APP, Grant::ALL)],
            ..Foundation::default()
        };
        changes(&mut foundation);
        self.server.app.directory.establish(foundation).await.expect("nothing of it exists");
    }

    pub(crate) fn extension(
        &self,
        number: u64,
        kind: ExtensionType,
        status: ExtensionStatus,
    ) -> NewExtension {
        let extension = Extension {
            id: ExtensionId(77_000 + number),
            account: OTHER_ACCOUNT,
            number: number.to_string(),
            name: format!("Other {number}"),
            kind,
            status,
            contact: Contact::default(),
            administrator: number == 101,
            permissions: Vec::new(),
            sharing: Sharing::default(),
            created_at: self.now(),
        };
        let password = password::hash(&self.server.app.handles, PASSWORD, 1);
        NewExtension { extension, password: Some(password), direct_number: None }
    }

    pub(crate) fn app(&self, keys: AppKeys<'_>, grants: &[Grant]) -> NewApp {
        let scopes = hookswitch_server::principal::APP_SCOPES;
        NewApp {
            client_id: keys.0.into(),
            name: "Other App".into(),
            secret: Some(hash_token(keys.1)),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            grants: grants.to_vec(),
            redirect_uris: Vec::new(),
            verification_token: "v".into(),
            signing_secret: "whsec_c2VjcmV0".into(),
            created_at: self.now(),
        }
    }

    pub(crate) async fn token_request(&self, app: AppKeys<'_>, form: &[(&str, &str)]) -> Reply {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let basic = basic(app);
        let headers =
            [("authorization", basic.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        self.client.send(Method::POST, TOKEN, &headers, form).await.expect("an answer")
    }

    /// A user of the demo account, or of the other one, who logs in with a password.
    pub(crate) async fn user_token(
        &self,
        app: AppKeys<'_>,
        account: AccountId,
        extension: &str,
        more: &[(&str, &str)],
    ) -> String {
        let (name, password) = match account == OTHER_ACCOUNT {
            true => (OTHER_NUMBER, PASSWORD),
            false => (self.env["RC_USERNAME"].as_str(), self.env["RC_PASSWORD"].as_str()),
        };
        let own = [
            ("grant_type", "password"),
            ("username", name),
            ("extension", extension),
            ("password", password),
        ];
        let reply = self.token_request(app, &[&own, more].concat()).await.expect(200);
        access_token(&reply.json())
    }

    pub(crate) async fn app_token(&self) -> String {
        let reply = self.token_request(self.demo_app(), &[("grant_type", "client_credentials")]).await;
        access_token(&reply.expect(200).json())
    }

    /// A token of the demo user that has ended; those with the usual life have not.
    pub(crate) async fn expired_token(&self) -> String {
        let short = [("access_token_ttl", "600")];
        let token = self.user_token(self.demo_app(), AccountId(0), "101", &short).await;
        self.clock.advance(Duration::from_secs(601));
        token
    }
}

pub(crate) fn basic((client_id, secret): AppKeys<'_>) -> String {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{client_id}:{secret}"));
    format!("Basic {pair}")
}

fn access_token(reply: &Value) -> String {
    reply["access_token"].as_str().expect("a token").to_owned()
}
