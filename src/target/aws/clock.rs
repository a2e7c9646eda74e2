//! Times as AWS gives them.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

/// RFC 3339, UTC, milliseconds: always with three digits, so that the order of text is the order of time.
pub fn rfc3339_ms(time: &DateTime) -> String {
    let seconds = rfc3339(time);
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), time.subsec_nanos() / 1_000_000)
}

/// RFC 3339, UTC, whole seconds.
pub fn rfc3339(time: &DateTime) -> String {
    // Any second that AWS can mean has a form within the years of RFC 3339.
    DateTime::from_secs(time.secs()).fmt(Format::DateTime).unwrap_or_default()
}
