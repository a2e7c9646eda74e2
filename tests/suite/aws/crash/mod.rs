//! The crash contract on AWS, in simulated time: the program is stopped at every HTTP call it makes, the build is gone
//! on with in every way that there is, and nothing is ever left over, made twice or named wrongly.

pub mod contract;
pub mod distribution;
mod doubles;
pub mod dying;
mod forced;
pub mod machine;
pub mod moves;
mod retirement;
pub mod scene;
mod single;
pub mod threads;
mod truncated;
mod two_machines;

use dying::Death;

/// Where the program dies around one call.
const DEATHS: [Death; 3] = [Death::BeforeSend, Death::ReplyLost, Death::BeforeJournal];

/// Whether everything is asked for, which takes much longer: with AMIFACTORY_ALL_CRASH_POINTS=1. Without it each request is
/// a crash point of builds that are gone on with in an orderly world; elsewhere a sample of them is.
pub fn all() -> bool {
    std::env::var_os("AMIFACTORY_ALL_CRASH_POINTS").is_some()
}
