//! `hookswitch openapi` and `hookswitch asyncapi`: the documents as the server serves them.

use crate::arguments::Openapi;
use crate::connection::{Api, Role};
use crate::failure::Failure;
use crate::output;

pub async fn run(options: &Openapi, path: &str) -> Result<(), Failure> {
    let document = Api::new(&options.connect, Role::Nobody)?.get(path).await?.json()?;
    if options.connect.json { output::json_lines([&document]) } else { output::indented(&document) }
}
