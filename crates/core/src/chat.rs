//! Team messaging: chats, their posts and the webhooks that post into them.
//!
//! The nouns live here, with the rules that need nothing but them. `mentions` finds who is named in a
//! text, `incoming` reads what a third party posts, `happening` says which events a change raises and
//! how they look. Storing is the store's work, who may do what the store's and the server's.

pub mod happening;
pub mod incoming;
pub mod mentions;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::WallTime;
use crate::id::{AccountId, CardId, ChatId, ExtensionId, HookNo, PostId};

/// Declares an enum whose variants have one name each, as it is stored and answered.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }

            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }
    };
}

named!(
    /// What a chat is. The names are the older ones, which events still carry.
    ChatKind {
        /// Of two people, fixed.
        PrivateChat,
        /// Of three to sixteen people, fixed.
        Group,
        /// With a name; people come and go.
        Team,
        /// Of one person with themselves.
        PersonalChat,
        /// Of all people of the account.
        Everyone,
    }
);

impl ChatKind {
    /// As the newer resources call it.
    pub fn newer_name(self) -> &'static str {
        match self {
            Self::PrivateChat => "Direct",
            Self::PersonalChat => "Personal",
            Self::Group | Self::Team | Self::Everyone => self.name(),
        }
    }

    /// As events and the older resources call it, which know no Everyone: there it was a team.
    pub fn older_name(self) -> &'static str {
        match self {
            Self::Everyone => Self::Team.name(),
            _ => self.name(),
        }
    }

    /// From either spelling.
    pub fn from_either_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name || kind.newer_name() == name)
    }

    /// Made of its members, which never change.
    pub fn is_conversation(self) -> bool {
        matches!(self, Self::PrivateChat | Self::Group | Self::PersonalChat)
    }

    /// The kind of a conversation of so many people, the asker among them.
    pub fn of_conversation(members: usize) -> Self {
        match members {
            0 | 1 => Self::PersonalChat,
            2 => Self::PrivateChat,
            _ => Self::Group,
        }
    }
}

/// Who asks for something: everything that follows is of their account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    pub account: AccountId,
    pub extension: ExtensionId,
    /// Of the account.
    pub administrator: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    pub id: ChatId,
    pub account: AccountId,
    pub kind: ChatKind,
    pub name: Option<String>,
    pub description: Option<String>,
    /// Teams only: whether anybody of the account may join.
    pub public: Option<bool>,
    pub archived: bool,
    /// Who made it; nobody made a personal chat or the one of everyone.
    pub creator: Option<ExtensionId>,
    /// In the order of their numbers. In lists no more than a bound of them.
    pub members: Vec<ExtensionId>,
    pub created_at: WallTime,
    pub modified_at: WallTime,
}

impl Chat {
    pub fn has_member(&self, extension: ExtensionId) -> bool {
        self.kind == ChatKind::Everyone || self.members.contains(&extension)
    }

    /// Whether the asker runs this team: whoever made it does, an administrator of the account, and
    /// anybody in it once its maker has left.
    pub fn is_run_by(&self, asker: Asker) -> bool {
        let has_lost_its_maker = self.creator.is_none_or(|creator| !self.has_member(creator));
        self.has_member(asker.extension)
            && (asker.administrator || self.creator == Some(asker.extension) || has_lost_its_maker)
    }

    pub fn status_name(&self) -> &'static str {
        if self.archived { "Archived" } else { "Active" }
    }
}

named!(PostKind { TextMessage, PersonJoined, PersonsAdded, PersonsRemoved, Card });

named!(MentionKind { Person, Team, File, Link, Event, Task, Note, Card });

/// Something that is named in a post's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: MentionKind,
    /// `None` if the author cannot see what it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Post {
    pub id: PostId,
    pub chat: ChatId,
    pub kind: PostKind,
    pub text: Option<String>,
    pub creator: ExtensionId,
    pub added: Option<Vec<ExtensionId>>,
    pub removed: Option<Vec<ExtensionId>>,
    pub created_at: WallTime,
    pub modified_at: WallTime,
    /// Each an object, as it is answered.
    pub attachments: Option<Vec<Value>>,
    pub mentions: Option<Vec<Mention>>,
    pub look: Look,
    /// The post that it answers, and the one that began the thread.
    pub parent: Option<PostId>,
    pub thread: Option<PostId>,
}

/// How an integration's post presents itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    pub activity: Option<String>,
    pub title: Option<String>,
    pub icon_uri: Option<String>,
    pub icon_emoji: Option<String>,
}

/// What a new post shall say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    pub text: Option<String>,
    /// Each an object; adaptive cards among them get an id when they are stored.
    pub attachments: Vec<Value>,
    pub look: Look,
}

/// An adaptive card that was posted by itself or among the attachments of a post.
#[derive(Clone, Debug, PartialEq)]
pub struct PostedCard {
    pub id: CardId,
    pub chat: ChatId,
    pub creator: ExtensionId,
    pub created_at: WallTime,
    pub modified_at: WallTime,
    /// The card, an object, without its id.
    pub card: Value,
}

named!(HookStatus { Active, Suspended, Deleted });

/// An incoming webhook: whoever knows its id may post into its chat.
#[derive(Clone, PartialEq, Eq)]
pub struct Hook {
    pub no: HookNo,
    /// The secret.
    pub id: String,
    pub account: AccountId,
    pub chat: ChatId,
    pub creator: ExtensionId,
    pub status: HookStatus,
    pub created_at: WallTime,
    pub modified_at: WallTime,
}

/// Without the secret.
impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook").field("no", &self.no).field("status", &self.status).finish_non_exhaustive()
    }
}

/// Where the server's incoming webhooks are reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookAddresses {
    /// Scheme, host and port, without a slash at the end.
    pub base: String,
}

impl HookAddresses {
    pub fn uri(&self, id: &str) -> String {
        format!("{}/webhook/v2/{id}", self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_in_either_spelling_and_everyone_is_a_team_to_the_older_resources() {
        for (older, newer) in
            [("PrivateChat", "Direct"), ("PersonalChat", "Personal"), ("Group", "Group"), ("Team", "Team")]
        {
            let kind = ChatKind::from_either_name(older).expect("a kind");
            assert_eq!(ChatKind::from_either_name(newer), Some(kind));
            assert_eq!((kind.older_name(), kind.newer_name()), (older, newer));
        }
        assert_eq!(ChatKind::Everyone.older_name(), "Team");
        assert_eq!(ChatKind::from_either_name("Everyone"), Some(ChatKind::Everyone));
        assert_eq!(ChatKind::from_either_name("team"), None);
    }

    #[test]
    fn a_team_is_run_by_its_maker_by_administrators_and_by_anybody_once_the_maker_has_left() {
        let asker = |extension, administrator| Asker {
            account: AccountId(1),
            extension: ExtensionId(extension),
            administrator,
        };
        let mut team = Chat {
            id: ChatId(1),
            account: AccountId(1),
            kind: ChatKind::Team,
            name: None,
            description: None,
            public: Some(true),
            archived: false,
            creator: Some(ExtensionId(1)),
            members: vec![ExtensionId(1), ExtensionId(2)],
            created_at: WallTime(0),
            modified_at: WallTime(0),
        };
        assert!(team.is_run_by(asker(1, false)) && team.is_run_by(asker(2, true)));
        assert!(!team.is_run_by(asker(2, false)) && !team.is_run_by(asker(3, true)), "strangers never");
        team.members.remove(0);
        assert!(team.is_run_by(asker(2, false)) && !team.is_run_by(asker(1, false)));
    }

    #[test]
    fn the_number_of_people_makes_the_kind_of_a_conversation() {
        let kinds: Vec<_> = [1, 2, 3, 16].into_iter().map(ChatKind::of_conversation).collect();
        assert_eq!(kinds, [ChatKind::PersonalChat, ChatKind::PrivateChat, ChatKind::Group, ChatKind::Group]);
        assert!(kinds.iter().all(|kind| kind.is_conversation()));
        assert!(!ChatKind::Team.is_conversation() && !ChatKind::Everyone.is_conversation());
    }
}
