//! Stories through a whole server in this process: real sockets, a real store, a clock that only the test
//! moves. What needs the real program (signals, kill -9) is in the top-level `tests/`.

mod changes;
mod publishing;
mod retained;
mod retry_schedule;
mod store_cost;
mod two_servers;
mod world;
