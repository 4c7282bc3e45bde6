//! The writer's connections to segments that take no more events: retries come back to the same few.

use hookswitch_core::id::EventSeq;
use rusqlite::Connection;

use super::schema::{self, Purpose};
use super::segment::Segment;
use crate::StoreError;

/// Connections that are kept.
const KEPT: usize = 16;

pub(super) struct Older {
    /// The one used last is at the back.
    kept: Vec<(EventSeq, Connection)>,
    purpose: Purpose,
}

impl Older {
    pub(super) fn new(sync: bool) -> Self {
        Self { kept: Vec::new(), purpose: Purpose::WriteOlder { sync } }
    }

    pub(super) fn connection(&mut self, segment: &Segment) -> Result<&Connection, StoreError> {
        match self.kept.iter().position(|(first, _)| *first == segment.first) {
            Some(place) => self.kept[place..].rotate_left(1),
            None => {
                let connection = schema::connect(&segment.path, self.purpose);
                self.keep(segment.first, connection.map_err(|fault| fault.in_file(&segment.path))?);
            }
        }
        // The line above has put it there.
        Ok(&self.kept[self.kept.len() - 1].1)
    }

    /// Takes over a connection; the one that was not used for longest is closed, which carries what is in
    /// its write-ahead log into the file.
    pub(super) fn keep(&mut self, first: EventSeq, connection: Connection) {
        // Without it the connection keeps more memory than it needs, no more.
        let _ = schema::limit_cache(&connection, self.purpose);
        self.kept.push((first, connection));
        if self.kept.len() > KEPT {
            self.kept.remove(0);
        }
    }
    /// Of a segment that goes.
    pub(super) fn close(&mut self, first: EventSeq) {
        self.kept.retain(|(known, _)| *known != first);
    }
}
