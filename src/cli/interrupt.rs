//! Ctrl-C: the first one stops cleanly, the second one at once.

use super::exit::Exit;
use std::future::Future;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Runs work until it ends or someone interrupts it: Ctrl-C, or a polite kill. None where it was interrupted.
///
/// Dropping the work kills what it had running; what it had done is found again by tags and journal.
pub async fn or_interrupted<T>(work: impl Future<Output = T>) -> Option<T> {
    let (first, interrupted) = oneshot::channel();
    // Before the work begins: from its first sign on a signal finds them.
    let handlers = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = handlers else {
            // Without handlers the signals do what they always do: end the program, which loses nothing.
            return;
        };
        let mut first = Some(first);
        loop {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            match first.take() {
                // The receiver is gone only when the work has ended.
                Some(first) => drop(first.send(())),
                None => std::process::exit(Exit::Interrupted as i32),
            }
        }
    });
    tokio::select! {
        done = work => Some(done),
        Ok(()) = interrupted => None,
    }
}
