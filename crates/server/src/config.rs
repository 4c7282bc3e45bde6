//! Every setting of the program: its name, meaning, default and form, in one place.
//!
//! The `settings!` blocks below are the only list. A setting is read from the TOML file, its environment
//! twin (`HOOKSWITCH_` and the key in capitals, dots as underscores) or a flag; a flag beats the
//! environment, the environment beats the file. All mistakes are reported together, unknown keys too.
//! To add a setting, add a line with its documentation; `describe` lists them for the generated reference.
//!
//! How layers are put together is in `layers`, how a value is written in `value`.

mod layers;
pub mod reference;
mod value;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use hookswitch_core::lifetime::{Lifetimes, PutSemantics};
use hookswitch_core::limits;
use hookswitch_transport::webhook::subnet::Subnet;

pub use layers::{ConfigError, Layers, Setting};
pub use value::{Secret, Size, Value};

/// Makes a struct of settings from documented lines `name: type = default;`, its reader and its listing.
/// Fields of the form `name: Section` (no default) are tables of their own.
macro_rules! settings {
    ($(#[doc = $about:literal])+ $name:ident in $table:literal {
        $( $(#[doc = $doc:literal])+ $field:ident : $type:ty = $default:expr; )*
        $( tables { $( $(#[doc = $subdoc:literal])+ $sub:ident : $subtype:ty; )* } )?
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $field: $type, )*
            $( $( $(#[doc = $subdoc])+ pub $sub: $subtype, )* )?
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* $( $( $sub: <$subtype>::default(), )* )? }
            }
        }

        impl $name {
            fn read(layers: &mut Layers) -> Self {
                let default = Self::default();
                Self {
                    $( $field: layers.take(&key($table, stringify!($field)), default.$field), )*
                    $( $( $sub: <$subtype>::read(layers), )* )?
                }
            }

            fn describe_into(list: &mut Vec<Setting>) {
                let default = Self::default();
                $( list.push(Setting {
                    key: key($table, stringify!($field)),
                    about: concat!($($doc, "\n"),+).trim_end(),
                    form: <$type as Value>::FORM,
                    default: default.$field.written(),
                }); )*
                let _ = default;
                $( $( <$subtype>::describe_into(list); )* )?
            }
        }
    };
}

settings! {
    /// Everything an operator can set.
    Settings in "" {
        /// Address and port of the one listener; port 0 picks a free one.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080));
        /// Address and port of a second listener, which gives `/metrics` to everybody who reaches it. Without it they
        /// need the admin token.
        metrics_listen: Option<SocketAddr> = None;
        /// The data folder.
        data: PathBuf = PathBuf::from("./hookswitch-data");
        /// Base of every absolute URL that is handed out. Without it: http:// (https:// with a certificate) and the
        /// listen address.
        public_url: Option<String> = None;
        /// PEM file with the certificate of the listener and its chain; with it and `tls_key` the listener speaks
        /// TLS 1.2 or newer. Read again when it changes.
        tls_certificate: Option<PathBuf> = None;
        /// PEM file with the key of the certificate.
        tls_key: Option<PathBuf> = None;
        /// The master key as base64 of 32 bytes, instead of `master.key` in the data folder; older keys behind commas.
        master_key: Option<Secret> = None;
        /// Development mode: a demo account, `dev.env`, deliveries to loopback allowed, Host and Origin checked.
        dev: bool = false;
        /// Lets development mode listen on an address that is not loopback.
        dev_remote: bool = false;
        /// Development mode: a number that the demo account and the ids of subscriptions are drawn from, so that they
        /// are the same on every machine. Whoever knows it knows all tokens of the demo account.
        dev_seed: Option<u64> = None;
        /// Development mode: a JSON file with `accounts` (with `extensions`) and `apps`, made or changed at every start.
        dev_fixtures: Option<PathBuf> = None;
        /// What PUT of a subscription renews: `seed` (without a body, or with the present filters) or `always-renew`.
        put_semantics: PutSemantics = PutSemantics::Seed;
        /// JSON files with event types of your own, beside those that are built in.
        event_types: Vec<String> = Vec::new();
        /// What is logged: error, warn, info, debug, trace, or by module, as in `info,hookswitch_engine=debug`.
        log: String = "info".to_owned();
        /// How log lines are written: `text` or `json`.
        log_format: LogFormat = LogFormat::Text;
        /// Subnets of proxies before this server; whom they name in X-Forwarded-For is who calls.
        trusted_proxies: Vec<String> = Vec::new();
        tables {
            /// Logins and tokens.
            sessions: Sessions;
            /// An identity provider of the operator's own, whose assertions log users in.
            identity: Identity;
            /// How many calls a user may make with an app in a minute.
            rate_limits: RateLimits;
            /// Bounds on what requests may hold and accounts may keep.
            limits: Limits;
            /// How long subscriptions live.
            lifetimes: LifetimeSettings;
            /// What an account may use in a day.
            quotas: Quotas;
            /// Sending to subscribers.
            delivery: Delivery;
            /// The event log on disk.
            store: Store;
            /// How much of the past is kept.
            retention: Retention;
            /// Conference events.
            conference: Conference;
            /// Which private addresses deliveries may go to.
            guard: Guard;
        }
    }
}

settings! {
    /// Logins and tokens (`[sessions]`).
    Sessions in "sessions" {
        /// Default and longest life of an access token. A client may ask for less, down to ten minutes.
        access_token_lifetime: Duration = Duration::from_secs(3600);
        /// Life of a refresh token for which the client asked nothing.
        refresh_token_lifetime: Duration = Duration::from_secs(604_800);
        /// Longest life of a refresh token that a client may ask for.
        refresh_token_longest: Duration = Duration::from_secs(2_592_000);
        /// How long a used-up refresh token answers the same new pair while that pair is unused.
        refresh_grace_unused: Duration = Duration::from_secs(3600);
        /// How long it still does after the first use of the new pair.
        refresh_grace_used: Duration = Duration::from_secs(10);
        /// Sessions of one user with one app; a further login ends the oldest.
        per_user_and_app: usize = limits::SESSIONS_PER_USER_AND_APP;
        /// Rounds of PBKDF2-HMAC-SHA256 for new passwords.
        password_rounds: u32 = 600_000;
        /// How long the sign-in page knows a browser before it asks for the password again.
        sign_in_lifetime: Duration = Duration::from_secs(8 * 3600);
        /// Failed logins of a user that cost nothing. Each further one doubles the delay before the next attempt.
        failed_logins_free: u32 = 5;
        /// The first such delay.
        failed_login_delay: Duration = Duration::from_secs(1);
        /// With this many failed logins in a row a user is locked out.
        lock_out_after: u32 = 10;
        /// For how long.
        lock_out: Duration = Duration::from_secs(900);
        /// The same for an address, whomever it tries. Without it: 100, and any number in development mode.
        lock_out_address_after: Option<u32> = None;
    }
}

settings! {
    /// An identity provider of the operator's own (`[identity]`): its assertions serve the jwt-bearer grant.
    Identity in "identity" {
        /// Its keys: the path of a JWKS file, or an http or https URL. Without it there is no such provider.
        jwks: Option<String> = None;
        /// What `iss` must be.
        issuer: Option<String> = None;
        /// What `aud` must be, or hold.
        audience: Option<String> = None;
        /// The claim that names the user.
        claim: String = "sub".to_owned();
        /// What that claim holds: `extension-id` or `email`.
        names: IdentityNames = IdentityNames::ExtensionId;
        /// How old the keys may be. They are also read again, at most every ten seconds, when a key is not among them.
        refresh_every: Duration = Duration::from_secs(600);
    }
}

settings! {
    /// Calls of one user with one app in sliding 60 seconds, by the group of the call (`[rate_limits]`).
    RateLimits in "rate_limits" {
        /// Whether calls beyond are refused, with 429. Each then waits for 60 seconds without a call.
        enforce: bool = false;
        /// Calls of the group `light`.
        light: u32 = limits::CALLS_LIGHT;
        /// Calls of the group `medium`.
        medium: u32 = limits::CALLS_MEDIUM;
        /// Calls of the group `heavy`.
        heavy: u32 = limits::CALLS_HEAVY;
        /// Calls of the group `auth`: logins, refreshes, revocations.
        auth: u32 = limits::CALLS_AUTH;
    }
}

settings! {
    /// Bounds on what requests may hold and accounts may keep (`[limits]`).
    Limits in "limits" {
        /// Body of one event.
        event_body: Size = Size(limits::EVENT_BODY_BYTES);
        /// A publish request.
        publish_request: Size = Size(limits::PUBLISH_REQUEST_BYTES);
        /// Entries of one publish request.
        publish_entries: usize = limits::PUBLISH_REQUEST_ENTRIES;
        /// A request that makes or changes a subscription.
        subscription_request: Size = Size(limits::SUBSCRIPTION_REQUEST_BYTES);
        /// Any other request.
        other_request: Size = Size(limits::OTHER_REQUEST_BYTES);
        /// A post by an incoming webhook of team messaging, its attachments included.
        incoming_post: Size = Size(limits::INCOMING_POST_BYTES);
        /// Posts that one incoming webhook may make in a minute. Without it: 30, and any number in development mode.
        incoming_posts_per_minute: Option<u32> = None;
        /// A bulk import of extensions.
        import_request: Size = Size(limits::IMPORT_REQUEST_BYTES);
        /// Lines of one bulk import.
        import_lines: usize = limits::IMPORT_LINES;
        /// The head of a request.
        request_head: Size = Size(limits::REQUEST_HEAD_BYTES);
        /// It must have arrived within this time; so long may a kept connection be idle, too.
        head_within: Duration = limits::REQUEST_HEAD_WITHIN;
        /// The body of a request must have arrived within this time.
        body_within: Duration = limits::REQUEST_BODY_WITHIN;
        /// One event filter.
        filter: Size = Size(limits::FILTER_BYTES);
        /// Event filters of one subscription.
        filters_per_subscription: usize = limits::FILTERS_PER_SUBSCRIPTION;
        /// Subscriptions of one user with one app.
        subscriptions_per_user_and_app: usize = limits::SUBSCRIPTIONS_PER_USER_AND_APP;
        /// Conference endpoints of one company.
        conference_endpoints_per_company: usize = limits::CONFERENCE_ENDPOINTS_PER_COMPANY;
        /// Deliveries that may wait for one subscription; beyond, the oldest are exhausted.
        backlog_deliveries: u64 = limits::BACKLOG_DELIVERIES;
    }
}

settings! {
    /// How long subscriptions live (`[lifetimes]`). Whoever asks for more than the longest gets the longest.
    LifetimeSettings in "lifetimes" {
        /// Of a webhook subscription that asks for nothing.
        webhook: Duration = Lifetimes::WEBHOOK.default;
        /// Of any webhook subscription.
        webhook_longest: Duration = Lifetimes::WEBHOOK.longest;
    }
}

settings! {
    /// What an account may use in a day, from midnight to midnight UTC, unless it has quotas of its own
    /// (`[quotas]`). Publishing beyond is answered with 429.
    Quotas in "quotas" {
        /// Events accepted.
        events_per_day: Option<u64> = None;
        /// Deliveries that they were matched to.
        deliveries_per_day: Option<u64> = None;
        /// Bytes of event bodies accepted.
        bytes_per_day: Option<Size> = None;
    }
}

settings! {
    /// Sending to subscribers (`[delivery]`).
    Delivery in "delivery" {
        /// Within this time a webhook must answer the handshake (today's hosted platform: 3s).
        handshake_within: Duration = limits::HANDSHAKE_WITHIN;
        /// Within this time a webhook must answer a notification (today's hosted platform: 3s).
        notification_within: Duration = limits::NOTIFICATION_WITHIN;
        /// The same for conference endpoints.
        conference_notification_within: Duration = limits::CONFERENCE_NOTIFICATION_WITHIN;
        /// The webhook of a blacklisted subscription is asked for a handshake this often, and if it answers, gets
        /// its notifications again; 0s: never.
        reconcile_every: Duration = limits::RECONCILE_EVERY;
        /// The longest Retry-After that is obeyed.
        retry_after_obeyed: Duration = limits::RETRY_AFTER_OBEYED;
        /// Attempts in flight for an endpoint at first.
        in_flight_at_first: u32 = limits::IN_FLIGHT_AT_FIRST;
        /// Attempts in flight for an endpoint at most.
        in_flight_at_most: u32 = limits::IN_FLIGHT_AT_MOST;
        /// How long a published uuid is remembered, so that a repeated publish is no second event.
        idempotency_window: Duration = limits::IDEMPOTENCY_WINDOW;
        /// How long a stopping server waits for attempts and requests under way.
        drain_within: Duration = Duration::from_secs(10);
        /// The `User-Agent` of handshakes and notifications; receivers know this one.
        user_agent: String = "RingCentral-Webhook/8.3".to_owned();
        /// PEM files of certificate authorities trusted for deliveries beside the public ones.
        extra_ca_files: Vec<String> = Vec::new();
    }
}

settings! {
    /// Conference events (`[conference]`).
    Conference in "conference" {
        /// Payloads go to conference endpoints without their `company_id`. It is delivered as published otherwise.
        omit_company_id: bool = false;
    }
}

settings! {
    /// The event log on disk (`[store]`).
    Store in "store" {
        /// Where commits run: `thread` (one of their own), `caller` (the I/O thread, which stands still
        /// for the sync and saves the hop) or `auto`: `caller` on one or two cores, else `thread`.
        commit_on: CommitOn = CommitOn::Auto;
        /// With `commit_on = "caller"`: reads of the event log run there too. For tests that steer the clock.
        read_on_caller: bool = false;
        /// A segment that has grown to this is followed by a new one.
        segment_size: Size = Size(256 * 1024 * 1024);
        /// So is one that is this old.
        segment_age: Duration = Duration::from_secs(3600);
    }
}

settings! {
    /// How much of the past is kept (`[retention]`). What is still to be delivered never goes, nor does what
    /// is younger than `delivery.idempotency_window`. Whole segments go, so somewhat more is kept.
    Retention in "retention" {
        /// Events, their deliveries and attempts that are older than this go.
        age: Duration = limits::RETENTION_AGE;
        /// If the event log takes more than this on the disk, the oldest go earlier.
        size: Size = Size(limits::RETENTION_BYTES as usize);
    }
}

settings! {
    /// Which private addresses deliveries may go to (`[guard]`).
    Guard in "guard" {
        /// Subnets, such as `10.1.0.0/16`, that deliveries may go to although they are private.
        allow: Vec<String> = Vec::new();
    }
}

/// Where commits of the event log run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitOn {
    Auto,
    Thread,
    Caller,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl Value for LogFormat {
    const FORM: &'static str = "\"text\" or \"json\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("must be {}", Self::FORM)),
        }
    }

    fn written(&self) -> String {
        match self {
            Self::Text => "\"text\"".into(),
            Self::Json => "\"json\"".into(),
        }
    }
}

impl Value for CommitOn {
    const FORM: &'static str = "\"auto\", \"thread\" or \"caller\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "thread" => Ok(Self::Thread),
            "caller" => Ok(Self::Caller),
            _ => Err(format!("must be {}", Self::FORM)),
        }
    }

    fn written(&self) -> String {
        match self {
            Self::Auto => "\"auto\"".into(),
            Self::Thread => "\"thread\"".into(),
            Self::Caller => "\"caller\"".into(),
        }
    }
}

impl Value for PutSemantics {
    const FORM: &'static str = "\"seed\" or \"always-renew\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "seed" => Ok(Self::Seed),
            "always-renew" => Ok(Self::AlwaysRenew),
            _ => Err(format!("must be {}", Self::FORM)),
        }
    }

    fn written(&self) -> String {
        match self {
            Self::Seed => "\"seed\"".into(),
            Self::AlwaysRenew => "\"always-renew\"".into(),
        }
    }
}

/// What a claim of the operator's identity provider holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityNames {
    ExtensionId,
    Email,
}

impl Value for IdentityNames {
    const FORM: &'static str = "\"extension-id\" or \"email\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "extension-id" => Ok(Self::ExtensionId),
            "email" => Ok(Self::Email),
            _ => Err(format!("must be {}", Self::FORM)),
        }
    }

    fn written(&self) -> String {
        match self {
            Self::ExtensionId => "\"extension-id\"".into(),
            Self::Email => "\"email\"".into(),
        }
    }
}

impl Settings {
    /// Puts the layers together. Every mistake of every layer is in the error.
    pub fn load(mut layers: Layers) -> Result<Self, ConfigError> {
        let settings = Self::read(&mut layers);
        settings.check(&mut layers);
        layers.finish(&Self::describe())?;
        Ok(settings)
    }

    /// All settings in the order of this file.
    pub fn describe() -> Vec<Setting> {
        let mut list = Vec::new();
        Self::describe_into(&mut list);
        list
    }

    /// The base of every URL that is handed out, once the listener has its port; without a slash at the end.
    pub fn base_url(&self, bound: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None if bound.ip().is_unspecified() => format!("{}://127.0.0.1:{}", self.scheme(), bound.port()),
            None => format!("{}://{bound}", self.scheme()),
        }
    }

    fn scheme(&self) -> &'static str {
        if self.tls_certificate.is_some() { "https" } else { "http" }
    }

    /// Posts that one incoming webhook may make in a minute; `None`: any number.
    pub fn incoming_posts_per_minute(&self) -> Option<u32> {
        let default = (!self.dev).then_some(limits::INCOMING_POSTS_PER_MINUTE);
        self.limits.incoming_posts_per_minute.or(default)
    }

    /// Failed logins from one address before it is locked out; `None`: any number.
    pub fn lock_out_address_after(&self) -> Option<u32> {
        let default = (!self.dev).then_some(limits::FAILED_LOGINS_PER_ADDRESS);
        self.sessions.lock_out_address_after.or(default)
    }

    /// What no single value shows.
    fn check(&self, layers: &mut Layers) {
        if self.dev && !self.dev_remote && !self.listen.ip().is_loopback() {
            layers.reject(
                "listen",
                format!("{} is not a loopback address; with --dev that needs --dev-remote", self.listen),
            );
        }
        if let Some(url) = &self.public_url {
            let parsed = url::Url::parse(url);
            let good = parsed.is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none()
            });
            if !good {
                layers.reject("public_url", format!("`{url}` is not an http or https URL without a query"));
            } else if self.dev && !url.chars().all(|c| c.is_ascii_alphanumeric() || "_.:/+=@-".contains(c)) {
                // It goes into `dev.env`, which shells read.
                layers.reject(
                    "public_url",
                    format!("`{url}` has characters that --dev cannot hand to a shell"),
                );
            }
        }
        for (key, given) in
            [("dev_seed", self.dev_seed.is_some()), ("dev_fixtures", self.dev_fixtures.is_some())]
        {
            if given && !self.dev {
                layers.reject(key, "is for development mode, which needs --dev".into());
            }
        }
        let lifetimes = &self.lifetimes;
        if lifetimes.webhook < Duration::from_secs(1) || lifetimes.webhook > lifetimes.webhook_longest {
            layers.reject("lifetimes.webhook", "must be at least 1s and not exceed webhook_longest".into());
        }
        match (&self.tls_certificate, &self.tls_key) {
            (Some(_), None) => layers.reject("tls_key", "is needed beside tls_certificate".into()),
            (None, Some(_)) => layers.reject("tls_certificate", "is needed beside tls_key".into()),
            _ => {}
        }
        let sessions = &self.sessions;
        if sessions.access_token_lifetime < Duration::from_secs(600) {
            layers.reject("sessions.access_token_lifetime", "must be at least 10m".into());
        }
        if sessions.refresh_token_lifetime > sessions.refresh_token_longest {
            layers.reject("sessions.refresh_token_lifetime", "must not exceed refresh_token_longest".into());
        }
        if sessions.lock_out_after <= sessions.failed_logins_free {
            layers.reject("sessions.lock_out_after", "must exceed failed_logins_free".into());
        }
        let identity = &self.identity;
        if identity.jwks.is_some() && (identity.issuer.is_none() || identity.audience.is_none()) {
            layers.reject("identity.jwks", "needs identity.issuer and identity.audience".into());
        }
        for proxy in &self.trusted_proxies {
            if let Err(error) = proxy.parse::<Subnet>() {
                layers.reject("trusted_proxies", error.to_string());
            }
        }
        if !(limits::REQUEST_HEAD_BYTES_LEAST..=limits::REQUEST_HEAD_BYTES_MOST)
            .contains(&self.limits.request_head.0)
        {
            layers.reject("limits.request_head", "must be 8KiB to 1MiB".into());
        }
        for (key, within) in
            [("limits.head_within", self.limits.head_within), ("limits.body_within", self.limits.body_within)]
        {
            if within.is_zero() {
                layers.reject(key, "must be longer than nothing".into());
            }
        }
        if self.delivery.in_flight_at_first > self.delivery.in_flight_at_most {
            layers.reject("delivery.in_flight_at_first", "must not exceed in_flight_at_most".into());
        }
    }
}

fn key(table: &str, field: &str) -> String {
    if table.is_empty() { field.to_owned() } else { format!("{table}.{field}") }
}

#[cfg(test)]
mod tests;
