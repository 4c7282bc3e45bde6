//! Whom an event of team messaging is for that somebody published from outside (D24).

use hookswitch_core::catalogue::Catalogue;
use hookswitch_core::id::{AccountId, ExtensionId};
use hookswitch_engine::Publication;
use hookswitch_store::StoreError;
use serde::Deserialize;

use super::Messaging;

/// All that is read of a body.
#[derive(Deserialize)]
struct OfGroup {
    #[serde(rename = "groupId")]
    group: Option<String>,
}

impl Messaging {
    /// Names the members of its chat as recipients of every publication that is for members only and
    /// names nobody. Returned are the places of those whose chat we do not hold; they must be refused.
    pub async fn name_recipients(
        &self,
        catalogue: &Catalogue,
        publications: &mut [Publication],
    ) -> Result<Vec<usize>, StoreError> {
        let mut nobodys = Vec::new();
        for (index, publication) in publications.iter_mut().enumerate() {
            let is_for_members = catalogue.entry(publication.resolved.entry).members_only;
            // A path that names an extension names whom it is for.
            let is_named = publication.event.recipients.is_some() || publication.resolved.extension.is_some();
            if !is_for_members || is_named {
                continue;
            }
            let event = &publication.event;
            let members = self.members_of_body(event.account, &event.body).await?;
            match members {
                Some(members) => publication.event.recipients = Some(members),
                None => nobodys.push(index),
            }
        }
        Ok(nobodys)
    }

    async fn members_of_body(
        &self,
        account: AccountId,
        body: &[u8],
    ) -> Result<Option<Vec<ExtensionId>>, StoreError> {
        match serde_json::from_slice::<OfGroup>(body) {
            Ok(OfGroup { group: Some(group) }) => self.members_of(account, &group).await,
            _ => Ok(None),
        }
    }
}
