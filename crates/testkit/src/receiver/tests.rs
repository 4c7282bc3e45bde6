use super::*;
use crate::HttpClient;
use http::Method;

async fn post(receiver: &ScriptedReceiver, path: &str, headers: &[(&str, &str)], body: &str) -> crate::Reply {
    HttpClient::to(receiver.address())
        .send(Method::POST, path, headers, body.to_owned())
        .await
        .expect("an answer")
}

#[tokio::test]
async fn records_what_came_byte_for_byte_and_echoes_the_validation_token() {
    let receiver = ScriptedReceiver::start().await;
    let reply = post(&receiver, "/hook?a=1", &[("Validation-Token", "abc")], "").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("validation-token"), Some("abc"));
    let body = "{ \"spaced\" : 1.50 }";
    post(&receiver, "/hook?a=1", &[("x-first", "1"), ("x-second", "2")], body).await;

    assert!(receiver.next().await.is_handshake());
    let delivery = receiver.next_delivery().await;
    assert_eq!((delivery.method.as_str(), delivery.path(), delivery.query()), ("POST", "/hook", Some("a=1")));
    assert_eq!(delivery.body, body);
    let place = |name: &str| delivery.headers.iter().position(|(have, _)| have == name).expect("was sent");
    assert!(place("x-first") < place("x-second"));
}

#[tokio::test]
async fn queued_answers_come_first_and_leave_handshakes_alone() {
    let receiver = ScriptedReceiver::start().await;
    receiver.set_answer(Answer::status(503).header("Retry-After", "7"));
    receiver.then(Answer::status(500)).then(Answer::ok().body("kept"));
    assert_eq!(post(&receiver, "/", &[("Validation-Token", "t")], "").await.status, 200);
    assert_eq!(post(&receiver, "/", &[], "{}").await.status, 500);
    assert_eq!(post(&receiver, "/", &[], "{}").await.text(), "kept");
    let last = post(&receiver, "/", &[], "{}").await;
    assert_eq!((last.status, last.header("retry-after")), (503, Some("7")));
    assert_eq!(receiver.wait_for_deliveries(3).await.len(), 3);
    assert_eq!(receiver.wait_for(4).await.len(), 4);
}

#[tokio::test]
async fn a_gate_holds_an_answer_until_it_is_opened() {
    let receiver = ScriptedReceiver::start().await;
    let gate = Gate::new();
    receiver.then(Answer::ok().held_by(&gate));
    let address = receiver.address();
    let asking =
        tokio::spawn(async move { HttpClient::to(address).send(Method::POST, "/", &[], "{}").await });
    gate.until_waiting(1).await;
    assert!(!asking.is_finished());
    gate.open();
    assert_eq!(asking.await.expect("no panic").expect("an answer").status, 200);
    assert_eq!(gate.waiting(), 0);
}

#[tokio::test]
async fn hanging_up_lying_and_raw_answers_are_possible() {
    let receiver = ScriptedReceiver::start().await;
    receiver.then(Answer::hang_up());
    let client = HttpClient::to(receiver.address());
    assert!(client.send(Method::POST, "/", &[], "{}").await.is_err());
    receiver.then(Answer::raw("HTTP/1.0 200 OK\r\n\r\nno length"));
    assert_eq!(client.send(Method::POST, "/", &[], "{}").await.expect("HTTP/1.0").text(), "no length");
    receiver.set_script(|_| Answer::ok().echoing("another"));
    let reply = post(&receiver, "/", &[("Validation-Token", "t")], "").await;
    assert_eq!(reply.header("validation-token"), Some("another"));
    receiver.set_script(|_| Answer::ok().without_echo());
    assert_eq!(post(&receiver, "/", &[("Validation-Token", "t")], "").await.header("validation-token"), None);
}

#[tokio::test]
async fn a_stopped_receiver_refuses_and_another_may_take_its_place() {
    let receiver = ScriptedReceiver::start().await;
    let address = receiver.address();
    post(&receiver, "/", &[], "{}").await;
    receiver.stop().await;
    assert!(HttpClient::to(address).send(Method::POST, "/", &[], "{}").await.is_err());
    let again = ScriptedReceiver::start_at(address).await;
    assert_eq!(post(&again, "/", &[], "{}").await.status, 200);
    let nobody = nobody_at().await;
    assert!(HttpClient::to(nobody).send(Method::POST, "/", &[], "{}").await.is_err());
}
