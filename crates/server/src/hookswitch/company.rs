//! Whose a published event is, where it names a company (D19): its account is looked up, and everything
//! that says whose the event is must agree.

use std::collections::HashMap;

use hookswitch_core::id::AccountId;
use hookswitch_engine::Publication;

use super::publication::{BadEntry, Claim, Entries, bad};
use crate::problem::ApiError;
use crate::state::App;

/// The publications with their accounts; or what is wrong with some of them.
pub(super) async fn settle(
    app: &App,
    entries: Entries,
) -> Result<Result<Vec<Publication>, Vec<BadEntry>>, ApiError> {
    let Entries { mut publications, claims, .. } = entries;
    // A request names few companies, and usually none.
    let mut accounts: HashMap<u64, Option<AccountId>> = HashMap::new();
    let mut wrong = Vec::new();
    for claim in claims {
        for (_, company) in &claim.companies {
            if !accounts.contains_key(company) {
                accounts.insert(*company, app.directory.account_of_company(*company).await?);
            }
        }
        let Some(publication) = publications.get_mut(claim.index) else { continue };
        let known = claim.has_account.then_some(publication.event.account);
        match account(&claim, known, &accounts) {
            Ok(account) => publication.event.account = account,
            Err(bad) => wrong.push(bad),
        }
    }
    Ok(if wrong.is_empty() { Ok(publications) } else { Err(wrong) })
}

fn account(
    claim: &Claim,
    known: Option<AccountId>,
    accounts: &HashMap<u64, Option<AccountId>>,
) -> Result<AccountId, BadEntry> {
    let mut settled = known;
    let mut earlier: Option<(&'static str, u64)> = None;
    for (field, company) in claim.companies.iter().copied() {
        if let Some((other, named)) = earlier
            && named != company
        {
            let reason = format!("is {named}, but {field} is {company}");
            return Err(bad(claim.index, other, reason));
        }
        earlier = Some((field, company));
        let Some(account) = accounts.get(&company).copied().flatten() else {
            return Err(bad(claim.index, field, format!("is {company}, which is no company that is known")));
        };
        if let Some(known) = settled
            && known != account
        {
            let reason =
                format!("is {company}, a company of another account than {known}, which the entry names");
            return Err(bad(claim.index, field, reason));
        }
        settled = Some(account);
    }
    // An entry without an account names a company: that was checked when it was read.
    settled.ok_or_else(|| bad(claim.index, "companyId", "is missing"))
}
