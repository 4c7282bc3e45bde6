//! The commands by which operators prepare a server and say who uses it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Connect;

/// Prepares a data folder: store, master key, first admin token, which is printed once.
#[derive(Args, Debug)]
pub struct Init {
    /// The data folder; it is made if need be [env: HOOKSWITCH_DATA] [default: ./hookswitch-data].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// A TOML file with settings.
    #[arg(long, env = "HOOKSWITCH_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct Account {
    #[command(flatten)]
    pub connect: Connect,
    #[command(subcommand)]
    pub action: AccountAction,
}

#[derive(Debug, Subcommand)]
pub enum AccountAction {
    /// Lists accounts.
    List,
    /// Shows one.
    Show {
        /// The account's id.
        id: String,
    },
    /// Makes one.
    Create {
        /// Its id; drawn if absent.
        #[arg(long)]
        id: Option<String>,
        #[command(flatten)]
        members: AccountMembers,
    },
    /// Changes what is named.
    Update {
        /// The account's id.
        id: String,
        #[command(flatten)]
        members: AccountMembers,
    },
    /// Removes one with all that it has.
    Delete {
        /// The account's id.
        id: String,
    },
}

#[derive(Args, Debug)]
pub struct AccountMembers {
    /// The company's name.
    #[arg(long)]
    pub name: Option<String>,
    /// The number that its users log in with, as in +16505551234.
    #[arg(long, value_name = "NUMBER")]
    pub main_number: Option<String>,
    /// Initial, Unconfirmed, Confirmed or Disabled.
    #[arg(long)]
    pub status: Option<String>,
    /// The company of conference events.
    #[arg(long, value_name = "ID")]
    pub company: Option<String>,
    /// The extension that is meant when one logs in with the main number alone.
    #[arg(long, value_name = "ID")]
    pub operator: Option<String>,
    /// Quota of published events. Giving one quota sets all three, those not given to what the server's
    /// settings say.
    #[arg(long, value_name = "COUNT")]
    pub events_per_day: Option<u64>,
    /// Quota of deliveries.
    #[arg(long, value_name = "COUNT")]
    pub deliveries_per_day: Option<u64>,
    /// Quota of the bytes of event bodies.
    #[arg(long, value_name = "BYTES")]
    pub bytes_per_day: Option<u64>,
}

#[derive(Args, Debug)]
pub struct Extension {
    #[command(flatten)]
    pub connect: Connect,
    #[command(subcommand)]
    pub action: ExtensionAction,
}

#[derive(Debug, Subcommand)]
pub enum ExtensionAction {
    /// Lists the extensions of an account.
    List {
        /// The account's id.
        account: String,
    },
    /// Shows one.
    Show {
        /// The account's id.
        account: String,
        /// The extension's id.
        id: String,
    },
    /// Makes one, such as a user.
    Create {
        /// The account's id.
        account: String,
        /// Its id; drawn if absent.
        #[arg(long)]
        id: Option<String>,
        #[command(flatten)]
        members: ExtensionMembers,
    },
    /// Changes what is named.
    Update {
        /// The account's id.
        account: String,
        /// The extension's id.
        id: String,
        #[command(flatten)]
        members: ExtensionMembers,
    },
    /// Removes one with its sessions and subscriptions.
    Delete {
        /// The account's id.
        account: String,
        /// The extension's id.
        id: String,
    },
    /// Makes and changes many, one JSON object a line, from a file or standard input; all or, if one line
    /// is wrong, none.
    Import {
        /// The account's id.
        account: String,
        /// The file; standard input if absent.
        file: Option<PathBuf>,
        /// Removes the extensions that no line names.
        #[arg(long)]
        prune: bool,
        /// Says what would be done, and does nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Makes a JWT with which a user logs in; it is printed once.
    Credential {
        /// The account's id.
        account: String,
        /// The extension's id.
        id: String,
        /// The app that it is for; absent: every app.
        #[arg(long, value_name = "ID")]
        app: Option<String>,
        /// When it expires (ISO 8601); absent: never.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
}

#[derive(Args, Debug)]
pub struct ExtensionMembers {
    /// The extension number; needed for a new one.
    #[arg(long)]
    pub number: Option<String>,
    /// How it is shown; first and last name together if absent.
    #[arg(long)]
    pub name: Option<String>,
    /// The user's first name.
    #[arg(long)]
    pub first_name: Option<String>,
    /// The user's last name.
    #[arg(long)]
    pub last_name: Option<String>,
    /// The user's address; it can be logged in with.
    #[arg(long)]
    pub email: Option<String>,
    /// User, Department, IvrMenu, …
    #[arg(long = "type")]
    pub kind: Option<String>,
    /// Enabled, Disabled, Frozen, NotActivated or Unassigned.
    #[arg(long)]
    pub status: Option<String>,
    /// Whether the user administers the account.
    #[arg(long, value_name = "BOOL")]
    pub administrator: Option<bool>,
    /// What the user may; may be repeated.
    #[arg(long = "permission", value_name = "NAME")]
    pub permissions: Vec<String>,
    /// Whether others may subscribe to the user's presence.
    #[arg(long, value_name = "BOOL")]
    pub allow_see_my_presence: Option<bool>,
    /// Whether others may pick up the user's calls and subscribe to those that can be.
    #[arg(long, value_name = "BOOL")]
    pub allow_pick_up_my_calls: Option<bool>,
    /// A number of its own to log in with.
    #[arg(long, value_name = "NUMBER")]
    pub direct_number: Option<String>,
    /// Reads the password from the first line of standard input.
    #[arg(long)]
    pub password_stdin: bool,
}

#[derive(Args, Debug)]
pub struct App {
    #[command(flatten)]
    pub connect: Connect,
    #[command(subcommand)]
    pub action: AppAction,
}

#[derive(Debug, Subcommand)]
pub enum AppAction {
    /// Lists apps.
    List,
    /// Shows one.
    Show {
        /// The app's id.
        id: String,
    },
    /// Registers one; its secrets are printed once.
    Create {
        /// Drawn if absent.
        #[arg(long, value_name = "TEXT")]
        client_id: Option<String>,
        /// It has no secret, as an app in a browser cannot keep one.
        #[arg(long)]
        public: bool,
        #[command(flatten)]
        members: AppMembers,
    },
    /// Changes what is named.
    Update {
        /// The app's id.
        id: String,
        #[command(flatten)]
        members: AppMembers,
    },
    /// Removes one with its sessions and subscriptions.
    Delete {
        /// The app's id.
        id: String,
    },
}

#[derive(Args, Debug)]
pub struct AppMembers {
    /// What people are shown who sign in; needed for a new one.
    #[arg(long)]
    pub name: Option<String>,
    /// What it may, as in ReadMessages; may be repeated; all if absent.
    #[arg(long = "scope", value_name = "NAME")]
    pub scopes: Vec<String>,
    /// Password, JwtBearer, AuthorizationCode, RefreshToken, ClientCredentials; may be repeated; all that
    /// suit it if absent.
    #[arg(long = "grant", value_name = "NAME")]
    pub grants: Vec<String>,
    /// Where authorization codes may be sent; may be repeated.
    #[arg(long = "redirect-uri", value_name = "URL")]
    pub redirect_uris: Vec<String>,
}

#[derive(Args, Debug)]
pub struct Token {
    #[command(flatten)]
    pub connect: Connect,
    #[command(subcommand)]
    pub action: TokenAction,
}

#[derive(Debug, Subcommand)]
pub enum TokenAction {
    /// Lists tokens of operators and publishers.
    List,
    /// Shows one.
    Show {
        /// The token's id, as the list shows it.
        id: String,
    },
    /// Makes one; it is printed once.
    Create {
        /// For operators: everything, all accounts.
        #[arg(long, conflicts_with_all = ["publish", "account"], required_unless_present = "publish")]
        admin: bool,
        /// For publishers.
        #[arg(long)]
        publish: bool,
        /// The only account that it may publish for.
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        /// What it is for; the audit log shows it.
        #[arg(long)]
        name: Option<String>,
    },
    /// Gives one another name.
    Update {
        /// The token's id, as the list shows it.
        id: String,
        /// The new name.
        #[arg(long)]
        name: String,
    },
    /// Withdraws one at once.
    Delete {
        /// The token's id, as the list shows it.
        id: String,
    },
}

#[derive(Args, Debug)]
pub struct Usage {
    #[command(flatten)]
    pub connect: Connect,
    /// Only of this account.
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// The first day, as in 2026-01-31 [default: thirty days ago].
    #[arg(long, value_name = "DAY")]
    pub from: Option<String>,
    /// The last day [default: today].
    #[arg(long, value_name = "DAY")]
    pub to: Option<String>,
}

#[derive(Args, Debug)]
pub struct Doctor {
    #[command(flatten)]
    pub connect: Connect,
}

#[derive(Args, Debug)]
pub struct Audit {
    #[command(flatten)]
    pub connect: Connect,
    /// Only what concerns this account.
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
}
