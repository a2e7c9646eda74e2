//! Release: which image each channel names, who decided that, and by what right.
//!
//! | module | holds |
//! |---|---|
//! | [`gate`] | pure: what a channel's rule asks of an image, and what is not met |
//! | [`note`], [`history`] | what is recorded with each move, and whether the record is whole |
//! | `contradiction` | pure: notes that say something else than the service itself |
//! | [`contest`] | pure: who was first, where two have written one pointer |
//! | [`scene`] | a recipe's images and pointers, which all verbs look at first |
//! | [`seen`] | all that is asked of a place at once, for many recipes |
//! | [`promote`], [`rollback`], [`pin`], [`revoke`], [`verify`] | the verbs |
//! | [`opened`] | to whom images are open that the factory did not open them to |
//! | [`places`], [`distribute`], [`everywhere`] | the same image in other regions and accounts |
//! | [`shareable`] | whether the keys of its images let others use them |
//! | [`revoke_places`] | its copies, and all that uses them |
//! | [`examine`] | what would keep images from going there, for `doctor` |
//! | [`accept`] | someone knows how a record came to be edited, and says so in it |
//! | [`leftover`] | moves that someone began and did not end |
//! | [`intent`] | pure: which of those are finished for them, since any parameter may be forged |
//! | [`rightful`] | pure: whether they passed the gates of their channel when they were begun |
//! | [`way_out`] | which commands take a channel away from what it must not name any more |
//! | [`retired`] | what is told of a version whose image was removed |
//!
//! # What holds here
//!
//! - A channel is moved under a lock, `/amifactory/<recipe>/<arch>/moves/<channel>`: Parameter Store creates a
//!   parameter only once. It holds the whole intent and belongs to its maker for 15 minutes by the service's clock
//!   (the `Date` of its answers); then anyone finishes it, where the pointer has not moved and the channel's rule was
//!   met as the lock was written (`release/rightful.rs`: any parameter may be forged), or clears it. The lock keeps
//!   people out of each other's way; what decides is the order of the revisions (`release/contest.rs`). Whoever sees
//!   another write between what it read and what it wrote has lost, and puts the other's value back. So builds need
//!   no lock, and make no call more for it: one that finds, as it reads back, a pin that is older than its write puts
//!   the channel back. A note is the description of its version in the parameter's history.
//! - What a note says of itself is measured by what the service says: who wrote it, and when; and by its image
//!   (`release/contradiction.rs`). Whoever finishes a move for someone else says so in the note, and no more: who that was,
//!   the service says. What contradicts is told, and vouches for nothing; what was written beside others is believed only
//!   where they came after it was decided.
//! - Whoever revokes marks first, then waits for the locks of moves to that image, and then looks which channels name
//!   it; whoever moves looks at the image once more when the move shows. So one of the two sees the other. A lock
//!   that opens gates by its own word, an override or an approval, is finished by others only where the service says
//!   that its mover wrote it; one that can't be read moves nothing, and `resume` and `sweep` remove it.
//! - A place is a region of an account; each is an `AwsTarget` of its own over the same client, in another account
//!   with the credentials of a role. So evidence, pointers and their history in a place are what they are at home. A
//!   copy is a candidate, as an untested image is, until it is available, encrypted, shared, and has its record; then
//!   its version has a pointer there. So `sweep` in that region knows what it sees. A copy is found by its tag
//!   `amifactory:copy-of`, then by its client token, then by its name, which no two images of a region share.
//! - A channel that reaches several places moves at home first: that is the decision, and the others follow it
//!   (`release/everywhere.rs`). Before it every image was shown to be usable, so nothing needs to go back. The lock
//!   at home holds what goes where until all places were tried; so a move that died is found without a journal, and
//!   let through or cleared by whoever comes next. Each place keeps its own order of writes, and a write that came
//!   too late is taken back there too.
//! - A look over a whole factory asks in listings (`target/overview.rs`, `release/seen.rs`): all pointers and locks
//!   of a region in one listing by path, images and records in one describe, all regions at once. Only histories and
//!   the records at home have no call for several; they are asked for sixteen at a time and held back by their
//!   bucket. What moves one recipe asks for that one's images alone, so that its calls don't grow with the factory. A
//!   snapshot never changes once it is complete: of a copy's record it is enough that it is there.
//! - That a version is revoked stands in its image's tags, and in `/amifactory/<recipe>/<arch>/revoked/<version>`,
//!   which is written first, once, and outlives them: all verbs and the fleet judge by both. A mark counts for the
//!   image that it names; one that can't be read is told, and vouches for nothing.
//! - A record that was edited vouches for nothing, until someone accepts that with a reason (`release/accept.rs`). What is
//!   accepted is what stood there then, entry by entry: a later edit is a break anew. From there on the record vouches, for
//!   what the channel names since; `retire` keeps what it may have named before until it has named enough since.
//! - A channel's record goes with its parameter, so a promotion leaves on the image that the channel has named it
//!   (`release/trace.rs`): a channel that is gone is told by `verify`, and keeps what `retire` would remove.
//! - An image is published when its version pointer names it and its channel was written after that, or names a newer
//!   version. No tag says so, but for a build that was given up between its two pointers. Pointers are read back
//!   until they show, because Parameter Store checks images after it has answered; where the revision of a channel
//!   tells that someone else wrote at the same moment, it goes to the newest version.

pub mod accept;
pub mod contest;
mod contradiction;
pub mod distribute;
mod error;
pub mod everywhere;
pub mod examine;
pub mod gate;
mod history;
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
pub mod shareable;
pub mod trace;
pub mod verify;
pub mod wanted;
pub mod way_out;

pub use contradiction::{Account, UNKNOWN as UNKNOWN_CALLER};
pub use error::{Class, ReleaseError, one_line};
pub use history::{Accepted, Break, History, Moved};
pub use note::{Kind, Note};
