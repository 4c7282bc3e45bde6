//! A server that runs in this process: the only place where the program touches the server's inside.

use hookswitch_core::clock::Handles;
use hookswitch_server::config::Settings;
use hookswitch_server::serving::{self, Server, StartError};
use tokio::net::TcpListener;

use crate::failure::{Failure, with_causes};

pub struct Running {
    server: Server,
}

impl Running {
    /// Returns once the server accepts requests, and with `--dev` has written its `dev.env`.
    pub async fn start(settings: Settings, handles: Handles) -> Result<Self, Failure> {
        let address = settings.listen;
        let listener =
            TcpListener::bind(address).await.map_err(Failure::io(format!("listening on {address}")))?;
        let started = serving::start(settings, handles, listener).await;
        let failure = |error: StartError| match &error {
            StartError::Setting { .. } => Failure::Usage(error.to_string()),
            _ => Failure::Failed(with_causes(&error)),
        };
        Ok(Self { server: started.map_err(failure)? })
    }

    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Takes no new work, lets attempts under way end, then returns.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}
