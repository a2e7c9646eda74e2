//! The fleet: what becomes of images after their release.
//!
//! | module | holds |
//! |---|---|
//! | [`retire`] | which images may go, and their way out |

pub mod retire;
