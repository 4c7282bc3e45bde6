//! An operator's own event types: the same powers, and errors that name the entry and the field.

use serde_json::{Value, json};

use super::*;

fn with(entry: Value) -> Result<Catalogue, CatalogueError> {
    let file = json!({"$defs": {"Item": {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}}}},
        "eventTypes": [entry]});
    CATALOGUE.clone().with(&file.to_string())
}

fn order() -> Value {
    json!({
        "name": "acme.order", "summary": "An order has changed.", "class": "message", "appScope": "Orders",
        "forms": [
            {"pattern": "/acme/v1/account/{accountId}/extension/{extensionId}/orders", "scope": "extension",
             "permissions": ["ReadOrders"]},
            {"pattern": "/acme/v1/account/{accountId}/orders/{orderId}", "scope": "account"}],
        "variables": {"extensionId": {"places": ["/owner"]}, "orderId": {"places": ["/id"], "sample": "7"}},
        "parameters": [
            {"name": "carrier", "kind": "refine", "places": ["/carrier"], "values": ["post", "road"],
             "aliases": {"mail": "post"}},
            {"name": "format", "kind": "constant", "value": "v2", "required": true},
            {"name": "items", "kind": "shape", "adds": ["/items"]},
            {"name": "prices", "kind": "shape", "adds": ["/items/*/price"], "implies": ["items"]}],
        "orderingKey": ["{orderId}", "/id"], "onViolation": "reject",
        "schema": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"},
            "items": {"type": "array", "items": {"$ref": "#/$defs/Item", "required": ["price"],
                "properties": {"price": {"type": "number"}}}}}},
        "sample": {"id": "7", "owner": 12, "items": [{"sku": "a", "price": 1.5}]}
    })
}

#[test]
fn an_operators_event_type_has_all_the_powers_of_a_built_in_one() {
    let catalogue = with(order()).unwrap();
    let (no, entry) = catalogue.named("acme.order").unwrap();
    assert_eq!((entry.class, entry.on_violation), (crate::retry::EventClass::Message, OnViolation::Reject));
    assert_eq!(entry.app_scope.as_deref(), Some("Orders"));
    assert!(
        entry.schema.check(&json!({"id": "7", "items": [{"sku": "a"}]})).is_err(),
        "merged into the definition"
    );
    assert!(
        entry.schema.check(&json!({"id": "7", "items": [{"price": 1}]})).is_err(),
        "with what it requires"
    );
    let caller = Caller { door: Door::Core, account: ACCOUNT, extension: Some(OWNER), base_url: "" };
    let text = "/acme/v1/account/~/extension/12/orders?format=v2&carrier=mail&prices=true";
    let filter = ParsedFilter::parse(&catalogue, text, &caller).unwrap();
    assert_eq!(catalogue.form(filter.form()).permissions, ["ReadOrders"]);
    let mut index = Index::default();
    let subscriber = Subscriber { no: SubscriptionNo(1), account: ACCOUNT, owner: OWNER };
    index.insert(&catalogue, subscriber, &[(FilterNo(1), filter)]);
    let resolved = catalogue.resolve("/acme/v1/account/400131/orders/7").unwrap();
    assert_eq!(resolved.entry, no);
    let event = Event {
        uuid: uuid::Uuid::nil(),
        account: ACCOUNT,
        name: "/acme/v1/account/400131/orders/7".into(),
        timestamp: WallTime(0),
        accepted_at: WallTime(0),
        body: Bytes::from_static(br#"{"owner":12,"carrier":"post","items":[{"sku":"a","price":1.50}]}"#),
        recipients: None,
    };
    let mut out = Vec::new();
    index.matches(&catalogue, &resolved, &event, &mut out);
    assert_eq!(out, [Match { subscription: SubscriptionNo(1), filter: FilterNo(1), shape: 0b11 }]);
    let shaped = |shape| catalogue.shape_body(no, shape, &event.body);
    assert_eq!(shaped(0b11), event.body);
    assert_eq!(shaped(0b01), &br#"{"owner":12,"carrier":"post","items":[{"sku":"a"}]}"#[..]);
    assert_eq!(shaped(0), &br#"{"owner":12,"carrier":"post"}"#[..]);
}

#[test]
fn what_is_wrong_with_an_entry_is_said_with_its_name_and_field() {
    let long: Vec<Value> =
        (0..9).map(|n| json!({"name": format!("p{n}"), "kind": "shape", "adds": ["/a"]})).collect();
    for (pointer, value, words) in [
        ("/name", json!("Acme Order"), r#""Acme Order", field "name": may only have a-z"#),
        ("/name", json!("presence"), r#""presence", field "name": another event type has it"#),
        ("/name", Value::Null, r#""eventTypes/0", field "name": is missing"#),
        ("/summary", json!(5), r#"field "summary": invalid type"#),
        ("/class", json!("urgent"), r#"field "class": unknown variant `urgent`"#),
        ("/door", json!("back"), r#"field "door": unknown variant `back`"#),
        ("/colour", json!("red"), r#"field "colour": there is no such field"#),
        ("/forms", json!([]), r#"field "forms": is empty"#),
        ("/forms/0/pattern", json!("acme orders"), "it does not start with / and is no event name"),
        (
            "/forms/0/pattern",
            json!("/acme/{accountId}/orders"),
            "the pattern does not fit the scope Extension",
        ),
        ("/forms/0/pattern", json!("/acme/{accountId}/{extensionId}/{other}"), r#""other" of /acme/"#),
        (
            "/forms/1/pattern",
            json!("/restapi/v1.0/account/{accountId}/presence"),
            "another form has the same pattern",
        ),
        ("/forms/0/permission", json!("x"), "unknown field `permission`"),
        (
            "/variables/orderId/places",
            json!(["id"]),
            r#"field "variables/orderId/places": "id" does not start with /"#,
        ),
        ("/variables/orderId/sample", Value::Null, r#"field "variables/orderId/sample": is missing"#),
        ("/parameters/0/kind", json!("filter"), r#"field "parameters/0/kind": "filter" is none of"#),
        ("/parameters/0/places", Value::Null, r#"field "parameters/0/places": is missing"#),
        ("/parameters/0/aliases", json!({"a": "b"}), r#"field "parameters/0/aliases": "a" stands for "b""#),
        ("/parameters/0/place", json!([]), r#"field "parameters/0/place": there is no such field"#),
        ("/parameters/1/name", json!("carrier"), r#"field "parameters/1/name": "carrier" occurs twice"#),
        ("/parameters/3/implies", json!(["carrier"]), r#""carrier" is implied and is no shaping parameter"#),
        ("/parameters", json!(long), r#"field "parameters/8/kind": there are more than 8 of this kind"#),
        (
            "/schema/properties/id/pattern",
            json!("x"),
            r#"field "schema": schema at "/properties/id/pattern""#,
        ),
        (
            "/schema/properties/items/items/$ref",
            json!("#/$defs/Nothing"),
            r##""#/$defs/Nothing" is not defined"##,
        ),
        ("/sample/id", json!(7), r#"field "sample": /id: must be string, is 7"#),
        ("/sample", json!([]), r#"field "sample": is no object"#),
        ("/onViolation", json!("ignore"), r#"field "onViolation": unknown variant `ignore`"#),
    ] {
        let mut entry = order();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = entry.pointer_mut(parent).unwrap();
        match (parent, value.is_null()) {
            (Value::Object(members), true) => drop(members.shift_remove(name)),
            (Value::Object(members), false) => drop(members.insert(name.to_owned(), value)),
            (_, _) => panic!("{pointer} is in no object"),
        }
        let error = with(entry).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(words), "{pointer}: {error}");
    }
    let file = CATALOGUE.clone().with("{\"eventTypes\": [}").map(|_| ()).unwrap_err().to_string();
    assert!(file.contains("line 1"), "{file}");
}

#[test]
fn a_file_that_is_no_catalogue_is_told_without_empty_names() {
    for (text, words) in [
        ("{bad", "key must be a string at line 1 column 2"),
        (r#"{"eventTypes": 5}"#, r#"field "eventTypes": "#),
        (r#"{"eventTypes": [{}]}"#, r#"event type "eventTypes/0", field "name": is missing"#),
    ] {
        let error = CATALOGUE.clone().with(text).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with(words), "{error:?} does not begin with {words:?}");
    }
}
