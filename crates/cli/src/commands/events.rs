//! `hookswitch events UUID…`: what was accepted, and for whom.

use serde_json::Value;

use super::segment;
use crate::arguments::Events;
use crate::connection::{Api, Role};
use crate::failure::Failure;
use crate::output;

pub async fn run(options: &Events) -> Result<(), Failure> {
    let api = Api::new(&options.connect, Role::Admin)?;
    for uuid in &options.uuids {
        let event: Value = api.get(&format!("/hookswitch/v1/events/{}", segment(uuid))).await?.json()?;
        if options.connect.json {
            output::json_lines([&event])?;
        } else {
            output::indented(&event)?;
        }
    }
    Ok(())
}
