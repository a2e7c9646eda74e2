//! OCI image layouts: read as bases, and written so that other tools can read what was built here.

mod blobs;
mod layout;
mod spec;
mod write;

pub use blobs::{BlobStore, LayerBlob};
pub(in crate::target::local) use blobs::{lock_file, private_dir, write_file};
pub use layout::{StoredImage, find};
pub use write::{Layout, LayoutBase, LayoutLayer, Written, write};
