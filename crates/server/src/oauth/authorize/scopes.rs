//! What a scope means for the person who is asked to grant it.

/// One sentence for each thing the app could do, in the order of `scopes`; several scopes may share one.
pub(super) fn in_words(scopes: &[String]) -> Vec<&str> {
    let mut sentences = Vec::new();
    for scope in scopes {
        let sentence = sentence(scope);
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences
}

fn sentence(scope: &str) -> &str {
    match scope {
        "ReadAccounts" => "See the company’s account and its people",
        "Accounts" | "EditAccounts" => "Change settings of the company’s account",
        "EditExtensions" => "Change settings of users and extensions",
        "RoleManagement" => "Manage roles and permissions",
        "ReadContacts" => "See your contacts",
        "Contacts" => "Change your contacts",
        "ReadMessages" => "Read your messages",
        "EditMessages" => "Change and delete your messages",
        "SMS" | "A2PSMS" => "Send text messages in your name",
        "InternalMessages" => "Send messages to colleagues in your name",
        "Faxes" => "Send faxes in your name",
        "TeamMessaging" | "Glip" => "Read and write in your team chats",
        "ReadPresence" => "See who is available",
        "EditPresence" => "Change your availability",
        "ReadCallLog" => "See your call history",
        "ReadCallRecording" => "Listen to recorded calls",
        "RingSense" => "Read insights about your calls",
        "CallControl" => "Control your calls",
        "VoipCalling" => "Make and take calls for you",
        "Meetings" => "Manage your meetings",
        "ReadWebinars" => "See your webinars",
        "EditWebinars" => "Manage your webinars",
        "ReadClientInfo" => "See which devices you use",
        "SubscriptionWebhook" => "Be notified of your events by webhook",
        "WebSocket" | "WebSocketsSubscription" => "Be notified of your events over a live connection",
        "PubNubSubscription" | "SubscriptionAPNS" | "SubscriptionGCM" => {
            "Be notified of your events by push messages"
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::APP_SCOPES;

    #[test]
    fn every_scope_that_an_app_can_have_is_put_in_words() {
        for scope in APP_SCOPES {
            assert_ne!(sentence(scope), *scope);
        }
        let scopes = ["SMS", "A2PSMS", "Own"].map(str::to_owned);
        assert_eq!(in_words(&scopes), ["Send text messages in your name", "Own"]);
    }
}
