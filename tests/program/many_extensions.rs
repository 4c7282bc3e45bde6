//! Fifty thousand extensions: imported, listed while others come and go, pruned. Prints what it took.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::Duration;

use hookswitch_core::clock::{Clock as _, MonoTime};
use hookswitch_testkit::clock::MachineClock;
use hookswitch_testkit::{Caller, HttpClient, RunningServer, TempFolder};
use http::Method;
use serde_json::{Value, json};

use crate::serve;

const EXTENSIONS: u64 = 50_000;
const LEFT: u64 = 10_000;
const FIRST: u64 = 100_000;
const EXTENSIONS_OF_5: &str = "/hookswitch/v1/accounts/5/extensions";

fn lines(count: u64) -> String {
    (FIRST..FIRST + count).fold(String::new(), |mut text, number| {
        let contact = json!({ "firstName": "User", "lastName": number.to_string(), "email": format!("user{number}@acme.example") });
        let line = json!({ "extensionNumber": number.to_string(), "contact": contact });
        writeln!(text, "{line}").expect("writing to a String");
        text
    })
}

/// The most memory that the server has had, in MiB.
fn peak_memory(server: &RunningServer) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.program().id())).expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).expect("a number") / 1024
}

struct Scene {
    server: RunningServer,
    client: HttpClient,
    clock: MachineClock,
}

impl Scene {
    async fn import(&self, lines: &str, prune: bool) -> (Value, Duration) {
        let bearer = format!("Bearer {}", self.server.setting("HOOKSWITCH_ADMIN_TOKEN"));
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/x-ndjson")];
        let target = format!("{EXTENSIONS_OF_5}?prune={prune}");
        let began = self.clock.monotonic();
        let answer = self.client.send(Method::PUT, &target, &headers, lines.to_owned()).await;
        let counts = answer.expect("an answer").expect(200).json();
        (counts, since(&self.clock, began))
    }

    /// All extension numbers, page by page; after each page some others come, change and go.
    async fn listed(&self) -> Vec<u64> {
        let path = EXTENSIONS_OF_5;
        let (mut seen, mut cursor, mut page_no) = (Vec::new(), String::new(), 0);
        loop {
            let page = self
                .server
                .get(Caller::Admin, &format!("{path}?limit=1000{cursor}"))
                .await
                .expect(200)
                .json();
            let records = page["records"].as_array().expect("records");
            let number =
                |record: &Value| record["extensionNumber"].as_str().and_then(|text| text.parse::<u64>().ok());
            seen.extend(records.iter().filter_map(number).filter(|number| *number >= FIRST));
            let Some(next) = page["cursor"].as_str() else { return seen };
            cursor = format!("&cursor={next}");
            page_no += 1;
            // One whose id comes first, gone again at the end of every other page; one in the middle changes.
            let other = json!({ "id": page_no, "extensionNumber": page_no.to_string() });
            self.server.post(Caller::Admin, path, other).await.expect(201);
            let changed = records[records.len() / 2]["id"].as_str().expect("an id");
            let status = json!({ "contact": { "department": page_no.to_string() } });
            self.server.put(Caller::Admin, &format!("{path}/{changed}"), Some(status)).await.expect(200);
            if page_no % 2 == 0 {
                self.server.delete(Caller::Admin, &format!("{path}/{page_no}")).await.expect(204);
            }
        }
    }
}

fn since(clock: &MachineClock, began: MonoTime) -> Duration {
    clock.monotonic().since(began)
}

#[tokio::test]
async fn fifty_thousand_extensions_are_imported_listed_without_gap_or_repeat_and_pruned() {
    let folder = TempFolder::new();
    let server = serve(&folder.join("data")).await;
    let client = HttpClient::to(server.address());
    let scene = Scene { server, client, clock: MachineClock::new() };
    scene.server.post(Caller::Admin, "/hookswitch/v1/accounts", json!({ "id": "5" })).await.expect(201);
    let before = peak_memory(&scene.server);
    let all = lines(EXTENSIONS);

    let (counts, import) = scene.import(&all, false).await;
    assert_eq!((&counts["created"], &counts["pruned"]), (&json!(EXTENSIONS), &json!(0)));
    let after_import = peak_memory(&scene.server);
    let (counts, again) = scene.import(&all, false).await;
    assert_eq!(counts["unchanged"], json!(EXTENSIONS));

    let began = scene.clock.monotonic();
    let seen = scene.listed().await;
    let listing = since(&scene.clock, began);
    assert_eq!(seen.len() as u64, EXTENSIONS, "no gap");
    let distinct: HashSet<u64> = seen.iter().copied().collect();
    assert_eq!(distinct.len(), seen.len(), "no repeat");

    let (counts, prune) = scene.import(&lines(LEFT), true).await;
    let others = 50 / 2;
    assert_eq!(counts["pruned"].as_u64().expect("a count"), EXTENSIONS - LEFT + others, "{counts}");
    assert_eq!(scene.listed().await.len() as u64, LEFT);
    println!(
        "{EXTENSIONS} extensions, {} MiB of NDJSON: imported in {:.1} s, again unchanged in {:.1} s, listed in {:.1} s, \
         {} pruned in {:.1} s; the server's peak memory {before} MiB before, {after_import} MiB after the import, {} MiB at the end",
        all.len() / 1024 / 1024,
        import.as_secs_f64(),
        again.as_secs_f64(),
        listing.as_secs_f64(),
        EXTENSIONS - LEFT,
        prune.as_secs_f64(),
        peak_memory(&scene.server),
    );
}
