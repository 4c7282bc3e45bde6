use hookswitch_core::clock::WallTime;
use hookswitch_testkit::folder::TempFolder;

use super::super::tests::{ACME, NOON, OTHER, account, app, login, pair, settled, user};
use super::*;
use crate::directory::{Directory, LoginName, StoredPassword};
use crate::provisioning::{NewPassword, Quotas};

const ADA: ExtensionId = ExtensionId(1_001_101);

fn by() -> Actor {
    Actor { token: Some(1), name: "operator".into(), at: NOON }
}

fn acme() -> AccountEntry {
    AccountEntry { account: account(ACME).account, quotas: Quotas::default() }
}

fn write(number: u64) -> ExtensionWrite {
    ExtensionWrite {
        extension: user(ACME, number).extension,
        direct_number: None,
        password: NewPassword::Unchanged,
        is_new: number > 125,
    }
}

async fn logged_in(directory: &SqliteDirectory, access: u8) -> bool {
    directory.token(TokenHash([access; 32])).await.unwrap().is_some()
}

#[tokio::test]
async fn an_account_is_made_changed_and_gone_with_a_line_in_the_audit_log_each() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let mut entry = acme();
    entry.account.id = AccountId(3003);
    entry.account.company = 77;
    entry.account.main_number = "+1 650 555 9999".into();
    entry.quotas.events = Some(10);
    let made = directory.create_account(entry.clone(), "secret".into(), by()).await.unwrap();
    assert_eq!(made, Written::Done);
    assert_eq!(directory.account_entry(AccountId(3003)).await.unwrap(), Some(entry.clone()));

    let before = entry.clone();
    entry.account.name = "Renamed".into();
    entry.account.main_number = String::new();
    assert_eq!(directory.change_account(entry.clone(), by()).await.unwrap(), Written::Done);
    assert_eq!(directory.drop_account(AccountId(3003), by()).await.unwrap(), Written::Done);
    assert_eq!(directory.drop_account(AccountId(3003), by()).await.unwrap(), Written::Missing);

    let lines = directory.audit(Some(AccountId(3003)), None, 10).await.unwrap();
    let actions: Vec<&str> = lines.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(actions, ["account.delete", "account.update", "account.create"]);
    let update = &lines[1];
    assert_eq!((&update.actor, update.target.as_str()), (&by(), "accounts/3003"));
    assert_eq!(update.before.as_ref().unwrap()["name"], before.account.name);
    assert_eq!(update.after.as_ref().unwrap()["name"], "Renamed");
    assert_eq!(update.after.as_ref().unwrap()["quotas"]["eventsPerDay"], 10);
    assert!(!format!("{lines:?}").contains("secret"));
}

#[tokio::test]
async fn lines_of_the_audit_log_can_be_neither_changed_nor_dropped() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    directory.change_account(acme(), by()).await.unwrap();
    for statement in ["DELETE FROM audit_log", "UPDATE audit_log SET actor = 'nobody'"] {
        let refused = directory.db.write(move |db| Ok(db.execute(statement, [])?)).await;
        assert!(refused.is_err(), "{statement}");
    }
    assert_eq!(directory.audit(None, None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_value_of_another_account_is_refused_by_its_name() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let other = directory.account_entry(OTHER).await.unwrap().unwrap().account;
    let mut entry = acme();
    entry.account.company = other.company;
    assert_eq!(directory.change_account(entry, by()).await.unwrap(), Written::Taken("companyId"));
    let mut entry = acme();
    entry.account.main_number = other.main_number;
    assert_eq!(directory.change_account(entry, by()).await.unwrap(), Written::Taken("mainNumber"));
    assert_eq!(directory.create_account(acme(), String::new(), by()).await.unwrap(), Written::Taken("id"));
    assert!(directory.audit(None, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn extensions_are_written_with_password_and_direct_number_and_read_back() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let mut new = write(200);
    // As it is kept.
    new.extension.contact.email.make_ascii_lowercase();
    new.direct_number = Some("16505550200".into());
    new.password = NewPassword::Set(StoredPassword("hashed".into()));
    let each = || Record::Each(by());
    assert_eq!(directory.write_extensions(ACME, vec![new.clone()], each()).await.unwrap(), Written::Done);
    let name = LoginName::Phone { digits: "16505550200".into(), extension: None };
    let found = directory.login(name.clone()).await.unwrap().unwrap();
    // Addresses are kept in lower case, whatever they were written in.
    new.extension.contact.email.make_ascii_lowercase();
    assert_eq!(
        (found.extension, found.password),
        (new.extension.clone(), Some(StoredPassword("hashed".into())))
    );

    let mut change = ExtensionWrite { is_new: false, direct_number: None, ..new };
    change.extension.name = "Renamed".into();
    change.password = NewPassword::Removed;
    assert_eq!(directory.write_extensions(ACME, vec![change.clone()], each()).await.unwrap(), Written::Done);
    assert!(directory.login(name).await.unwrap().is_none());
    let page = directory.extensions_after(ACME, Some(ExtensionId(1_001_125)), 10).await.unwrap();
    let expected = ExtensionEntry { extension: change.extension, direct_number: None, has_password: false };
    assert_eq!(page, [expected]);
    let lines = directory.audit(Some(ACME), None, 10).await.unwrap();
    assert_eq!(lines[0].before.as_ref().unwrap()["directNumber"], "16505550200");
    assert_eq!(lines[0].after.as_ref().unwrap()["password"], "changed");
    assert!(!format!("{lines:?}").contains("hashed"));
}

#[tokio::test]
async fn a_slice_with_a_taken_value_writes_nothing() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let mut clash = write(201);
    clash.extension.number = "101".into();
    let alone = directory.write_extensions(ACME, vec![clash.clone()], Record::Nothing).await.unwrap();
    assert_eq!(alone, Written::Taken("extensionNumber"));
    let slice = directory.write_extensions(ACME, vec![write(200), clash], Record::Nothing).await;
    assert!(matches!(slice, Err(StoreError::Conflict(_))));
    assert!(directory.extension(ACME, ExtensionId(1_001_200)).await.unwrap().is_none());
    let mut foreign = write(202);
    foreign.extension.id = ExtensionId(2_002_101);
    let foreign = directory.write_extensions(ACME, vec![foreign], Record::Nothing).await.unwrap();
    assert_eq!(foreign, Written::Taken("id"));
}

#[tokio::test]
async fn what_an_import_asks_about_a_line_is_found() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let lookup = Lookup {
        id: Some(ExtensionId(2_002_101)),
        number: Some("102".into()),
        direct_number: Some("16505551001".into()),
    };
    let looked = directory.look_up(ACME, vec![lookup, Lookup::default()]).await.unwrap();
    assert!(looked[0].id_elsewhere && looked[0].by_id.is_none());
    assert_eq!(looked[0].by_number.as_ref().unwrap().extension.id, ExtensionId(1_001_102));
    assert_eq!(looked[0].direct_owner, Some((ACME, None)));
    assert!(looked[1].by_id.is_none() && looked[1].by_number.is_none() && looked[1].direct_owner.is_none());
}

#[tokio::test]
async fn sessions_end_in_parts_and_their_tokens_are_named() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    for access in [1, 3, 5] {
        directory.open_session(login(1, pair(access, access + 1, NOON))).await.unwrap();
    }
    assert_eq!(directory.access_tokens(vec![ADA]).await.unwrap().len(), 3);
    let cut = directory.end_sessions(Whose::Extensions(vec![ADA]), 2).await.unwrap();
    assert_eq!((cut.tokens.len(), cut.more), (2, true));
    let cut = directory.end_sessions(Whose::Account(ACME), 2).await.unwrap();
    assert_eq!((cut.tokens.len(), cut.more), (1, false));
    for access in [1, 3, 5] {
        assert!(!logged_in(&directory, access).await);
    }
}

#[tokio::test]
async fn dropped_extensions_take_their_sessions_along_and_are_operator_no_more() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    directory.open_session(login(1, pair(1, 2, NOON))).await.unwrap();
    let ids = vec![ADA, ExtensionId(2_002_101), ExtensionId(9)];
    let (dropped, cut) = directory.drop_extensions(ACME, ids, Record::Each(by())).await.unwrap();
    assert_eq!((dropped, cut.tokens), (1, vec![TokenHash([1; 32])]));
    assert!(!logged_in(&directory, 1).await);
    assert!(directory.extension(OTHER, ExtensionId(2_002_101)).await.unwrap().is_some());
    assert_eq!(directory.account(ACME).await.unwrap().unwrap().operator, None);
}

#[tokio::test]
async fn an_account_is_emptied_in_parts() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    directory.open_session(login(1, pair(1, 2, NOON))).await.unwrap();
    let (mut parts, mut tokens) = (0, Vec::new());
    loop {
        let cut = directory.empty_account(ACME, 10).await.unwrap();
        tokens.extend(cut.tokens);
        parts += 1;
        if !cut.more {
            break;
        }
    }
    assert!(parts >= 3, "25 extensions, ten at a time");
    assert_eq!(tokens, [TokenHash([1; 32])]);
    assert!(directory.extension_ids(ACME, None, 10).await.unwrap().is_empty());
    assert_eq!(directory.extension_ids(OTHER, None, 100).await.unwrap().len(), 25);
}

#[tokio::test]
async fn pages_of_extensions_have_no_gap_and_no_repeat_while_others_come_and_go() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = directory.extensions_after(ACME, after, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.extension.id);
        seen.extend(page.iter().map(|entry| entry.extension.id.0));
        // One behind the cursor goes, one that sorts before it comes.
        directory.drop_extensions(ACME, vec![ExtensionId(seen[0])], Record::Nothing).await.unwrap();
        let mut early = write(300 + seen.len() as u64);
        early.extension.id = ExtensionId(10 + seen.len() as u64);
        directory.write_extensions(ACME, vec![early], Record::Nothing).await.unwrap();
    }
    assert_eq!(seen, (1_001_101..=1_001_125).collect::<Vec<u64>>());
}

#[tokio::test]
async fn apps_are_listed_without_secrets_and_dropped_with_their_sessions() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    assert_eq!(directory.create_app(app("one"), by()).await.unwrap(), None, "the client id is taken");
    let no = directory.create_app(app("three"), by()).await.unwrap().unwrap();
    let listed = directory.apps(Some(AppNo(2)), 10).await.unwrap();
    assert_eq!(listed.iter().map(|app| app.client_id.as_str()).collect::<Vec<_>>(), ["three"]);
    let changed = AppEntry {
        name: "Renamed".into(),
        redirect_uris: vec!["https://a.example/".into()],
        ..listed[0].clone()
    };
    assert_eq!(directory.change_app(changed.clone(), by()).await.unwrap(), Written::Done);
    assert_eq!(directory.app_entry(no).await.unwrap(), Some(changed));

    directory.open_session(login(no.0, pair(1, 2, NOON))).await.unwrap();
    let cut = directory.end_sessions(Whose::App(no), 10).await.unwrap();
    assert_eq!(cut.tokens, [TokenHash([1; 32])]);
    assert_eq!(directory.drop_app(no, by()).await.unwrap(), Written::Done);
    assert_eq!(directory.app(no).await.unwrap(), None);
}

#[tokio::test]
async fn the_last_admin_token_stays() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let token = |byte: u8, publish| NewServiceToken {
        token: TokenHash([byte; 32]),
        publish,
        name: format!("token {byte}"),
        created_at: NOON,
    };
    let first = directory.create_service_token(token(50, None), by()).await.unwrap().unwrap();
    let publisher = directory.create_service_token(token(51, Some(Some(ACME))), by()).await.unwrap().unwrap();
    assert_eq!(
        directory.create_service_token(token(52, Some(Some(AccountId(9)))), by()).await.unwrap(),
        None
    );
    assert_eq!(directory.drop_service_token(first, by()).await.unwrap(), TokenDropped::LastAdmin);
    let second = directory.create_service_token(token(53, None), by()).await.unwrap().unwrap();
    assert_eq!(
        directory.drop_service_token(first, by()).await.unwrap(),
        TokenDropped::Done(TokenHash([50; 32]))
    );
    assert_eq!(directory.rename_service_token(second, "x".into(), by()).await.unwrap(), Written::Done);
    let listed = directory.service_tokens(None, 10).await.unwrap();
    let shown: Vec<_> = listed.iter().map(|token| (token.no, token.publish, token.name.as_str())).collect();
    assert_eq!(shown, [(publisher, Some(Some(ACME)), "token 51"), (second, None, "x")]);
    assert_eq!(directory.service_token_by_hash(TokenHash([53; 32])).await.unwrap().unwrap().no, second);
}

#[tokio::test]
async fn a_credential_is_made_listed_and_withdrawn() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let credential = JwtCredential {
        jti: "j1".into(),
        account: ACME,
        extension: ADA,
        app: None,
        created_at: NOON,
        expires_at: Some(WallTime(NOON.0 + 1)),
    };
    directory.create_credential(credential.clone(), by()).await.unwrap();
    assert_eq!(directory.credentials(ACME, ADA).await.unwrap(), [credential]);
    assert!(!directory.drop_credential(OTHER, ADA, "j1".into(), by()).await.unwrap());
    assert!(directory.drop_credential(ACME, ADA, "j1".into(), by()).await.unwrap());
    assert!(directory.login_by_credential("j1").await.unwrap().is_none());
}

#[tokio::test]
async fn usage_adds_up_by_day_and_is_read_page_by_page() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let row =
        |day, account, events| UsageRow { account, day, events, deliveries: 2 * events, bytes: 100 * events };
    for rows in [vec![row(10, ACME, 1), row(10, OTHER, 2), row(11, ACME, 4)], vec![row(10, ACME, 10)]] {
        directory.add_usage(rows).await.unwrap();
    }
    let query = UsageQuery { account: None, from: 10, to: 11, after: None, limit: 2 };
    let page = directory.usage(query).await.unwrap();
    assert_eq!(page, [row(10, ACME, 11), row(10, OTHER, 2)]);
    let after = Some((page[1].day, page[1].account));
    assert_eq!(directory.usage(UsageQuery { after, ..query }).await.unwrap(), [row(11, ACME, 4)]);
    let own = UsageQuery { account: Some(ACME), after: Some((10, ACME)), ..query };
    assert_eq!(directory.usage(own).await.unwrap(), [row(11, ACME, 4)]);
    directory.forget_usage(11, 10).await.unwrap();
    assert_eq!(directory.usage(query).await.unwrap(), [row(11, ACME, 4)]);
}

#[tokio::test]
async fn a_companys_token_and_its_rotation_are_kept_sealed_and_never_in_the_audit_log() {
    let folder = TempFolder::new();
    let directory = settled(&folder).await;
    let hour = std::time::Duration::from_secs(3600);
    let token = directory.signing_token(ACME).await.unwrap().unwrap();
    assert_eq!(token.at(NOON).current, "conference-secret");
    let rotated = token.rotated("next-secret".into(), hour, NOON).unwrap();
    let action = "signing-token.rotate";
    let written = directory.set_signing_token(ACME, rotated.clone(), action, by()).await.unwrap();
    assert_eq!(written, Written::Done);
    assert_eq!(directory.signing_token(ACME).await.unwrap(), Some(rotated.clone()));
    let other = directory.signing_token(OTHER).await.unwrap().unwrap();
    assert!(other.rotation.is_none());
    let lines = directory.audit(Some(ACME), None, 1).await.unwrap();
    assert_eq!((lines[0].action.as_str(), lines[0].target.as_str()), (action, "accounts/1001/signing-token"));
    assert!(!format!("{lines:?}").contains("secret"));
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(11).any(|part| part == b"next-secret"));
    }
    let over = rotated.finished(NOON).unwrap().finished(NOON).unwrap();
    directory.set_signing_token(ACME, over.clone(), "signing-token.finish", by()).await.unwrap();
    assert_eq!(directory.signing_token(ACME).await.unwrap(), Some(over));
    let nobody = AccountId(9);
    let missing = directory.set_signing_token(nobody, rotated, action, by()).await.unwrap();
    assert_eq!((missing, directory.signing_token(nobody).await.unwrap()), (Written::Missing, None));
}
