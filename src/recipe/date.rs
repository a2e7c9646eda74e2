//! Dates as `YYYY-MM-DD`, in files and in evidence.

use serde::{Deserialize, Deserializer, Serializer, de::Error};
use time::Date;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const FORMAT: &[BorrowedFormatItem<'static>] = format_description!("[year]-[month]-[day]");

/// Reads `YYYY-MM-DD`.
pub fn parse(text: &str) -> Option<Date> {
    Date::parse(text, FORMAT).ok()
}

/// Writes `YYYY-MM-DD`.
pub fn format(date: Date) -> String {
    date.to_string()
}

pub(crate) fn serialize<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*date))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not a date (YYYY-MM-DD)")))
}
