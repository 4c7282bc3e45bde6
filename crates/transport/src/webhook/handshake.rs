//! The handshake of a new subscription (contract §4.1): does whoever answers at this address want it?
//!
//! One request with a fresh token, on a connection of its own; the answer must be exactly right. Every way
//! of failing is a value of its own, so that the person who subscribed reads what was wrong.

use std::time::Duration;

use hookswitch_core::clock::{Handles, MonoTime};
use hookswitch_core::limits;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;

use super::address::Address;
use super::body::Parts;
use super::deadline::{Late, Timer};
use super::dial::{Connection, DialError, Dialer, Limit};
use super::settings::Settings;
use super::verdict::{broken_words, is_our_lateness, redirect_words, span, start_of, status_words};
use super::wire::BytesRead;

const VALIDATION_TOKEN: HeaderName = HeaderName::from_static("validation-token");
const VERIFICATION_TOKEN: HeaderName = HeaderName::from_static("verification-token");
/// 32 bytes are 43 letters.
const TOKEN_BYTES: usize = 32;
/// The head of an answer, and what is read of a body at once, must fit in this.
const BUFFER: usize = 64 * 1024;

/// Why the address was not accepted. `Display` completes "the webhook …" in words that help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeFailure {
    #[error("the answer to the handshake has no Validation-Token header")]
    NoToken,
    #[error("the webhook could not be reached: {0}")]
    Unreachable(String),
    #[error("the webhook did not answer the handshake within {}", span(*limit))]
    Silent { limit: Duration },
    #[error("the webhook answered the handshake after {}, {} late; the limit is {}", span(*after), span(after.saturating_sub(*limit)), span(*limit))]
    Late { after: Duration, limit: Duration },
    #[error("the webhook began to answer the handshake, but did not finish within {}", span(*limit))]
    Unfinished { limit: Duration },
    #[error("the webhook answered the handshake with {}, not 200{redirect}", status_words(*status))]
    Status { status: StatusCode, redirect: String },
    #[error("TLS with the webhook failed: {0}")]
    Certificate(String),
    #[error("the webhook answered the handshake with another Validation-Token: {got}")]
    OtherToken { got: String },
    #[error("the answer to the handshake is too large: {}{bytes} bytes, head and body together; the limit is {}", if *is_all { "" } else { "more than " }, limits::HANDSHAKE_ANSWER_BYTES)]
    TooLarge { bytes: u64, is_all: bool },
    #[error("the answer to the handshake is not valid: {0}")]
    Invalid(String),
    /// Not the receiver's fault: the same request may succeed in a moment.
    #[error("this server could not make the handshake: {0}")]
    Ours(String),
}

impl HandshakeFailure {
    /// The error code of the wire contract, §3.8.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoToken => "SUB-520",
            Self::Unreachable(_) | Self::Silent { .. } | Self::Late { .. } | Self::Unfinished { .. } => {
                "SUB-521"
            }
            Self::Status { .. } => "SUB-522",
            Self::Certificate(_) => "SUB-524",
            Self::OtherToken { .. } | Self::TooLarge { .. } | Self::Invalid(_) => "SUB-525",
            Self::Ours(_) => "CMN-201",
        }
    }
}

impl From<DialError> for HandshakeFailure {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Tls(words) => Self::Certificate(words),
            DialError::Ours(_) => Self::Ours(error.to_string()),
            DialError::Late { late, .. } if is_our_lateness(late.noticed_after) => Self::Ours(too_busy(late)),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

fn too_busy(late: Late) -> String {
    format!("it was too busy, and noticed the end of the time {} late", span(late.noticed_after))
}

/// Everything one handshake needs.
pub(crate) struct Handshake<'a> {
    pub(crate) handles: &'a Handles,
    pub(crate) dialer: &'a Dialer,
    pub(crate) settings: &'a Settings,
}

/// A connection with the HTTP library on it.
struct Line {
    sender: SendRequest<Parts>,
    read: BytesRead,
    timer: Timer,
}

/// A handshake under way: its request is out.
struct Asked<'a> {
    handles: &'a Handles,
    settings: &'a Settings,
    started: MonoTime,
    limit: Limit,
    token: HeaderValue,
}

impl Handshake<'_> {
    pub(crate) async fn run(
        &self,
        address: &Address,
        verification_token: Option<&HeaderValue>,
    ) -> Result<(), HandshakeFailure> {
        let started = self.handles.monotonic();
        let within = self.settings.handshake_within;
        let limit = Limit { deadline: started.plus(within), within };
        let mut line = Line::over(self.dialer.dial(address, limit).await?).await?;
        let token = HeaderValue::try_from(self.handles.token(TOKEN_BYTES))
            .map_err(|error| HandshakeFailure::Ours(error.to_string()))?;
        let request = self.request(address, token.clone(), verification_token)?;
        let asked = Asked { handles: self.handles, settings: self.settings, started, limit, token };
        let answer = asked.answer(&mut line, request).await?;
        asked.check_head(&answer)?;
        asked.read_whole(&mut line, answer.into_body()).await
    }

    fn request(
        &self,
        address: &Address,
        token: HeaderValue,
        verification_token: Option<&HeaderValue>,
    ) -> Result<Request<Parts>, HandshakeFailure> {
        let agent = HeaderValue::try_from(&self.settings.user_agent)
            .map_err(|error| HandshakeFailure::Ours(error.to_string()))?;
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, address.host.clone());
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::USER_AGENT, agent);
        headers.insert(VALIDATION_TOKEN, token);
        if let Some(token) = verification_token {
            headers.insert(VERIFICATION_TOKEN, token.clone());
        }
        // The library leaves it away for an empty body.
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        let mut request = Request::new(Parts::new(Default::default()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = address.target.clone();
        *request.headers_mut() = headers;
        Ok(request)
    }
}

impl Line {
    async fn over(connection: Connection) -> Result<Self, HandshakeFailure> {
        let Connection { wire, timer, .. } = connection;
        let read = wire.bytes_read();
        let mut http = Builder::new();
        http.max_buf_size(BUFFER);
        http.ignore_invalid_headers_in_responses(true);
        http.allow_spaces_after_header_name_in_responses(true);
        http.allow_obsolete_multiline_headers_in_responses(true);
        let (sender, connection) = http
            .handshake(TokioIo::new(wire))
            .await
            .map_err(|error| HandshakeFailure::Ours(error.to_string()))?;
        // Ends when the sender is dropped or the peer closes. Its error reaches whoever waits for an answer.
        tokio::spawn(async move { connection.await.ok() });
        Ok(Self { sender, read, timer })
    }
}

impl Asked<'_> {
    async fn answer(
        &self,
        line: &mut Line,
        request: Request<Parts>,
    ) -> Result<Response<Incoming>, HandshakeFailure> {
        let answer = line.sender.send_request(request);
        let mut answer = std::pin::pin!(answer);
        let in_time = line.timer.race(self.limit.deadline, answer.as_mut()).await;
        let answered = match in_time {
            Ok(answered) => answered,
            Err(late) if is_our_lateness(late.noticed_after) => {
                return Err(HandshakeFailure::Ours(too_busy(late)));
            }
            Err(_) => {
                // Too late either way; watched a little longer, so that we can say by how much.
                let watched = self.limit.deadline.plus(self.settings.handshake_watched_for);
                return Err(match line.timer.race(watched, answer).await {
                    Ok(_) => HandshakeFailure::Late { after: self.since_start(), limit: self.limit.within },
                    Err(_) => HandshakeFailure::Silent { limit: self.limit.within },
                });
            }
        };
        let overdue = self.handles.monotonic().since(self.limit.deadline);
        if overdue > Duration::ZERO && !is_our_lateness(overdue) {
            return Err(HandshakeFailure::Late { after: self.since_start(), limit: self.limit.within });
        }
        answered.map_err(|error| {
            let words = broken_words(&error, line.read.get() > 0);
            match error.is_parse() {
                true => HandshakeFailure::Invalid(words),
                false => HandshakeFailure::Unreachable(format!("it {words}")),
            }
        })
    }

    fn check_head(&self, answer: &Response<Incoming>) -> Result<(), HandshakeFailure> {
        let status = answer.status();
        if status != StatusCode::OK {
            let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            let redirect = if status.is_redirection() { redirect_words(location) } else { String::new() };
            return Err(HandshakeFailure::Status { status, redirect });
        }
        let Some(got) = answer.headers().get(VALIDATION_TOKEN) else {
            return Err(HandshakeFailure::NoToken);
        };
        if got.as_bytes() != self.token.as_bytes() {
            let got = start_of(&String::from_utf8_lossy(got.as_bytes()));
            return Err(HandshakeFailure::OtherToken { got });
        }
        Ok(())
    }

    async fn read_whole(&self, line: &mut Line, mut body: Incoming) -> Result<(), HandshakeFailure> {
        let size = |line: &Line, is_all| {
            let bytes = line.read.get();
            let fits = bytes <= limits::HANDSHAKE_ANSWER_BYTES as u64;
            if fits { Ok(()) } else { Err(HandshakeFailure::TooLarge { bytes, is_all }) }
        };
        while !body.is_end_stream() {
            match line.timer.race(self.limit.deadline, body.frame()).await {
                Ok(None) => break,
                // Read on beyond the limit, within reason, to tell how large it is.
                Ok(Some(Ok(_))) if line.read.get() <= limits::RESPONSE_READ_BYTES as u64 => {}
                Ok(Some(Ok(_))) => return size(line, false),
                Ok(Some(Err(_))) => {
                    size(line, false)?;
                    return Err(HandshakeFailure::Unreachable(
                        "it closed the connection in the middle of its answer".to_owned(),
                    ));
                }
                Err(late) => {
                    size(line, false)?;
                    return Err(match is_our_lateness(late.noticed_after) {
                        true => HandshakeFailure::Ours(too_busy(late)),
                        false => HandshakeFailure::Unfinished { limit: self.limit.within },
                    });
                }
            }
        }
        size(line, true)
    }

    fn since_start(&self) -> Duration {
        self.handles.monotonic().since(self.started)
    }
}
