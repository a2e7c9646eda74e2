//! The dead man's switch: what a builder does where nobody comes back for it.

use std::time::Duration;

const USER_DATA: &str = include_str!("user_data.sh");

/// User data for a builder that powers itself off after this time, counted from each start of the machine. It has to be
/// launched with the shutdown behaviour `terminate`. Nothing takes the timer back: once the shutdown behaviour is
/// `stop`, its going off before the build stops the machine does what the build was about to do.
pub fn user_data(after: Duration) -> String {
    let seconds = after.as_secs().max(60);
    let script = USER_DATA.replace("{seconds}", &seconds.to_string());
    format!("#cloud-boothook\n{script}")
}
