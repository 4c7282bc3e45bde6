//! From a host name to addresses: the one place where the outside world's names come in.
//!
//! What the answer may be is the guard's business. Tests put their own answers in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

/// How many names the operating system may be asked for at once. Its resolver blocks a thread for as
/// long as the slowest name server takes, so this bounds what dead names can hold.
const LOOKUPS_AT_ONCE: usize = 32;

#[async_trait]
pub trait Resolver: Send + Sync + 'static {
    /// The addresses of `host`, in the order to try them. Never called for a literal address.
    async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError>;
}

/// In the words of whoever was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ResolveError(pub String);

type Answer = Option<Result<Vec<IpAddr>, ResolveError>>;

/// Asks the operating system. Whoever asks for a name that is being looked up shares that answer, so that
/// one dead name holds one thread, however many deliveries wait for it.
#[derive(Clone)]
pub struct SystemResolver {
    shared: Arc<Shared>,
}

struct Shared {
    permits: Semaphore,
    under_way: Mutex<HashMap<String, watch::Receiver<Answer>>>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        let shared = Shared { permits: Semaphore::new(LOOKUPS_AT_ONCE), under_way: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }
}

impl SystemResolver {
    fn join_or_start(&self, host: &str) -> watch::Receiver<Answer> {
        let mut under_way = self.shared.under_way.lock();
        if let Some(answer) = under_way.get(host) {
            return answer.clone();
        }
        let (sender, answer) = watch::channel(None);
        under_way.insert(host.to_owned(), answer.clone());
        // A task of its own: the attempt that asked first may give up while others still wait.
        tokio::spawn(look_up(Arc::clone(&self.shared), host.to_owned(), sender));
        answer
    }
}

async fn look_up(shared: Arc<Shared>, host: String, sender: watch::Sender<Answer>) {
    let permit = shared.permits.acquire().await;
    let found = tokio::net::lookup_host((host.as_str(), 0)).await;
    drop(permit);
    let answer = found
        .map(|addresses| addresses.map(|address| address.ip()).collect())
        .map_err(|error| ResolveError(error.to_string()));
    // Taken out first: who comes from now on asks anew, and a rebinding name is judged anew.
    shared.under_way.lock().remove(&host);
    sender.send_replace(Some(answer));
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let mut answer = self.join_or_start(host);
        match answer.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or_else(|| Ok(Vec::new())),
            Err(_) => Err(ResolveError("the lookup was abandoned".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_is_loopback_and_a_name_that_cannot_exist_is_an_error() {
        let resolver = SystemResolver::default();
        let addresses = resolver.resolve("localhost").await.unwrap();
        assert!(!addresses.is_empty() && addresses.iter().all(IpAddr::is_loopback), "{addresses:?}");
        // A label of 64 bytes: refused without asking any name server.
        resolver.resolve(&"x".repeat(64)).await.unwrap_err();
        assert!(resolver.shared.under_way.lock().is_empty());
    }

    #[tokio::test]
    async fn who_asks_for_the_same_name_at_once_shares_one_lookup() {
        let resolver = SystemResolver::default();
        let none_free = resolver.shared.permits.acquire_many(LOOKUPS_AT_ONCE as u32).await.unwrap();
        let first = resolver.join_or_start("localhost");
        let second = resolver.join_or_start("localhost");
        assert!(first.same_channel(&second));
        assert_eq!(resolver.shared.under_way.lock().len(), 1);
        drop(none_free);
        assert!(!resolver.resolve("localhost").await.unwrap().is_empty());
    }
}
