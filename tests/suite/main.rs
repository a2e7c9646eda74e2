//! tests
mod bases;
mod oci;
mod trees;
