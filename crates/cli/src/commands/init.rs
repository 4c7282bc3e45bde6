//! `hookswitch init`: the only command besides `serve` and `demo` that touches a data folder.

use hookswitch_server::clock::system_handles;
use hookswitch_server::init::{InitError, prepare};
use serde_json::json;

use crate::arguments::provisioning::Init;
use crate::failure::{Failure, with_causes};
use crate::output;
use crate::serve;

pub async fn run(options: &Init) -> Result<(), Failure> {
    let settings = serve::folder_settings(options.config.as_deref(), options.data.as_deref())?;
    let prepared = prepare(&settings, &system_handles()).await.map_err(|error| match error {
        InitError::Prepared(_) => Failure::Failed(error.to_string()),
        error => Failure::Failed(with_causes(&error)),
    })?;
    let data = settings.data.display();
    let key = prepared.master_key.as_ref().map(|path| path.display().to_string());
    if options.json {
        let words = json!({
            "data": data.to_string(),
            "adminToken": prepared.admin_token,
            "masterKey": key,
        });
        return output::json_lines([&words]);
    }
    let key = key.map_or_else(
        || "The master key is the one of the settings.".to_owned(),
        |path| format!("The master key is {path}: without it the secrets in the folder are lost. Keep a copy elsewhere."),
    );
    output::line(&format!("{data} is prepared."))?;
    output::line(&key)?;
    output::line("The first admin token, shown only now:")?;
    output::line(&format!("HOOKSWITCH_ADMIN_TOKEN={}", prepared.admin_token))
}
