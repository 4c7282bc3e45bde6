//! An extension as operators write and read it, alone or as a line of an import, and what a change of it
//! takes away.

use hookswitch_core::clock::WallTime;
use hookswitch_core::id::{AccountId, ExtensionId};
use hookswitch_store::directory::{
    Contact, Extension, ExtensionStatus, ExtensionType, Sharing, StoredPassword,
};
use hookswitch_store::provisioning::{ExtensionEntry, ExtensionWrite, NewPassword};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::ending::Losses;
use super::wire::{self, Id, Wrong, nullable};
use crate::oauth::password;
use crate::principal::USER_PERMISSIONS;

/// Longer ones cost more to hash than they are worth.
const PASSWORD_BYTES: usize = 1024;

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExtensionInfo {
    id: String,
    account_id: String,
    extension_number: String,
    name: String,
    /// `User`, `Department`, `IvrMenu`, …, as in the directory.
    #[serde(rename = "type")]
    kind: &'static str,
    /// `Enabled`, `Disabled`, `Frozen`, `NotActivated` or `Unassigned`. Only enabled ones may log in.
    status: &'static str,
    contact: ContactInfo,
    /// May do everything in the account.
    administrator: bool,
    permissions: Vec<String>,
    /// Whether others may subscribe to the user's presence.
    allow_see_my_presence: bool,
    /// Whether others may pick up the user's calls and subscribe to those that can be.
    allow_pick_up_my_calls: bool,
    /// A number of its own to log in with.
    direct_number: Option<String>,
    has_password: bool,
    creation_time: String,
}

#[derive(Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ContactInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    business_phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    department: Option<String>,
}

/// An extension as it is made or changed; what is absent gets its default or stays.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ExtensionRequest {
    /// Digits, as a string or an integer, unique over all accounts. Given if absent; cannot be changed.
    #[schema(value_type = Option<String>)]
    pub(super) id: Option<Id>,
    /// Needed for a new one; unique in its account.
    pub(super) extension_number: Option<String>,
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    /// What is not `Enabled` loses its sessions and subscriptions.
    status: Option<String>,
    contact: Option<ContactInfo>,
    administrator: Option<bool>,
    /// What the user may; those of a usual user if absent.
    permissions: Option<Vec<String>>,
    /// Whether others may subscribe to the user's presence; counts when they subscribe.
    allow_see_my_presence: Option<bool>,
    /// Whether others may pick up the user's calls and subscribe to those that can be; counts when they subscribe.
    allow_pick_up_my_calls: Option<bool>,
    /// `null` takes it away.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub(super) direct_number: Option<Option<String>>,
    /// `null` takes it away: no login by password. Not in an import.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub(super) password: Option<Option<String>>,
    /// A password that was hashed elsewhere: `pbkdf2-sha256$ROUNDS$SALT$HASH`, base64 without padding.
    pub(super) password_hash: Option<String>,
    /// If it is there, the one of the path.
    #[schema(value_type = Option<String>)]
    pub(super) account_id: Option<Id>,
    /// These two are ignored, so that what a GET answered can be sent back.
    #[schema(value_type = Option<bool>)]
    #[expect(dead_code, reason = "read to be ignored")]
    has_password: Option<IgnoredAny>,
    #[schema(value_type = Option<String>)]
    #[expect(dead_code, reason = "read to be ignored")]
    creation_time: Option<IgnoredAny>,
}

/// A user as yet without number and name.
pub(super) fn new_extension(account: AccountId, id: ExtensionId, now: WallTime) -> ExtensionEntry {
    let extension = Extension {
        id,
        account,
        number: String::new(),
        name: String::new(),
        kind: ExtensionType::User,
        status: ExtensionStatus::Enabled,
        contact: Contact::default(),
        administrator: false,
        permissions: USER_PERMISSIONS.iter().map(|name| (*name).to_owned()).collect(),
        sharing: Sharing::default(),
        created_at: now,
    };
    ExtensionEntry { extension, direct_number: None, has_password: false }
}

impl ExtensionRequest {
    /// The member that names another extension or account than this one.
    pub(super) fn contradicts(&self, extension: &Extension) -> Option<&'static str> {
        let differs = |given: Option<Id>, own: u64| given.is_some_and(|given| given.0 != own);
        if differs(self.id, extension.id.0) {
            return Some("id");
        }
        differs(self.account_id, extension.account.0).then_some("accountId")
    }

    /// The direct number that is asked for, as digits.
    pub(super) fn direct_digits(&self) -> Result<Option<String>, Wrong> {
        let number = self.direct_number.as_ref().and_then(Option::as_ref).filter(|number| !number.is_empty());
        number.map(|number| wire::phone_digits("directNumber", number)).transpose()
    }

    /// `entry` as it is to be. A plain `password` is left to the caller, who has the time to hash it.
    pub(super) fn applied_to(self, entry: ExtensionEntry, is_new: bool) -> Result<ExtensionWrite, Wrong> {
        let digits = self.direct_digits()?;
        let ExtensionEntry { mut extension, mut direct_number, .. } = entry;
        if let Some(field) = self.contradicts(&extension) {
            return Err(Wrong::new(field, "is not the one of the path"));
        }
        if self.direct_number.is_some() {
            direct_number = digits;
        }
        if let Some(number) = self.extension_number {
            extension.number = wire::extension_number(number)?;
        } else if extension.number.is_empty() {
            return Err(Wrong::new("extensionNumber", "is missing"));
        }
        if let Some(contact) = self.contact {
            contact.apply_to(&mut extension.contact)?;
        }
        if let Some(name) = self.name {
            extension.name = wire::name("name", name)?;
        } else if extension.name.is_empty() {
            extension.name = usual_name(&extension);
        }
        if let Some(kind) = self.kind {
            extension.kind = wire::one_of("type", ExtensionType::ALL, ExtensionType::name, &kind)?;
        }
        if let Some(status) = self.status {
            extension.status = wire::one_of("status", ExtensionStatus::ALL, ExtensionStatus::name, &status)?;
        }
        if let Some(administrator) = self.administrator {
            extension.administrator = administrator;
        }
        if let Some(permissions) = self.permissions {
            extension.permissions = wire::words("permissions", permissions)?;
        }
        let Sharing { presence, call_pickup } = extension.sharing;
        extension.sharing = Sharing {
            presence: self.allow_see_my_presence.unwrap_or(presence),
            call_pickup: self.allow_pick_up_my_calls.unwrap_or(call_pickup),
        };
        let password = match (self.password, self.password_hash) {
            (None, None) => NewPassword::Unchanged,
            (Some(None), None) => NewPassword::Removed,
            (None, Some(hash)) => NewPassword::Set(hashed(hash)?),
            (Some(Some(_)), None) => NewPassword::Unchanged,
            (Some(_), Some(_)) => return Err(Wrong::new("passwordHash", "comes beside password")),
        };
        Ok(ExtensionWrite { extension, direct_number, password, is_new })
    }

    /// A plain password that is to be hashed.
    pub(super) fn plain_password(&self) -> Result<Option<String>, Wrong> {
        let Some(Some(password)) = &self.password else { return Ok(None) };
        let good = !password.is_empty() && password.len() <= PASSWORD_BYTES;
        if good {
            Ok(Some(password.clone()))
        } else {
            Err(Wrong::new("password", "is empty or longer than 1024 bytes"))
        }
    }
}

impl ContactInfo {
    fn apply_to(self, contact: &mut Contact) -> Result<(), Wrong> {
        if let Some(email) = self.email {
            contact.email = wire::email(email)?.to_lowercase();
        }
        let texts = [
            ("contact.firstName", self.first_name, &mut contact.first_name),
            ("contact.lastName", self.last_name, &mut contact.last_name),
            ("contact.businessPhone", self.business_phone, &mut contact.business_phone),
            ("contact.company", self.company, &mut contact.company),
            ("contact.department", self.department, &mut contact.department),
        ];
        for (field, text, place) in texts {
            if let Some(text) = text {
                *place = wire::name(field, text)?;
            }
        }
        Ok(())
    }
}

fn usual_name(extension: &Extension) -> String {
    let contact = &extension.contact;
    match format!("{} {}", contact.first_name, contact.last_name).trim() {
        "" => format!("Extension {}", extension.number),
        name => name.to_owned(),
    }
}

fn hashed(text: String) -> Result<StoredPassword, Wrong> {
    let stored = StoredPassword(text);
    if password::is_well_formed(&stored) {
        Ok(stored)
    } else {
        Err(Wrong::new("passwordHash", "is not of the form pbkdf2-sha256$ROUNDS$SALT$HASH"))
    }
}

impl Losses {
    /// Notes what a change of an extension takes away.
    pub(super) fn note(&mut self, before: &Extension, after: &Extension) {
        let enabled = |extension: &Extension| extension.status == ExtensionStatus::Enabled;
        let may_log_in = |extension: &Extension| enabled(extension) && extension.kind.may_log_in();
        if may_log_in(before) && !may_log_in(after) {
            self.disabled.push(after.id);
        } else if before.administrator != after.administrator || before.permissions != after.permissions {
            self.changed.push(after.id);
        }
    }
}

pub(super) fn info(entry: ExtensionEntry) -> ExtensionInfo {
    let ExtensionEntry { extension, direct_number, has_password } = entry;
    let contact = extension.contact;
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    ExtensionInfo {
        id: extension.id.to_string(),
        account_id: extension.account.to_string(),
        extension_number: extension.number,
        name: extension.name,
        kind: extension.kind.name(),
        status: extension.status.name(),
        contact: ContactInfo {
            first_name: text(contact.first_name),
            last_name: text(contact.last_name),
            email: text(contact.email),
            business_phone: text(contact.business_phone),
            company: text(contact.company),
            department: text(contact.department),
        },
        administrator: extension.administrator,
        permissions: extension.permissions,
        allow_see_my_presence: extension.sharing.presence,
        allow_pick_up_my_calls: extension.sharing.call_pickup,
        direct_number: direct_number.map(|digits| format!("+{digits}")),
        has_password,
        creation_time: extension.created_at.iso8601(),
    }
}
