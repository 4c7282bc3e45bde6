//! Authorization codes, consents, failed logins and sessions of apps, on `control.db`.

use async_trait::async_trait;
use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, AppNo, ExtensionId};
use hookswitch_core::lock_out::{Failures, LockOut};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{SqliteDirectory, sessions, signed, unknown_name, words};
use crate::StoreError;
use crate::directory::{NewSession, OpenedSession, TokenHash};
use crate::sign_in::{
    AuthorizationCode, Challenge, ChallengeMethod, KnownCode, NewAppSession, Redeemed, SignIn,
};

/// Codes that ended long ago and that a new one clears away.
const CLEARED_AT_ONCE: i64 = 16;
/// A code stays known this long after its end.
const KEPT_AFTER_END_MS: i64 = 3600 * 1000;

#[async_trait]
impl SignIn for SqliteDirectory {
    async fn store_code(&self, code: TokenHash, meaning: AuthorizationCode) -> Result<(), StoreError> {
        self.db.write(move |db| store_code(db, code, &meaning)).await
    }

    async fn code(&self, code: TokenHash) -> Result<Option<KnownCode>, StoreError> {
        self.db.read(move |db| read_code(db, code)).await
    }

    async fn redeem_code(&self, code: TokenHash, session: NewSession) -> Result<Redeemed, StoreError> {
        self.db.write(move |db| redeem(db, code, &session)).await
    }

    async fn consented(&self, extension: ExtensionId, app: AppNo) -> Result<Vec<String>, StoreError> {
        self.db.read(move |db| consented(db, extension, app)).await
    }

    async fn consent(
        &self,
        extension: ExtensionId,
        app: AppNo,
        scopes: Vec<String>,
        now: WallTime,
    ) -> Result<(), StoreError> {
        self.db.write(move |db| consent(db, extension, app, scopes, now)).await
    }

    async fn login_failed(
        &self,
        extension: ExtensionId,
        rule: LockOut,
        now: WallTime,
    ) -> Result<Failures, StoreError> {
        self.db.write(move |db| login_failed(db, extension, rule, now)).await
    }

    async fn forget_failed_logins(&self, extension: ExtensionId) -> Result<(), StoreError> {
        self.db.write(move |db| set_failures(db, extension, Failures::default())).await
    }

    async fn open_app_session(&self, session: NewAppSession) -> Result<OpenedSession, StoreError> {
        self.db.write(move |db| open_app_session(db, &session)).await
    }

    async fn owner_of_token(&self, token: TokenHash) -> Result<Option<(ExtensionId, AppNo)>, StoreError> {
        self.db.read(move |db| owner_of_token(db, token)).await
    }
}

fn store_code(db: &Connection, code: TokenHash, meaning: &AuthorizationCode) -> Result<(), StoreError> {
    db.prepare_cached(
        "DELETE FROM authorization_codes WHERE code_hash IN \
         (SELECT code_hash FROM authorization_codes WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)",
    )?
    .execute(params![meaning.expires_at.0 - KEPT_AFTER_END_MS, CLEARED_AT_ONCE])?;
    let challenge = meaning.challenge.as_ref();
    db.prepare_cached(
        "INSERT INTO authorization_codes (code_hash, app, account, extension, redirect_uri, scopes, \
         code_challenge, code_challenge_method, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        code.0,
        meaning.app.0,
        signed(meaning.account.0)?,
        signed(meaning.extension.0)?,
        meaning.redirect_uri,
        meaning.scopes.join(" "),
        challenge.map(|challenge| &challenge.text),
        challenge.map(|challenge| challenge.method.name()),
        meaning.expires_at.0,
    ])?;
    Ok(())
}

fn read_code(db: &Connection, code: TokenHash) -> Result<Option<KnownCode>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT app, account, extension, redirect_uri, scopes, code_challenge, code_challenge_method, \
         expires_at, used_at IS NOT NULL FROM authorization_codes WHERE code_hash = ?1",
    )?;
    select.query_row([code.0], |row| Ok(code_of(row))).optional()?.transpose()
}

fn code_of(row: &Row<'_>) -> Result<KnownCode, StoreError> {
    let challenge: Option<String> = row.get(5)?;
    let method: Option<String> = row.get(6)?;
    let challenge = challenge.zip(method).map(|(text, method)| {
        let method =
            ChallengeMethod::from_name(&method).ok_or_else(|| unknown_name("challenge method", &method))?;
        Ok::<_, StoreError>(Challenge { text, method })
    });
    let meaning = AuthorizationCode {
        app: AppNo(row.get(0)?),
        account: AccountId(row.get(1)?),
        extension: ExtensionId(row.get(2)?),
        redirect_uri: row.get(3)?,
        scopes: words(&row.get::<_, String>(4)?),
        challenge: challenge.transpose()?,
        expires_at: WallTime(row.get(7)?),
    };
    Ok(KnownCode { meaning, used: row.get(8)? })
}

fn redeem(db: &Connection, code: TokenHash, session: &NewSession) -> Result<Redeemed, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT used_at IS NOT NULL, session FROM authorization_codes WHERE code_hash = ?1",
    )?;
    let row = select.query_row([code.0], |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?)));
    match row.optional()? {
        None => Ok(Redeemed::Unknown),
        Some((true, opened)) => {
            let mut delete = db.prepare_cached("DELETE FROM sessions WHERE no = ?1 RETURNING access_hash")?;
            let dead = delete.query_map([opened], |row| row.get(0).map(TokenHash))?;
            Ok(Redeemed::Used { dead: dead.collect::<Result<_, _>>()? })
        }
        Some((false, _)) => {
            let opened = sessions::open(db, session)?;
            db.prepare_cached(
                "UPDATE authorization_codes SET used_at = ?2, session = ?3 WHERE code_hash = ?1",
            )?
            .execute(params![code.0, session.created_at.0, opened.session])?;
            Ok(Redeemed::Opened(opened))
        }
    }
}

fn consented(db: &Connection, extension: ExtensionId, app: AppNo) -> Result<Vec<String>, StoreError> {
    let mut select = db.prepare_cached("SELECT scopes FROM consents WHERE extension = ?1 AND app = ?2")?;
    let scopes = select.query_row(params![signed(extension.0)?, app.0], |row| row.get::<_, String>(0));
    Ok(scopes.optional()?.map(|scopes| words(&scopes)).unwrap_or_default())
}

fn consent(
    db: &Connection,
    extension: ExtensionId,
    app: AppNo,
    scopes: Vec<String>,
    now: WallTime,
) -> Result<(), StoreError> {
    let mut all = consented(db, extension, app)?;
    for scope in scopes {
        if !all.contains(&scope) {
            all.push(scope);
        }
    }
    db.prepare_cached(
        "INSERT INTO consents (extension, app, scopes, given_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (extension, app) DO UPDATE SET scopes = excluded.scopes, given_at = excluded.given_at",
    )?
    .execute(params![signed(extension.0)?, app.0, all.join(" "), now.0])?;
    Ok(())
}

fn login_failed(
    db: &Connection,
    extension: ExtensionId,
    rule: LockOut,
    now: WallTime,
) -> Result<Failures, StoreError> {
    let mut select = db.prepare_cached("SELECT failed_logins, locked_until FROM extensions WHERE id = ?1")?;
    let before = select.query_row([signed(extension.0)?], |row| failures(row, 0)).optional()?;
    let after = rule.after_failure(before.unwrap_or_default(), now);
    set_failures(db, extension, after)?;
    Ok(after)
}

/// Two columns of `extensions` from `at` on: `failed_logins`, `locked_until`.
pub(super) fn failures(row: &Row<'_>, at: usize) -> rusqlite::Result<Failures> {
    Ok(Failures { count: row.get(at)?, blocked_until: row.get::<_, Option<i64>>(at + 1)?.map(WallTime) })
}

fn set_failures(db: &Connection, extension: ExtensionId, failures: Failures) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE extensions SET failed_logins = ?2, locked_until = ?3 WHERE id = ?1")?.execute(
        params![signed(extension.0)?, failures.count, failures.blocked_until.map(|until| until.0)],
    )?;
    Ok(())
}

fn open_app_session(db: &Connection, new: &NewAppSession) -> Result<OpenedSession, StoreError> {
    let mut delete = db.prepare_cached(
        "DELETE FROM app_sessions WHERE no IN (SELECT no FROM app_sessions WHERE app = ?1 \
         ORDER BY no DESC LIMIT -1 OFFSET ?2) RETURNING token_hash",
    )?;
    let others = i64::try_from(new.keep.max(1) - 1).unwrap_or(i64::MAX);
    let ended = delete.query_map(params![new.app.0, others], |row| row.get(0).map(TokenHash))?;
    let ended = ended.collect::<Result<_, _>>()?;
    db.prepare_cached(
        "INSERT INTO app_sessions (app, scopes, token_hash, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![new.app.0, new.scopes.join(" "), new.token.0, new.created_at.0, new.expires_at.0])?;
    Ok(OpenedSession { session: db.last_insert_rowid(), ended })
}

/// A session of an app that no user stands behind.
pub(super) struct AppSession {
    pub(super) no: i64,
    pub(super) app: AppNo,
    pub(super) expires_at: WallTime,
}

pub(super) fn app_session(db: &Connection, token: TokenHash) -> Result<Option<AppSession>, StoreError> {
    let mut select =
        db.prepare_cached("SELECT no, app, expires_at FROM app_sessions WHERE token_hash = ?1")?;
    let row = select.query_row([token.0], |row| {
        Ok(AppSession { no: row.get(0)?, app: AppNo(row.get(1)?), expires_at: WallTime(row.get(2)?) })
    });
    Ok(row.optional()?)
}

pub(super) fn end_app_session(db: &Connection, no: i64) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM app_sessions WHERE no = ?1")?.execute([no])?;
    Ok(())
}

fn owner_of_token(db: &Connection, token: TokenHash) -> Result<Option<(ExtensionId, AppNo)>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT extension, app FROM sessions WHERE access_hash = ?1 OR refresh_hash = ?1 OR previous_hash = ?1",
    )?;
    let owner = select.query_row([token.0], |row| Ok((ExtensionId(row.get(0)?), AppNo(row.get(1)?))));
    Ok(owner.optional()?)
}
