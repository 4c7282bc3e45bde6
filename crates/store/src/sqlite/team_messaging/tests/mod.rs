//! The store of team messaging on a real file. Each test has an account with a few people of its own, and
//! another account that must never see any of it.

mod hooks;
mod membership;
mod posts;
mod reading;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::chat::{Asker, Chat, Content, HookAddresses};
use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, ExtensionId};
use hookswitch_core::vault::{KEY_BYTES, Vault};
use hookswitch_testkit::{SeededEntropy, TempFolder};
use serde_json::Value;

use super::SqliteTeamMessaging;
use crate::directory::{
    Account, AccountStatus, Contact, Directory, Extension, ExtensionStatus, ExtensionType, Foundation,
    NewAccount, NewExtension, Sharing,
};
use crate::sqlite::control::ControlDb;
use crate::sqlite::directory::SqliteDirectory;
use crate::team_messaging::{InReplyTo, Invitee, NewTeam, TeamMessaging};

pub(super) const NOON: WallTime = WallTime(1_767_700_000_000);
pub(super) const ACME: AccountId = AccountId(1001);
pub(super) const OTHER: AccountId = AccountId(2002);

pub(super) fn id(number: u64) -> ExtensionId {
    ExtensionId(ACME.0 * 1000 + number)
}

/// A plain user of ACME.
pub(super) fn user(number: u64) -> Asker {
    Asker { account: ACME, extension: id(number), administrator: false }
}

pub(super) fn administrator(number: u64) -> Asker {
    Asker { administrator: true, ..user(number) }
}

/// Somebody of another account.
pub(super) fn outsider() -> Asker {
    Asker { account: OTHER, extension: ExtensionId(OTHER.0 * 1000 + 101), administrator: true }
}

pub(super) fn people(numbers: &[u64]) -> Vec<Invitee> {
    numbers.iter().map(|number| Invitee::Extension(id(*number))).collect()
}

pub(super) fn ids(numbers: &[u64]) -> Vec<ExtensionId> {
    numbers.iter().map(|number| id(*number)).collect()
}

pub(super) fn text(text: &str) -> Content {
    Content { text: Some(text.into()), ..Content::default() }
}

pub(super) fn addresses() -> HookAddresses {
    HookAddresses { base: "https://hooks.example.com".into() }
}

/// An event as a test looks at it: its type, its body and whom it is for.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) body: Value,
    pub(super) recipients: Vec<ExtensionId>,
}

pub(super) struct World {
    pub(super) store: SqliteTeamMessaging,
    pub(super) db: ControlDb,
    _folder: TempFolder,
}

impl World {
    /// ACME with extensions 101 to 120, and another account with one.
    pub(super) async fn new() -> Self {
        let folder = TempFolder::new();
        let db = ControlDb::open(folder.path()).unwrap();
        let vault = Arc::new(Vault::from_text(&Vault::key_text([7; KEY_BYTES])).unwrap());
        let entropy = Arc::new(SeededEntropy::new(1));
        let directory = SqliteDirectory::open(db.clone(), vault.clone(), entropy.clone()).await.unwrap();
        let acme = (101..=120).map(|number| extension(ACME, number));
        let foundation = Foundation {
            accounts: vec![account(ACME), account(OTHER)],
            extensions: acme.chain([extension(OTHER, 101)]).collect(),
            ..Foundation::default()
        };
        directory.establish(foundation).await.unwrap();
        Self { store: SqliteTeamMessaging::new(db.clone(), vault, entropy), db, _folder: folder }
    }

    /// A private team that 101 made, with these people.
    pub(super) async fn team(&self, members: &[u64]) -> Chat {
        self.team_of("Ops", false, members).await
    }

    pub(super) async fn team_of(&self, name: &str, public: bool, members: &[u64]) -> Chat {
        let team = NewTeam { name: name.into(), description: None, public, members: people(members) };
        let team = self.store.create_team(user(101), team, NOON).await.unwrap().unwrap();
        self.told().await;
        team
    }

    pub(super) async fn say(&self, by: Asker, chat: &Chat, what: &str) -> hookswitch_core::chat::Post {
        let reply = InReplyTo::default();
        self.store.create_post(by, chat.id, text(what), reply, NOON).await.unwrap().unwrap()
    }

    /// The events that wait, which are forgotten by it.
    pub(super) async fn told(&self) -> Vec<Told> {
        let waiting = self.store.waiting_events(1000).await.unwrap();
        self.store.forget_events(waiting.iter().map(|event| event.no).collect()).await.unwrap();
        let told = waiting.into_iter().map(|event| {
            let body: Value = serde_json::from_str(&event.body).unwrap();
            let kind = body["eventType"].as_str().unwrap().to_owned();
            Told { name: event.name, kind, body, recipients: event.recipients }
        });
        told.collect()
    }

    /// The same, as type and recipients.
    pub(super) async fn told_whom(&self) -> Vec<(String, Vec<ExtensionId>)> {
        self.told().await.into_iter().map(|told| (told.kind, told.recipients)).collect()
    }
}

/// One expected event.
pub(super) fn event(kind: &str, recipients: &[u64]) -> (String, Vec<ExtensionId>) {
    (kind.to_owned(), ids(recipients))
}

pub(super) fn later(seconds: u64) -> WallTime {
    NOON.plus(Duration::from_secs(seconds))
}

fn account(id: AccountId) -> NewAccount {
    let account = Account {
        id,
        name: "Acme".into(),
        main_number: format!("+1650555{}", id.0),
        status: AccountStatus::Confirmed,
        operator: None,
        company: id.0,
        created_at: NOON,
    };
    NewAccount { account, conference_token: "secret".into() }
}

fn extension(account: AccountId, number: u64) -> NewExtension {
    let extension = Extension {
        id: ExtensionId(account.0 * 1000 + number),
        account,
        number: number.to_string(),
        name: format!("User {number}"),
        kind: ExtensionType::User,
        status: ExtensionStatus::Enabled,
        contact: Contact { email: format!("user{number}@{account}.example"), ..Contact::default() },
        administrator: false,
        permissions: Vec::new(),
        sharing: Sharing::default(),
        created_at: NOON,
    };
    NewExtension { extension, password: None, direct_number: None }
}
