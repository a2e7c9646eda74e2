//! The fleet: what becomes of images after their release.
//!
//! | module | holds |
//! |---|---|
//! | [`catalogue`] | pure: our own images, and what channels have named |
//! | [`freshness`], [`exemption`] | pure: what the policy makes of a use of an image |
//! | [`tally`], [`findings`], `fix` | pure: what was seen, folded together; all of it judged, by risk; what mends it |
//! | `reach` | pure: which channels name nothing in a place |
//! | [`trend`] | pure: how the fleet stood over time |
//! | [`look`] | looks at all places |
//! | [`notify`] | what people are told of all that, and were told before |
//! | [`retire`] | which images may go, and their way out |
//!
//! # What holds here
//!
//! - The fleet is read a page at a time and folded into a sum by image, so that memory grows with images and not with
//!   instances. What is seen is judged only at the end, when the catalogue is there too: places, copies and channels
//!   are read side by side. What could not be read is a finding of its own; no default makes it fine.
//! - What is revoked is no goal: where a channel names it, its users are measured by what a rollback would bring, and
//!   whoever keeps the channel is told (`Catalogue::yardstick`).

pub mod catalogue;
pub mod exemption;
pub mod findings;
mod fix;
pub mod freshness;
pub mod look;
pub mod notify;
mod reach;
pub mod retire;
pub mod tally;
pub mod trend;
