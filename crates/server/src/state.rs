//! What every handler can reach: the parts of a running server, made once by `App::open` and shared as
//! axum's state (`State<Arc<App>>`). Nothing here is global, so two servers fit in one process.

use hookswitch_core::clock::Handles;

use crate::config::Settings;

pub struct App {
    pub settings: Settings,
    pub handles: Handles,
}
