//! Every bound of the product, named, with its unit. Those that an operator may change are the defaults
//! of settings; the answer to a request that exceeds one names it.

use std::time::Duration;

pub const EVENT_BODY_BYTES: usize = 256 * 1024;
pub const PUBLISH_REQUEST_BYTES: usize = 8 * 1024 * 1024;
pub const PUBLISH_REQUEST_ENTRIES: usize = 10_000;
pub const SUBSCRIPTION_REQUEST_BYTES: usize = 4 * 1024 * 1024;
pub const OTHER_REQUEST_BYTES: usize = 1024 * 1024;
pub const REQUEST_HEAD_BYTES: usize = 16 * 1024;
pub const FILTER_BYTES: usize = 2 * 1024;
pub const FILTERS_PER_SUBSCRIPTION: usize = 20_000;
pub const SUBSCRIPTIONS_PER_USER_AND_APP: usize = 30;
pub const SESSIONS_PER_USER_AND_APP: usize = 100;
pub const VERIFICATION_TOKEN_BYTES: usize = 256;
pub const WEBHOOK_ADDRESS_BYTES: usize = 2 * 1024;

pub const BACKLOG_DELIVERIES: u64 = 100_000;
/// Deliveries written in the accept commit; a larger fan-out is written in slices (design.md, Accept).
pub const FAN_OUT_AT_ACCEPT: usize = 256;
pub const FAN_OUT_SLICE: usize = 1_000;
/// How long one unit of work may hold the writer.
pub const WRITER_UNIT: Duration = Duration::from_millis(5);
/// Outcomes reach the store within this time.
pub const RECORD_WITHIN: Duration = Duration::from_millis(20);
/// Publishing stops while there is still this much room to write outcomes.
pub const DISK_RESERVE_BYTES: u64 = 256 * 1024 * 1024;

pub const RESPONSE_KEPT_BYTES: usize = 4 * 1024;
pub const RESPONSE_READ_BYTES: usize = 64 * 1024;
pub const HANDSHAKE_ANSWER_BYTES: usize = 1024;
pub const HANDSHAKE_WITHIN: Duration = Duration::from_millis(1000);
pub const NOTIFICATION_WITHIN: Duration = Duration::from_millis(1000);
pub const CONFERENCE_NOTIFICATION_WITHIN: Duration = Duration::from_secs(10);
/// If our own loop was later than this, the outcome is our fault (D3).
pub const OWN_LATENESS: Duration = Duration::from_millis(100);
pub const RETRY_AFTER_OBEYED: Duration = Duration::from_secs(3600);

pub const IN_FLIGHT_AT_FIRST: u32 = 4;
pub const IN_FLIGHT_AT_MOST: u32 = 32;

/// A uuid is unique within its account for this long (D16).
pub const IDEMPOTENCY_WINDOW: Duration = Duration::from_secs(24 * 3600);

const _: () = assert!(RESPONSE_KEPT_BYTES <= RESPONSE_READ_BYTES);
const _: () = assert!(EVENT_BODY_BYTES < PUBLISH_REQUEST_BYTES);
const _: () = assert!(FAN_OUT_AT_ACCEPT <= FAN_OUT_SLICE);
