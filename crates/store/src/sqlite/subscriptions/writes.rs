//! What happens inside one transaction of the writer.

use hookswitch_core::clock::WallTime;
use hookswitch_core::delivery::EndReason;
use hookswitch_core::id::{SubscriptionId, SubscriptionNo};
use hookswitch_core::subscription::{BlacklistedData, Door, Owner, Status, Target};
use rusqlite::{Connection, params};

use super::filters::{self, FilterSet};
use super::rows::{self, Header, millis, select, to_word};
use crate::StoreError;
use crate::subscriptions::{FilterTexts, NewSubscription};

/// The names by which a subscription's secrets are sealed.
pub(super) const VERIFICATION_TOKEN: &str = "verification-token";
pub(super) const SIGNING_SECRET: &str = "signing-secret";

/// A target as its columns hold it.
pub(super) struct TargetColumns {
    pub(super) transport: &'static str,
    pub(super) address: Option<String>,
    pub(super) sealed_token: Option<Vec<u8>>,
    pub(super) sealed_secret: Option<Vec<u8>>,
}

impl TargetColumns {
    /// `seal` is given the name of a secret and the secret.
    pub(super) fn of(target: &Target, seal: impl Fn(&str, &str) -> Vec<u8>) -> Self {
        match target {
            Target::Webhook { address, verification_token, signing_secret } => Self {
                transport: target.transport_name(),
                address: Some(address.clone()),
                sealed_token: verification_token.as_deref().map(|token| seal(VERIFICATION_TOKEN, token)),
                sealed_secret: signing_secret.as_deref().map(|secret| seal(SIGNING_SECRET, secret)),
            },
        }
    }
}

/// `None` if the owner has `limit` live ones.
pub(super) fn create(
    connection: &Connection,
    new: &NewSubscription,
    filters: &FilterTexts,
    written: Option<FilterSet>,
    target: &TargetColumns,
    limit: usize,
) -> Result<Option<(SubscriptionNo, FilterSet)>, StoreError> {
    if count(connection, new.owner, new.created_at)? >= limit {
        return Ok(None);
    }
    let set = filters::adopt(connection, written, filters, new.created_at)?;
    connection
        .prepare_cached(
            "INSERT INTO subscriptions (id, door, account, extension, app, status, created_at, expires_at,
               lifetime, filter_set, transport, address, verification_token, signing_secret)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            new.id.0.as_bytes(),
            to_word(new.door)?,
            new.owner.account.0.cast_signed(),
            new.owner.extension.0.cast_signed(),
            new.owner.app.0,
            to_word(Status::Active)?,
            new.created_at.0,
            new.created_at.plus(new.lifetime).0,
            millis(new.lifetime),
            set.no,
            target.transport,
            target.address,
            target.sealed_token,
            target.sealed_secret,
        ])?;
    Ok(Some((SubscriptionNo(connection.last_insert_rowid()), set)))
}

pub(super) fn count(connection: &Connection, owner: Owner, now: WallTime) -> Result<usize, StoreError> {
    let count = connection
        .prepare_cached(
            "SELECT count(*) FROM subscriptions
             WHERE account = ?1 AND extension = ?2 AND app = ?3 AND ended_at IS NULL AND expires_at > ?4",
        )?
        .query_row(
            params![owner.account.0.cast_signed(), owner.extension.0.cast_signed(), owner.app.0, now.0],
            |row| row.get(0),
        )?;
    Ok(count)
}

/// The one live subscription that an owner sees under this id at this door.
pub(super) fn live(
    connection: &Connection,
    owner: Owner,
    door: Door,
    id: SubscriptionId,
    now: WallTime,
) -> Result<Option<Header>, StoreError> {
    rows::one(
        connection,
        select!(
            "WHERE s.id = ?1 AND s.door = ?2 AND s.account = ?3 AND s.extension = ?4 AND s.app = ?5
               AND s.ended_at IS NULL AND s.expires_at > ?6"
        ),
        params![
            id.0.as_bytes(),
            to_word(door)?,
            owner.account.0.cast_signed(),
            owner.extension.0.cast_signed(),
            owner.app.0,
            now.0
        ],
    )
}

/// One that has not ended, by number.
pub(super) fn standing(connection: &Connection, no: SubscriptionNo) -> Result<Option<Header>, StoreError> {
    rows::one(connection, select!("WHERE s.no = ?1 AND s.ended_at IS NULL"), [no.0])
}

pub(super) fn replace_filters(
    connection: &Connection,
    of: &Header,
    written: Option<FilterSet>,
    filters: &FilterTexts,
    now: WallTime,
) -> Result<(), StoreError> {
    let set = filters::adopt(connection, written, filters, now)?;
    connection
        .prepare_cached("UPDATE subscriptions SET filter_set = ?2 WHERE no = ?1")?
        .execute(params![of.known.no.0, set.no])?;
    filters::release(connection, of.set, now)
}

pub(super) fn set_address(
    connection: &Connection,
    no: SubscriptionNo,
    address: &str,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE subscriptions SET address = ?2 WHERE no = ?1")?
        .execute(params![no.0, address])?;
    Ok(())
}

pub(super) fn renew(
    connection: &Connection,
    no: SubscriptionNo,
    lifetime: std::time::Duration,
    now: WallTime,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE subscriptions SET lifetime = ?2, expires_at = ?3 WHERE no = ?1")?
        .execute(params![no.0, millis(lifetime), now.plus(lifetime).0])?;
    Ok(())
}

pub(super) fn end(
    connection: &Connection,
    of: &Header,
    reason: EndReason,
    now: WallTime,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE subscriptions SET ended_at = ?2, end_reason = ?3 WHERE no = ?1")?
        .execute(params![of.known.no.0, now.0, to_word(reason)?])?;
    filters::release(connection, of.set, now)
}

pub(super) fn set_status(
    connection: &Connection,
    no: SubscriptionNo,
    status: Status,
    blacklisted: Option<&BlacklistedData>,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE subscriptions SET status = ?2, blacklisted_at = ?3, blacklisted_reason = ?4 WHERE no = ?1",
        )?
        .execute(params![
            no.0,
            to_word(status)?,
            blacklisted.map(|data| data.at.0),
            blacklisted.map(|data| data.reason.as_str()),
        ])?;
    Ok(())
}

/// Deletes tombstones that are older than `before`; says how many, at most `limit`.
pub(super) fn forget_tombstones(
    connection: &Connection,
    before: WallTime,
    limit: usize,
) -> Result<usize, StoreError> {
    let deleted = connection
        .prepare_cached(
            "DELETE FROM subscriptions WHERE no IN
               (SELECT no FROM subscriptions WHERE ended_at < ?1 ORDER BY ended_at LIMIT ?2)",
        )?
        .execute(params![before.0, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    Ok(deleted)
}
