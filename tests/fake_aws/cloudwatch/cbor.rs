//! As much of CBOR (RFC 8949) as Smithy's RPC protocol writes: into JSON and out of it.

use serde_json::{Map, Number, Value};

/// Reads one item; none where it is no such thing.
pub fn decode(bytes: &[u8]) -> Option<Value> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.item()?;
    (reader.at == bytes.len()).then_some(value)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    /// Ends a list or map of no known length.
    fn is_break(&mut self) -> bool {
        let ends = self.bytes.get(self.at) == Some(&0xff);
        self.at += usize::from(ends);
        ends
    }

    fn number(&mut self, short: u8) -> Option<u64> {
        let bytes = match short {
            0..=23 => return Some(u64::from(short)),
            24 => self.take(1)?,
            25 => self.take(2)?,
            26 => self.take(4)?,
            27 => self.take(8)?,
            _ => return None,
        };
        Some(bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    fn item(&mut self) -> Option<Value> {
        let first = self.byte()?;
        let (kind, short) = (first >> 5, first & 31);
        match kind {
            0 => Some(Value::from(self.number(short)?)),
            1 => Some(Value::from(-1 - i64::try_from(self.number(short)?).ok()?)),
            2 | 3 if short == 31 => {
                let mut text = String::new();
                while !self.is_break() {
                    text.push_str(self.item()?.as_str()?);
                }
                Some(Value::from(text))
            }
            2 | 3 => {
                let length = usize::try_from(self.number(short)?).ok()?;
                Some(Value::from(String::from_utf8(self.take(length)?.to_vec()).ok()?))
            }
            4 => self.list(short),
            5 => self.map(short),
            // A moment: seconds since 1970.
            6 => {
                self.number(short)?;
                self.item()
            }
            _ => match short {
                20 => Some(Value::from(false)),
                21 => Some(Value::from(true)),
                22 | 23 => Some(Value::Null),
                26 => Some(float(f64::from(f32::from_be_bytes(self.take(4)?.try_into().ok()?)))),
                27 => Some(float(f64::from_be_bytes(self.take(8)?.try_into().ok()?))),
                _ => None,
            },
        }
    }

    fn list(&mut self, short: u8) -> Option<Value> {
        let mut all = Vec::new();
        if short == 31 {
            while !self.is_break() {
                all.push(self.item()?);
            }
        } else {
            for _ in 0..self.number(short)? {
                all.push(self.item()?);
            }
        }
        Some(Value::Array(all))
    }

    fn map(&mut self, short: u8) -> Option<Value> {
        let mut all = Map::new();
        let length = if short == 31 { u64::MAX } else { self.number(short)? };
        for _ in 0..length {
            if short == 31 && self.is_break() {
                break;
            }
            let key = self.item()?.as_str()?.to_owned();
            let value = self.item()?;
            all.insert(key, value);
        }
        Some(Value::Object(all))
    }
}

/// What JSON can't say stays text, and is refused as a number.
fn float(number: f64) -> Value {
    Number::from_f64(number).map_or_else(|| Value::from(number.to_string()), Value::Number)
}

/// Writes it. Members that tell a moment end in `Timestamp`.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out);
    out
}

fn head(kind: u8, number: u64, out: &mut Vec<u8>) {
    match number {
        0..=23 => out.push(kind << 5 | number as u8),
        24..=0xff => out.extend([kind << 5 | 24, number as u8]),
        _ => {
            out.push(kind << 5 | 27);
            out.extend(number.to_be_bytes());
        }
    }
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(false) => out.push(0xf4),
        Value::Bool(true) => out.push(0xf5),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => head(0, number, out),
            (_, Some(number)) => head(1, (-1 - number) as u64, out),
            _ => {
                out.push(0xfb);
                out.extend(number.as_f64().unwrap_or_default().to_be_bytes());
            }
        },
        Value::String(text) => {
            head(3, text.len() as u64, out);
            out.extend(text.as_bytes());
        }
        Value::Array(all) => {
            head(4, all.len() as u64, out);
            all.iter().for_each(|value| write(value, out));
        }
        Value::Object(all) => {
            head(5, all.len() as u64, out);
            for (key, value) in all {
                write(&Value::from(key.as_str()), out);
                if key.ends_with("Timestamp") {
                    head(6, 1, out);
                }
                write(value, out);
            }
        }
    }
}
