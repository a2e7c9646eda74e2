//! Bad weather, in simulated time. Each test ends in success or in a clear error within a stated bound, and leaves
//! nothing that costs money.

// The world is let go by `drop` before each await, which the lint does not see: held over one, the fake would hang.
#![allow(clippy::await_holding_lock)]

mod builders;
mod credentials;
mod denied;
mod disks;
mod images;
mod overtaken;
pub mod place;
mod pointers;
mod records;
mod room;
mod sky;

use place::seconds;
use std::time::Duration;

/// A build without bad weather takes four minutes here: running 12 s, agent 20 s, commands, stopping 20 s, the image
/// 90 s, running and agent again, Parameter Store's look at the image; each look at the cloud is at most 5 s late.
const CALM: Duration = seconds(300);
