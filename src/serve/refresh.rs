//! Looks from time to time: one look after the other, never two at once.

use std::future::Future;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Looks now and then every so often, without end. A look that takes longer than that puts the next one off; none is
/// made up for.
pub async fn refresh<F: Future<Output = ()>>(every: Duration, mut look: impl FnMut() -> F) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        look().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test(start_paused = true)]
    async fn looks_never_overlap_and_none_is_made_up_for() {
        let (began, at_once, looks) = (tokio::time::Instant::now(), Cell::new(0), Cell::new(Vec::new()));
        let look = || async {
            at_once.set(at_once.get() + 1);
            assert_eq!(at_once.get(), 1);
            let mut so_far = looks.take();
            so_far.push(began.elapsed().as_secs());
            let takes = if so_far.len() == 2 { 35 } else { 1 };
            looks.set(so_far);
            tokio::time::sleep(Duration::from_secs(takes)).await;
            at_once.set(at_once.get() - 1);
        };
        let _ = tokio::time::timeout(Duration::from_secs(70), refresh(Duration::from_secs(10), look)).await;
        assert_eq!(looks.take(), [0, 10, 45, 55, 65]);
    }
}
