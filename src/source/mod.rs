//! Text that people wrote: YAML read into a tree in which every value knows its file, line and column, and
//! diagnostics that point at it.
//!
//! Decoding never stops at the first mistake: a reader takes the fields it knows from a [`Fields`], reports what is
//! wrong into [`Diagnostics`] and goes on, so that one run shows every error of every file.

mod diagnostic;
mod node;
mod parse;

pub use diagnostic::{Diagnostic, Diagnostics, nearest};
pub use node::{Fields, Key, Node, SourceFile, Span, Value};
pub use parse::{MAX_ALIASES, MAX_BYTES, MAX_DEPTH, MAX_NODES, parse};
