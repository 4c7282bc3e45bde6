//! `hookswitch doctor`: whether a server answers, makes progress, can take events, and knows the token.
//!
//! Every check is made, whatever the others say; one that fails makes the command fail.

use serde_json::{Value, json};

use crate::arguments::provisioning::Doctor;
use crate::connection::{Api, Role};
use crate::failure::Failure;
use crate::output;

struct Finding {
    check: String,
    ok: bool,
    why: String,
}

impl Finding {
    fn new(check: impl Into<String>, ok: bool, why: impl Into<String>) -> Self {
        Self { check: check.into(), ok, why: why.into() }
    }
}

pub async fn run(options: &Doctor) -> Result<(), Failure> {
    let mut findings = Vec::new();
    let api = Api::new(&options.connect, Role::Nobody)?;
    for (name, path) in [("health", "/healthz"), ("readiness", "/readyz")] {
        findings.extend(state(&api, name, path).await);
    }
    findings.push(token(options).await);
    for finding in &findings {
        let Finding { check, ok, why } = finding;
        if options.connect.json {
            output::json_lines([&json!({ "check": check, "ok": ok, "why": why })])?;
        } else {
            output::line(&format!("{}  {check}: {why}", if *ok { "ok  " } else { "FAIL" }))?;
        }
    }
    let failed = findings.iter().filter(|finding| !finding.ok).count();
    if failed == 0 {
        Ok(())
    } else {
        Err(Failure::Failed(format!("{failed} of {} checks failed", findings.len())))
    }
}

/// The checks that the server makes itself.
async fn state(api: &Api, name: &str, path: &str) -> Vec<Finding> {
    let answer = match api.call(http::Method::GET, path, None).await {
        Ok(answer) => answer,
        Err(failure) => return vec![Finding::new(name, false, failure.to_string())],
    };
    let body = answer.json().unwrap_or_default();
    let Some(checks) = body["checks"].as_object() else {
        return vec![Finding::new(name, false, format!("{path} answers {}", answer.status))];
    };
    let finding = |(check, said): (&String, &Value)| {
        let words = said["why"].as_str().map_or_else(|| said.to_string(), str::to_owned);
        Finding::new(format!("{name}, {check}"), said["ok"] == true, words)
    };
    checks.iter().map(finding).collect()
}

async fn token(options: &Doctor) -> Finding {
    let asked = async { Api::new(&options.connect, Role::Admin)?.get("/hookswitch/v1/tokens?limit=1").await };
    match asked.await {
        Ok(_) => Finding::new("admin token", true, "the server knows it"),
        Err(failure) => Finding::new("admin token", false, failure.to_string()),
    }
}
