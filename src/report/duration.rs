//! Times as people read them.

use std::time::Duration;

/// `0.4s`, `12.3s`, `3m 07s`, `1h 02m`.
pub fn human(duration: Duration) -> String {
    let tenths = (duration.as_millis() + 50) / 100;
    let seconds = duration.as_secs();
    match seconds {
        _ if tenths < 600 => format!("{}.{}s", tenths / 10, tenths % 10),
        _ if seconds < 3600 => format!("{}m {:02}s", seconds.max(60) / 60, if seconds < 60 { 0 } else { seconds % 60 }),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The same without tenths, for figures that change while one looks: `12s`.
pub fn ticking(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        _ => human(duration),
    }
}

/// Seconds as results carry them.
pub fn seconds(seconds: f64) -> String {
    human(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_has_its_form() {
        let at = |ms| human(Duration::from_millis(ms));
        assert_eq!(
            [at(0), at(449), at(59_940), at(59_960), at(60_000), at(187_000), at(3_600_000), at(3_720_000)],
            ["0.0s", "0.4s", "59.9s", "1m 00s", "1m 00s", "3m 07s", "1h 00m", "1h 02m"]
        );
        assert_eq!(ticking(Duration::from_millis(59_990)), "59s");
        assert_eq!(seconds(f64::NAN), "0.0s");
    }
}
