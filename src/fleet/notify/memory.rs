//! What was told last, and how it is written down: as little text as it takes, which says itself whether it is whole.

use super::item::{Fingerprint, TITLE, shown};
use crate::fleet::freshness::Level;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How many are remembered. Of a fleet in which more is wrong than that, the riskiest are.
pub const MOST: usize = 2000;
/// How long a memory may be once it is unpacked; what is longer was not written by us.
const UNPACKED: u64 = 4 << 20;
/// The longest status, in bytes.
const STATUS: usize = 24;
/// What a memory begins with: the way it is written.
const FORM: &str = "1";

/// What was told of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Where.
    #[serde(rename = "p")]
    pub place: String,
    /// What it is of, whatever image that has.
    #[serde(rename = "s")]
    pub subject: Fingerprint,
    /// What policy made of it.
    #[serde(rename = "l")]
    pub level: Level,
    /// How many there were when it was told.
    #[serde(rename = "c")]
    pub count: u64,
    /// What it is about, in words.
    #[serde(rename = "t")]
    pub title: String,
    /// Whether it is something that could not be read.
    #[serde(rename = "u", default, skip_serializing_if = "std::ops::Not::not")]
    pub unread: bool,
    /// What the image was; none in what earlier versions wrote.
    #[serde(rename = "st", default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// All that was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// When anything was last told, RFC 3339.
    #[serde(rename = "at")]
    pub told_at: String,
    /// When anything last changed, RFC 3339.
    #[serde(rename = "since")]
    pub changed_at: String,
    /// What holds as far as they know.
    #[serde(rename = "all")]
    pub told: BTreeMap<Fingerprint, Told>,
}

/// What is there of the last run's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recall {
    /// Nothing was ever told.
    First,
    /// This was.
    Known(Memory),
    /// It can't be read; why. All is told anew then: twice is better than never.
    Damaged(String),
}

impl Memory {
    /// As text, in the letters of base64 and `.`.
    pub fn write(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
        // Writing to memory does not fail.
        let _ = packed.write_all(&json);
        let text = BASE64_STANDARD.encode(packed.finish().unwrap_or_default());
        format!("{FORM}.{}.{text}", sum(&text))
    }

    /// From that text, or why it is not whole.
    pub fn read(text: &str) -> Result<Memory, String> {
        let mut parts = text.splitn(3, '.');
        let (form, found, packed) = (parts.next(), parts.next(), parts.next());
        if form != Some(FORM) {
            return Err("it was written in another way, by another version or by hand".into());
        }
        let packed = packed.unwrap_or_default();
        if found != Some(sum(packed).as_str()) {
            return Err("its checksum does not fit".into());
        }
        let bytes = BASE64_STANDARD.decode(packed).map_err(|error| error.to_string())?;
        let mut json = Vec::new();
        let unpacked = DeflateDecoder::new(bytes.as_slice()).take(UNPACKED).read_to_end(&mut json);
        unpacked.map_err(|error| error.to_string())?;
        let memory: Memory = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
        Ok(memory.seemly())
    }

    /// Whoever may write parameters can write anything here, and its titles are told to people: they are held to what we
    /// would have written.
    fn seemly(mut self) -> Memory {
        for told in self.told.values_mut() {
            (told.title, told.place) = (shown(&told.title, TITLE), shown(&told.place, TITLE));
            told.status = told.status.take().map(|status| shown(&status, STATUS));
        }
        let time = |text: String| if is_time(&text) { text } else { String::new() };
        Memory { told_at: time(self.told_at), changed_at: time(self.changed_at), told: self.told }
    }
}

fn is_time(text: &str) -> bool {
    OffsetDateTime::parse(text, &Rfc3339).is_ok()
}

fn sum(text: &str) -> String {
    Sha256::digest(text)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
