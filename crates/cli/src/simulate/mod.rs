//! `hookswitch simulate`: a platform's stories without a platform. `call`, `webinar` and `conference` write a
//! story from a seed and its rules; `play` checks each event against the rules and publishes it at a rate;
//! `chat` goes through the doors of team messaging. `script` is what they have in common, `dice` makes their
//! choices.

mod call;
mod chat;
mod conference;
mod dice;
mod play;
mod script;
#[cfg(test)]
mod tests;
mod webinar;

use hookswitch_core::clock::{Handles, WallTime};
use hookswitch_server::clock::system_handles;

use crate::arguments::{Simulate, StoryName};
use crate::connection::{Api, Role, Variables};
use crate::failure::Failure;
use crate::{login, output};
use dice::Dice;
use play::Pace;
use script::Rules;
pub use script::{Cast, Step};

pub async fn run(options: &Simulate) -> Result<(), Failure> {
    let handles = system_handles();
    let variables = Variables::of(&options.connect)?;
    let cast = cast(options, &variables, &handles)?;
    let mut pace = Pace::new(&handles, options.rate);
    let seeds = (0..options.times).map(|round| options.seed.wrapping_add(round));
    let mut stories = 0_u64;
    for seed in seeds {
        one(options, &variables, &handles, &cast, seed, &mut pace).await?;
        stories += 1;
    }
    if options.print {
        return Ok(());
    }
    output::line(&format!("{stories} played, everything in its order"))
}

async fn one(
    options: &Simulate,
    variables: &Variables,
    handles: &Handles,
    cast: &Cast,
    seed: u64,
    pace: &mut Pace,
) -> Result<(), Failure> {
    if options.story == StoryName::Chat {
        let posts = chat::write(&mut Dice::new(seed));
        if options.print {
            return posts.iter().try_for_each(|post| output::line(&post.body.to_string()));
        }
        let user = login::user(variables, &options.connect).await?;
        return chat::play(&user, &posts, pace).await;
    }
    let (steps, mut rules) = story(options.story, cast, seed);
    play::check(&steps, rules.as_mut())
        .map_err(|why| Failure::Failed(format!("the story of seed {seed} breaks its rules: {why}")))?;
    if options.print {
        return steps.iter().try_for_each(|step| output::line(&step.publication(cast).to_string()));
    }
    let api = Api::new(&options.connect, Role::Publisher)?;
    play::play(&api, handles, cast, &steps, pace).await
}

/// A conference for the demo.
pub fn conference(cast: &Cast, seed: u64) -> Vec<Step> {
    conference::write(cast, &mut Dice::new(seed))
}

fn story(name: StoryName, cast: &Cast, seed: u64) -> (Vec<Step>, Box<dyn Rules>) {
    let dice = &mut Dice::new(seed);
    match name {
        StoryName::Call => (call::write(cast, dice), Box::new(call::CallRules::default())),
        StoryName::Webinar => (webinar::write(cast, dice), Box::new(webinar::WebinarRules::default())),
        StoryName::Conference => {
            (conference::write(cast, dice), Box::new(conference::ConferenceRules::default()))
        }
        // Has no events of its own making: the server makes them.
        StoryName::Chat => (Vec::new(), Box::new(call::CallRules::default())),
    }
}

/// Flags beat dev.env and the environment. Who names another account than theirs names everybody.
fn cast(options: &Simulate, variables: &Variables, handles: &Handles) -> Result<Cast, Failure> {
    let is_theirs = options.account.is_none() || options.account == variables.get("RC_ACCOUNT_ID");
    let variable = |name: &str| variables.get(name).filter(|_| is_theirs);
    let needed = |flag: &Option<String>, what: &str, name: &str| {
        let found = flag.clone().or_else(|| variable(name));
        // The chat is the user's, whoever that is.
        let found = found.or_else(|| (options.story == StoryName::Chat).then(String::new));
        found.ok_or_else(|| Failure::Usage(format!("no {what}: give --{what}, --env FILE, or set {name}")))
    };
    let company = options.company.clone().or_else(|| variable("HOOKSWITCH_COMPANY_ID"));
    let number =
        |text: String| text.parse().map_err(|_| Failure::Usage(format!("--company {text}: is no number")));
    let start = match &options.start {
        None => handles.now(),
        Some(text) => WallTime::parse_iso8601(text)
            .ok_or_else(|| Failure::Usage(format!("--start {text}: is no ISO 8601 time")))?,
    };
    Ok(Cast {
        account: needed(&options.account, "account", "RC_ACCOUNT_ID")?,
        extension: needed(&options.extension, "extension", "RC_EXTENSION_ID")?,
        company: company.map(number).transpose()?,
        start,
    })
}
