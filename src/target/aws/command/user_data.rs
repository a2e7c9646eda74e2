//! What a builder is given at its launch: the dead man's switch, which ends it where nobody comes back for it, and the
//! volumes that it lays out.

use crate::recipe::ExtraVolume;
use std::fmt::Write as _;
use std::time::Duration;

const DEAD_MAN: &str = include_str!("user_data.sh");
const VOLUMES: &str = include_str!("volumes.sh");

/// User data for a builder that powers itself off after this time, counted from each start of the machine. It has to be
/// launched with the shutdown behaviour `terminate`. Nothing takes the timer back: once the shutdown behaviour is
/// `stop`, its going off before the build stops the machine does what the build was about to do.
///
/// Volumes are laid out at the first start, and are there before commands can come.
pub fn user_data(after: Duration, volumes: &[ExtraVolume]) -> String {
    let seconds = after.as_secs().max(60);
    let mut text = format!("#cloud-boothook\n{}", DEAD_MAN.replace("{seconds}", &seconds.to_string()));
    if !volumes.is_empty() {
        text.push_str(&lay_out(volumes));
    }
    text
}

/// The script that lays out volumes. Mount points and options are words of letters, digits and a few signs.
fn lay_out(volumes: &[ExtraVolume]) -> String {
    let mut layout = String::new();
    for volume in volumes {
        let _ = writeln!(layout, "{} {} {}", volume.mount.as_str(), volume.size_gib, volume.fstab_options());
    }
    format!("af_layout='{}'\n{VOLUMES}", layout.trim_end())
}
