//! `hookswitch openapi`: the document as the server serves it.

use crate::arguments::Openapi;
use crate::connection::{Api, Role};
use crate::failure::Failure;
use crate::output;

pub async fn run(options: &Openapi) -> Result<(), Failure> {
    let document = Api::new(&options.connect, Role::Nobody)?.get("/openapi.json").await?.json()?;
    if options.connect.json { output::json_lines([&document]) } else { output::indented(&document) }
}
