//! The local target: builds in a sandbox on this machine. See design.md §6 for what it promises.

mod builders;
mod images;
mod layers;
mod pointers;
mod store;
