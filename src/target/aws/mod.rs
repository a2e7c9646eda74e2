//! The AWS target: builders are EC2 instances, reached through SSM Run Command alone.
//!
//! | module | holds |
//! |---|---|
//! | [`api`] | every call: clients, classes of errors, the one owner of retries, buckets |
//! | [`view`] | one shared look at what is ours, with what our own calls were answered over it |
//! | [`bases`], [`launch`], [`placement`] | from a recipe's base to a builder |
//! | [`command`] | what is sent to a builder and what comes back: pure text |
//! | [`doctor`] | what would make builds fail, found before any is started |
//! | [`shelf`], [`uses`], [`way_out`] | what keeps images, and the steps by which they go |
//! | [`imagebuilder`] | builds by EC2 Image Builder instead |
//! | [`pipelines`] | recipes that Image Builder builds by itself |
//! | [`inventory`] | what runs and what would be launched, for `fleet` |
//! | [`rollouts`] | groups, their refreshes, and the versions of templates that they go to |
//! | [`policy`] | what IAM must allow for all this |
//! | [`runs`], [`live`] | commands in flight |
//! | [`images`], [`records`], [`pointers`], [`orphans`] | what comes out, and what may be left |
//! | [`copies`], [`sharing`], [`role`] | the same images in other regions and accounts |
//! | [`moves`], [`contest`], [`parameters`] | moving a channel alone; who was first; documents in parameters |
//! | [`herald`], [`memory`], [`webhook`], [`tickets`], [`metrics`] | telling people, and remembering what was told |
//! | [`overview`] | many recipes in one listing |
//!
//! # What holds here
//!
//! - A call is made again in one place (`api/call.rs`), by the class of its error: throttled, not yet there, failed
//!   on the way, expired, denied, refused. Every call can be made twice: client tokens, unique names, create-only
//!   writes, and a wrapper on the builder that runs a bundle once and answers a second command with the first one's
//!   result.
//! - Describes are shared (`shared.rs`): their number grows with time, not with builds. Over them lies what our own
//!   calls were answered (`view.rs`), because a describe may not know it yet.
//! - Apply and seal travel in one SSM command. Its answer is compressed into the 24,000 + 8,000 characters that
//!   GetCommandInvocation gives; what does not fit is fetched, and its checksum says whether all of it came.
//! - Volumes of their own are laid out by a boot hook before the agent is up (`command/volumes.sh`); no bundle runs
//!   where one is not mounted.
//! - A launch is found by its token, so no look comes before it; another placement or attempt has another token. A
//!   builder ends itself when its time is over; that is disarmed just before it is stopped for its image. One on the
//!   spot market can be neither stopped nor disarmed: its image is made while it runs, which restarts it. Between
//!   disarming and the image a builder that nobody comes back for stays, stopped, until `sweep`.
//! - The evidence of an image is one block in a snapshot of its own (EBS direct): it carries tags from its first
//!   moment, one of them naming its image, is whole or not there, and needs no bucket. Until it is written, results travel in the image under
//!   `/var/lib/amifactory`.

pub mod api;
#[cfg(feature = "aws")]
mod bases;
#[cfg(feature = "aws")]
mod callers;
#[cfg(feature = "aws")]
mod clock;
pub mod command;
#[cfg(feature = "aws")]
mod contest;
#[cfg(feature = "aws")]
mod copies;
#[cfg(feature = "aws")]
mod doctor;
#[cfg(feature = "aws")]
mod error;
#[cfg(feature = "aws")]
mod herald;
pub mod imagebuilder;
#[cfg(feature = "aws")]
mod images;
#[cfg(feature = "aws")]
mod inventory;
#[cfg(feature = "aws")]
mod launch;
#[cfg(feature = "aws")]
mod live;
#[cfg(feature = "aws")]
mod memory;
#[cfg(feature = "aws")]
mod metrics;
#[cfg(feature = "aws")]
mod moves;
#[cfg(feature = "aws")]
mod orphans;
#[cfg(feature = "aws")]
mod overview;
#[cfg(feature = "aws")]
mod parameters;
#[cfg(feature = "aws")]
mod pipelines;
#[cfg(feature = "aws")]
mod placement;
#[cfg(feature = "aws")]
mod pointers;
pub mod policy;
#[cfg(feature = "aws")]
mod records;
#[cfg(feature = "aws")]
mod revoked;
#[cfg(feature = "aws")]
mod role;
#[cfg(feature = "aws")]
mod rollouts;
#[cfg(feature = "aws")]
mod runs;
#[cfg(feature = "aws")]
mod seen;
#[cfg(feature = "aws")]
mod shared;
#[cfg(feature = "aws")]
mod sharing;
#[cfg(feature = "aws")]
mod shelf;
#[cfg(feature = "aws")]
mod stop;
#[cfg(feature = "aws")]
mod tags;
#[cfg(feature = "aws")]
mod target;
#[cfg(feature = "aws")]
mod tickets;
#[cfg(feature = "aws")]
mod uses;
#[cfg(feature = "aws")]
mod view;
#[cfg(feature = "aws")]
mod way_out;
#[cfg(feature = "aws")]
mod webhook;

#[cfg(feature = "aws")]
pub use target::AwsTarget;

/// Locks what is whole after every statement.
#[cfg(feature = "aws")]
fn locked<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
