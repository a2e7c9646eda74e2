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
