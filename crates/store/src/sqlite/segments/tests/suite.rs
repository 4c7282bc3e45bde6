//! The suite, on a thread and inline, with segments that never fill and with small ones that often do.

use std::sync::Arc;

use async_trait::async_trait;
use hookswitch_testkit::TempFolder;

use super::{open, options, small};
use crate::conformance::Subject;
use crate::log::EventLog;
use crate::sqlite::segments::{LogOptions, WriterMode};

pub(super) struct InFolder {
    place: TempFolder,
    options: LogOptions,
}

impl InFolder {
    pub(super) fn new(options: LogOptions) -> Self {
        Self { place: TempFolder::new(), options }
    }
}

#[async_trait]
impl Subject for InFolder {
    async fn open(&mut self) -> Arc<dyn EventLog> {
        Arc::new(open(&self.place, self.options.clone()))
    }
}

mod on_a_thread {
    use super::*;
    crate::event_log_suite!(InFolder::new(options(WriterMode::Threaded)));
}

mod inline {
    use super::*;
    crate::event_log_suite!(InFolder::new(options(WriterMode::Inline)));
}

mod on_a_thread_in_small_segments {
    use super::*;
    crate::event_log_suite!(InFolder::new(small(WriterMode::Threaded)));
}

mod inline_in_small_segments {
    use super::*;
    crate::event_log_suite!(InFolder::new(small(WriterMode::Inline)));
}
