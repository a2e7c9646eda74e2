//! Text that people wrote: YAML read into a tree in which every value knows its file, line and column, and
//! diagnostics that point at it.
//!
//! Decoding never stops at the first mistake: a reader takes the fields it knows from a [`Fields`], reports what is
//! wrong into [`Diagnostics`] and goes on, so that one run shows every error of every file.

mod diagnostic;
mod locate;
mod node;
mod parse;
mod read;

pub use diagnostic::{Diagnostic, Diagnostics, MAX_PER_FILE, Warning, nearest, unknown};
pub(crate) use diagnostic::{is_invisible, printable};
pub use node::{Fields, Key, Node, SourceFile, Span, Value};
pub use parse::{MAX_ALIASES, MAX_BYTES, MAX_COPIED_BYTES, MAX_DEPTH, MAX_NODES, parse};
pub use read::read;
