//! A subscription as it is answered (contract.md §3.3).

use hookswitch_core::clock::WallTime;
use hookswitch_core::subscription::{Door, Status, Subscription, Target};
use serde::Serialize;
use utoipa::ToSchema;

/// The members stand in the order of the hosted platform's answers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionInfo {
    /// Absolute.
    pub uri: String,
    pub id: String,
    /// ISO 8601, with milliseconds and `Z`.
    pub creation_time: String,
    pub expiration_time: String,
    /// Whole seconds that are left.
    pub expires_in: i64,
    pub status: WireStatus,
    /// In the order given, with ids in place of `~`.
    pub event_filters: Vec<String>,
    /// Filters that were asked for and not granted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disabled_filters: Vec<DisabledFilterInfo>,
    pub delivery_mode: DeliveryModeInfo,
    /// Only of a blacklisted one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blacklisted_data: Option<BlacklistedInfo>,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub enum WireStatus {
    Active,
    Blacklisted,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DisabledFilterInfo {
    pub filter: String,
    /// A code, e.g. `SUB-412`.
    pub reason: String,
    pub message: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryModeInfo {
    pub transport_type: &'static str,
    pub encryption: bool,
    /// Byte for byte as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlacklistedInfo {
    pub blacklisted_at: String,
    pub reason: String,
}

/// All subscriptions of one user with one app, by one door.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscriptionList {
    pub uri: String,
    pub records: Vec<SubscriptionInfo>,
}

/// Where the subscriptions of a door live.
pub(super) fn collection_path(door: Door) -> &'static str {
    match door {
        Door::Core => "/restapi/v1.0/subscription",
        Door::Webinar => "/webinar/notifications/v1/subscriptions",
        Door::Conference => "/hookswitch/v1/conference-endpoints",
    }
}

impl SubscriptionInfo {
    pub fn of(subscription: &Subscription, base_url: &str, now: WallTime) -> Self {
        let disabled = subscription.disabled.iter().map(|disabled| DisabledFilterInfo {
            filter: disabled.text.clone(),
            reason: disabled.reason.clone(),
            message: disabled.message.clone(),
        });
        let blacklisted = subscription
            .blacklisted
            .as_ref()
            .map(|data| BlacklistedInfo { blacklisted_at: data.at.iso8601(), reason: data.reason.clone() });
        Self {
            uri: format!("{base_url}{}/{}", collection_path(subscription.door), subscription.id),
            id: subscription.id.to_string(),
            creation_time: subscription.created_at.iso8601(),
            expiration_time: subscription.expires_at.iso8601(),
            expires_in: subscription.expires_in(now),
            status: wire_status(subscription.status),
            event_filters: subscription.filters.iter().map(|filter| filter.text.clone()).collect(),
            disabled_filters: disabled.collect(),
            delivery_mode: delivery_mode(&subscription.target),
            blacklisted_data: blacklisted,
        }
    }
}

/// Clients take every word but `Active` for the end of the subscription, so a passing suspension is not
/// shown.
fn wire_status(status: Status) -> WireStatus {
    match status {
        Status::Active | Status::Suspended => WireStatus::Active,
        Status::Blacklisted => WireStatus::Blacklisted,
    }
}

fn delivery_mode(target: &Target) -> DeliveryModeInfo {
    match target {
        Target::Webhook { address, .. } => DeliveryModeInfo {
            transport_type: target.transport_name(),
            encryption: false,
            address: Some(address.clone()),
        },
    }
}
