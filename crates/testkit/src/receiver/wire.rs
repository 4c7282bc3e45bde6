//! Reading one HTTP/1.1 request as it came: header order and spelling kept, the body byte for byte.

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    /// Path and query, as on the wire.
    pub target: String,
    pub version: String,
    /// In the order and spelling of the wire.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Received {
    /// The first header of this name, in whatever spelling.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn has_header(&self, name: &str) -> bool {
        self.header(name).is_some()
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// A Validation-Token and no body: the server asks whether we agree to be subscribed.
    pub fn is_handshake(&self) -> bool {
        self.has_header("validation-token") && self.body.is_empty()
    }

    /// The body as JSON; fails the test if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.summary()))
    }

    /// One line for messages of failed tests.
    pub fn summary(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let start: String = text.chars().take(160).collect();
        format!("{} {} [{} bytes] {start}", self.method, self.target, self.body.len())
    }

    pub(super) fn keeps_alive(&self) -> bool {
        let asked = self.header("connection").unwrap_or_default();
        match self.version.as_str() {
            "HTTP/1.0" => asked.eq_ignore_ascii_case("keep-alive"),
            _ => !asked.eq_ignore_ascii_case("close"),
        }
    }
}

/// The next request of the connection; `None` at its end or when what came is no HTTP.
pub(super) async fn read_request<S>(stream: &mut BufReader<S>) -> Option<Received>
where
    S: AsyncRead + Unpin,
{
    let first = read_line(stream).await?;
    let mut words = first.split(' ');
    let mut word = || words.next().map(str::to_owned);
    let (method, target, version) = (word()?, word()?, word()?);
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream).await?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut request = Received { method, target, version, headers, body: Bytes::new() };
    request.body = read_body(stream, &request).await?;
    Some(request)
}

async fn read_line<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let mut line = Vec::new();
    let length = stream.read_until(b'\n', &mut line).await.ok()?;
    if length == 0 || !line.ends_with(b"\r\n") {
        return None;
    }
    line.truncate(line.len() - 2);
    String::from_utf8(line).ok()
}

async fn read_body<S: AsyncRead + Unpin>(stream: &mut BufReader<S>, request: &Received) -> Option<Bytes> {
    let chunked =
        request.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    if chunked {
        return read_chunks(stream).await;
    }
    let length = request.header("content-length").map_or(Ok(0), str::parse).ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(body.into())
}

async fn read_chunks<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<Bytes> {
    let mut body = Vec::new();
    loop {
        let line = read_line(stream).await?;
        let length = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        let start = body.len();
        body.resize(start + length, 0);
        stream.read_exact(&mut body[start..]).await.ok()?;
        if !read_line(stream).await?.is_empty() {
            return None;
        }
        if length == 0 {
            return Some(body.into());
        }
    }
}
