use std::path::Path;

use super::*;

fn file(text: &str) -> Layers {
    Layers::default().with_file(Path::new("hookswitch.toml"), text)
}

fn variable(name: &str, value: &str) -> [(String, String); 1] {
    [(name.to_owned(), value.to_owned())]
}

fn mistakes(layers: Layers) -> Vec<String> {
    Settings::load(layers).expect_err("must be refused").mistakes
}

#[test]
fn a_flag_beats_the_environment_and_the_environment_beats_the_file() {
    let layers = || file("listen = \"127.0.0.1:1\"\n[delivery]\nhandshake_within = \"3s\"");
    assert_eq!(Settings::load(layers()).unwrap().listen.port(), 1);
    assert_eq!(Settings::load(layers()).unwrap().delivery.handshake_within, Duration::from_secs(3));

    let layers = || layers().with_environment(variable("HOOKSWITCH_LISTEN", "127.0.0.1:2"));
    assert_eq!(Settings::load(layers()).unwrap().listen.port(), 2);
    assert_eq!(Settings::load(layers().with_flag("listen", "localhost:3")).unwrap().listen.port(), 3);
}

#[test]
fn tables_have_environment_twins_too() {
    let layers = Layers::default().with_environment(variable("HOOKSWITCH_LIMITS_EVENT_BODY", "1MiB"));
    assert_eq!(Settings::load(layers).unwrap().limits.event_body, Size(1 << 20));
}

#[test]
fn variables_that_are_no_settings_are_left_alone() {
    let layers = Layers::default().with_environment(variable("HOOKSWITCH_PUBLISH_TOKEN", "x"));
    assert!(Settings::load(layers).is_ok());
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let text = "lisen = \"127.0.0.1:1\"\ndev = \"perhaps\"\n[delivery]\nhandshake_within = 5\n[limits]\npublish_entries = -1";
    let mistakes = mistakes(file(text).with_environment(variable("HOOKSWITCH_LIMITS_FILTER", "2 fathoms")));
    let all = mistakes.join("\n");
    assert_eq!(mistakes.len(), 5, "{all}");
    assert!(all.contains("hookswitch.toml: unknown key `lisen`, did you mean `listen`?"), "{all}");
    assert!(
        all.contains("hookswitch.toml: `delivery.handshake_within`: is integer, but must be a time"),
        "{all}"
    );
    assert!(all.contains("hookswitch.toml: `limits.publish_entries`: must be a whole number"), "{all}");
    assert!(all.contains("HOOKSWITCH_LIMITS_FILTER: must be a size"), "{all}");
    assert!(all.contains("`dev`: is string, but must be true or false"), "{all}");
}

#[test]
fn a_key_in_the_wrong_table_is_unknown_and_the_right_table_is_named() {
    let all = mistakes(file("[limits]\nhandshake_within = \"3s\"")).join("\n");
    assert!(
        all.contains("unknown key `limits.handshake_within`, did you mean `delivery.handshake_within`?"),
        "{all}"
    );
}

#[test]
fn text_that_is_not_toml_is_told_with_its_line() {
    let all = mistakes(file("listen = \n")).join("\n");
    assert!(all.contains("hookswitch.toml: ") && all.contains("line 1"), "{all}");
}

#[test]
fn development_mode_stays_on_loopback_unless_it_is_told_otherwise() {
    let layers = || Layers::default().with_flag("dev", "true").with_flag("listen", "0.0.0.0:8080");
    assert!(mistakes(layers()).join("\n").contains("needs --dev-remote"));
    assert!(Settings::load(layers().with_flag("dev_remote", "true")).is_ok());
}

#[test]
fn the_base_url_is_the_public_one_or_that_of_the_listener() {
    let bound: SocketAddr = "127.0.0.1:4711".parse().unwrap();
    let settings = Settings::default();
    assert_eq!(settings.base_url(bound), "http://127.0.0.1:4711");
    assert_eq!(settings.base_url("0.0.0.0:80".parse().unwrap()), "http://127.0.0.1:80");
    let settings = Settings::load(file("public_url = \"https://hooks.example.com/\"")).unwrap();
    assert_eq!(settings.base_url(bound), "https://hooks.example.com");
    assert!(mistakes(file("public_url = \"ftp://x\"")).join("\n").contains("`public_url`"));
}

#[test]
fn every_setting_has_a_text_and_a_default_that_reads_back() {
    for setting in Settings::describe() {
        assert!(!setting.about.trim().is_empty(), "{}", setting.key);
        if !setting.default.is_empty() {
            let (table, name) = setting.key.rsplit_once('.').unwrap_or(("", &setting.key));
            let heading = if table.is_empty() { String::new() } else { format!("[{table}]\n") };
            let text = format!("{heading}{name} = {}", setting.default);
            assert!(Settings::load(file(&text)).is_ok(), "{text}");
        }
    }
}
