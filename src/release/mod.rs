//! Release: which image each channel names, who decided that, and by what right.
//!
//! | module | holds |
//! |---|---|
//! | [`gate`] | pure: what a channel's rule asks of an image, and what is not met |
//! | [`note`], [`history`] | what is recorded with each move, and whether the record is whole |
//! | [`contest`] | pure: who was first, where two have written one pointer |

pub mod contest;
pub mod gate;
mod history;
pub mod note;

pub use history::{Break, History, Moved};
pub use note::{Kind, Note};
