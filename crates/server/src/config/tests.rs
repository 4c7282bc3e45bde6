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
fn a_seed_and_fixtures_are_for_development_mode_alone() {
    for (key, value) in [("dev_seed", "42"), ("dev_fixtures", "cast.json")] {
        let layers = || Layers::default().with_flag(key, value);
        assert!(mistakes(layers()).join("\n").contains("needs --dev"), "{key}");
        assert!(Settings::load(layers().with_flag("dev", "true")).is_ok(), "{key}");
    }
}

#[test]
fn a_default_lifetime_is_within_the_longest() {
    let all = mistakes(file("[lifetimes]\nwebhook = \"2d\"\nwebhook_longest = \"1d\"")).join("\n");
    assert!(all.contains("lifetimes.webhook"), "{all}");
    assert!(Settings::load(file("[lifetimes]\nwebhook = \"1d\"\nwebhook_longest = \"1d\"")).is_ok());
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

/// Text that a layer of texts takes for a setting without a default.
fn sample(setting: &Setting) -> String {
    let default = setting.default.parse::<toml::Value>();
    match default {
        _ if setting.default.is_empty() => match setting.key.as_str() {
            "public_url" => "https://example.com".into(),
            "metrics_listen" => "127.0.0.1:9".into(),
            key if setting.form == <u64 as Value>::FORM || setting.form == Size::FORM => {
                key.len().to_string()
            }
            _ => "x".into(),
        },
        Ok(toml::Value::String(text)) => text,
        Ok(toml::Value::Array(items)) => {
            items.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
        }
        _ => setting.default.clone(),
    }
}

#[test]
fn every_setting_is_read_from_each_layer_and_the_higher_layer_decides() {
    for setting in Settings::describe() {
        let (table, name) = setting.key.rsplit_once('.').unwrap_or(("", &setting.key));
        let heading = if table.is_empty() { String::new() } else { format!("[{table}]\n") };
        // A time of day is no setting's form.
        let layers = || file(&format!("{heading}{name} = 07:32:00"));
        let complains = |layers: Layers, origin: &str| {
            let mistakes = Settings::load(layers).err().map_or_else(Vec::new, |error| error.mistakes);
            mistakes.iter().any(|mistake| mistake.starts_with(origin))
        };
        let in_file = format!("hookswitch.toml: `{}`", setting.key);
        assert!(complains(layers(), &in_file), "{} is read from the file", setting.key);
        let good = sample(&setting);
        let by_environment = || layers().with_environment(variable(&setting.environment_twin(), &good));
        assert!(!complains(by_environment(), &in_file), "the environment beats the file for {}", setting.key);
        assert!(!complains(by_environment(), &setting.environment_twin()), "{} = {good}", setting.key);
        let by_flag = || layers().with_flag(&setting.key, good.clone());
        assert!(!complains(by_flag(), &in_file), "a flag beats the file for {}", setting.key);
        let bad = "no \u{1} value";
        let environment = variable(&setting.environment_twin(), bad);
        if complains(file("").with_environment(environment.clone()), &setting.environment_twin()) {
            let both = file("").with_environment(environment).with_flag(&setting.key, good.clone());
            assert!(
                !complains(both, &setting.environment_twin()),
                "a flag beats the environment for {}",
                setting.key
            );
        }
    }
}

#[test]
fn a_certificate_needs_its_key_and_makes_the_base_url_https() {
    let all = mistakes(file("tls_certificate = \"a.pem\"")).join("\n");
    assert!(all.contains("`tls_key`: is needed beside tls_certificate"), "{all}");
    let all = mistakes(file("tls_key = \"a.key\"")).join("\n");
    assert!(all.contains("`tls_certificate`: is needed beside tls_key"), "{all}");
    let settings = Settings::load(file("tls_certificate = \"a.pem\"\ntls_key = \"a.key\"")).unwrap();
    assert_eq!(settings.base_url("127.0.0.1:4711".parse().unwrap()), "https://127.0.0.1:4711");
}
