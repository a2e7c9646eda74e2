//! What a running script is watched and stopped by.

use super::Output;
use std::fmt::{self, Display};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Asks for a running script to be killed. Clones are one and the same.
#[derive(Clone, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    /// A further reason, looked at again and again.
    because: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

impl Stop {
    /// The same, which also stops once `because` is true.
    pub fn also(&self, because: impl Fn() -> bool + Send + Sync + 'static) -> Stop {
        Stop { asked: self.asked.clone(), because: Some(Arc::new(because)) }
    }

    pub fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }

    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst) || self.because.as_ref().is_some_and(|because| because())
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stop").field(&self.asked).finish()
    }
}

/// Which of a script's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

type Hear = dyn Fn(Stream, &[u8]) + Send + Sync;

/// Hears of output.
#[derive(Clone, Default)]
pub struct Watch(Option<Arc<Hear>>);

impl Watch {
    pub fn new(hear: impl Fn(Stream, &[u8]) + Send + Sync + 'static) -> Watch {
        Watch(Some(Arc::new(hear)))
    }

    pub fn tell(&self, stream: Stream, bytes: &[u8]) {
        if let Some(hear) = self.0.as_ref().filter(|_| !bytes.is_empty()) {
            hear(stream, bytes);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watch" } else { "Watch(nobody)" })
    }
}

/// A parameter's value. Not shown by accident.
#[derive(Clone)]
pub struct Secret {
    pub value: String,
    /// A SecureString: readable in clear only with `--with-decryption`.
    pub is_secure: bool,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a command printed, once it is done. When nobody waits for it any longer, it is asked to stop: nothing needs to
/// run.
pub(super) async fn while_waited_for<E: Display>(stop: Stop, run: impl Future<Output = Result<Output, E>>) -> Output {
    let mut stop = StopOnDrop(Some(stop));
    let output = run.await;
    stop.0 = None;
    output.unwrap_or_else(|error| Output {
        code: 1,
        stderr: format!("failed to run commands: {error}").into_bytes(),
        ..Output::default()
    })
}

/// Asks for the stop when it is dropped.
struct StopOnDrop(Option<Stop>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(stop) = &self.0 {
            stop.ask();
        }
    }
}
