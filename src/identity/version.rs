//! Image versions: `major.minor.build`, ordered, immutable once published.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A full image version such as `1.4.12`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// Raised for changes that consumers must act on.
    pub major: u32,
    /// Raised for changes that consumers should know of.
    pub minor: u32,
    /// Counted up by each build that makes a new image.
    pub build: u32,
}

/// What a recipe says of its version: a line (`1.4`) whose build number the factory counts, or a full version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum VersionLine {
    /// `1.4`: the build number is counted up.
    Line {
        /// First number.
        major: u32,
        /// Second number.
        minor: u32,
    },
    /// `1.4.12`: exactly this version.
    Exact(Version),
}

/// Text that is not a version.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{text}` is not a version: expected {expected}, each a number without leading zeros")]
pub struct VersionError {
    text: String,
    expected: &'static str,
}

fn numbers(text: &str) -> Option<Vec<u32>> {
    text.split('.')
        .map(|part| {
            let plain = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            let canonical = part == "0" || !part.starts_with('0');
            if plain && canonical { part.parse().ok() } else { None }
        })
        .collect()
}

impl FromStr for Version {
    type Err = VersionError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match numbers(text).as_deref() {
            Some([major, minor, build]) => Ok(Version { major: *major, minor: *minor, build: *build }),
            _ => Err(VersionError { text: text.to_owned(), expected: "`major.minor.build`" }),
        }
    }
}

impl FromStr for VersionLine {
    type Err = VersionError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match numbers(text).as_deref() {
            Some([major, minor]) => Ok(VersionLine::Line { major: *major, minor: *minor }),
            Some([major, minor, build]) => {
                Ok(VersionLine::Exact(Version { major: *major, minor: *minor, build: *build }))
            }
            _ => Err(VersionError { text: text.to_owned(), expected: "`major.minor` or `major.minor.build`" }),
        }
    }
}

impl VersionLine {
    /// The version that the next new image gets, given those that exist.
    pub fn next(self, existing: impl IntoIterator<Item = Version>) -> Version {
        match self {
            VersionLine::Exact(version) => version,
            VersionLine::Line { major, minor } => {
                let last = existing.into_iter().filter(|v| v.major == major && v.minor == minor).map(|v| v.build).max();
                Version { major, minor, build: last.map_or(0, |n| n.saturating_add(1)) }
            }
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.build)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for VersionLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VersionLine::Line { major, minor } => write!(f, "{major}.{minor}"),
            VersionLine::Exact(version) => version.fmt(f),
        }
    }
}

impl TryFrom<String> for Version {
    type Error = VersionError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}
impl From<Version> for String {
    fn from(version: Version) -> String {
        version.to_string()
    }
}
impl TryFrom<String> for VersionLine {
    type Error = VersionError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}
impl From<VersionLine> for String {
    fn from(version: VersionLine) -> String {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_counts_up_from_the_highest_build_of_that_line() {
        let line: VersionLine = "1.4".parse().unwrap();
        let existing = ["1.4.9", "1.4.10", "1.5.77"].map(|v| v.parse().unwrap());
        assert_eq!(line.next(existing).to_string(), "1.4.11");
        assert_eq!(line.next([]).to_string(), "1.4.0");
    }

    #[test]
    fn versions_that_are_not_versions_are_refused() {
        for text in ["", "1", "1.", "1.2.3.4", "01.2", "1.-2", "v1.2", "1.2.x", "99999999999.1"] {
            assert!(text.parse::<VersionLine>().is_err(), "{text}");
        }
    }

    #[test]
    fn versions_are_ordered_by_number_not_by_text() {
        assert!("1.10.0".parse::<Version>().unwrap() > "1.9.0".parse::<Version>().unwrap());
    }
}
