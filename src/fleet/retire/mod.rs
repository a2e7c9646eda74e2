//! Retire: images that nothing uses any more go, and each that stays says why.
//!
//! | module | holds |
//! |---|---|
//! | [`facts`] | pure: all that speaks for or against an image, from what a target shows |
//! | [`decide`] | pure: whether it stays, and why |
//! | [`survey`] | looks at a target |
//! | [`carry_out`] | removes, and looks again just before |

mod carry_out;
pub mod decide;
pub mod facts;
mod survey;

pub use carry_out::{Ended, Locks, RetireError, carry_out, lock};
pub use decide::{Reason, Verdict, decide};
pub use facts::Facts;
pub use survey::{Item, Wanted, survey};
