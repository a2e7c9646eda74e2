//! A thread that does something at intervals until it is dropped.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Stops at once, and is waited for, when it is dropped.
pub struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Calls `tick` at this interval. Where the system gives no thread nothing ticks: bars and heartbeats stand still,
    /// builds go on.
    pub fn every(interval: Duration, mut tick: impl FnMut() + Send + 'static) -> Ticker {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new()
            .name("report".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                    tick();
                }
            })
            .ok();
        Ticker { stop: Some(stop), thread }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been printed there; what is left to do is to go on.
            let _ = thread.join();
        }
    }
}
