//! Where the writer runs: on a thread of its own, or on the caller's. One switch, the same writer.

use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::options::WriterMode;
use super::writer::Writer;
use crate::StoreError;

/// Orders that may wait before a caller has to. The engine has one commit under way at a time.
const QUEUE: usize = 64;

type Order = Box<dyn FnOnce(&mut Writer) + Send>;

pub(super) enum Worker {
    OnCaller(Box<Mutex<Writer>>),
    Threaded {
        /// `None` once closing has begun.
        orders: Option<mpsc::Sender<Order>>,
        thread: Option<JoinHandle<()>>,
    },
}

impl Worker {
    pub(super) fn start(mut writer: Writer, mode: WriterMode) -> Result<Self, StoreError> {
        if mode != WriterMode::Threaded {
            return Ok(Self::OnCaller(Box::new(Mutex::new(writer))));
        }
        let (orders, mut queue) = mpsc::channel::<Order>(QUEUE);
        let run = move || {
            while let Some(order) = queue.blocking_recv() {
                order(&mut writer);
            }
        };
        let thread = std::thread::Builder::new().name("event-log".into()).spawn(run);
        let thread = thread.map_err(|error| StoreError::Failed(Box::new(error)))?;
        Ok(Self::Threaded { orders: Some(orders), thread: Some(thread) })
    }

    /// Runs `work` with the writer. On the thread it is done even if the caller stops waiting.
    pub(super) async fn run<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&mut Writer) -> T + Send + 'static,
    {
        let orders = match self {
            Self::OnCaller(writer) => return Ok(work(&mut writer.lock())),
            Self::Threaded { orders, .. } => orders.as_ref().ok_or_else(closed)?,
        };
        let (reply, answer) = oneshot::channel();
        let order: Order = Box::new(move |writer| {
            // The caller may have gone; the work is done all the same.
            let _ = reply.send(work(writer));
        });
        orders.send(order).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Self::Threaded { orders, thread } = self {
            *orders = None;
            // A writer that panicked has said so; there is nothing left to close.
            let _ = thread.take().map(JoinHandle::join);
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the event log is closed".into())
}
