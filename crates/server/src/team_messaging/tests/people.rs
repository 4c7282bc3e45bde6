//! `/persons` and `/companies` under both prefixes.

use super::*;

#[tokio::test]
async fn a_person_is_an_extension_of_the_account() {
    for family in FAMILIES {
        let world = World::new().await;
        let now = hookswitch_testkit::clock::START.iso8601();
        let expected = json!({
            "id": id(103), "firstName": "User", "lastName": "103", "email": "user103@100001.example",
            "avatar": null, "companyId": "100001", "creationTime": now, "lastModifiedTime": now,
        });
        assert_eq!(world.get(USER, &format!("{family}/persons/{}", id(103))).await.expect(200), expected);
        assert_eq!(world.get(USER, &format!("{family}/persons/~")).await.expect(200)["id"], id(102));
        let foreign = extension_id(FOREIGN_ACCOUNT, 101);
        for unknown in [foreign.to_string(), "glip-1".into(), "0".into(), u64::MAX.to_string()] {
            let refused = world.get(USER, &format!("{family}/persons/{unknown}")).await.refusal();
            assert_eq!(refused, (404, "CMN-102".into(), "personId".into()), "{unknown}");
        }
        let many = world.get(USER, &format!("{family}/persons/{},{foreign}", id(103))).await.expect(207);
        assert_eq!((&many[0]["body"], &many[1]["status"]), (&expected, &json!(404)));
    }
}

#[tokio::test]
async fn the_company_is_the_account() {
    for family in FAMILIES {
        let world = World::new().await;
        let own = world.get(USER, &format!("{family}/companies/~")).await.expect(200);
        assert_eq!((&own["id"], &own["name"]), (&json!("100001"), &json!("Acme")));
        assert_eq!(world.get(USER, &format!("{family}/companies/100001")).await.expect(200), own);
        for unknown in ["100002", "none"] {
            let refused = world.get(USER, &format!("{family}/companies/{unknown}")).await.refusal();
            assert_eq!(refused, (404, "CMN-102".into(), "companyId".into()));
        }
    }
}
