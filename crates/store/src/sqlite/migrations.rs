//! The schema of `control.db`, as numbered steps. Each step is applied once, in its own transaction;
//! `user_version` holds the number of the last. A step that has shipped is never edited.

use rusqlite::Connection;

use crate::StoreError;

const STEPS: &[&str] = &[
    include_str!("migrations/0001_directory.sql"),
    include_str!("migrations/0002_subscriptions.sql"),
    include_str!("migrations/0003_team_messaging.sql"),
    include_str!("migrations/0004_sign_in.sql"),
    include_str!("migrations/0005_provisioning.sql"),
    include_str!("migrations/0006_conference_endpoints.sql"),
    include_str!("migrations/0007_sharing.sql"),
];

pub(super) fn apply(connection: &mut Connection) -> Result<(), StoreError> {
    let done: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if done > STEPS.len() {
        return Err(StoreError::Corrupt(format!(
            "control.db has schema {done}, this program knows {}: it was written by a newer one",
            STEPS.len()
        )));
    }
    for (index, step) in STEPS.iter().enumerate().skip(done) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", index + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
