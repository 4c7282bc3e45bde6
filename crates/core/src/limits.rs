//! Every bound of the product, named, with its unit. Those that an operator may change are the defaults
//! of settings; the answer to a request that exceeds one names it.

use std::time::Duration;

pub const EVENT_BODY_BYTES: usize = 256 * 1024;
/// Common parsers give up at 128 levels; an envelope and a frame add some.
pub const EVENT_BODY_DEPTH: usize = 100;
pub const PUBLISH_REQUEST_BYTES: usize = 8 * 1024 * 1024;
pub const PUBLISH_REQUEST_ENTRIES: usize = 10_000;
pub const SUBSCRIPTION_REQUEST_BYTES: usize = 4 * 1024 * 1024;
pub const OTHER_REQUEST_BYTES: usize = 1024 * 1024;
/// A bulk import of extensions.
pub const IMPORT_REQUEST_BYTES: usize = 64 * 1024 * 1024;
pub const IMPORT_LINES: usize = 200_000;
pub const REQUEST_HEAD_BYTES: usize = 16 * 1024;
/// What `limits.request_head` may be set to.
pub const REQUEST_HEAD_BYTES_LEAST: usize = 8 * 1024;
pub const REQUEST_HEAD_BYTES_MOST: usize = 1024 * 1024;
/// The head of a request must have arrived within this time.
pub const REQUEST_HEAD_WITHIN: Duration = Duration::from_secs(15);
/// The body of a request must have arrived within this time.
pub const REQUEST_BODY_WITHIN: Duration = Duration::from_secs(60);
pub const FILTER_BYTES: usize = 2 * 1024;
pub const FILTERS_PER_SUBSCRIPTION: usize = 20_000;
pub const SUBSCRIPTIONS_PER_USER_AND_APP: usize = 30;
pub const SESSIONS_PER_USER_AND_APP: usize = 100;
/// The same two with the demo app of development mode, for tests that burst.
pub const SUBSCRIPTIONS_PER_USER_AND_DEMO_APP: usize = 10_000;
pub const SESSIONS_PER_USER_AND_DEMO_APP: usize = 10_000;
/// Conference endpoints of one company.
pub const CONFERENCE_ENDPOINTS_PER_COMPANY: usize = 100;
/// Calls of one user with one app in sliding 60 seconds, where that is enforced.
pub const CALLS_LIGHT: u32 = 50;
pub const CALLS_MEDIUM: u32 = 40;
pub const CALLS_HEAVY: u32 = 10;
pub const CALLS_AUTH: u32 = 5;
/// Users with an app whose calls are counted; beyond, those not seen for long are forgotten.
pub const COUNTED_CALLERS: usize = 50_000;
pub const FAILED_LOGINS_PER_ADDRESS: u32 = 100;
/// Addresses and names that nobody has whose failed logins are remembered.
pub const REMEMBERED_FAILURES: usize = 20_000;
/// Browsers that are signed in.
pub const SIGNED_IN_BROWSERS: usize = 20_000;
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
/// How long a rotated x-signing-token goes on if nothing is said, and at most.
pub const SIGNING_TOKEN_OVERLAP: Duration = Duration::from_secs(24 * 3600);
pub const SIGNING_TOKEN_OVERLAP_AT_MOST: Duration = Duration::from_secs(30 * 24 * 3600);
/// If our own loop was later than this, the outcome is our fault (D3).
pub const OWN_LATENESS: Duration = Duration::from_millis(100);
/// A blacklisted webhook is asked this often whether it is back (D4).
pub const RECONCILE_EVERY: Duration = Duration::from_secs(15 * 60);
pub const RETRY_AFTER_OBEYED: Duration = Duration::from_secs(3600);

/// How long events and what became of them are kept, if there is room for them.
pub const RETENTION_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
pub const RETENTION_BYTES: u64 = 10 * 1024 * 1024 * 1024;

pub const IN_FLIGHT_AT_FIRST: u32 = 4;
pub const IN_FLIGHT_AT_MOST: u32 = 32;

/// A uuid is unique within its account for this long (D16).
pub const IDEMPOTENCY_WINDOW: Duration = Duration::from_secs(24 * 3600);

const _: () = assert!(RESPONSE_KEPT_BYTES <= RESPONSE_READ_BYTES);
const _: () = assert!(EVENT_BODY_BYTES < PUBLISH_REQUEST_BYTES);
const _: () = assert!(FAN_OUT_AT_ACCEPT <= FAN_OUT_SLICE);

// Team messaging.
pub const POST_TEXT_CHARS: usize = 10_000;
pub const POST_ATTACHMENTS: usize = 25;
pub const POST_ATTACHMENTS_BYTES: usize = 1_500_000;
/// A post by an incoming webhook, with all its attachments.
pub const INCOMING_POST_BYTES: usize = 2 * 1024 * 1024;
pub const INCOMING_POSTS_PER_MINUTE: u32 = 30;
/// The text of a card in the older form.
pub const CARD_TEXT_CHARS: usize = 1_000;
/// Titles, headings and the like.
pub const SHORT_TEXT_BYTES: usize = 300;
pub const LINK_BYTES: usize = 2 * 1024;
pub const CARD_FIELDS: usize = 100;
/// How deep an adaptive card may be nested, and of how many elements it may be made.
pub const CARD_DEPTH: usize = 16;
/// The same for the parts of a card that nobody looks at, such as the data of a form.
pub const CARD_JSON_DEPTH: usize = 64;
pub const CARD_ELEMENTS: usize = 1_000;
pub const MENTIONS_PER_POST: usize = 100;
pub const CHAT_NAME_CHARS: usize = 250;
pub const CHAT_DESCRIPTION_CHARS: usize = 1_000;
pub const CONVERSATION_MEMBERS: usize = 16;
pub const TEAM_MEMBERS: usize = 5_000;
pub const INVITEES_PER_REQUEST: usize = 1_000;
pub const FAVORITE_CHATS: usize = 250;
pub const WEBHOOKS_PER_CHAT: usize = 100;
/// Records of a page of chats or posts, asked for or not.
pub const PAGE_RECORDS: usize = 30;
pub const PAGE_RECORDS_AT_MOST: usize = 250;
/// Events of team messaging that may wait in the store for the event log; beyond, changes are refused.
pub const MESSAGING_EVENTS_WAITING: i64 = 10_000;

const _: () = assert!(POST_ATTACHMENTS_BYTES < INCOMING_POST_BYTES);
const _: () = assert!(CARD_JSON_DEPTH + 4 <= EVENT_BODY_DEPTH);
const _: () = assert!(PAGE_RECORDS <= PAGE_RECORDS_AT_MOST);
