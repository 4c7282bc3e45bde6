//! What ends with a user, an account or an app that is disabled or gone: sessions and their tokens at
//! once, subscriptions with the deliveries that wait for them (D15).

use hookswitch_core::delivery::EndReason;
use hookswitch_core::id::{AccountId, AppNo, ExtensionId};
use hookswitch_store::provisioning::{Cut, Whose};
use hookswitch_store::subscriptions::Belonging;

use crate::problem::ApiError;
use crate::state::App;

/// Sessions that one transaction ends.
const SESSIONS_AT_ONCE: usize = 200;
/// Subscriptions that are looked for at once.
const SUBSCRIPTIONS_AT_ONCE: usize = 200;
/// What one transaction of emptying an account drops.
const ROWS_AT_ONCE: usize = 200;
/// Users whose sessions are looked for at once.
const USERS_AT_ONCE: usize = 100;

/// What a change of extensions took away.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// They may not log in any more.
    pub(super) disabled: Vec<ExtensionId>,
    /// They may do other things than before.
    pub(super) changed: Vec<ExtensionId>,
}

pub(super) async fn of_extensions(app: &App, account: AccountId, losses: Losses) -> Result<(), ApiError> {
    for changed in losses.changed.chunks(USERS_AT_ONCE) {
        let tokens = app.provisioning.access_tokens(changed.to_vec()).await?;
        app.front.tokens.forget(&tokens);
    }
    for disabled in losses.disabled.chunks(USERS_AT_ONCE) {
        sessions(app, Whose::Extensions(disabled.to_vec())).await?;
        subscriptions(app, Belonging::Extensions(account, disabled.to_vec())).await?;
    }
    Ok(())
}

pub(super) async fn of_account(app: &App, account: AccountId) -> Result<(), ApiError> {
    sessions(app, Whose::Account(account)).await?;
    subscriptions(app, Belonging::Account(account)).await
}

pub(super) async fn of_app(app: &App, of: AppNo) -> Result<(), ApiError> {
    sessions(app, Whose::App(of)).await?;
    subscriptions(app, Belonging::App(of)).await
}

/// Everything that an account has, little by little.
pub(super) async fn empty(app: &App, account: AccountId) -> Result<(), ApiError> {
    while forget(app, app.provisioning.empty_account(account, ROWS_AT_ONCE).await?) {}
    Ok(())
}

async fn sessions(app: &App, whose: Whose) -> Result<(), ApiError> {
    while forget(app, app.provisioning.end_sessions(whose.clone(), SESSIONS_AT_ONCE).await?) {}
    Ok(())
}

/// Those that are made meanwhile by requests under way see to themselves: whoever makes one looks afterwards
/// whether its owner is still there.
async fn subscriptions(app: &App, of: Belonging) -> Result<(), ApiError> {
    loop {
        let some = app.subscriptions.belonging(of.clone(), SUBSCRIPTIONS_AT_ONCE).await?;
        if some.is_empty() {
            return Ok(());
        }
        for known in some {
            app.subscribing.end(known, EndReason::OwnerDisabled).await?;
        }
    }
}

/// Says whether there is more.
pub(super) fn forget(app: &App, cut: Cut) -> bool {
    app.front.tokens.forget(&cut.tokens);
    cut.more
}
