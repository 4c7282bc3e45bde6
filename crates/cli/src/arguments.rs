//! The command line: what there is to say, and its help. Meaning is given to it elsewhere.

pub mod provisioning;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use url::Url;

/// Headings of the help under which options stand that many commands share.
const LOGGING: &str = "Logging";
const SERVER: &str = "Which server, and who asks";

/// A self-hosted event-notification server for communications platforms.
#[derive(Debug, Parser)]
#[command(name = "hookswitch", version, disable_help_subcommand = true, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    pub logging: Logging,
    #[command(subcommand)]
    pub command: Command,
}

/// What is written to standard error.
#[derive(Args, Debug)]
pub struct Logging {
    /// What is logged [default: info]: error, warn, info, debug, trace, or by module, as in
    /// `info,hookswitch_engine=debug`.
    #[arg(long, global = true, env = "HOOKSWITCH_LOG", value_name = "LEVEL", help_heading = LOGGING)]
    pub log: Option<String>,
    /// How it is written [default: text].
    #[arg(long, global = true, env = "HOOKSWITCH_LOG_FORMAT", value_name = "FORMAT", value_parser = ["text", "json"],
        help_heading = LOGGING)]
    pub log_format: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Init(provisioning::Init),
    /// Runs the server.
    Serve(Serve),
    /// Shows the server at work: a receiver, subscriptions, and a story of events that are played.
    Demo(Demo),
    /// Publishes events, one JSON object a line on standard input.
    Publish(Publish),
    /// Publishes the sample of an event type, with members of your choice.
    Trigger(Trigger),
    /// Plays a story of the platform: a call, a webinar, a conference, or a chat fed by an incoming webhook.
    Simulate(Simulate),
    /// Lists subscriptions, or shows one.
    Subscriptions(Subscriptions),
    /// Lists the events that there are, with the filters to subscribe to; with uuids, shows published ones and
    /// for whom they were.
    Events(Events),
    /// Lists deliveries, newest first, or shows one with its attempts.
    Deliveries(Deliveries),
    /// Lists the event types of the catalogue, or shows one.
    EventTypes(EventTypes),
    /// Lists, shows, makes, changes and removes accounts.
    Account(provisioning::Account),
    /// The same for users and other extensions of an account; also many at once.
    Extension(provisioning::Extension),
    /// The same for apps.
    App(provisioning::App),
    /// The same for tokens of operators and publishers.
    Token(provisioning::Token),
    /// Shows what accounts used, day by day.
    Usage(provisioning::Usage),
    /// Shows what operators changed, newest first.
    Audit(provisioning::Audit),
    /// Checks whether a server is well and knows the admin token.
    Doctor(provisioning::Doctor),
    /// Prints the OpenAPI document of the HTTP API.
    Openapi(Openapi),
    /// Prints the AsyncAPI document of everything that can be delivered.
    Asyncapi(Openapi),
}

/// Every option has an environment twin (HOOKSWITCH_LISTEN, …) and a key in the file; a flag beats the
/// environment, the environment beats the file.
#[derive(Args, Debug)]
pub struct Serve {
    /// A TOML file with settings.
    #[arg(long, env = "HOOKSWITCH_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:8080]; port 0 picks a free one.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// The data folder [default: ./hookswitch-data].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Development: a demo account, its secrets in DIR/dev.env, deliveries to loopback allowed.
    #[arg(long)]
    pub dev: bool,
    /// Lets --dev listen on an address that is not loopback.
    #[arg(long)]
    pub dev_remote: bool,
    /// With --dev: ids and secrets of the demo account, and ids of subscriptions, are drawn from this number.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// With --dev: accounts, extensions and apps to begin with, as JSON.
    #[arg(long, value_name = "FILE")]
    pub fixtures: Option<PathBuf>,
    /// Base of every URL that is handed out [default: http://LISTEN].
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Any other setting by its key, as in `--set delivery.notification_within=3s`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub settings: Vec<(String, String)>,
}

#[derive(Args, Debug)]
pub struct Demo {
    /// Plays the story once, checks that everything arrived, prints totals and ends.
    #[arg(long)]
    pub once: bool,
    /// The data folder [default: a temporary one].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address and port to listen on [default: a free loopback port].
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
}

/// Where the server is and who asks. Flags beat the file, the file beats the environment; with none of
/// them ./hookswitch-data/dev.env is read if it exists.
#[derive(Args, Clone, Debug)]
pub struct Connect {
    /// The server's URL [env: HOOKSWITCH_URL] [default: http://127.0.0.1:8080].
    #[arg(long, global = true, value_name = "URL", help_heading = SERVER)]
    pub url: Option<Url>,
    /// The token to call with [env: HOOKSWITCH_ADMIN_TOKEN, or HOOKSWITCH_PUBLISH_TOKEN to publish].
    #[arg(long, global = true, value_name = "TOKEN", hide_env_values = true, help_heading = SERVER)]
    pub token: Option<String>,
    /// A file of NAME=value lines to take them from, such as the dev.env of a --dev server.
    #[arg(long, global = true, value_name = "FILE", help_heading = SERVER)]
    pub env: Option<PathBuf>,
    /// A PEM file with certificate authorities to trust beside the public ones.
    #[arg(long, global = true, env = "HOOKSWITCH_CA_FILE", value_name = "FILE", help_heading = SERVER)]
    pub ca_file: Option<PathBuf>,
    /// Prints the server's JSON, one value a line, in place of a table.
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct Publish {
    #[command(flatten)]
    pub connect: Connect,
    /// How many events one request carries at most.
    #[arg(long, value_name = "COUNT", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub batch: u32,
}

#[derive(Args, Debug)]
pub struct Trigger {
    #[command(flatten)]
    pub connect: Connect,
    /// An event type, as `hookswitch event-types` lists them.
    pub name: String,
    /// A member of the body by its place, as in `--set parties.0.status.code=Gone`; may be repeated. A value is
    /// JSON where it can be, and text where the sample has text.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub settings: Vec<(String, String)>,
    /// Whose event it is [default: RC_ACCOUNT_ID, or the token's or the server's only account].
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// Whom it is about [default: RC_EXTENSION_ID, or the account's first extension].
    #[arg(long, value_name = "ID")]
    pub extension: Option<String>,
    /// Extensions for whose subscriptions it is, where it is not for all; may be repeated.
    #[arg(long = "recipient", value_name = "ID")]
    pub recipients: Vec<String>,
}

#[derive(Args, Debug)]
pub struct Simulate {
    #[command(flatten)]
    pub connect: Connect,
    /// Which story.
    pub story: StoryName,
    /// Events in a second.
    #[arg(long, value_name = "NUMBER", default_value = "5", value_parser = rate)]
    pub rate: f64,
    /// Decides everything that could be otherwise; the same seed tells the same story.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// Plays so many stories, each with the next seed.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub times: u64,
    /// The account [default: RC_ACCOUNT_ID].
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// The user it is about [default: RC_EXTENSION_ID].
    #[arg(long, value_name = "ID")]
    pub extension: Option<String>,
    /// The company of conference events [default: HOOKSWITCH_COMPANY_ID].
    #[arg(long, value_name = "ID")]
    pub company: Option<String>,
    /// When the story begins, for the times in its events (ISO 8601) [default: now].
    #[arg(long, value_name = "TIME")]
    pub start: Option<String>,
    /// Prints what would be published, one JSON object a line, and publishes nothing.
    #[arg(long)]
    pub print: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StoryName {
    /// A call through its telephony and presence states.
    #[value(alias = "telephony")]
    Call,
    /// From start through invitations, joins, recording and livestream to the end and the recording.
    Conference,
    /// From planning through registrations to the end.
    Webinar,
    /// A chat fed by an incoming webhook; needs the user of a dev.env.
    #[value(alias = "team-messaging")]
    Chat,
}

#[derive(Args, Debug)]
pub struct Subscriptions {
    #[command(flatten)]
    pub connect: Connect,
    /// Shows this one with everything about it.
    pub id: Option<String>,
}

#[derive(Args, Debug)]
pub struct Events {
    #[command(flatten)]
    pub connect: Connect,
    /// Events that were published: what they carried, and for which subscriptions they were.
    #[arg(value_name = "UUID")]
    pub uuids: Vec<String>,
}

#[derive(Args, Debug)]
pub struct Deliveries {
    #[command(flatten)]
    pub connect: Connect,
    /// Shows this one with all its attempts.
    #[arg(conflicts_with_all = ["subscription", "status", "event", "from", "to"])]
    pub id: Option<String>,
    /// Only of this subscription.
    #[arg(long, value_name = "ID")]
    pub subscription: Option<String>,
    /// Only these.
    #[arg(long)]
    pub status: Option<DeliveryStatus>,
    /// Only of events of this name; a `*` at the end stands for anything.
    #[arg(long, value_name = "NAME")]
    pub event: Option<String>,
    /// Accepted at or after this time (ISO 8601).
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Accepted before this time (ISO 8601).
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DeliveryStatus {
    Pending,
    Delivered,
    Exhausted,
    Cancelled,
    /// Pending after a failure, exhausted or cancelled.
    Undelivered,
}

#[derive(Args, Debug)]
pub struct EventTypes {
    #[command(flatten)]
    pub connect: Connect,
    /// Shows this one with its parameters, schema and sample.
    pub name: Option<String>,
}

#[derive(Args, Debug)]
pub struct Openapi {
    #[command(flatten)]
    pub connect: Connect,
}

/// From one in an hour to as fast as a timer goes.
fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "expected a number")?;
    if (0.000_27..=100_000.0).contains(&rate) {
        Ok(rate)
    } else {
        Err("expected 0.00027 to 100000".to_owned())
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    /// The command and those below it, each with its name as it is typed.
    fn all(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
        let path = format!("{path} {}", command.get_name()).trim().to_owned();
        let mut found = vec![(path.clone(), command.clone())];
        found.extend(command.get_subcommands().flat_map(|below| all(below, &path)));
        found
    }

    #[test]
    fn every_command_and_argument_is_explained_in_lines_of_a_hundred_columns() {
        let mut program = Arguments::command();
        program.build();
        for (path, mut command) in all(&program, "") {
            assert!(command.get_about().is_some(), "{path} is not explained");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{path}: {} is not explained", argument.get_id());
            }
            let help = command.render_help().to_string();
            let wide: Vec<_> = help.lines().filter(|line| line.chars().count() > 100).collect();
            assert!(wide.is_empty(), "{path} --help: {wide:#?}");
        }
    }

    #[test]
    fn a_setting_is_a_key_and_a_value() {
        let serve = ["hookswitch", "serve", "--set", "delivery.notification_within=3s"];
        let Command::Serve(serve) = Arguments::try_parse_from(serve).expect("good").command else {
            panic!("not serve");
        };
        assert_eq!(serve.settings, [("delivery.notification_within".to_owned(), "3s".to_owned())]);
        assert!(Arguments::try_parse_from(["hookswitch", "serve", "--set", "nothing"]).is_err());
    }
}
