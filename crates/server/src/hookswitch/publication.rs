//! Reading a publish request: one object, an array, NDJSON or CloudEvents, into checked publications.
//!
//! Every bad entry is named with its index, the field and the reason; one bad entry refuses the request.
//! The body of an event is kept raw: parsed once to be minified, never copied afterwards (D22). It is checked
//! against the schema of its event type: where that is strict a body that breaks it is a bad entry, elsewhere
//! it is taken and the violation told (D14).
//!
//! Whose a company is only the directory knows; `company` asks it and settles what is claimed here.

mod written;

use std::borrow::Cow;

use axum::http::{HeaderMap, header};
use hookswitch_core::catalogue::{Catalogue, EntryNo, OnViolation, Resolved, Scope};
use hookswitch_core::clock::{Handles, WallTime};
use hookswitch_core::envelope::{self, BodyError};
use hookswitch_core::event::Event;
use hookswitch_core::id::{AccountId, ExtensionId};
use hookswitch_core::schema::{Schema, Violation};
use hookswitch_engine::Publication;
use serde_json::Value;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use uuid::Uuid;

pub(super) use self::written::{BadEntry, bad};
use self::written::{CloudEvent, Entry};

/// How the company inside a conference event's body is named.
const COMPANY_IN_PAYLOAD: &str = "payload.company_id";

#[derive(Debug)]
pub(super) enum Unreadable {
    /// The content type is none of those that are read.
    MediaType(String),
    /// The request as a whole is not JSON.
    Malformed(String),
    TooManyEntries(usize),
    Bad(Vec<BadEntry>),
}

/// Entries that are good by themselves, and the companies that some of them name.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) publications: Vec<Publication>,
    pub(super) claims: Vec<Claim>,
    /// By their place: how bodies break a schema that is not strict.
    pub(super) violations: Vec<(usize, String)>,
}

/// An entry that names a company, or that nothing but a company can give an account.
pub(super) struct Claim {
    pub(super) index: usize,
    /// Whether the event has its account already; it must be the company's then.
    pub(super) has_account: bool,
    /// Each with the member that names it.
    pub(super) companies: SmallVec<[(&'static str, u64); 2]>,
}

/// An entry that was read.
struct Checked {
    publication: Publication,
    has_account: bool,
    companies: SmallVec<[(&'static str, u64); 2]>,
    violation: Option<String>,
}

/// What checking an entry needs.
pub(super) struct Reader<'a> {
    /// Bytes of one event body, minified.
    pub(super) body_limit: usize,
    pub(super) entries_limit: usize,
    pub(super) catalogue: &'a Catalogue,
    pub(super) handles: &'a Handles,
    pub(super) now: WallTime,
}

impl Reader<'_> {
    pub(super) fn read(&self, headers: &HeaderMap, bytes: &[u8]) -> Result<Entries, Unreadable> {
        let content_type =
            headers.get(header::CONTENT_TYPE).map_or(Ok("application/json"), |value| value.to_str());
        let content_type = content_type.map_err(|_| Unreadable::MediaType("not text".into()))?;
        let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media.as_str() {
            "application/json" | "" if headers.contains_key("ce-specversion") => self.binary(headers, bytes),
            "application/json" | "" => self.json(bytes),
            "application/x-ndjson" | "application/ndjson" => self.lines(bytes),
            "application/cloudevents+json" => self.structured(&[bytes]),
            "application/cloudevents-batch+json" => self.batch(bytes),
            _ => Err(Unreadable::MediaType(media)),
        }
    }

    fn json(&self, bytes: &[u8]) -> Result<Entries, Unreadable> {
        if first_byte(bytes) == Some(b'[') {
            let raw: Vec<&RawValue> = serde_json::from_slice(bytes).map_err(malformed)?;
            return self.entries(raw.into_iter().map(|raw| raw.get().as_bytes()));
        }
        // A document that is no JSON at all is malformed; one with a wrong member is a bad entry.
        self.entries([bytes].into_iter()).map_err(|error| match error {
            Unreadable::Bad(bad) if bad.iter().any(|bad| bad.field.is_empty()) => {
                match serde_json::from_slice::<&RawValue>(bytes) {
                    Err(error) => malformed(error),
                    Ok(_) => Unreadable::Bad(bad),
                }
            }
            error => error,
        })
    }

    fn lines(&self, bytes: &[u8]) -> Result<Entries, Unreadable> {
        let lines =
            bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        self.entries(lines)
    }

    fn entries<'b>(&self, raw: impl Iterator<Item = &'b [u8]>) -> Result<Entries, Unreadable> {
        let read = |index: usize, bytes: &[u8]| {
            let entry: Entry<'_> = written::read(index, bytes)?;
            self.check(index, &entry)
        };
        self.collect(raw.enumerate().map(|(index, bytes)| read(index, bytes)))
    }

    fn batch(&self, bytes: &[u8]) -> Result<Entries, Unreadable> {
        let raw: Vec<&RawValue> = serde_json::from_slice(bytes).map_err(malformed)?;
        let raw: Vec<&[u8]> = raw.into_iter().map(|raw| raw.get().as_bytes()).collect();
        self.structured(&raw)
    }

    fn structured(&self, raw: &[&[u8]]) -> Result<Entries, Unreadable> {
        let read = |index: usize, bytes: &[u8]| {
            let event: CloudEvent<'_> = written::read(index, bytes)?;
            self.cloud_event(index, &event, in_structure)
        };
        self.collect(raw.iter().enumerate().map(|(index, bytes)| read(index, bytes)))
    }

    fn binary(&self, headers: &HeaderMap, bytes: &[u8]) -> Result<Entries, Unreadable> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(Cow::Borrowed);
        let read = || {
            let data: &RawValue = serde_json::from_slice(bytes).map_err(|error| bad_json(0, &error))?;
            let quoted = |name: &'static str| {
                let raw = text(name).map(|id| RawValue::from_string(format!("\"{id}\"")));
                raw.transpose().map_err(|_| bad(0, name, "is not an id"))
            };
            let (account, company) = (quoted("ce-accountid")?, quoted("ce-companyid")?);
            let event = CloudEvent {
                specversion: text("ce-specversion"),
                id: text("ce-id"),
                source: text("ce-source"),
                kind: text("ce-type"),
                time: text("ce-time"),
                data: Some(data),
                accountid: account.as_deref(),
                companyid: company.as_deref(),
            };
            self.cloud_event(0, &event, in_header)
        };
        self.collect(std::iter::once(read()))
    }

    /// `name_of` says how the form calls an attribute, so that what is wrong is told in the publisher's words.
    fn cloud_event(
        &self,
        index: usize,
        event: &CloudEvent<'_>,
        name_of: fn(&'static str) -> Cow<'static, str>,
    ) -> Result<Checked, BadEntry> {
        let missing = |name: &'static str| move || bad(index, name_of(name), "is missing");
        if event.specversion.as_deref().ok_or_else(missing("specversion"))? != "1.0" {
            return Err(bad(index, name_of("specversion"), "must be 1.0"));
        }
        let id = event.id.as_deref().ok_or_else(missing("id"))?;
        let source = event.source.as_deref().ok_or_else(missing("source"))?;
        let uuid = Uuid::parse_str(id)
            .unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{source}\n{id}").as_bytes()));
        let entry = Entry {
            event: Some(Cow::Borrowed(event.kind.as_deref().ok_or_else(missing("type"))?)),
            body: event.data,
            uuid: Some(Cow::Owned(uuid.to_string())),
            timestamp: event.time.as_deref().map(Cow::Borrowed),
            account_id: event.accountid,
            company_id: event.companyid,
            ..Entry::default()
        };
        self.check(index, &entry).map_err(|wrong| match attribute(&wrong.field) {
            Some(attribute) => BadEntry { field: name_of(attribute), ..wrong },
            None => wrong,
        })
    }

    fn check(&self, index: usize, entry: &Entry<'_>) -> Result<Checked, BadEntry> {
        let name = entry.event.as_deref().ok_or_else(|| bad(index, "event", "is missing"))?;
        let resolved =
            self.catalogue.resolve(name).map_err(|error| bad(index, "event", error.to_string()))?;
        let account = account(index, entry, resolved.account)?;
        let (member, body) = match (entry.body, entry.payload) {
            (Some(body), None) => ("body", body),
            (None, Some(payload)) => ("payload", payload),
            (None, None) => return Err(bad(index, "body", "is missing")),
            (Some(_), Some(_)) => {
                return Err(bad(index, "payload", "is another name of body; give one of them"));
            }
        };
        let body = envelope::minify_valid(body, self.body_limit).map_err(|error| BadEntry {
            too_large: matches!(error, BodyError::TooLarge { .. }),
            ..bad(index, member, error.to_string())
        })?;
        let violation = self.violation(resolved.entry, &body).map_err(|why| bad(index, member, why))?;
        let companies = self.companies(index, entry, &resolved, &body)?;
        if account.is_none() && companies.is_empty() {
            return Err(self.nobodys(index, &resolved));
        }
        let parse_uuid = |text: &str| Uuid::parse_str(text).map_err(|_| bad(index, "uuid", "is not a uuid"));
        let parse_time = |text: &str| {
            WallTime::parse_iso8601(text).ok_or_else(|| bad(index, "timestamp", "is not an ISO 8601 time"))
        };
        let uuid = entry.uuid.as_deref().map(parse_uuid).transpose()?;
        let timestamp = entry.timestamp.as_deref().map(parse_time).transpose()?;
        let event = Event {
            uuid: uuid.unwrap_or_else(|| self.handles.uuid_v7()),
            // Settled with the company where nothing else names one.
            account: account.unwrap_or_default(),
            name: name.to_owned(),
            timestamp: timestamp.unwrap_or(self.now),
            accepted_at: self.now,
            body,
            recipients: recipients(index, entry)?,
        };
        let publication = Publication {
            event,
            resolved,
            uuid_is_publishers: uuid.is_some(),
            timestamp_is_publishers: timestamp.is_some(),
        };
        Ok(Checked { publication, has_account: account.is_some(), companies, violation })
    }

    /// How a body breaks the schema of its event type; an error where the schema is strict.
    fn violation(&self, entry: EntryNo, body: &[u8]) -> Result<Option<String>, String> {
        let entry = self.catalogue.entry(entry);
        match (violation_of(&entry.schema, body), entry.on_violation) {
            (Some(violation), OnViolation::Reject) => Err(in_words(&violation)),
            (violation, _) => Ok(violation.map(|violation| violation.to_string())),
        }
    }

    /// The companies that the entry names: by itself, and in the payload of a conference event.
    fn companies(
        &self,
        index: usize,
        entry: &Entry<'_>,
        resolved: &Resolved,
        body: &[u8],
    ) -> Result<SmallVec<[(&'static str, u64); 2]>, BadEntry> {
        let mut companies = SmallVec::new();
        if let Some(raw) = present(entry.company_id) {
            companies
                .push(("companyId", id(raw).ok_or_else(|| bad(index, "companyId", "is not a company id"))?));
        }
        if !self.is_conference(resolved) {
            return Ok(companies);
        }
        let body: Value = serde_json::from_slice(body).map_err(|error| bad_json(index, &error))?;
        if let Some(company) = body.get("company_id") {
            let company =
                company.as_u64().ok_or_else(|| bad(index, COMPANY_IN_PAYLOAD, "is not a company id"))?;
            companies.push((COMPANY_IN_PAYLOAD, company));
        }
        Ok(companies)
    }

    fn is_conference(&self, resolved: &Resolved) -> bool {
        self.catalogue.form(resolved.form).scope == Scope::Conference
    }

    fn nobodys(&self, index: usize, resolved: &Resolved) -> BadEntry {
        if self.is_conference(resolved) {
            let reason = "is missing, and neither accountId nor payload.company_id says whose it is";
            bad(index, "companyId", reason)
        } else {
            bad(index, "accountId", "is missing, and the event's path names no account")
        }
    }

    fn collect(&self, read: impl Iterator<Item = Result<Checked, BadEntry>>) -> Result<Entries, Unreadable> {
        let mut good = Entries { publications: Vec::with_capacity(read.size_hint().0), ..Entries::default() };
        let mut wrong = Vec::new();
        for (index, one) in read.enumerate() {
            if index >= self.entries_limit {
                return Err(Unreadable::TooManyEntries(self.entries_limit));
            }
            match one {
                Ok(Checked { publication, has_account, companies, violation }) => {
                    good.publications.push(publication);
                    good.violations.extend(violation.map(|violation| (index, violation)));
                    if !has_account || !companies.is_empty() {
                        good.claims.push(Claim { index, has_account, companies });
                    }
                }
                Err(bad) => wrong.push(bad),
            }
        }
        if wrong.is_empty() && !good.publications.is_empty() { Ok(good) } else { Err(Unreadable::Bad(wrong)) }
    }
}

fn account(
    index: usize,
    entry: &Entry<'_>,
    in_path: Option<AccountId>,
) -> Result<Option<AccountId>, BadEntry> {
    let named = match present(entry.account_id) {
        None => None,
        Some(raw) => {
            Some(id(raw).map(AccountId).ok_or_else(|| bad(index, "accountId", "is not an account id"))?)
        }
    };
    match (named, in_path) {
        (Some(named), Some(in_path)) if named != in_path => {
            let reason = format!("is {named}, but the path of event names account {in_path}");
            Err(bad(index, "accountId", reason))
        }
        (named, in_path) => Ok(named.or(in_path)),
    }
}

/// A member that is there and not null.
fn present(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| raw.get() != "null")
}

/// How a body breaks a schema; a body is JSON, which was checked before.
pub(super) fn violation_of(schema: &Schema, body: &[u8]) -> Option<Violation> {
    if schema.fits(body) {
        return None;
    }
    let value: Value = serde_json::from_slice(body).ok()?;
    schema.check(&value).err()
}

/// What is wrong with a body, and where in it.
fn in_words(violation: &Violation) -> String {
    match violation.pointer.as_str() {
        "" => format!("breaks the schema: {}", violation.reason),
        pointer => format!("breaks the schema at {pointer}: {}", violation.reason),
    }
}

fn recipients(index: usize, entry: &Entry<'_>) -> Result<Option<Vec<ExtensionId>>, BadEntry> {
    let Some(raw) = present(entry.recipients) else { return Ok(None) };
    let refuse = || bad(index, "recipients", "must be a list of extension ids");
    let raw: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| refuse())?;
    raw.into_iter().map(|raw| id(raw).map(ExtensionId).ok_or_else(refuse)).collect::<Result<_, _>>().map(Some)
}

/// An id written as an integer or as a string of digits.
fn id(raw: &RawValue) -> Option<u64> {
    raw.get().trim_matches('"').parse().ok()
}

/// The CloudEvents attribute that stands for a member.
fn attribute(member: &str) -> Option<&'static str> {
    match member {
        "event" => Some("type"),
        "body" => Some("data"),
        "timestamp" => Some("time"),
        "accountId" => Some("accountid"),
        "companyId" => Some("companyid"),
        _ => None,
    }
}

fn in_structure(attribute: &'static str) -> Cow<'static, str> {
    Cow::Borrowed(attribute)
}

/// In the binary form the data are the whole request.
fn in_header(attribute: &'static str) -> Cow<'static, str> {
    match attribute {
        "data" => Cow::Borrowed("data"),
        _ => Cow::Owned(format!("ce-{attribute}")),
    }
}

fn bad_json(index: usize, error: &serde_json::Error) -> BadEntry {
    bad(index, "", error.to_string())
}

fn malformed(error: serde_json::Error) -> Unreadable {
    Unreadable::Malformed(error.to_string())
}

fn first_byte(bytes: &[u8]) -> Option<u8> {
    bytes.iter().copied().find(|byte| !byte.is_ascii_whitespace())
}
