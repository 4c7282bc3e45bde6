//! The refresh_token grant: a refresh token serves once, but the answer may get lost.

use hookswitch_store::directory::{Refresh, Refreshed};

use super::issue::{Lives, Pair, TokenInfo};
use super::problem::OAuthError;
use super::token::Call;
use crate::authenticate::hash_token;

pub(super) async fn grant(call: &Call<'_>) -> Result<TokenInfo, OAuthError> {
    let Call { front, app, form, .. } = *call;
    let presented = form.required("refresh_token")?;
    call.charge_owner_of(presented).await?;
    let now = front.handles.now();
    let lives = Lives::asked(front, app, form);
    let mut seed = [0; 16];
    front.handles.entropy.fill(&mut seed);
    let pair = Pair::following(presented, &seed, now, lives);
    let settings = &front.settings.sessions;
    let refresh = Refresh {
        presented: hash_token(presented),
        app: app.no,
        now,
        next: pair.hashes,
        seed,
        grace_unused: settings.refresh_grace_unused,
        grace_used: settings.refresh_grace_used,
    };
    match front.directory.refresh_session(refresh).await? {
        Refreshed::Rotated { session, dead } => {
            front.tokens.forget(&[dead]);
            Ok(TokenInfo::new(&session, pair, now))
        }
        Refreshed::Repeated { session, seed } => {
            let had_refresh = session.refresh_expires_at.map(|end| end.since(now));
            let pair = Pair::following(presented, &seed, now, lives.with_refresh(had_refresh));
            Ok(TokenInfo::new(&session, pair, now))
        }
        Refreshed::Unknown => Err(OAuthError::invalid_grant("OAU-213", "Token is not found")),
        Refreshed::OwnerDisabled => {
            Err(OAuthError::invalid_grant("OAU-236", "The owner's extension is disabled or frozen"))
        }
    }
}
