//! Subscriptions in `control.db`.
//!
//! `writes` is what happens inside a transaction, `filters` keeps the texts, `rows` reads rows. Here the
//! operations are put together: which transactions each takes, and how a row with its texts and its
//! opened secrets becomes a [`Subscription`].

mod filters;
mod reads;
mod rows;
#[cfg(test)]
mod tests;
mod writes;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use hookswitch_core::clock::{Entropy, WallTime};
use hookswitch_core::delivery::EndReason;
use hookswitch_core::id::{AccountId, FilterNo, SubscriptionId, SubscriptionNo};
use hookswitch_core::subscription::{
    BlacklistedData, DisabledFilter, Door, Owner, Status, SubscribedFilter, Subscription, Target,
};
use hookswitch_core::vault::{NONCE_BYTES, Vault};
use rusqlite::{Connection, params};

use self::rows::{Header, select, to_word};
use self::writes::TargetColumns;
use super::control::ControlDb;
use crate::StoreError;
use crate::log::Scope;
use crate::subscriptions::{Belonging, Change, Creation, Known, NewSubscription, Page, Subscriptions};

/// Rows that one transaction of `forget` deletes of the tombstones.
const TOMBSTONES: usize = 500;

#[derive(Clone)]
pub struct SqliteSubscriptions {
    db: ControlDb,
    vault: Arc<Vault>,
    /// For the nonces of what is sealed.
    entropy: Arc<dyn Entropy>,
}

impl SqliteSubscriptions {
    pub fn new(db: ControlDb, vault: Arc<Vault>, entropy: Arc<dyn Entropy>) -> Self {
        Self { db, vault, entropy }
    }

    fn target_columns(&self, new: &NewSubscription) -> TargetColumns {
        TargetColumns::of(&new.target, |name, secret| {
            let mut nonce = [0; NONCE_BYTES];
            self.entropy.fill(&mut nonce);
            self.vault.seal(nonce, &place(new.id, name), secret.as_bytes())
        })
    }

    /// Runs a query for one row and makes the subscription of it.
    async fn read_one<Q>(&self, query: Q) -> Result<Option<Subscription>, StoreError>
    where
        Q: FnOnce(&Connection) -> Result<Option<Header>, StoreError> + Send + 'static,
    {
        let vault = Arc::clone(&self.vault);
        let read = move |connection: &Connection| match query(connection)? {
            Some(header) => complete(connection, &vault, header).map(Some),
            None => Ok(None),
        };
        self.db.read(read).await
    }

    async fn read_many<Q>(&self, query: Q) -> Result<Vec<Subscription>, StoreError>
    where
        Q: FnOnce(&Connection) -> Result<Vec<Header>, StoreError> + Send + 'static,
    {
        let vault = Arc::clone(&self.vault);
        let read = move |connection: &Connection| {
            let headers = query(connection)?;
            headers.into_iter().map(|header| complete(connection, &vault, header)).collect()
        };
        self.db.read(read).await
    }

    /// The texts are read outside the writer's transaction; a set, once written, does not change.
    async fn complete(&self, header: Option<Header>) -> Result<Option<Subscription>, StoreError> {
        match header {
            Some(header) => self.read_one(move |_| Ok(Some(header))).await,
            None => Ok(None),
        }
    }
}

/// Where a secret is sealed, so that it opens in its own row only.
fn place(id: SubscriptionId, name: &str) -> String {
    format!("subscription/{id}/{name}")
}

/// A row with the texts of its filters and its secrets.
fn complete(connection: &Connection, vault: &Vault, header: Header) -> Result<Subscription, StoreError> {
    let filters = filters::load_range(connection, header.first_filter, header.last_filter)?;
    let disabled: Vec<DisabledFilter> = serde_json::from_str(&header.disabled)
        .map_err(|error| StoreError::Corrupt(format!("control.db, filter set {}: {error}", header.set)))?;
    let target = target(vault, &header)?;
    let Known { no, id, door, owner, .. } = header.known;
    Ok(Subscription {
        no,
        id,
        door,
        account: owner.account,
        owner: owner.extension,
        app: owner.app,
        status: header.status,
        blacklisted: header.blacklisted,
        created_at: header.created_at,
        expires_at: header.expires_at,
        lifetime: header.lifetime,
        filters,
        disabled,
        target,
    })
}

fn target(vault: &Vault, header: &Header) -> Result<Target, StoreError> {
    let id = header.known.id;
    let damaged = |what: &str| StoreError::Corrupt(format!("control.db, subscription {id}: {what}"));
    match (header.transport.as_str(), &header.address) {
        ("WebHook", Some(address)) => {
            let open = |name: &str, sealed: &Option<Vec<u8>>| {
                let open = |sealed: &Vec<u8>| vault.open_text(&place(id, name), sealed);
                sealed.as_ref().map(open).transpose().map_err(|error| damaged(&error.to_string()))
            };
            Ok(Target::Webhook {
                address: address.clone(),
                verification_token: open(writes::VERIFICATION_TOKEN, &header.sealed_token)?,
                signing_secret: open(writes::SIGNING_SECRET, &header.sealed_secret)?,
            })
        }
        (transport, _) => Err(damaged(&format!("transport {transport:?} is unknown to this program"))),
    }
}

#[async_trait]
impl Subscriptions for SqliteSubscriptions {
    async fn create(&self, mut new: NewSubscription, limit: usize) -> Result<Creation, StoreError> {
        let filters = Arc::new(std::mem::take(&mut new.filters));
        let written = filters::write_ahead(&self.db, &filters, new.created_at).await?;
        let target = self.target_columns(&new);
        let new = Arc::new(new);
        let created = {
            let (new, filters) = (Arc::clone(&new), Arc::clone(&filters));
            self.db
                .write(move |transaction| {
                    writes::create(transaction, &new, &filters, written, &target, limit)
                })
                .await?
        };
        let Some((no, set)) = created else {
            return Ok(Creation::LimitReached);
        };
        let new = Arc::unwrap_or_clone(new);
        let filters = Arc::unwrap_or_clone(filters);
        let granted = (set.first..).zip(filters.granted);
        Ok(Creation::Created(Box::new(Subscription {
            no,
            id: new.id,
            door: new.door,
            account: new.owner.account,
            owner: new.owner.extension,
            app: new.owner.app,
            status: Status::Active,
            blacklisted: None,
            created_at: new.created_at,
            expires_at: new.created_at.plus(new.lifetime),
            lifetime: new.lifetime,
            filters: granted.map(|(no, text)| SubscribedFilter { no: FilterNo(no), text }).collect(),
            disabled: filters.disabled,
            target: new.target,
        })))
    }

    async fn count(&self, owner: Owner, now: WallTime) -> Result<usize, StoreError> {
        self.db.read(move |connection| writes::count(connection, owner, now)).await
    }

    async fn get(
        &self,
        owner: Owner,
        door: Door,
        id: SubscriptionId,
        now: WallTime,
    ) -> Result<Option<Subscription>, StoreError> {
        self.read_one(move |connection| writes::live(connection, owner, door, id, now)).await
    }

    async fn list(&self, owner: Owner, door: Door, now: WallTime) -> Result<Vec<Subscription>, StoreError> {
        let door = to_word(door)?;
        self.read_many(move |connection| {
            rows::many(
                connection,
                select!(
                    "WHERE s.account = ?1 AND s.extension = ?2 AND s.app = ?3 AND s.door = ?4
                       AND s.ended_at IS NULL AND s.expires_at > ?5 ORDER BY s.no"
                ),
                params![
                    owner.account.0.cast_signed(),
                    owner.extension.0.cast_signed(),
                    owner.app.0,
                    door,
                    now.0
                ],
            )
        })
        .await
    }

    async fn change(
        &self,
        owner: Owner,
        door: Door,
        id: SubscriptionId,
        change: Change,
        now: WallTime,
    ) -> Result<Option<Subscription>, StoreError> {
        let filters = change.filters.map(Arc::new);
        let written = match &filters {
            Some(filters) => filters::write_ahead(&self.db, filters, now).await?,
            None => None,
        };
        let changed = self
            .db
            .write(move |transaction| {
                let Some(present) = writes::live(transaction, owner, door, id, now)? else {
                    return Ok(None);
                };
                if let Some(filters) = filters {
                    writes::replace_filters(transaction, &present, written, &filters, now)?;
                }
                if let Some(address) = &change.address {
                    writes::set_address(transaction, present.known.no, address)?;
                }
                if let Some(lifetime) = change.renewed_for {
                    writes::renew(transaction, present.known.no, lifetime, now)?;
                }
                writes::standing(transaction, present.known.no)
            })
            .await?;
        self.complete(changed).await
    }

    async fn delete(
        &self,
        owner: Owner,
        door: Door,
        id: SubscriptionId,
        now: WallTime,
    ) -> Result<Option<SubscriptionNo>, StoreError> {
        self.db
            .write(move |transaction| {
                let Some(present) = writes::live(transaction, owner, door, id, now)? else {
                    return Ok(None);
                };
                writes::end(transaction, &present, EndReason::SubscriptionDeleted, now)?;
                Ok(Some(present.known.no))
            })
            .await
    }

    async fn load(&self, from: SubscriptionNo, filters: usize) -> Result<Page, StoreError> {
        let vault = Arc::clone(&self.vault);
        self.db.read(move |connection| reads::load(connection, &vault, from, filters)).await
    }

    async fn expired_before(&self, now: WallTime, limit: usize) -> Result<Vec<SubscriptionNo>, StoreError> {
        self.db.read(move |connection| reads::expired_before(connection, now, limit)).await
    }

    async fn end_expired(&self, no: SubscriptionNo, now: WallTime) -> Result<bool, StoreError> {
        self.db
            .write(move |transaction| match writes::standing(transaction, no)? {
                Some(present) if present.expires_at <= now => {
                    writes::end(transaction, &present, EndReason::SubscriptionExpired, now)?;
                    Ok(true)
                }
                _ => Ok(false),
            })
            .await
    }

    async fn end(&self, no: SubscriptionNo, reason: EndReason, now: WallTime) -> Result<bool, StoreError> {
        self.db
            .write(move |transaction| match writes::standing(transaction, no)? {
                Some(present) => {
                    writes::end(transaction, &present, reason, now)?;
                    Ok(true)
                }
                None => Ok(false),
            })
            .await
    }

    async fn set_status(
        &self,
        no: SubscriptionNo,
        status: Status,
        blacklisted: Option<BlacklistedData>,
    ) -> Result<Option<Subscription>, StoreError> {
        let changed = self
            .db
            .write(move |transaction| {
                if writes::standing(transaction, no)?.is_some() {
                    writes::set_status(transaction, no, status, blacklisted.as_ref())?;
                }
                writes::standing(transaction, no)
            })
            .await?;
        self.complete(changed).await
    }

    async fn forget(&self, ended_before: WallTime, limit: usize) -> Result<bool, StoreError> {
        let mut left = limit;
        while left > 0 {
            let slice = left.min(TOMBSTONES);
            let deleted = self
                .db
                .write(move |transaction| writes::forget_tombstones(transaction, ended_before, slice))
                .await?;
            left -= deleted.min(left);
            if deleted < slice {
                break;
            }
        }
        while left > 0 {
            let slice =
                self.db.write(move |transaction| filters::forget_slice(transaction, ended_before)).await?;
            let Some(deleted) = slice else { return Ok(false) };
            left -= deleted.min(left);
        }
        Ok(true)
    }

    async fn filter_texts(&self, filters: Vec<FilterNo>) -> Result<HashMap<FilterNo, String>, StoreError> {
        self.db.read(move |connection| filters::texts(connection, &filters)).await
    }

    async fn known(&self, scope: Scope, id: SubscriptionId) -> Result<Option<Known>, StoreError> {
        self.db.read(move |connection| reads::by_id(connection, scope, id)).await
    }

    async fn by_number(
        &self,
        scope: Scope,
        numbers: Vec<SubscriptionNo>,
    ) -> Result<HashMap<SubscriptionNo, Known>, StoreError> {
        self.db.read(move |connection| reads::by_number(connection, scope, &numbers)).await
    }

    async fn belonging(&self, to: Belonging, limit: usize) -> Result<Vec<Known>, StoreError> {
        self.db.read(move |connection| reads::belonging(connection, to, limit)).await
    }

    async fn conference_endpoints(
        &self,
        account: Option<AccountId>,
        from: SubscriptionNo,
        limit: usize,
        now: WallTime,
    ) -> Result<Page, StoreError> {
        let records = self
            .read_many(move |connection| {
                reads::conference_endpoints(connection, account, from, limit + 1, now)
            })
            .await?;
        Ok(cut(records, limit))
    }

    async fn page(
        &self,
        scope: Scope,
        from: SubscriptionNo,
        limit: usize,
        now: WallTime,
    ) -> Result<Page, StoreError> {
        let records =
            self.read_many(move |connection| reads::page(connection, scope, from, limit + 1, now)).await?;
        Ok(cut(records, limit))
    }
}

/// A page of one more than was asked for: that one says where the next page begins.
fn cut(mut records: Vec<Subscription>, limit: usize) -> Page {
    let next = records.split_off(records.len().min(limit)).first().map(|subscription| subscription.no);
    Page { records, next }
}
