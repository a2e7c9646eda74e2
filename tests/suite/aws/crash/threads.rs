//! Pieces of work beside each other, each in a paused time of its own.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Mutex;

pub type Work = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = usize>>> + Send>;

/// One piece.
pub fn piece<F: Future<Output = usize> + 'static>(make: impl FnOnce() -> F + Send + 'static) -> Work {
    Box::new(move || Box::pin(make()))
}

/// Does all of it, and adds up what the pieces answer.
pub fn all(work: Vec<Work>) -> usize {
    let queue = Mutex::new(work);
    let hands = std::thread::available_parallelism().map_or(2, usize::from).min(4);
    let failed = Mutex::new(0);
    let points = std::thread::scope(|scope| {
        let hands: Vec<_> = (0..hands)
            .map(|_| {
                scope.spawn(|| {
                    let mut sum = 0;
                    loop {
                        let next = queue.lock().unwrap().pop();
                        let Some(piece) = next else { return sum };
                        let runtime =
                            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
                        // One that fails keeps no other from showing what it finds.
                        let piece = AssertUnwindSafe(|| runtime.unwrap().block_on(async { piece().await }));
                        match std::panic::catch_unwind(piece) {
                            Ok(points) => sum += points,
                            Err(_) => *failed.lock().unwrap() += 1,
                        }
                    }
                })
            })
            .collect();
        hands.into_iter().map(|hand| hand.join().unwrap()).sum()
    });
    let failed = failed.into_inner().unwrap();
    assert_eq!(failed, 0, "so many pieces of work failed; what they found is above");
    points
}
