//! Drawing the demo account: one company, 25 users who share a password, one app that may everything.

use hookswitch_core::clock::{Handles, WallTime};
use hookswitch_core::id::{AccountId, ExtensionId};
use hookswitch_store::directory::{
    Account, AccountStatus, Contact, Extension, ExtensionStatus, ExtensionType, Foundation, Grant,
    JwtCredential, NewAccount, NewApp, NewExtension, NewServiceToken, Sharing, StoredPassword,
};
use serde::{Deserialize, Serialize};

use crate::app_secrets::new_signing_secret;
use crate::authenticate::hash_token;
use crate::oauth::jwt_bearer::{self, SigningError};
use crate::oauth::password;
use crate::principal::{APP_SCOPES, USER_PERMISSIONS};

const USERS: u64 = 25;
const FIRST_NUMBER: u64 = 101;
/// The password is random, so nobody guesses it; a slow hash would only slow down every test that logs in.
const PASSWORD_ROUNDS: u32 = 5_000;
/// Where sample programs of the platform wait for an authorization code.
const REDIRECT_URIS: [&str; 3] = [
    "http://localhost:3000/oauth2callback",
    "http://localhost:5000/oauth2callback",
    "http://127.0.0.1:3000/oauth2callback",
];
const FIRST_NAMES: [&str; USERS as usize] = [
    "Ada", "Boris", "Chidi", "Dana", "Emil", "Fatima", "Goran", "Hana", "Ines", "Jonas", "Keiko", "Lars",
    "Mina", "Nadia", "Omar", "Petra", "Quinn", "Rosa", "Samir", "Tove", "Uma", "Viktor", "Wanda", "Xenia",
    "Yusuf",
];

/// What a client must know of the demo account. Kept sealed in the store, written to `dev.env`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Demo {
    pub account: AccountId,
    /// The administrator, extension 101.
    pub extension: ExtensionId,
    pub extension_number: String,
    pub company: u64,
    pub username: String,
    pub password: String,
    pub client_id: String,
    pub client_secret: String,
    pub jwt: String,
    pub publish_token: String,
    pub admin_token: String,
    pub signing_secret: String,
    pub conference_token: String,
}

pub(super) fn draw(handles: &Handles, now: WallTime) -> Result<(Demo, Foundation), SigningError> {
    let account = AccountId(between(handles, 100_000_000, 1_000_000_000));
    let first = between(handles, 200_000_000, 2_000_000_000);
    let extension = ExtensionId(first);
    let key = jwt_bearer::new_key(handles)?;
    let credential = JwtCredential {
        jti: handles.token(15),
        account,
        extension,
        app: None,
        created_at: now,
        expires_at: None,
    };
    let demo = Demo {
        account,
        extension,
        extension_number: FIRST_NUMBER.to_string(),
        company: between(handles, 1_000_000, 1_000_000_000),
        username: format!("+1650555{:04}", between(handles, 0, 10_000)),
        password: handles.token(15),
        client_id: handles.token(15),
        client_secret: handles.token(30),
        jwt: jwt_bearer::sign(&key, &credential)?,
        publish_token: format!("hsp_{}", handles.token(30)),
        admin_token: format!("hsa_{}", handles.token(30)),
        signing_secret: new_signing_secret(handles),
        conference_token: handles.token(30),
    };
    let foundation = Foundation {
        accounts: vec![company(&demo, now)],
        extensions: users(handles, &demo, now),
        apps: vec![app(handles, &demo, now)],
        service_tokens: service_tokens(&demo, now),
        signing_keys: vec![key],
        jwt_credentials: vec![credential],
        notes: Vec::new(),
    };
    Ok((demo, foundation))
}

fn company(demo: &Demo, now: WallTime) -> NewAccount {
    let account = Account {
        id: demo.account,
        name: "Demo Company".into(),
        main_number: demo.username.clone(),
        status: AccountStatus::Confirmed,
        operator: Some(demo.extension),
        company: demo.company,
        created_at: now,
    };
    NewAccount { account, conference_token: demo.conference_token.clone() }
}

fn users(handles: &Handles, demo: &Demo, now: WallTime) -> Vec<NewExtension> {
    let password = password::hash(handles, &demo.password, PASSWORD_ROUNDS);
    (0..USERS).zip(FIRST_NAMES).map(|(index, name)| user(demo, index, name, &password, now)).collect()
}

fn user(demo: &Demo, index: u64, first_name: &str, password: &StoredPassword, now: WallTime) -> NewExtension {
    let last_name = "Demo";
    let contact = Contact {
        first_name: first_name.into(),
        last_name: last_name.into(),
        email: format!("{}@demo.example", first_name.to_lowercase()),
        business_phone: demo.username.clone(),
        company: "Demo Company".into(),
        department: "Demo".into(),
    };
    let extension = Extension {
        id: ExtensionId(demo.extension.0 + index),
        account: demo.account,
        number: (FIRST_NUMBER + index).to_string(),
        name: format!("{first_name} {last_name}"),
        kind: ExtensionType::User,
        status: ExtensionStatus::Enabled,
        contact,
        administrator: index == 0,
        permissions: USER_PERMISSIONS.iter().map(|name| (*name).to_owned()).collect(),
        sharing: Sharing::default(),
        created_at: now,
    };
    NewExtension { extension, password: Some(password.clone()), direct_number: None }
}

fn app(handles: &Handles, demo: &Demo, now: WallTime) -> NewApp {
    NewApp {
        client_id: demo.client_id.clone(),
        name: "Demo App".into(),
        secret: Some(hash_token(&demo.client_secret)),
        scopes: APP_SCOPES.iter().map(|scope| (*scope).to_owned()).collect(),
        grants: Grant::ALL.to_vec(),
        redirect_uris: REDIRECT_URIS.map(str::to_owned).to_vec(),
        verification_token: handles.token(30),
        signing_secret: demo.signing_secret.clone(),
        created_at: now,
    }
}

fn service_tokens(demo: &Demo, now: WallTime) -> Vec<NewServiceToken> {
    let token = |text: &str, publish, name: &str| NewServiceToken {
        token: hash_token(text),
        publish,
        name: name.to_owned(),
        created_at: now,
    };
    vec![
        token(&demo.admin_token, None, "demo admin"),
        token(&demo.publish_token, Some(None), "demo publisher"),
    ]
}

fn between(handles: &Handles, low: u64, high: u64) -> u64 {
    low + handles.entropy.seed() % (high - low)
}
