//! The time of day, as everything writes it: RFC 3339, UTC, whole seconds.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Now.
pub fn timestamp() -> String {
    let now = OffsetDateTime::now_utc();
    // Whole seconds always have an RFC 3339 form within the years that a system clock can show.
    now.replace_nanosecond(0).ok().and_then(|t| t.format(&Rfc3339).ok()).unwrap_or_default()
}

/// The moment after this long, in the same form.
pub fn timestamp_in(after: std::time::Duration) -> String {
    let then = OffsetDateTime::now_utc() + after;
    then.replace_nanosecond(0).ok().and_then(|t| t.format(&Rfc3339).ok()).unwrap_or_default()
}

/// A moment in the same form.
pub fn rfc3339(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    at.replace_nanosecond(0).ok().and_then(|t| t.format(&Rfc3339).ok()).unwrap_or_default()
}

/// The moment this long ago, in the same form.
pub fn timestamp_ago(before: std::time::Duration) -> String {
    let then = OffsetDateTime::now_utc() - before;
    then.replace_nanosecond(0).ok().and_then(|t| t.format(&Rfc3339).ok()).unwrap_or_default()
}

/// The moment itself.
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Today, UTC.
pub fn today() -> time::Date {
    OffsetDateTime::now_utc().date()
}
