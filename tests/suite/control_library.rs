//! What the library says of itself is true: its table, what its controls can break, and the order that keeps an image
//! whole.

mod coverage;
mod order;
pub mod readme;
mod verb;
