//! What the program says to its shell: exit codes, and which layer of settings wins.

use hookswitch_testkit::{Caller, Program, RunningServer, TempFolder};

use crate::{BINARY, serve};

/// Arguments, exit code, a part of what it says.
type Row = (&'static [&'static str], i32, &'static str);

const TABLE: &[Row] = &[
    (&[], 2, "Usage"),
    (&["--help"], 0, "serve"),
    (&["--version"], 0, "hookswitch"),
    (&["publish", "--help"], 0, "standard input"),
    (&["nonsense"], 2, "nonsense"),
    (&["serve", "--nonsense"], 2, "--nonsense"),
    (&["serve", "--listen", "nowhere"], 2, "nowhere"),
    (&["serve", "--dev", "--listen", "0.0.0.0:0"], 2, "--dev-remote"),
    (&["serve", "--config", "missing.toml"], 2, "missing.toml"),
    (&["serve", "--config", "unknown.toml"], 2, "listn"),
    (&["serve", "--set", "listen"], 2, "KEY=VALUE"),
    (&["serve", "--set", "no.such=1"], 2, "no.such"),
    (&["serve", "--set", "delivery.notification_within=soon"], 2, "must be a time"),
    (&["deliveries", "--status", "odd"], 2, "odd"),
    (&["deliveries"], 2, "HOOKSWITCH_ADMIN_TOKEN"),
    (&["deliveries", "--token", "t", "--url", "ftp://127.0.0.1"], 2, "ftp"),
    (&["publish"], 2, "HOOKSWITCH_PUBLISH_TOKEN"),
    (&["events", "--token", "t", "--url", "http://127.0.0.1:9", "x"], 1, "http://127.0.0.1:9"),
    (&["openapi", "--env", "missing.env"], 1, "missing.env"),
];

#[tokio::test]
async fn the_exit_code_is_0_for_done_1_for_failed_2_for_bad_usage() {
    let folder = TempFolder::new();
    std::fs::write(folder.join("unknown.toml"), "listn = \"127.0.0.1:0\"\n").expect("written");
    for (args, code, part) in TABLE {
        let ended = Program::new(BINARY).args(*args).folder(folder.path()).run().await;
        let said = [ended.stdout.join("\n"), ended.stderr.join("\n")].join("\n");
        assert_eq!(ended.code(), *code, "{args:?}: {said}");
        assert!(said.contains(part), "{args:?} says nothing of {part:?}: {said}");
    }
}

#[tokio::test]
async fn a_refused_call_is_exit_code_1_with_the_servers_words() {
    let folder = TempFolder::new();
    let server = serve(folder.path()).await;
    let wrong =
        Program::new(BINARY).args(["deliveries", "--token", "wrong", "--url", server.url()]).run().await;
    assert_eq!(wrong.code(), 1);
    assert!(wrong.stderr.join("\n").contains("401"), "{wrong:?}");
    let admin = server.setting("HOOKSWITCH_ADMIN_TOKEN");
    let none = "0190b3a4-0000-7000-8000-000000000000";
    let unknown =
        Program::new(BINARY).args(["events", "--token", admin, "--url", server.url(), none]).run().await;
    assert_eq!(unknown.code(), 1);
    assert!(unknown.stderr.join("\n").contains("404"), "{unknown:?}");
}

#[tokio::test]
async fn a_flag_beats_the_environment_and_the_environment_beats_the_file() {
    let folder = TempFolder::new();
    let (by_file, by_variable, by_flag) =
        (folder.join("by-file"), folder.join("by-variable"), folder.join("by-flag"));
    let config = folder.join("hookswitch.toml");
    let text = format!("listen = \"127.0.0.1:0\"\ndev = true\ndata = \"{}\"\n", by_file.display());
    std::fs::write(&config, text).expect("written");
    let from_file = Program::new(BINARY).args(["serve", "--config"]).arg(&config);
    let from_environment = from_file.clone().env("HOOKSWITCH_DATA", &by_variable);
    let from_flag = from_environment.clone().arg("--data").arg(&by_flag);

    for (launch, data) in [(from_file, by_file), (from_environment, by_variable), (from_flag, by_flag)] {
        let server = RunningServer::launch(launch, data).await;
        server.get(Caller::Nobody, "/healthz").await.expect(200);
    }
}

#[tokio::test]
async fn what_is_logged_is_a_setting_like_any_other() {
    let folder = TempFolder::new();
    let config = folder.join("hookswitch.toml");
    let text = format!(
        "listen = \"127.0.0.1:0\"\ndev = true\ndata = {:?}\nlog = \"hookswitch=info\"\nlog_format = \"json\"\n",
        folder.join("data")
    );
    std::fs::write(&config, text).expect("written");
    let by_file = Program::new(BINARY).args(["serve", "--config"]).arg(&config);
    let stopping = async |launch: Program| {
        let mut server = launch.start();
        server.line_with("ready").await;
        server.terminate();
        let line = server.stderr_with("stopping").await;
        server.exited().await;
        line
    };
    let line = stopping(by_file.clone()).await;
    assert!(
        serde_json::from_str::<serde_json::Value>(&line).is_ok_and(|line| line["level"] == "INFO"),
        "{line}"
    );
    let line = stopping(by_file.env("HOOKSWITCH_LOG_FORMAT", "json").args(["--log-format", "text"])).await;
    assert!(line.contains("INFO") && !line.starts_with('{'), "{line}");
}
