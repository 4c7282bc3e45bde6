//! Stories through a whole server in this process: real sockets, a real store, a clock that only the test
//! moves. What needs the real program (signals, kill -9) is in the top-level `tests/`.

mod cast;
mod catalogue;
mod certificate;
mod changes;
mod conference;
mod conference_refusals;
mod dev_controls;
mod disabled;
mod error_table;
mod event_types;
mod importing;
mod lifetimes;
mod matrix;
mod metrics;
mod provisioning;
mod publishing;
mod quotas;
mod reminders;
mod retained;
mod retry_schedule;
mod slow_clients;
mod store_cost;
mod team_messaging;
mod two_servers;
mod webinar;
mod world;
