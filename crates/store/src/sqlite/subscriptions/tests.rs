//! The contract of `Subscriptions`, on the embedded store.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_core::clock::WallTime;
use hookswitch_core::delivery::EndReason;
use hookswitch_core::id::{AccountId, AppNo, ExtensionId, FilterNo, SubscriptionId, SubscriptionNo};
use hookswitch_core::subscription::{
    BlacklistedData, DisabledFilter, Door, Owner, Status, Subscription, Target,
};
use hookswitch_core::vault::{KEY_BYTES, Vault};
use hookswitch_testkit::{SeededEntropy, TempFolder};
use uuid::Uuid;

use super::SqliteSubscriptions;
use crate::log::Scope;
use crate::sqlite::control::ControlDb;
use crate::subscriptions::{Change, Creation, FilterTexts, NewSubscription, Subscriptions};

const OWNER: Owner = Owner { account: AccountId(100_001), extension: ExtensionId(200_001), app: AppNo(1) };
const BORN: WallTime = WallTime(1_700_000_000_000);
const WEEK: Duration = Duration::from_secs(604_800);
const TOKEN: &str = "a token that only the receiver knows";
const SECRET: &str = "whsec_of-an-endpoint";

fn open(folder: &TempFolder) -> SqliteSubscriptions {
    let vault = Vault::from_text(&Vault::key_text([7; KEY_BYTES])).unwrap();
    let db = ControlDb::open(folder.path()).unwrap();
    SqliteSubscriptions::new(db, Arc::new(vault), Arc::new(SeededEntropy::new(1)))
}

fn new(id: u128) -> NewSubscription {
    NewSubscription {
        id: SubscriptionId(Uuid::from_u128(id)),
        door: Door::Core,
        owner: OWNER,
        created_at: BORN,
        lifetime: WEEK,
        filters: texts(&["/a/presence?x=%41", "/b"]),
        target: Target::Webhook {
            address: "https://receiver.example/hook?auth=%41b".into(),
            verification_token: Some(TOKEN.into()),
            signing_secret: None,
        },
    }
}

fn texts(granted: &[&str]) -> FilterTexts {
    FilterTexts { granted: granted.iter().map(|text| (*text).to_owned()).collect(), disabled: Vec::new() }
}

fn many(count: usize) -> FilterTexts {
    let text = |n| format!("/restapi/v1.0/account/100001/extension/{n}/presence?detailedTelephonyState=true");
    FilterTexts { granted: (0..count).map(text).collect(), disabled: Vec::new() }
}

async fn create(store: &SqliteSubscriptions, new: NewSubscription) -> Subscription {
    match store.create(new, 30).await.unwrap() {
        Creation::Created(subscription) => *subscription,
        Creation::LimitReached => panic!("the limit is not reached"),
    }
}

fn filter_texts(subscription: &Subscription) -> Vec<&str> {
    subscription.filters.iter().map(|filter| filter.text.as_str()).collect()
}

fn rows(folder: &TempFolder, table: &str) -> usize {
    let connection = rusqlite::Connection::open(folder.join("control.db")).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn what_was_created_is_there_after_a_restart_and_its_secret_is_not_in_the_files() {
    let folder = TempFolder::new();
    let mut wanted = new(1);
    wanted.filters.disabled = vec![DisabledFilter {
        text: "/c/presence/line".into(),
        reason: "SUB-412".into(),
        message: "The permission [HUD] is missing".into(),
    }];
    let created = create(&open(&folder), wanted.clone()).await;
    assert_eq!(filter_texts(&created), ["/a/presence?x=%41", "/b"]);
    assert_eq!(created.expires_at, BORN.plus(WEEK));
    assert_eq!((created.status, created.blacklisted.as_ref()), (Status::Active, None));
    assert_eq!((&created.target, &created.disabled), (&wanted.target, &wanted.filters.disabled));

    let reopened = open(&folder);
    assert_eq!(reopened.get(OWNER, Door::Core, created.id, BORN).await.unwrap(), Some(created.clone()));
    assert_eq!(reopened.list(OWNER, Door::Core, BORN).await.unwrap(), std::slice::from_ref(&created));
    assert_eq!(reopened.load(SubscriptionNo(0), 1000).await.unwrap().records, [created]);
    let file = |file: std::io::Result<std::fs::DirEntry>| std::fs::read(file.unwrap().path()).unwrap();
    let files: Vec<u8> = std::fs::read_dir(folder.path()).unwrap().flat_map(file).collect();
    let hold = |text: &str| files.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(hold("https://receiver.example/hook?auth=%41b") && !hold(TOKEN));
}

#[tokio::test]
async fn another_user_app_account_or_door_neither_sees_nor_changes_nor_deletes_it() {
    let folder = TempFolder::new();
    let store = open(&folder);
    let created = create(&store, new(1)).await;
    let strangers = [
        (Owner { extension: ExtensionId(200_002), ..OWNER }, Door::Core),
        (Owner { app: AppNo(2), ..OWNER }, Door::Core),
        (Owner { account: AccountId(100_002), ..OWNER }, Door::Core),
        (OWNER, Door::Webinar),
    ];
    for (owner, door) in strangers {
        let change = Change { filters: Some(texts(&["/x"])), renewed_for: Some(WEEK), ..Change::default() };
        assert_eq!(store.get(owner, door, created.id, BORN).await.unwrap(), None);
        assert_eq!(store.list(owner, door, BORN).await.unwrap(), []);
        assert_eq!(store.change(owner, door, created.id, change, BORN.plus(WEEK / 2)).await.unwrap(), None);
        assert_eq!(store.delete(owner, door, created.id, BORN).await.unwrap(), None);
    }
    assert_eq!(store.get(OWNER, Door::Core, created.id, BORN).await.unwrap(), Some(created.clone()));
    let foreign = Scope::Account(AccountId(100_002));
    assert_eq!(store.known(foreign, created.id).await.unwrap(), None);
    assert!(store.by_number(foreign, vec![created.no]).await.unwrap().is_empty());
    assert!(store.page(foreign, SubscriptionNo(0), 10, BORN).await.unwrap().records.is_empty());
}

#[tokio::test]
async fn an_expired_one_is_gone_for_its_owner_before_any_sweep_and_the_sweep_ends_it_once() {
    let folder = TempFolder::new();
    let store = open(&folder);
    let created = create(&store, new(1)).await;
    let (last, end) = (BORN.plus(WEEK - Duration::from_millis(1)), BORN.plus(WEEK));
    assert!(store.get(OWNER, Door::Core, created.id, last).await.unwrap().is_some());
    assert!(!store.end_expired(created.no, last).await.unwrap());
    assert!(store.expired_before(last, 10).await.unwrap().is_empty());

    assert_eq!(store.get(OWNER, Door::Core, created.id, end).await.unwrap(), None);
    assert_eq!(store.list(OWNER, Door::Core, end).await.unwrap(), []);
    assert_eq!(store.count(OWNER, end).await.unwrap(), 0);
    let renewal = Change { renewed_for: Some(WEEK), ..Change::default() };
    assert_eq!(store.change(OWNER, Door::Core, created.id, renewal, end).await.unwrap(), None);
    assert_eq!(store.delete(OWNER, Door::Core, created.id, end).await.unwrap(), None);

    assert_eq!(store.load(SubscriptionNo(0), 10).await.unwrap().records.len(), 1);
    assert_eq!(store.expired_before(end, 10).await.unwrap(), [created.no]);
    assert!(store.end_expired(created.no, end).await.unwrap());
    assert!(!store.end_expired(created.no, end).await.unwrap());
    assert!(store.load(SubscriptionNo(0), 10).await.unwrap().records.is_empty());
    let known = store.known(Scope::Operator, created.id).await.unwrap().unwrap();
    assert_eq!(known.ended, Some((end, EndReason::SubscriptionExpired)));
}

#[tokio::test]
async fn the_limit_holds_over_all_doors_and_for_creations_at_the_same_moment() {
    let folder = TempFolder::new();
    let store = open(&folder);
    let at_once = (0..8u128).map(|id| {
        let door = if id % 2 == 0 { Door::Core } else { Door::Webinar };
        let (store, new) = (store.clone(), NewSubscription { door, ..new(id) });
        tokio::spawn(async move { store.create(new, 5).await.unwrap() })
    });
    let mut created = 0;
    for creation in at_once.collect::<Vec<_>>() {
        created += usize::from(creation.await.unwrap() != Creation::LimitReached);
    }
    assert_eq!((created, store.count(OWNER, BORN).await.unwrap()), (5, 5));
    assert_eq!(rows(&folder, "filters"), 5 * 2);

    let other = NewSubscription { owner: Owner { app: AppNo(2), ..OWNER }, ..new(100) };
    assert_ne!(store.create(other, 5).await.unwrap(), Creation::LimitReached);
    let later = NewSubscription { created_at: BORN.plus(WEEK), ..new(101) };
    assert_ne!(
        store.create(later, 5).await.unwrap(),
        Creation::LimitReached,
        "the expired ones do not count"
    );
}

#[tokio::test]
async fn replaced_filters_get_new_numbers_and_the_old_texts_stay_for_the_history() {
    let folder = TempFolder::new();
    let store = open(&folder);
    let before = create(&store, new(1)).await;
    let later = BORN.plus(Duration::from_secs(60));
    let replacement = Change { filters: Some(texts(&["/b", "/c"])), ..Change::default() };
    let after = store.change(OWNER, Door::Core, before.id, replacement, later).await.unwrap().unwrap();
    assert_eq!(filter_texts(&after), ["/b", "/c"]);
    assert_eq!((after.expires_at, after.lifetime, &after.target), (before.expires_at, WEEK, &before.target));
    let numbers: Vec<FilterNo> =
        before.filters.iter().chain(&after.filters).map(|filter| filter.no).collect();
    assert_eq!(numbers.iter().collect::<HashSet<_>>().len(), 4);
    let texts = store.filter_texts(numbers.clone()).await.unwrap();
    assert_eq!(
        numbers.iter().map(|no| texts[no].as_str()).collect::<Vec<_>>(),
        ["/a/presence?x=%41", "/b", "/b", "/c"]
    );

    let day = Duration::from_secs(86_400);
    let renewal = Change { renewed_for: Some(day), ..Change::default() };
    let renewed = store.change(OWNER, Door::Core, before.id, renewal, later).await.unwrap().unwrap();
    assert_eq!(
        (renewed.expires_at, renewed.lifetime, &renewed.filters),
        (later.plus(day), day, &after.filters)
    );
}

#[tokio::test]
async fn twenty_thousand_filters_are_one_change_in_short_transactions() {
    let folder = TempFolder::new();
    let store = open(&folder);
    let created = create(&store, NewSubscription { filters: many(20_000), ..new(1) }).await;
    let read = store.get(OWNER, Door::Core, created.id, BORN).await.unwrap().unwrap();
    assert_eq!(read, created);
    assert_eq!(filter_texts(&read), many(20_000).granted);

    let replacement = Change { filters: Some(many(3_001)), ..Change::default() };
    let replaced = store.change(OWNER, Door::Core, created.id, replacement, BORN).await.unwrap().unwrap();
    assert_eq!(filter_texts(&replaced), many(3_001).granted);
}

#[tokio::test]
async fn a_change_that_was_cut_short_is_never_seen_and_forgotten_in_time() {
    let folder = TempFolder::new();
    let store = open(&folder);
    let created = create(&store, new(1)).await;
    let filters = Arc::new(many(5_000));
    assert!(super::filters::write_ahead(&store.db, &filters, BORN).await.unwrap().is_some());
    assert_eq!(rows(&folder, "filters"), 5_002);
    assert_eq!(store.list(OWNER, Door::Core, BORN).await.unwrap(), std::slice::from_ref(&created));

    assert!(!store.forget(BORN.plus(Duration::from_secs(1)), 100_000).await.unwrap());
    assert_eq!(rows(&folder, "filters"), 2);
    assert_eq!(store.list(OWNER, Door::Core, BORN).await.unwrap(), [created]);
}

#[tokio::test]
async fn a_deleted_one_is_known_to_the_history_until_it_is_forgotten_and_its_numbers_do_not_come_back() {
    let folder = TempFolder::new();
    let store = open(&folder);
    let deleted = create(&store, NewSubscription { filters: many(2_500), ..new(1) }).await;
    let then = BORN.plus(Duration::from_secs(60));
    assert_eq!(store.delete(OWNER, Door::Core, deleted.id, then).await.unwrap(), Some(deleted.no));
    assert_eq!(store.delete(OWNER, Door::Core, deleted.id, then).await.unwrap(), None);
    let known = store.by_number(Scope::Account(OWNER.account), vec![deleted.no]).await.unwrap()[&deleted.no];
    assert_eq!((known.id, known.ended), (deleted.id, Some((then, EndReason::SubscriptionDeleted))));
    assert_eq!(store.filter_texts(vec![deleted.filters[7].no]).await.unwrap().len(), 1);

    assert!(!store.forget(then, 100).await.unwrap(), "what ended then is not older than then");
    let later = then.plus(Duration::from_secs(1));
    assert!(store.forget(later, 1_500).await.unwrap(), "a part of it is left");
    assert!(!store.forget(later, 10_000).await.unwrap());
    assert_eq!(
        (rows(&folder, "filters"), rows(&folder, "filter_sets"), rows(&folder, "subscriptions")),
        (0, 0, 0)
    );
    assert_eq!(store.known(Scope::Operator, deleted.id).await.unwrap(), None);

    let next = create(&store, new(2)).await;
    assert!(next.no > deleted.no);
    assert!(next.filters[0].no > deleted.filters.last().unwrap().no);
}

#[tokio::test]
async fn the_pages_of_a_load_and_of_a_listing_have_no_gap_and_no_repeat() {
    let folder = TempFolder::new();
    let store = open(&folder);
    let mut created = Vec::new();
    for id in 0..13u128 {
        let owner = Owner { extension: ExtensionId(200_000 + u64::try_from(id).unwrap()), ..OWNER };
        created.push(
            create(&store, NewSubscription { owner, filters: many(1 + id as usize % 4), ..new(id) }).await,
        );
    }
    let gone = created.remove(5);
    assert!(store.end(gone.no, EndReason::OwnerDisabled, BORN).await.unwrap());

    for size in [1, 2, 5, 100] {
        let (mut loaded, mut from) = (Vec::new(), Some(SubscriptionNo(0)));
        while let Some(no) = from {
            let page = store.load(no, size).await.unwrap();
            loaded.extend(page.records);
            from = page.next;
        }
        assert_eq!(loaded, created, "load by {size}");
        let (mut listed, mut from) = (Vec::new(), Some(SubscriptionNo(0)));
        while let Some(no) = from {
            let page = store.page(Scope::Account(OWNER.account), no, size, BORN).await.unwrap();
            assert!(page.records.len() <= size);
            listed.extend(page.records);
            from = page.next;
        }
        assert_eq!(listed, created, "page by {size}");
    }
}

#[tokio::test]
async fn a_status_is_kept_with_its_reason_and_cannot_be_set_on_a_tombstone() {
    let folder = TempFolder::new();
    let store = open(&folder);
    let created = create(&store, new(1)).await;
    let data = BlacklistedData { at: BORN, reason: "answered 404 for ten minutes".into() };
    let blacklisted =
        store.set_status(created.no, Status::Blacklisted, Some(data.clone())).await.unwrap().unwrap();
    assert_eq!((blacklisted.status, blacklisted.blacklisted), (Status::Blacklisted, Some(data.clone())));
    let active = store.set_status(created.no, Status::Active, None).await.unwrap().unwrap();
    assert_eq!(active, created);

    store.delete(OWNER, Door::Core, created.id, BORN).await.unwrap();
    assert_eq!(store.set_status(created.no, Status::Blacklisted, Some(data)).await.unwrap(), None);
}

fn endpoint(id: u128, account: u64) -> NewSubscription {
    NewSubscription {
        door: Door::Conference,
        owner: Owner::company(AccountId(account)),
        filters: texts(&["*"]),
        target: Target::Webhook {
            address: format!("https://receiver.example/{id}"),
            verification_token: None,
            signing_secret: Some(SECRET.into()),
        },
        ..new(id)
    }
}

#[tokio::test]
async fn conference_endpoints_are_listed_by_themselves_with_secrets_that_are_not_in_the_files() {
    let folder = TempFolder::new();
    let store = open(&folder);
    let mut endpoints = Vec::new();
    for id in 0..6 {
        create(&store, new(id)).await;
        endpoints.push(create(&store, endpoint(100 + id, 7 + id as u64 % 2)).await);
    }
    let gone = endpoints.remove(2);
    store.delete(Owner::company(gone.account), Door::Conference, gone.id, BORN).await.unwrap();
    let (mut listed, mut from) = (Vec::new(), Some(SubscriptionNo(0)));
    while let Some(no) = from {
        let page = store.conference_endpoints(None, no, 2, BORN).await.unwrap();
        listed.extend(page.records);
        from = page.next;
    }
    assert_eq!(listed, endpoints);
    let of_one = store.conference_endpoints(Some(AccountId(8)), SubscriptionNo(0), 10, BORN).await.unwrap();
    let of_8: Vec<_> = endpoints.iter().filter(|one| one.account == AccountId(8)).cloned().collect();
    assert_eq!((of_one.records, of_one.next), (of_8, None));
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()), "{SECRET} is readable");
    }
}

#[tokio::test]
async fn another_address_is_all_that_changes_of_a_target() {
    let folder = TempFolder::new();
    let store = open(&folder);
    let made = create(&store, endpoint(1, 7)).await;
    let change = Change { address: Some("https://elsewhere.example/".into()), ..Change::default() };
    let changed = store.change(Owner::company(made.account), Door::Conference, made.id, change, BORN).await;
    let target = Target::Webhook {
        address: "https://elsewhere.example/".into(),
        verification_token: None,
        signing_secret: Some(SECRET.into()),
    };
    assert_eq!(changed.unwrap(), Some(Subscription { target, ..made }));
}
