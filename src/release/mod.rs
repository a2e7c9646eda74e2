//! Release: which image each channel names, who decided that, and by what right.
//!
//! | module | holds |
//! |---|---|
//! | [`gate`] | pure: what a channel's rule asks of an image, and what is not met |
//! | [`note`], [`history`] | what is recorded with each move, and whether the record is whole |
//! | [`contest`] | pure: who was first, where two have written one pointer |
//! | [`scene`] | a recipe's images and pointers, which all verbs look at first |
//! | [`seen`] | all that is asked of a place at once, for many recipes |
//! | [`promote`], [`rollback`], [`pin`], [`revoke`], [`verify`], [`verify_places`] | the verbs |
//! | [`opened`] | to whom images are open that the factory did not open them to |
//! | [`places`], [`distribute`], [`everywhere`] | the same image in other regions and accounts |
//! | [`revoke_places`] | its copies, and all that uses them |
//! | [`examine`] | what would keep images from going there, for `doctor` |
//! | [`leftover`] | moves that someone began and did not end |
//! | [`intent`] | pure: which of those are finished for them, since any parameter may be forged |
//! | [`rightful`] | pure: whether they passed the gates of their channel when they were begun |
//! | [`way_out`] | which commands take a channel away from what it must not name any more |
//! | [`retired`] | what is told of a version whose image was removed |

pub mod contest;
pub mod distribute;
mod error;
pub mod everywhere;
pub mod examine;
pub mod gate;
mod history;
mod in_accounts;
pub mod intent;
pub mod leftover;
pub mod note;
pub mod opened;
pub mod pin;
pub mod places;
pub mod promote;
pub mod retired;
pub mod revoke;
pub mod revoke_places;
pub mod rightful;
pub mod rollback;
pub mod scene;
pub mod seen;
pub mod verify;
pub mod verify_places;
pub mod wanted;
pub mod way_out;

pub use error::{Class, ReleaseError, one_line};
pub use history::{Break, History, Moved};
pub use note::{Kind, Note};
