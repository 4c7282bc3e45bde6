//! How a single setting is written: in TOML, in the environment, on the command line.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A type that a setting may have.
pub trait Value: Sized {
    /// What a person reads about how to write it.
    const FORM: &'static str;

    /// From the environment or a flag.
    fn from_text(text: &str) -> Result<Self, String>;

    /// From the file; the error says what is wrong with it.
    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::String(text) => Self::from_text(text),
            other => Err(format!("is {}, but must be {}", other.type_str(), Self::FORM)),
        }
    }

    /// As one writes it in TOML; empty for "not set".
    fn written(&self) -> String;
}

/// A number of bytes, written as `65536`, `"64KiB"` or `"8MiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub usize);

/// A setting that no message and no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Value for Secret {
    const FORM: &'static str = "a secret text";

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }

    fn written(&self) -> String {
        String::new()
    }
}

impl Value for bool {
    const FORM: &'static str = "true or false";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(format!("must be {}", Self::FORM)),
        }
    }

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| format!("is {}, but must be {}", value.type_str(), Self::FORM))
    }

    fn written(&self) -> String {
        self.to_string()
    }
}

macro_rules! numbers {
    ($($type:ty),*) => { $(
        impl Value for $type {
            const FORM: &'static str = "a whole number, not negative";

            fn from_text(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!("must be {}", Self::FORM))
            }

            fn from_toml(value: &toml::Value) -> Result<Self, String> {
                let number = value.as_integer().and_then(|number| Self::try_from(number).ok());
                number.ok_or_else(|| format!("must be {}", Self::FORM))
            }

            fn written(&self) -> String {
                self.to_string()
            }
        }
    )* };
}

numbers!(u32, u64, usize);

impl Value for Size {
    const FORM: &'static str = "a size such as 65536, \"64KiB\" or \"8MiB\"";

    fn from_text(text: &str) -> Result<Self, String> {
        let (digits, unit) = split_unit(text);
        let factor = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(format!("must be {}", Self::FORM)),
        };
        let size = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(factor));
        size.map(Self).ok_or_else(|| format!("must be {}", Self::FORM))
    }

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::String(text) => Self::from_text(text),
            other => usize::from_toml(other).map(Self).map_err(|_| format!("must be {}", Self::FORM)),
        }
    }

    fn written(&self) -> String {
        for (unit, factor) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
            if self.0 != 0 && self.0.is_multiple_of(factor) {
                return format!("\"{}{unit}\"", self.0 / factor);
            }
        }
        self.0.to_string()
    }
}

impl Value for Duration {
    const FORM: &'static str = "a time such as \"500ms\", \"10s\", \"5m\", \"1h\" or \"7d\"";

    fn from_text(text: &str) -> Result<Self, String> {
        let (digits, unit) = split_unit(text);
        let millis = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(format!("must be {}", Self::FORM)),
        };
        let span = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(millis));
        span.map(Self::from_millis).ok_or_else(|| format!("must be {}", Self::FORM))
    }

    fn written(&self) -> String {
        let millis = self.as_millis();
        for (unit, factor) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
            if millis != 0 && millis.is_multiple_of(factor) {
                return format!("\"{}{unit}\"", millis / factor);
            }
        }
        format!("\"{millis}ms\"")
    }
}

impl Value for String {
    const FORM: &'static str = "a text";

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn written(&self) -> String {
        toml::Value::String(self.clone()).to_string()
    }
}

impl Value for PathBuf {
    const FORM: &'static str = "a path";

    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("must not be empty".into()) } else { Ok(Self::from(text)) }
    }

    fn written(&self) -> String {
        self.to_string_lossy().into_owned().written()
    }
}

impl Value for SocketAddr {
    const FORM: &'static str = "an address and port such as \"127.0.0.1:8080\"";

    fn from_text(text: &str) -> Result<Self, String> {
        let numeric = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => text.to_owned(),
        };
        numeric.parse().map_err(|_| format!("`{text}` must be {}", Self::FORM))
    }

    fn written(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Value for Vec<String> {
    const FORM: &'static str = "a list of texts (in the environment: comma separated)";

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
    }

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        let items = value.as_array().map(|items| items.iter().map(|item| item.as_str().map(str::to_owned)));
        items.and_then(Iterator::collect).ok_or_else(|| format!("must be {}", Self::FORM))
    }

    fn written(&self) -> String {
        let items: Vec<_> = self.iter().map(Value::written).collect();
        format!("[{}]", items.join(", "))
    }
}

impl<T: Value> Value for Option<T> {
    const FORM: &'static str = T::FORM;

    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::from_text(text).map(Some) }
    }

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        T::from_toml(value).map(Some)
    }

    fn written(&self) -> String {
        self.as_ref().map(Value::written).unwrap_or_default()
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}
