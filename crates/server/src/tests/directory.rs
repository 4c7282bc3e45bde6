//! Accounts and extensions as clients see them (contract.md §2).

use http::{Method, StatusCode};

use super::stage::{BASE, Stage};

#[tokio::test]
async fn the_versions_need_no_token() {
    let stage = Stage::new().await;
    let versions = stage.ask(Method::GET, "/restapi", &[], "").await;
    assert_eq!(versions.status, StatusCode::OK);
    assert_eq!(versions.json()["apiVersions"][0]["uriString"], "v1.0");
    let version = stage.ask(Method::GET, "/restapi/v1.0/", &[], "").await;
    assert_eq!(version.json()["uri"], format!("{BASE}/restapi/v1.0"));
}

#[tokio::test]
async fn an_account_is_found_by_tilde_and_by_id() {
    let stage = Stage::new().await;
    let token = stage.log_in().await.access;
    let by_tilde = stage.get(&token, "/restapi/v1.0/account/~").await;
    let body = by_tilde.json();
    assert_eq!(body["id"], stage.demo.account.0);
    assert_eq!(body["status"], "Confirmed");
    assert_eq!(body["operator"]["id"], stage.demo.extension.0);
    assert_eq!(body["operator"]["extensionNumber"], "101");
    assert!(stage.demo.username.ends_with(body["mainNumber"].as_str().unwrap()));
    let by_id = stage.get(&token, &format!("/restapi/v1.0/account/{}", stage.demo.account)).await;
    assert_eq!(by_id.text, by_tilde.text);
}

#[tokio::test]
async fn what_is_not_of_the_callers_account_does_not_exist() {
    let stage = Stage::new().await;
    let token = stage.log_in().await.access;
    for (path, parameter) in [
        ("/restapi/v1.0/account/1", "accountId"),
        ("/restapi/v1.0/account/none", "accountId"),
        ("/restapi/v1.0/account/1/extension", "accountId"),
        ("/restapi/v1.0/account/1/extension/~", "accountId"),
        ("/restapi/v1.0/account/~/extension/1", "extensionId"),
        ("/restapi/v1.0/account/~/extension/none", "extensionId"),
        ("/restapi/v1.0/account/~/extension/99999999999999999999", "extensionId"),
    ] {
        assert_eq!(
            stage.get(&token, path).await.refusal(),
            (404, "CMN-102".into(), parameter.into()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_extension_names_itself_and_its_account() {
    let stage = Stage::new().await;
    let token = stage.log_in_as("102").await.access;
    let body = stage.get(&token, "/restapi/v1.0/account/~/extension/~/").await.json();
    assert_eq!(body["id"], stage.demo.extension.0 + 1);
    assert_eq!(body["account"]["id"], stage.demo.account.to_string());
    assert_eq!(body["extensionNumber"], "102");
    assert_eq!(body["type"], "User");
    assert_eq!(body["status"], "Enabled");
    assert_eq!(body["contact"]["email"], "boris@demo.example");
    assert_eq!(body["permissions"]["admin"]["enabled"], false);
    let path = format!("/restapi/v1.0/account/~/extension/{}", stage.demo.extension);
    assert_eq!(stage.get(&token, &path).await.json()["permissions"]["admin"]["enabled"], true);
}

#[tokio::test]
async fn the_tutorial_pages_through_the_list_until_there_is_no_next_page() {
    let stage = Stage::new().await;
    let token = stage.log_in().await.access;
    let mut target =
        "/restapi/v1.0/account/~/extension/?type=User&status=Enabled&page=1&perPage=10".to_owned();
    let mut ids = Vec::new();
    loop {
        let body = stage.get(&token, &target).await.json();
        assert_eq!(body["paging"]["totalElements"], 25);
        assert_eq!(body["paging"]["totalPages"], 3);
        assert_eq!(body["paging"]["pageStart"], ids.len());
        ids.extend(body["records"].as_array().unwrap().iter().map(|record| record["id"].as_u64().unwrap()));
        assert_eq!(body["paging"]["pageEnd"], ids.len() - 1);
        assert!(body["navigation"]["firstPage"]["uri"].is_string());
        let Some(next) = body["navigation"].get("nextPage") else { break };
        target = next["uri"].as_str().unwrap().strip_prefix(BASE).unwrap().to_owned();
    }
    let first = stage.demo.extension.0;
    assert_eq!(ids, (first..first + 25).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_beyond_the_end_is_empty_and_still_navigates() {
    let stage = Stage::new().await;
    let token = stage.log_in().await.access;
    let body = stage.get(&token, "/restapi/v1.0/account/~/extension?page=9&perPage=20").await.json();
    assert_eq!(body["records"], serde_json::json!([]));
    assert!(body["navigation"].get("nextPage").is_none());
    assert!(body["navigation"]["previousPage"]["uri"].as_str().unwrap().contains("page=2&"));
    assert!(body["navigation"]["lastPage"]["uri"].as_str().unwrap().contains("page=2&"));
}

#[tokio::test]
async fn filters_of_the_list_are_repeatable_and_bad_ones_are_named() {
    let stage = Stage::new().await;
    let token = stage.log_in().await.access;
    let list =
        async |query: &str| stage.get(&token, &format!("/restapi/v1.0/account/~/extension?{query}")).await;
    let two = list("extensionNumber=103&extensionNumber=105&type=Bot&type=User").await.json();
    let numbers: Vec<_> =
        two["records"].as_array().unwrap().iter().map(|record| &record["extensionNumber"]).collect();
    assert_eq!(numbers, ["103", "105"]);
    assert_eq!(list("email=Hana@demo.example").await.json()["records"][0]["name"], "Hana Demo");
    assert_eq!(list("status=Disabled").await.json()["paging"]["totalElements"], 0);
    for (query, parameter) in
        [("page=0", "page"), ("perPage=-1", "perPage"), ("status=x", "status"), ("type=x", "type")]
    {
        let refused = list(query).await;
        assert_eq!(refused.refusal(), (400, "CMN-101".into(), parameter.into()));
        assert_eq!(refused.json()["errorCode"], "InvalidParameter");
    }
}

#[tokio::test]
async fn the_query_that_brings_the_token_is_not_echoed_in_links() {
    let stage = Stage::new().await;
    let token = stage.log_in().await.access;
    let target = format!("/restapi/v1.0/account/~/extension?access_token={token}&perPage=5");
    let reply = stage.ask(Method::GET, &target, &[], "").await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(!reply.text.contains(&token));
}

#[tokio::test]
async fn tokens_of_services_do_not_open_the_rest_trees() {
    let stage = Stage::new().await;
    for token in [&stage.demo.admin_token, &stage.demo.publish_token] {
        assert_eq!(stage.get(token, "/restapi/v1.0/account/~").await.refusal().0, 403);
    }
}
