//! Retire: images that nothing uses any more go, and each that stays says why.
//!
//! | module | holds |
//! |---|---|
//! | [`facts`] | pure: all that speaks for or against an image, from what a target shows |
//! | [`decide`] | pure: whether it stays, and why |
//! | [`survey`] | looks at a target |
//! | [`shared`] | looks into accounts that images are shared with |
//! | [`ladder`] | pure: which step of its way out is next, and when |
//! | [`carry_out`] | takes steps, and looks again just before; brings back what came into use again |
//! | [`places`] | all of that in every region, the home region last |
//! | [`restore`] | brings back what someone asks for |
//!
//! # What holds here
//!
//! - What uses images is read only for those that nothing else keeps. A read that fails is an answer too: "unknown",
//!   which keeps the image.
//! - A copy is in use where home says so too: a run in a region asks home which channels name its image, or are being
//!   moved to it (`fleet/retire/home.rs`). What is written down of a retirement is believed only where the version's
//!   pointer and the image's own tags say the same.
//! - Images go by steps (`fleet/retire/ladder.rs`, `way_out.rs`): deprecated, disabled, deregistered. The parameter
//!   `/amifactory/<recipe>/<arch>/retired/<version>` is written before and after each; what it says counts as far as
//!   the image bears it out. Launch permissions are written there before they are taken, and stay there until they
//!   are given back. Whoever brings an image back and whoever removes it both write there and look at its versions
//!   after that: at least one of them sees the other, and for 15 minutes gives way. After an image was disabled it is
//!   looked once more: nobody can begin to use it from then on, so whoever did before is seen.

mod carry_out;
pub mod decide;
pub mod facts;
mod home;
pub mod ladder;
pub mod places;
pub mod restore;
mod shared;
mod survey;

pub use carry_out::{Ended, Locks, RetireError, carry_out, lock};
pub use decide::{Reason, Verdict, decide};
pub use facts::Facts;
pub use ladder::Due;
pub use survey::{Item, Wanted, survey};
