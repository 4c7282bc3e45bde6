//! Everything that is refused, a row each: what is sent, the answer, and that nothing was changed.

use std::net::SocketAddr;

use hookswitch_testkit::receiver::{Wrap, nobody_at};
use hookswitch_testkit::{Answer, Gate};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::*;

struct Row {
    /// What is wrong with it.
    what: &'static str,
    caller: &'static str,
    method: Method,
    path: String,
    body: Vec<u8>,
    receiver: Receiver,
    status: u16,
    /// `errors[0].errorCode`.
    code: &'static str,
    /// `parameterName`, or `permissionName` of a 403 that names one.
    names: Option<&'static str>,
    /// Each is somewhere in the message.
    words: Vec<&'static str>,
}

/// What the receiver does meanwhile.
enum Receiver {
    /// It must not even be asked.
    Unasked,
    Answers(Answer),
    /// Answers well, 400 ms late.
    Late,
    /// Never answers.
    Silent,
    /// Not the world's: the address in the body leads elsewhere.
    Elsewhere,
}

impl Row {
    fn create(what: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            what,
            caller: ADMINISTRATOR,
            method: Method::POST,
            path: CORE.into(),
            body: body.into(),
            receiver: Receiver::Unasked,
            status: 400,
            code: "CMN-101",
            names: None,
            words: Vec::new(),
        }
    }

    fn update(what: &'static str, id: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { method: Method::PUT, path: format!("{CORE}/{id}"), ..Self::create(what, body) }
    }

    fn by(self, caller: &'static str) -> Self {
        Self { caller, ..self }
    }

    fn at(self, method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), ..self }
    }

    fn while_receiver(self, receiver: Receiver) -> Self {
        Self { receiver, ..self }
    }

    fn is(self, status: u16, code: &'static str, names: &'static str, words: &[&'static str]) -> Self {
        let names = (!names.is_empty()).then_some(names);
        Self { status, code, names, words: words.to_vec(), ..self }
    }
}

/// A creation that is right but for what `spoil` does to it.
fn spoiled(world: &World, spoil: impl FnOnce(&mut Value)) -> String {
    let mut body = world.wanted(&[PRESENCE]);
    spoil(&mut body);
    body.to_string()
}

fn with_filters(world: &World, filters: &[&str]) -> String {
    world.wanted(filters).to_string()
}

fn with_mode(world: &World, member: &str, value: impl Into<Value>) -> String {
    spoiled(world, |body| body["deliveryMode"][member] = value.into())
}

#[tokio::test]
async fn a_bad_request_is_answered_exactly_and_changes_nothing() {
    let world = World::new().await;
    let present = world.create(&[PRESENCE, REMINDER]).await;
    let webinar = world.post(WEBINAR, &world.wanted(&[WEBINARS])).await.expect(201);
    let (stored, heard) = (world.stored().await, world.heard());
    let closed = nobody_at().await;
    let untrusted = untrusted_receiver().await;

    let mut rows = bodies(&world);
    rows.extend(filter_lists(&world));
    rows.extend(delivery_modes(&world));
    rows.extend(handshakes(&world, closed, &untrusted));
    rows.extend(updates(id(&present)));
    rows.extend(callers_and_ids(&world, id(&present), id(&webinar)));
    for row in rows {
        let what = row.what;
        assert_refused(&world, row).await;
        assert_eq!(world.stored().await, stored, "{what}: the store");
        assert_eq!(world.heard(), heard, "{what}: what the engine hears");
    }
}

async fn assert_refused(world: &World, row: Row) {
    let asked = world.receiver.count();
    let gate = Gate::new();
    world.receiver.set_script(script(&row.receiver, &gate));
    let request = request(row.caller, row.method.clone(), &row.path, row.body.clone().into());
    let asking = tokio::spawn(call(world.router.clone(), request));
    keep_waiting(world, &row.receiver, &gate, asked).await;
    let reply = asking.await.unwrap();
    let what = row.what;
    assert_eq!(reply.status, row.status, "{what}: {}", reply.text);
    let body = reply.json();
    let first = &body["errors"][0];
    assert_eq!(first["errorCode"], row.code, "{what}: {body}");
    let named = first.get("parameterName").or_else(|| first.get("permissionName"));
    assert_eq!(named.and_then(Value::as_str), row.names, "{what}: {body}");
    let message = body["message"].as_str().unwrap();
    assert_eq!(first["message"].as_str(), Some(message), "{what}");
    for words in row.words {
        assert!(message.contains(words), "{what}: {words:?} is not in {message:?}");
    }
    let is_asked = matches!(row.receiver, Receiver::Answers(_) | Receiver::Late | Receiver::Silent);
    assert_eq!(world.receiver.count() - asked, usize::from(is_asked), "{what}: requests to the receiver");
}

fn script(
    receiver: &Receiver,
    gate: &Gate,
) -> impl FnMut(&hookswitch_testkit::Received) -> Answer + Send + 'static {
    let answer = match receiver {
        Receiver::Answers(answer) => answer.clone(),
        Receiver::Late => Answer::ok().held_by(gate),
        Receiver::Silent => Answer::hang(),
        Receiver::Unasked | Receiver::Elsewhere => Answer::ok(),
    };
    move |_| answer.clone()
}

/// Lets time pass for a receiver that takes its time.
async fn keep_waiting(world: &World, receiver: &Receiver, gate: &Gate, asked: usize) {
    const SECOND: Duration = Duration::from_secs(1);
    let is_silent = match receiver {
        Receiver::Late => false,
        Receiver::Silent => true,
        _ => return,
    };
    world.receiver.wait_for(asked + 1).await;
    let limit = world.clock.until_sleeping_towards(Duration::ZERO, SECOND).await;
    world.clock.advance_to(limit);
    let watched = world.clock.until_sleeping_towards(SECOND, SECOND * 3).await;
    if is_silent {
        world.clock.advance_to(watched);
    } else {
        world.clock.advance(Duration::from_millis(400));
        gate.open();
    }
}

// === the rows, one a line ===

#[rustfmt::skip]
fn bodies(world: &World) -> Vec<Row> {
    let filters = |value: Value| spoiled(world, |body| body["eventFilters"] = value);
    let expires_in = |value: Value| spoiled(world, |body| body["expiresIn"] = value);
    let seconds = &["whole number of seconds"];
    let many: Vec<String> = (0..20_001).map(|n| format!("{PRESENCE}?n={n}")).collect();
    let long = format!("{PRESENCE}?x={}", "y".repeat(2_049 - PRESENCE.len() - 3));
    let huge = spoiled(world, |body| body["padding"] = "x".repeat(4 * 1024 * 1024).into());
    let without_filters = spoiled(world, |body| {
        body.as_object_mut().unwrap().remove("eventFilters");
    });
    vec![
        Row::create("cut off JSON", r#"{"eventFilters": ["#).is(400, "CMN-103", "", &["not valid JSON", "line 1 column 18"]),
        Row::create("no JSON", "eventFilters=x").is(400, "CMN-103", "", &["not valid JSON"]),
        Row::create("no UTF-8", b"{\"eventFilters\":[\"/a\xff\"]}".as_slice()).is(400, "CMN-103", "", &["not valid JSON"]),
        Row::create("an array", "[]").is(400, "CMN-103", "", &["must be a JSON object", "an array"]),
        Row::create("a text", "\"x\"").is(400, "CMN-103", "", &["must be a JSON object", "a string"]),
        Row::create("no body", "").is(400, "CMN-101", "eventFilters", &["[eventFilters] is mandatory"]),
        Row::create("null", "null").is(400, "CMN-101", "eventFilters", &["[eventFilters] is mandatory"]),
        Row::create("nothing in it", "{}").is(400, "CMN-101", "eventFilters", &["[eventFilters] is mandatory"]),
        Row::create("no filters", without_filters).is(400, "CMN-101", "eventFilters", &["mandatory"]),
        Row::create("filters that are null", filters(json!(null))).is(400, "CMN-101", "eventFilters", &["mandatory"]),
        Row::create("filters as a text", filters(json!(PRESENCE))).is(400, "CMN-101", "eventFilters", &["an array of strings", "not a string"]),
        Row::create("filters as an object", filters(json!({}))).is(400, "CMN-101", "eventFilters", &["an array of strings"]),
        Row::create("an empty list of filters", filters(json!([]))).is(400, "CMN-101", "eventFilters", &["empty"]),
        Row::create("a filter that is a number", filters(json!([PRESENCE, 7]))).is(400, "CMN-101", "eventFilters", &["entry 1", "a number"]),
        Row::create("a filter that is null", filters(json!([null]))).is(400, "CMN-101", "eventFilters", &["entry 0", "null"]),
        Row::create("an empty filter", filters(json!([PRESENCE, ""]))).is(400, "CMN-101", "eventFilters", &["entry 1 is empty"]),
        Row::create("20 001 filters", filters(json!(many))).is(400, "CMN-101", "eventFilters", &["20001", "the limit is 20000"]),
        Row::create("a filter over 2 KiB", filters(json!([long]))).is(400, "CMN-101", "eventFilters", &["entry 0", "2049 bytes", "the limit is 2048"]),
        Row::create("a request over 4 MiB", huge).is(413, "CMN-106", "", &["4194304 bytes"]),
        Row::create("a lifetime of nothing", expires_in(json!(0))).is(400, "CMN-101", "expiresIn", seconds),
        Row::create("a negative lifetime", expires_in(json!(-1))).is(400, "CMN-101", "expiresIn", seconds),
        Row::create("half a second more", expires_in(json!(100.5))).is(400, "CMN-101", "expiresIn", seconds),
        Row::create("a lifetime as a text", expires_in(json!("3600"))).is(400, "CMN-101", "expiresIn", &["not a string"]),
        Row::create("a lifetime as a truth", expires_in(json!(true))).is(400, "CMN-101", "expiresIn", &["not a boolean"]),
    ]
}

#[rustfmt::skip]
fn filter_lists(world: &World) -> Vec<Row> {
    let row = |what, filters: &[&str]| Row::create(what, with_filters(world, filters));
    let reminder = |pair: &str| format!("/restapi/v1.0/subscription/~?{pair}");
    let unknown = "/restapi/v1.0/account/~/extension/~/horoscope";
    let twelve: Vec<String> = (0..12).map(|n| format!("/nonsense/{n}")).collect();
    let twelve: Vec<&str> = twelve.iter().map(String::as_str).collect();
    let foreign = "/restapi/v1.0/account/100002/presence";
    vec![
        row("an unknown filter", &[PRESENCE, unknown]).is(400, "SUB-508", "eventFilters", &[unknown, "no event with this path"]),
        row("an unknown filter without a slash", &["presence"]).is(400, "SUB-508", "eventFilters", &["[presence]"]),
        row("several unknown filters", &["/x", PRESENCE, "/y"]).is(400, "SUB-508", "eventFilters", &["[/x], [/y]"]),
        row("many unknown filters", &twelve).is(400, "SUB-508", "eventFilters", &["[/nonsense/9], and 2 more"]),
        row("a filter with a line break", &["/restapi/v1.0/account/~/presence\n"]).is(400, "SUB-508", "eventFilters", &["control characters"]),
        row("the URL of another server", &["https://elsewhere.example/restapi/v1.0/account/~/presence"]).is(400, "SUB-508", "eventFilters", &["another server"]),
        row("a value that is none of the legal ones", &[&format!("{MESSAGES}?type=Carrier")]).is(400, "SUB-508", "eventFilters", &["type", "Carrier", "Fax"]),
        row("a filter without the parameter it needs", &[&format!("{MESSAGES}/instant")]).is(400, "SUB-508", "eventFilters", &["type=SMS is required"]),
        row("a webinar filter at the core door", &[WEBINARS]).is(400, "SUB-508", "eventFilters", &[WEBINARS, "/webinar/notifications/v1/subscriptions"]),
        row("a core filter at the webinar door", &[PRESENCE]).at(Method::POST, WEBINAR).is(400, "SUB-508", "eventFilters", &["/restapi/v1.0/subscription"]),
        row("an extension that is not there", &["/restapi/v1.0/account/~/extension/7/presence"]).is(400, "SUB-508", "eventFilters", &["no extension 7"]),
        row("an extension of another account", &["/restapi/v1.0/account/~/extension/100002101/presence"]).is(400, "SUB-508", "eventFilters", &["no extension 100002101"]),
        row("another account", &[PRESENCE, foreign]).is(403, "SUB-406", "eventFilters", &[foreign, "not yours"]),
        row("an account that is not there", &["/restapi/v1.0/account/7/presence"]).is(403, "SUB-406", "eventFilters", &["not yours"]),
        row("messages of a colleague", &["/restapi/v1.0/account/~/extension/100001101/message-store"]).by(USER).is(403, "SUB-405", "eventFilters", &["another extension", "administrator"]),
        row("a permission that the user lacks", &[MESSAGES]).by(RECEPTION).is(403, "CMN-408", "ReadMessages", &["[ReadMessages]"]),
        row("a permission that the user lacks, and a reminder", &[REMINDER, MESSAGES]).by(RECEPTION).is(403, "CMN-408", "ReadMessages", &[]),
        row("only a reminder", &[REMINDER]).is(400, "SUB-515", "eventFilters", &["reminder", "only"]),
        row("a reminder that comes too early", &[PRESENCE, &reminder("threshold=302401&interval=60")]).is(400, "SUB-516", "eventFilters", &["threshold is 302401 s", "at most 302400 s", "half the lifetime"]),
        row("a reminder that comes too seldom", &[PRESENCE, &reminder("threshold=60&interval=31")]).is(400, "SUB-516", "eventFilters", &["interval is 31 s", "at most 30 s", "half the threshold"]),
        row("a reminder of nothing", &[PRESENCE, &reminder("threshold=0&interval=1")]).is(400, "SUB-516", "eventFilters", &["threshold"]),
        row("a reminder without an interval", &[PRESENCE, &reminder("threshold=60")]).is(400, "SUB-516", "eventFilters", &["interval"]),
        row("a reminder that is no number", &[PRESENCE, &reminder("threshold=soon&interval=15")]).is(400, "SUB-516", "eventFilters", &["threshold"]),
    ]
}

#[rustfmt::skip]
fn delivery_modes(world: &World) -> Vec<Row> {
    const TRANSPORT: &str = "deliveryMode.transportType";
    const ADDRESS: &str = "deliveryMode.address";
    const TOKEN: &str = "deliveryMode.verificationToken";
    let mode = |value: Value| spoiled(world, |body| body["deliveryMode"] = value);
    let row = |what, member, value: Value| Row::create(what, with_mode(world, member, value));
    vec![
        Row::create("no delivery mode", mode(json!(null))).is(400, "CMN-101", "deliveryMode", &["mandatory"]),
        Row::create("a delivery mode as a text", mode(json!("WebHook"))).is(400, "CMN-101", "deliveryMode", &["an object"]),
        row("no transport", "transportType", json!(null)).is(400, "CMN-101", TRANSPORT, &["mandatory"]),
        row("a transport as a number", "transportType", json!(1)).is(400, "CMN-101", TRANSPORT, &["not a number"]),
        row("an unknown transport", "transportType", json!("Pigeon")).is(400, "CMN-101", TRANSPORT, &["Pigeon is not a transport", "WebHook"]),
        row("a transport that is not offered", "transportType", json!("RC/APNS")).is(400, "CMN-101", TRANSPORT, &["RC/APNS is not offered"]),
        row("no address", "address", json!(null)).is(400, "CMN-101", ADDRESS, &["mandatory"]),
        row("an empty address", "address", json!("")).is(400, "CMN-101", ADDRESS, &["mandatory"]),
        row("an address as a number", "address", json!(1)).is(400, "CMN-101", ADDRESS, &["not a number"]),
        row("an address that is no URL", "address", json!("acme hooks")).is(400, "CMN-101", ADDRESS, &["[deliveryMode.address] is invalid"]),
        row("an address with a password", "address", json!("https://u:p@acme.example/")).is(400, "CMN-101", ADDRESS, &["password"]),
        row("an address of another scheme", "address", json!("ftp://acme.example/")).is(400, "SUB-523", ADDRESS, &["https://"]),
        row("plain http beyond loopback", "address", json!("http://acme.example/")).is(400, "SUB-523", ADDRESS, &["https://", "loopback"]),
        row("a private address", "address", json!("https://10.0.0.7/hook")).is(400, "SUB-521", ADDRESS, &["10.0.0.7", "private"]),
        row("the cloud's metadata", "address", json!("https://169.254.169.254/latest")).is(400, "SUB-521", ADDRESS, &["169.254.169.254"]),
        row("a token as a number", "verificationToken", json!(7)).is(400, "CMN-101", TOKEN, &["not a number"]),
        row("a token of two lines", "verificationToken", json!("a\r\nb: c")).is(400, "CMN-101", TOKEN, &["printable ASCII"]),
        row("a token of letters beyond ASCII", "verificationToken", json!("schlüssel")).is(400, "CMN-101", TOKEN, &["printable ASCII"]),
        row("a token with a space before it", "verificationToken", json!(" a")).is(400, "CMN-101", TOKEN, &["space"]),
        row("a token of 257 bytes", "verificationToken", json!("x".repeat(257))).is(400, "CMN-101", TOKEN, &["257 bytes", "the limit is 256"]),
    ]
}

#[rustfmt::skip]
fn handshakes(world: &World, closed: SocketAddr, untrusted: &ScriptedReceiver) -> Vec<Row> {
    const ADDRESS: &str = "deliveryMode.address";
    let row = |what, receiver| Row::create(what, with_filters(world, &[PRESENCE])).while_receiver(receiver);
    let answered = |what, answer| row(what, Receiver::Answers(answer));
    let at = |what, address: String| {
        Row::create(what, with_mode(world, "address", address)).while_receiver(Receiver::Elsewhere)
    };
    let redirect = Answer::redirect("https://elsewhere.example/");
    vec![
        row("a handshake answered late", Receiver::Late).is(400, "SUB-521", ADDRESS, &["after 1.4 s", "400 ms late", "the limit is 1 s"]),
        row("a handshake never answered", Receiver::Silent).is(400, "SUB-521", ADDRESS, &["did not answer", "1 s"]),
        answered("no token", Answer::ok().without_echo()).is(400, "SUB-520", ADDRESS, &["no Validation-Token header"]),
        answered("another token", Answer::ok().echoing("mine")).is(400, "SUB-525", ADDRESS, &["another Validation-Token", "mine"]),
        answered("too large an answer", Answer::ok().body(vec![b'x'; 2_000])).is(400, "SUB-525", ADDRESS, &["too large", "the limit is 1024"]),
        answered("an answer that is no HTTP", Answer::raw("hello\r\n\r\n")).is(400, "SUB-525", ADDRESS, &["not valid"]),
        answered("another success", Answer::status(204)).is(400, "SUB-522", ADDRESS, &["204", "not 200"]),
        answered("an error", Answer::status(500)).is(400, "SUB-522", ADDRESS, &["500"]),
        answered("a redirection", redirect).is(400, "SUB-522", ADDRESS, &["302", "redirect"]),
        answered("a connection that breaks", Answer::hang_up()).is(400, "SUB-521", ADDRESS, &["could not be reached", "closed"]),
        at("nobody there", format!("http://{closed}/")).is(400, "SUB-521", ADDRESS, &["could not be reached", "refused"]),
        at("a certificate that nobody vouches for", untrusted.url("/")).is(400, "SUB-524", ADDRESS, &["certificate"]),
    ]
}

#[rustfmt::skip]
fn updates(id: &str) -> Vec<Row> {
    let row = |what, body: Value| Row::update(what, id, body.to_string());
    let filters = |value: Value| json!({ "eventFilters": value });
    vec![
        Row::update("cut off JSON", id, "{").is(400, "CMN-103", "", &["not valid JSON"]),
        Row::update("an array", id, "[]").is(400, "CMN-103", "", &["must be a JSON object"]),
        row("an empty list of filters", filters(json!([]))).is(400, "CMN-101", "eventFilters", &["empty"]),
        row("a filter that is a number", filters(json!([7]))).is(400, "CMN-101", "eventFilters", &["entry 0"]),
        row("an unknown filter", filters(json!([PRESENCE, "/x"]))).is(400, "SUB-508", "eventFilters", &["[/x]"]),
        row("another account", filters(json!(["/restapi/v1.0/account/7/presence"]))).is(403, "SUB-406", "eventFilters", &[]),
        row("only a reminder", filters(json!([REMINDER]))).is(400, "SUB-515", "eventFilters", &["reminder"]),
        row("a lifetime of nothing", json!({ "expiresIn": 0 })).is(400, "CMN-101", "expiresIn", &[]),
        row("a lifetime as a text", json!({ "expiresIn": "1" })).is(400, "CMN-101", "expiresIn", &[]),
        row("good filters and a bad lifetime", json!({ "eventFilters": [MESSAGES], "expiresIn": -1 })).is(400, "CMN-101", "expiresIn", &[]),
        row("a lifetime too short for its reminder", json!({ "expiresIn": 119 })).is(400, "SUB-516", "eventFilters", &["at most 59.5 s"]),
    ]
}

fn callers_and_ids(world: &World, present: &str, webinar: &str) -> Vec<Row> {
    const UNKNOWN: &str = "018f2b7e-0000-7000-8000-000000000000";
    let create = |what| Row::create(what, with_filters(world, &[PRESENCE]));
    let mut rows = vec![
        create("no token").by(NOBODY).is(401, "OAU-123", "", &[]),
        create("an unknown token").by("made-up").is(401, "OAU-213", "", &[]),
        create("a publisher's token").by(PUBLISHER).is(403, "CMN-401", "UserToken", &[]),
    ];
    let every_way_to = |id: &str| {
        let path = format!("{CORE}/{id}");
        [
            (Method::GET, path.clone()),
            (Method::PUT, path.clone()),
            (Method::DELETE, path.clone()),
            (Method::POST, format!("{path}/renew")),
        ]
    };
    let collection = [(Method::GET, CORE.to_owned()), (Method::POST, CORE.to_owned())];
    for (method, path) in every_way_to(present).into_iter().chain(collection) {
        let row = create("an app without the scope").by(NARROW_APP).at(method, path);
        rows.push(row.is(403, "CMN-401", "SubscriptionWebhook", &["[SubscriptionWebhook]"]));
    }
    for (what, caller, id) in [
        ("another user's subscription", USER, present),
        ("another app's subscription", OTHER_APP, present),
        ("another account's subscription", OTHER_ACCOUNT, present),
        ("a subscription of the other door", ADMINISTRATOR, webinar),
        ("an id that was never given", ADMINISTRATOR, UNKNOWN),
        ("an id that is no id", ADMINISTRATOR, "1"),
    ] {
        for (method, path) in every_way_to(id) {
            let row = Row::create(what, "").by(caller).at(method, path);
            rows.push(row.is(404, "CMN-102", "subscriptionId", &["subscriptionId"]));
        }
    }
    rows
}

// === a receiver whose certificate nobody vouches for ===

struct Tls(TlsAcceptor);

impl Wrap for Tls {
    type Stream = TlsStream<TcpStream>;
    const SCHEME: &'static str = "https";

    async fn wrap(&self, stream: TcpStream) -> Option<Self::Stream> {
        self.0.accept(stream).await.ok()
    }
}

async fn untrusted_receiver() -> ScriptedReceiver {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = made.signing_key.serialize_der();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], rustls::pki_types::PrivateKeyDer::Pkcs8(key.into()))
        .unwrap();
    ScriptedReceiver::wrapped(Tls(TlsAcceptor::from(Arc::new(config))), |_| Answer::ok()).await
}
