//! Whole file trees: unpack, pack, hash and remove them, and look into layers of them.
//!
//! What changes or reads a tree with other owners is a [`FileOperation`]: plain data that can be sent to a helper
//! process. Root performs it right here; an ordinary user's trees belong to subordinate ids, so there the sandbox
//! sends it to a process inside a user namespace that owns those ids.
//!
//! No function here follows a symbolic link out of the tree that it was given.

mod digest;
mod failure;
mod list;
mod member;
mod operation;
mod overlay;
mod pack;
mod reader;
mod remove;
mod unpack;
mod view;
mod walk;

pub use digest::{Hashed, Pass, TreeHasher, cached, digest_file};
pub use failure::FileFailure;
pub use list::{Listing, list_tree};
pub use operation::{FileOperation, FileOutcome, Runner, perform};
pub use overlay::OverlayXattrs;
pub use pack::{Packed, pack_layer};
pub use remove::remove_tree;
pub use unpack::{Blob, Owners, UnpackLimits, Unpacked, unpack_layer, unpack_tar};
pub use view::LayeredView;
