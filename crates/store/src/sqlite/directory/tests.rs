use std::time::Duration;

use hookswitch_core::clock::WallTime;
use hookswitch_core::vault::KEY_BYTES;
use hookswitch_testkit::SeededEntropy;
use hookswitch_testkit::folder::TempFolder;

use super::*;
use crate::directory::{
    AccountStatus, Contact, ExtensionStatus, ExtensionType, Grant, NewAccount, NewApp, NewExtension,
    NewServiceToken, Session, Sharing, StoredPassword, TokenPair,
};

pub(super) const NOON: WallTime = WallTime(1_767_700_000_000);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const ACME: AccountId = AccountId(1001);
pub(super) const OTHER: AccountId = AccountId(2002);

fn vault(key: u8) -> Arc<Vault> {
    Arc::new(Vault::from_text(&Vault::key_text([key; KEY_BYTES])).unwrap())
}

pub(super) async fn open(folder: &TempFolder) -> SqliteDirectory {
    let db = ControlDb::open(folder.path()).unwrap();
    SqliteDirectory::open(db, vault(1), Arc::new(SeededEntropy::new(1))).await.unwrap()
}

pub(super) fn account(id: AccountId) -> NewAccount {
    let account = Account {
        id,
        name: "Acme".into(),
        main_number: format!("+1650555{}", id.0),
        status: AccountStatus::Confirmed,
        operator: Some(ExtensionId(id.0 * 1000 + 101)),
        company: id.0 + 7,
        created_at: NOON,
    };
    NewAccount { account, conference_token: "conference-secret".into() }
}

pub(super) fn user(account: AccountId, number: u64) -> NewExtension {
    let contact = Contact { email: format!("User{number}@{account}.example"), ..Contact::default() };
    let extension = Extension {
        id: ExtensionId(account.0 * 1000 + number),
        account,
        number: number.to_string(),
        name: format!("User {number}"),
        kind: if number % 2 == 1 { ExtensionType::User } else { ExtensionType::Department },
        status: if number.is_multiple_of(5) { ExtensionStatus::Disabled } else { ExtensionStatus::Enabled },
        contact,
        administrator: false,
        permissions: vec!["ReadPresence".into()],
        sharing: Sharing::default(),
        created_at: NOON,
    };
    NewExtension { extension, password: Some(StoredPassword("words".into())), direct_number: None }
}

pub(super) fn app(client_id: &str) -> NewApp {
    NewApp {
        client_id: client_id.into(),
        name: "Demo".into(),
        secret: Some(TokenHash([1; 32])),
        scopes: vec!["ReadAccounts".into(), "SubscriptionWebhook".into()],
        grants: vec![Grant::Password, Grant::RefreshToken],
        redirect_uris: vec![],
        verification_token: "verification-secret".into(),
        signing_secret: "whsec_signing-secret".into(),
        created_at: NOON,
    }
}

/// Two accounts with extensions 101 to 125 each, and two apps.
pub(super) async fn settled(folder: &TempFolder) -> SqliteDirectory {
    let directory = open(folder).await;
    let extensions = [ACME, OTHER].into_iter().flat_map(|id| (101..=125).map(move |number| user(id, number)));
    let foundation = Foundation {
        accounts: vec![account(ACME), account(OTHER)],
        extensions: extensions.collect(),
        apps: vec![app("one"), app("two")],
        ..Foundation::default()
    };
    directory.establish(foundation).await.unwrap();
    directory
}

pub(super) fn pair(access: u8, refresh: u8, at: WallTime) -> TokenPair {
    TokenPair {
        access: TokenHash([access; 32]),
        access_expires_at: at.plus(HOUR),
        refresh: Some((TokenHash([refresh; 32]), at.plus(HOUR * 24))),
    }
}

pub(super) fn login(app: i64, tokens: TokenPair) -> NewSession {
    NewSession {
        account: ACME,
        extension: ExtensionId(1_001_101),
        app: AppNo(app),
        scopes: vec!["ReadAccounts".into()],
        endpoint_id: None,
        created_at: NOON,
        tokens,
        keep: 3,
    }
}

fn refresh(presented: u8, next: (u8, u8), now: WallTime) -> Refresh {
    Refresh {
        presented: TokenHash([presented; 32]),
        app: AppNo(1),
        now,
        next: pair(next.0, next.1, now),
        seed: [next.0; 16],
        grace_unused: HOUR,
        grace_used: Duration::from_secs(10),
    }
}

async fn session_of(directory: &SqliteDirectory, access: u8) -> Option<Session> {
    match directory.token(TokenHash([access; 32])).await.unwrap() {
        Some(TokenRecord::Access(record)) => Some(record.session),
        _ => None,
    }
}

#[tokio::test]
async fn an_extension_is_found_in_its_account_and_in_no_other() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let id = ExtensionId(1_001_101);
    assert_eq!(directory.extension(ACME, id).await.unwrap().unwrap().number, "101");
    assert_eq!(directory.extension(OTHER, id).await.unwrap(), None);
    let foreign = ExtensionId(2_002_101);
    let existing =
        directory.existing_extensions(ACME, vec![id, foreign, ExtensionId(u64::MAX)]).await.unwrap();
    assert_eq!(existing.iter().map(|existing| existing.id).collect::<Vec<_>>(), [id]);
    assert_eq!(directory.account(AccountId(u64::MAX)).await.unwrap(), None);
    assert_eq!(directory.account_of_company(1008).await.unwrap(), Some(ACME));
}

#[tokio::test]
async fn pages_cover_a_list_once_and_end_with_an_empty_one() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let mut seen = Vec::new();
    for page in 1..=5 {
        let page = PageOf { page, per_page: 7 };
        let found = directory.extensions(ACME, ExtensionFilter::default(), page).await.unwrap();
        assert_eq!(found.total, 25);
        seen.extend(found.records.into_iter().map(|extension| extension.number));
    }
    let expected: Vec<String> = (101..=125).map(|number| number.to_string()).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn filters_of_one_kind_add_up_and_filters_of_two_kinds_narrow() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let found = async |filter: ExtensionFilter| {
        let page = directory.extensions(ACME, filter, PageOf { page: 1, per_page: 100 }).await.unwrap();
        page.records.into_iter().map(|extension| extension.number).collect::<Vec<_>>()
    };
    let numbers =
        ExtensionFilter { numbers: vec!["103".into(), "105".into(), "999".into()], ..Default::default() };
    assert_eq!(found(numbers.clone()).await, ["103", "105"]);
    assert_eq!(found(ExtensionFilter { statuses: vec![ExtensionStatus::Enabled], ..numbers }).await, ["103"]);
    let by_email = ExtensionFilter { emails: vec!["USER107@1001.example".into()], ..Default::default() };
    assert_eq!(found(by_email).await, ["107"]);
    let both = ExtensionFilter {
        kinds: vec![ExtensionType::User, ExtensionType::Department],
        statuses: vec![ExtensionStatus::Disabled],
        ..Default::default()
    };
    assert_eq!(found(both).await, ["105", "110", "115", "120", "125"]);
}

#[tokio::test]
async fn a_number_an_extension_or_an_address_names_the_user() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let who =
        async |name: LoginName| directory.login(name).await.unwrap().map(|login| login.extension.number);
    let phone = |digits: &str, extension: Option<&str>| LoginName::Phone {
        digits: digits.into(),
        extension: extension.map(str::to_owned),
    };
    assert_eq!(who(phone("16505551001", None)).await.as_deref(), Some("101"), "the operator");
    assert_eq!(who(phone("16505551001", Some("103"))).await.as_deref(), Some("103"));
    assert_eq!(who(phone("16505551001", Some("999"))).await, None);
    assert_eq!(who(phone("16505559999", None)).await, None);
    let mail = |extension: Option<&str>| LoginName::Email {
        address: "user104@1001.EXAMPLE".into(),
        extension: extension.map(str::to_owned),
    };
    assert_eq!(who(mail(None)).await.as_deref(), Some("104"));
    assert_eq!(who(mail(Some("104"))).await.as_deref(), Some("104"));
    assert_eq!(who(mail(Some("105"))).await, None);
}

#[tokio::test]
async fn a_refresh_rotates_once_and_repeats_its_answer_while_the_new_pair_is_unused() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    directory.open_session(login(1, pair(1, 2, NOON))).await.unwrap();

    let rotated = directory.refresh_session(refresh(2, (3, 4), NOON)).await.unwrap();
    assert!(matches!(rotated, Refreshed::Rotated { dead, .. } if dead == TokenHash([1; 32])));
    assert_eq!(session_of(&directory, 1).await, None, "the old access token is dead");

    let at = |span: Duration| refresh(2, (5, 6), NOON.plus(span));
    let again = directory.refresh_session(at(HOUR)).await.unwrap();
    assert!(matches!(again, Refreshed::Repeated { seed, .. } if seed == [3; 16]));
    let late = directory.refresh_session(at(HOUR + Duration::from_millis(1))).await.unwrap();
    assert!(matches!(late, Refreshed::Unknown));
}

#[tokio::test]
async fn after_the_first_use_of_the_new_pair_the_old_refresh_token_lives_ten_seconds() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let session = directory.open_session(login(1, pair(1, 2, NOON))).await.unwrap().session;
    directory.refresh_session(refresh(2, (3, 4), NOON)).await.unwrap();
    let used = NOON.plus(Duration::from_secs(60));
    directory.mark_used(session, used).await.unwrap();
    directory.mark_used(session, used.plus(HOUR)).await.unwrap();

    let at = |seconds: u64| refresh(2, (5, 6), used.plus(Duration::from_secs(seconds)));
    assert!(matches!(directory.refresh_session(at(10)).await.unwrap(), Refreshed::Repeated { .. }));
    assert!(matches!(directory.refresh_session(at(11)).await.unwrap(), Refreshed::Unknown));
}

#[tokio::test]
async fn a_refresh_token_serves_only_its_app_and_only_while_it_lives() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    directory.open_session(login(1, pair(1, 2, NOON))).await.unwrap();
    let foreign = Refresh { app: AppNo(2), ..refresh(2, (3, 4), NOON) };
    assert!(matches!(directory.refresh_session(foreign).await.unwrap(), Refreshed::Unknown));
    let late = refresh(2, (3, 4), NOON.plus(HOUR * 24));
    assert!(matches!(directory.refresh_session(late).await.unwrap(), Refreshed::Unknown));
    assert!(session_of(&directory, 1).await.is_some(), "nothing of that touched the session");
}

#[tokio::test]
async fn ending_a_session_ends_all_its_tokens_but_another_app_cannot() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let token = |byte: u8| TokenHash([byte; 32]);
    directory.open_session(login(1, pair(1, 2, NOON))).await.unwrap();
    assert_eq!(directory.end_session(token(2), AppNo(2)).await.unwrap(), Ended::OtherApp);
    let ended = directory.end_session(token(2), AppNo(1)).await.unwrap();
    assert!(matches!(ended, Ended::Session { dead, .. } if dead == token(1)));
    assert_eq!(session_of(&directory, 1).await, None);
    assert!(matches!(directory.refresh_session(refresh(2, (3, 4), NOON)).await.unwrap(), Refreshed::Unknown));
    assert_eq!(directory.end_session(token(2), AppNo(1)).await.unwrap(), Ended::Unknown);
}

#[tokio::test]
async fn one_login_too_many_ends_the_oldest_session_of_that_user_and_app() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    directory.open_session(login(2, pair(90, 91, NOON))).await.unwrap();
    for byte in [1, 3, 5] {
        assert_eq!(directory.open_session(login(1, pair(byte, byte + 1, NOON))).await.unwrap().ended, []);
    }
    let opened = directory.open_session(login(1, pair(7, 8, NOON))).await.unwrap();
    assert_eq!(opened.ended, [TokenHash([1; 32])]);
    assert!(session_of(&directory, 90).await.is_some(), "the other app keeps its session");
    assert!(session_of(&directory, 3).await.is_some());
}

#[tokio::test]
async fn service_tokens_say_what_they_are_for() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let token = |byte: u8, publish: Option<Option<AccountId>>| NewServiceToken {
        token: TokenHash([byte; 32]),
        publish,
        name: "test".into(),
        created_at: NOON,
    };
    let service_tokens = vec![token(1, None), token(2, Some(None)), token(3, Some(Some(ACME)))];
    directory.establish(Foundation { service_tokens, ..Foundation::default() }).await.unwrap();
    let meaning = async |byte: u8| directory.token(TokenHash([byte; 32])).await.unwrap();
    assert_eq!(meaning(1).await, Some(TokenRecord::Admin));
    assert_eq!(meaning(2).await, Some(TokenRecord::Publish { account: None }));
    assert_eq!(meaning(3).await, Some(TokenRecord::Publish { account: Some(ACME) }));
    assert_eq!(meaning(4).await, None);
}

#[tokio::test]
async fn a_foundation_that_partly_exists_changes_nothing() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let third = AccountId(3003);
    let again = Foundation { accounts: vec![account(third), account(ACME)], ..Foundation::default() };
    assert!(matches!(directory.establish(again).await, Err(StoreError::Conflict(_))));
    assert_eq!(directory.account(third).await.unwrap(), None);
}

#[tokio::test]
async fn the_files_hold_no_secret_and_only_the_right_master_key_opens_them() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let found = directory.app_by_client_id("one").await.unwrap().unwrap();
    assert_eq!(found.signing_secret, "whsec_signing-secret");
    assert_eq!(directory.app(found.no).await.unwrap().unwrap().verification_token, "verification-secret");
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in ["signing-secret", "verification-secret", "conference-secret"] {
            let readable = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!readable, "{secret} is readable");
        }
    }
    let db = ControlDb::open(folder.path()).unwrap();
    let wrong = SqliteDirectory::open(db, vault(9), Arc::new(SeededEntropy::new(2))).await;
    let Err(StoreError::Corrupt(why)) = wrong else { panic!("must be refused") };
    assert!(why.contains("master key"), "{why}");
}

mod signing_in {
    use hookswitch_core::lock_out::LockOut;

    use super::*;
    use crate::sign_in::{
        AuthorizationCode, Challenge, ChallengeMethod, KnownCode, NewAppSession, Redeemed, SignIn,
    };

    const CODE: TokenHash = TokenHash([70; 32]);
    const ADA: ExtensionId = ExtensionId(1_001_101);

    fn code() -> AuthorizationCode {
        AuthorizationCode {
            app: AppNo(1),
            account: ACME,
            extension: ADA,
            redirect_uri: "https://a.example/cb?x=1".into(),
            scopes: vec!["ReadAccounts".into()],
            challenge: Some(Challenge { text: "abc".into(), method: ChallengeMethod::S256 }),
            expires_at: NOON.plus(Duration::from_secs(60)),
        }
    }

    #[tokio::test]
    async fn a_code_opens_one_session_and_whoever_brings_it_again_ends_that() {
        let folder = TempFolder::new();
        let directory = settled(&folder).await;
        directory.store_code(CODE, code()).await.unwrap();
        assert_eq!(directory.code(CODE).await.unwrap(), Some(KnownCode { meaning: code(), used: false }));
        assert_eq!(directory.code(TokenHash([71; 32])).await.unwrap(), None);

        let opened = directory.redeem_code(CODE, login(1, pair(1, 2, NOON))).await.unwrap();
        assert!(matches!(opened, Redeemed::Opened(_)));
        assert!(session_of(&directory, 1).await.is_some());
        let again = directory.redeem_code(CODE, login(1, pair(3, 4, NOON))).await.unwrap();
        assert!(matches!(again, Redeemed::Used { dead } if dead == [TokenHash([1; 32])]));
        assert_eq!(session_of(&directory, 1).await, None);
        assert_eq!(session_of(&directory, 3).await, None);
        let thrice = directory.redeem_code(CODE, login(1, pair(5, 6, NOON))).await.unwrap();
        assert!(
            matches!(thrice, Redeemed::Used { dead } if dead.is_empty()),
            "used though its session is gone"
        );
    }

    #[tokio::test]
    async fn consents_add_up_for_each_user_and_app() {
        let folder = TempFolder::new();
        let directory = settled(&folder).await;
        let given = async |user, app| directory.consented(user, AppNo(app)).await.unwrap();
        let give = async |scopes: &[&str]| {
            let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            directory.consent(ADA, AppNo(1), scopes, NOON).await.unwrap();
        };
        assert!(given(ADA, 1).await.is_empty());
        give(&["ReadAccounts"]).await;
        give(&["ReadMessages", "ReadAccounts"]).await;
        assert_eq!(given(ADA, 1).await, ["ReadAccounts", "ReadMessages"]);
        assert!(given(ADA, 2).await.is_empty());
        assert!(given(ExtensionId(1_001_103), 1).await.is_empty());
    }

    #[tokio::test]
    async fn failed_logins_are_counted_with_the_user_until_they_are_forgotten() {
        let folder = TempFolder::new();
        let directory = settled(&folder).await;
        let rule = LockOut { free: 1, first_delay: HOUR, lock_after: 9, lock_for: HOUR };
        let failures =
            async || directory.login(LoginName::Id(ADA)).await.unwrap().map(|login| login.failures).unwrap();
        directory.login_failed(ADA, rule, NOON).await.unwrap();
        assert_eq!(failures().await.blocked_for(NOON), None);
        let second = directory.login_failed(ADA, rule, NOON).await.unwrap();
        assert_eq!(second.blocked_for(NOON), Some(HOUR));
        assert_eq!(failures().await, second);
        directory.forget_failed_logins(ADA).await.unwrap();
        assert_eq!(failures().await.count, 0);
    }

    #[tokio::test]
    async fn a_token_of_an_app_alone_stands_for_the_app_and_the_oldest_give_way() {
        let folder = TempFolder::new();
        let directory = settled(&folder).await;
        let end = NOON.plus(HOUR);
        let open = async |byte: u8| {
            let session = NewAppSession {
                app: AppNo(1),
                scopes: vec![],
                token: TokenHash([byte; 32]),
                created_at: NOON,
                expires_at: end,
                keep: 2,
            };
            directory.open_app_session(session).await.unwrap().ended
        };
        let meaning = async |byte: u8| directory.token(TokenHash([byte; 32])).await.unwrap();
        assert_eq!(open(1).await, []);
        assert_eq!(open(2).await, []);
        assert_eq!(meaning(1).await, Some(TokenRecord::App { app: AppNo(1), expires_at: end }));
        assert_eq!(open(3).await, [TokenHash([1; 32])]);
        assert_eq!(meaning(1).await, None);
        let token = TokenHash([2; 32]);
        assert_eq!(directory.end_session(token, AppNo(2)).await.unwrap(), Ended::OtherApp);
        assert!(matches!(directory.end_session(token, AppNo(1)).await.unwrap(), Ended::Session { .. }));
        assert_eq!(meaning(2).await, None);
        assert_eq!(directory.owner_of_token(token).await.unwrap(), None);
    }
}
