//! Reads tar archives from a stream, within limits: nothing that an archive says of itself is believed before it is
//! checked, and no header makes us keep more than a mebibyte.
//!
//! ustar, GNU (long names, sparse files of the old kind) and PAX (names, owners, sizes, times, attributes).

use super::failure::{FileFailure, shown};
use super::member::{Kind, Member};
use super::overlay::is_content;
use std::ffi::CString;
use std::io::Read;

const BLOCK: usize = 512;
/// A header that extends another, such as a long name, may be this long.
const MAX_EXTENSION: u64 = 1 << 20;
const HELP: &str = "Make the archive again, with GNU tar for instance: tar --create --numeric-owner --xattrs --file …";

/// Reads members one after the other.
pub(crate) struct TarReader<R> {
    input: R,
    /// How much the stream may still give.
    allowance: u64,
    /// Data of the current member that is not read yet, and what fills its last block.
    left: u64,
    padding: u64,
    globals: Extension,
    first: bool,
}

/// What extension headers say of the member that follows.
#[derive(Debug, Default, Clone)]
struct Extension {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<(i64, u32)>,
    xattrs: Vec<(CString, Vec<u8>)>,
}

fn broken(why: impl std::fmt::Display) -> FileFailure {
    FileFailure::refused(format!("the archive is broken: {why}"), HELP)
}

impl<R: Read> TarReader<R> {
    /// A reader that takes at most `allowance` bytes, compressed ones counted as they come out.
    pub fn new(input: R, allowance: u64) -> Self {
        TarReader { input, allowance, left: 0, padding: 0, globals: Extension::default(), first: true }
    }

    /// The stream, after all of it was read.
    pub fn finish(mut self) -> Result<R, FileFailure> {
        let mut buffer = [0; 16 * 1024];
        while self.some(&mut buffer)? > 0 {}
        Ok(self.input)
    }

    /// The next member; none at the end-of-archive mark. What was not read of the last one is skipped.
    pub fn next(&mut self) -> Result<Option<Member>, FileFailure> {
        self.skip()?;
        let mut extension = self.globals.clone();
        loop {
            let mut header = tar::Header::new_old();
            self.exact(header.as_mut_bytes(), "a header")?;
            if header.as_bytes().iter().all(|b| *b == 0) {
                return Ok(None);
            }
            self.check(&header)?;
            self.first = false;
            match header.as_old().linkflag[0] {
                b'x' => {
                    let text = self.extension(&header)?;
                    extend(&mut extension, &text)?;
                }
                b'g' => {
                    let text = self.extension(&header)?;
                    extend(&mut self.globals, &text)?;
                    if self.globals.path.is_some() || self.globals.link.is_some() || self.globals.size.is_some() {
                        return Err(broken("a global header sets the name or size of every entry"));
                    }
                    extend(&mut extension, &text)?;
                }
                b'L' => extension.path = Some(until_zero(&self.extension(&header)?)),
                b'K' => extension.link = Some(until_zero(&self.extension(&header)?)),
                // The label of the whole archive.
                b'V' => {
                    self.stored(header.entry_size().map_err(broken)?);
                    self.skip()?;
                }
                flag => return self.member(&header, flag, extension).map(Some),
            }
        }
    }

    /// Reads some of the current member's data; 0 at its end.
    pub fn data(&mut self, buffer: &mut [u8]) -> Result<usize, FileFailure> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let n = self.some(&mut buffer[..most])?;
        if n == 0 {
            return Err(broken("it ends in the middle of a file"));
        }
        self.left -= n as u64;
        Ok(n)
    }

    fn member(&mut self, header: &tar::Header, flag: u8, mut extension: Extension) -> Result<Member, FileFailure> {
        let path = extension.path.take().unwrap_or_else(|| header.path_bytes().into_owned());
        let named = |why: &str| broken(format!("entry `{}` {why}", shown(&path)));
        let link = extension.link.take().or_else(|| header.link_name_bytes().map(|l| l.into_owned()));
        let id = |value: Option<u64>, own: std::io::Result<u64>, what: &str| {
            let id = value.map_or(own, Ok).ok().and_then(|id| u32::try_from(id).ok());
            // The last number means "leave as it is" to the kernel.
            id.filter(|id| *id != u32::MAX).ok_or_else(|| named(what))
        };
        let stored = match extension.size {
            Some(size) => size,
            None => blank(&header.as_old().size, header.entry_size())
                .map_err(|_| named("has a size that is not a number"))?,
        };
        let (mtime_s, mtime_ns) = extension
            .mtime
            .unwrap_or_else(|| (header.mtime().ok().and_then(|t| i64::try_from(t).ok()).unwrap_or(0), 0));
        let target = || link.clone().filter(|l| !l.is_empty()).ok_or_else(|| named("is a link to nothing"));
        let kind = match flag {
            b'0' | 0 | b'7' if path.ends_with(b"/") => Kind::Directory,
            b'0' | 0 | b'7' => Kind::File { size: stored, sparse: None },
            b'S' => self.sparse(header, stored, &path)?,
            b'1' => Kind::HardLink(target()?),
            b'2' => Kind::Symlink(target()?),
            b'3' | b'4' => Kind::Device,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            other => {
                return Err(FileFailure::refused(
                    format!("entry `{}` is of an unknown type `{}`", shown(&path), other.escape_ascii()),
                    HELP,
                ));
            }
        };
        // Of the other kinds a size is legal and says nothing.
        self.stored(if matches!(kind, Kind::File { .. }) { stored } else { 0 });
        Ok(Member {
            kind,
            mode: header.mode().map_err(|_| named("has a mode that is not a number"))? & 0o7777,
            uid: id(extension.uid, blank(&header.as_old().uid, header.uid()), "has an owner that is not a user id")?,
            gid: id(extension.gid, blank(&header.as_old().gid, header.gid()), "has a group that is not a group id")?,
            mtime_s,
            mtime_ns,
            xattrs: extension.xattrs,
            path,
        })
    }

    /// The map of a GNU sparse file: four pieces in the header, more in blocks after it.
    fn sparse(&mut self, header: &tar::Header, stored: u64, path: &[u8]) -> Result<Kind, FileFailure> {
        let wrong = || broken(format!("entry `{}` has a sparse map that does not fit it", shown(path)));
        let gnu = header.as_gnu().ok_or_else(wrong)?;
        let size = gnu.real_size().map_err(|_| wrong())?;
        let mut map = Vec::new();
        let (mut end, mut total) = (0u64, 0u64);
        let mut add = |piece: &tar::GnuSparseHeader| -> Result<(), FileFailure> {
            if piece.is_empty() {
                return Ok(());
            }
            let offset = piece.offset().map_err(|_| wrong())?;
            let length = piece.length().map_err(|_| wrong())?;
            let after = offset.checked_add(length).filter(|after| *after <= size && offset >= end).ok_or_else(wrong)?;
            end = after;
            total = total.checked_add(length).filter(|total| *total <= stored).ok_or_else(wrong)?;
            if length > 0 {
                map.push((offset, length));
            }
            Ok(())
        };
        gnu.sparse.iter().try_for_each(&mut add)?;
        let mut more = gnu.is_extended();
        while more {
            let mut block = tar::GnuExtSparseHeader::new();
            self.exact(block.as_mut_bytes(), "a sparse map")?;
            block.sparse().iter().try_for_each(&mut add)?;
            more = block.is_extended();
        }
        if total != stored {
            return Err(wrong());
        }
        Ok(Kind::File { size, sparse: Some(map) })
    }

    fn check(&self, header: &tar::Header) -> Result<(), FileFailure> {
        let bytes = header.as_bytes();
        // The sum is taken with its own field as spaces.
        let sum: u32 =
            bytes.iter().enumerate().map(|(n, b)| if (148..156).contains(&n) { 32 } else { u32::from(*b) }).sum();
        if header.cksum().is_ok_and(|said| said == sum) {
            return Ok(());
        }
        if !self.first {
            return Err(broken("a header has a wrong checksum"));
        }
        Err(not_a_tar(bytes))
    }

    fn extension(&mut self, header: &tar::Header) -> Result<Vec<u8>, FileFailure> {
        let size = header.entry_size().map_err(broken)?;
        if size > MAX_EXTENSION {
            return Err(broken(format!(
                "an extended header is {size} bytes long; more than {MAX_EXTENSION} is not read"
            )));
        }
        self.stored(size);
        let mut text = vec![0; size as usize];
        let mut filled = 0;
        while filled < text.len() {
            filled += self.data(&mut text[filled..])?;
        }
        self.skip()?;
        Ok(text)
    }

    fn stored(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    fn skip(&mut self) -> Result<(), FileFailure> {
        let mut rest = self.left.checked_add(self.padding).ok_or_else(|| broken("a size is beyond all numbers"))?;
        (self.left, self.padding) = (0, 0);
        let mut buffer = [0; 16 * 1024];
        while rest > 0 {
            let most = buffer.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
            match self.some(&mut buffer[..most])? {
                0 => return Err(broken("it ends in the middle of a file")),
                n => rest -= n as u64,
            }
        }
        Ok(())
    }

    fn exact(&mut self, buffer: &mut [u8], what: &str) -> Result<(), FileFailure> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.some(&mut buffer[filled..])? {
                0 if filled == 0 && self.first => return Err(broken("it is empty")),
                0 => return Err(broken(format!("it ends where {what} should be: it was cut short"))),
                n => filled += n,
            }
        }
        Ok(())
    }

    fn some(&mut self, buffer: &mut [u8]) -> Result<usize, FileFailure> {
        let n = loop {
            match self.input.read(buffer) {
                Ok(n) => break n,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error().is_some() => {
                    return Err(FileFailure::io("reading the archive", error));
                }
                // Of the decompressor.
                Err(error) => return Err(broken(error)),
            }
        };
        self.allowance = self.allowance.checked_sub(n as u64).ok_or_else(|| {
            FileFailure::refused(
                "the archive gives more data than a base may have, and was left at that",
                "If it is really that large, it is no base for an image; else it was made to fill disks. Don't use it.",
            )
        })?;
        Ok(n)
    }
}

fn not_a_tar(start: &[u8]) -> FileFailure {
    let compressed = |how: &str, tool: &str| {
        FileFailure::refused(
            format!("it is compressed with {how}, which is not read here"),
            format!("Unpack it to a plain tar first ({tool}), or compress it with gzip."),
        )
    };
    match start {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => compressed("zstd", "zstd --decompress"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => compressed("xz", "xz --decompress"),
        [b'B', b'Z', b'h', ..] => compressed("bzip2", "bzip2 --decompress"),
        _ => FileFailure::refused("it is not a tar archive", "A tarball base is a root filesystem as .tar or .tar.gz."),
    }
}

/// A number's field that was left empty means zero.
fn blank(field: &[u8], value: std::io::Result<u64>) -> std::io::Result<u64> {
    if field.iter().all(|b| matches!(b, 0 | b' ')) { Ok(0) } else { value }
}

fn until_zero(text: &[u8]) -> Vec<u8> {
    text.split(|b| *b == 0).next().unwrap_or_default().to_vec()
}

/// Reads PAX records, `length key=value\n`, over what is known.
fn extend(extension: &mut Extension, mut text: &[u8]) -> Result<(), FileFailure> {
    let wrong = || broken("an extended header can't be read");
    while !text.is_empty() {
        let space = text.iter().position(|b| *b == b' ').ok_or_else(wrong)?;
        let length: usize = ascii(&text[..space]).and_then(|t| t.parse().ok()).ok_or_else(wrong)?;
        let record = text.get(space + 1..length).and_then(|r| r.strip_suffix(b"\n")).ok_or_else(wrong)?;
        text = &text[length..];
        let equals = record.iter().position(|b| *b == b'=').ok_or_else(wrong)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        let number = || ascii(value).and_then(|t| t.parse::<u64>().ok()).ok_or_else(wrong);
        match key {
            b"path" => extension.path = Some(value.to_vec()),
            b"linkpath" => extension.link = Some(value.to_vec()),
            b"size" => extension.size = Some(number()?),
            b"uid" => extension.uid = Some(number()?),
            b"gid" => extension.gid = Some(number()?),
            b"mtime" => extension.mtime = Some(seconds(value).ok_or_else(wrong)?),
            _ if key.starts_with(b"GNU.sparse.") => {
                return Err(FileFailure::refused(
                    "the archive has sparse files in the PAX form, which is not read here",
                    "Make it again without --sparse.",
                ));
            }
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.").filter(|name| is_content(name)) {
                    let name = CString::new(name).map_err(|_| wrong())?;
                    extension.xattrs.retain(|(known, _)| *known != name);
                    extension.xattrs.push((name, value.to_vec()));
                }
            }
        }
    }
    Ok(())
}

fn ascii(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// `123`, `123.25` or `-1.5`, as whole seconds below and nanoseconds above.
fn seconds(value: &[u8]) -> Option<(i64, u32)> {
    let text = ascii(value)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole_s: i64 = whole.parse().ok()?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let ns: u32 = digits.parse().ok()?;
    if whole.starts_with('-') && ns > 0 {
        Some((whole_s.checked_sub(1)?, 1_000_000_000 - ns))
    } else {
        Some((whole_s, ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_the_epoch_round_down() {
        assert_eq!(seconds(b"12.5"), Some((12, 500_000_000)));
        assert_eq!(seconds(b"-1.25"), Some((-2, 750_000_000)));
        assert_eq!(seconds(b"7"), Some((7, 0)));
        assert_eq!(seconds(b"x"), None);
    }

    #[test]
    fn records_that_lie_about_their_length_are_refused() {
        for text in
            [&b"9 a=b\n"[..], b"3 a=b\n", b"0 a=b\n", b"6 ab\n\n", b"999999999999999999999 a=b\n", b"a=b\n", b" "]
        {
            assert!(extend(&mut Extension::default(), text).is_err(), "{}", shown(text));
        }
        let mut extension = Extension::default();
        extend(&mut extension, b"12 path=a=b\n26 SCHILY.xattr.user.x=\0\n\n").unwrap();
        assert_eq!(extension.path.as_deref(), Some(&b"a=b"[..]));
        assert_eq!(extension.xattrs, [(c"user.x".to_owned(), b"\0\n".to_vec())]);
    }

    #[test]
    fn marks_of_the_overlay_and_security_labels_are_not_taken_from_archives() {
        let mut extension = Extension::default();
        for name in ["trusted.overlay.opaque", "user.overlay.opaque", "security.selinux", "trusted.x"] {
            let body = format!(" SCHILY.xattr.{name}=y\n");
            let record = format!("{}{body}", body.len() + 2);
            extend(&mut extension, record.as_bytes()).unwrap();
        }
        assert_eq!(extension.xattrs, []);
    }

    /// Random bytes, and real archives with bytes changed, must end in an answer, never in a panic or a hang.
    #[test]
    fn no_bytes_make_the_reader_panic() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(5);
        header.set_mode(0o644);
        let long = "d/".repeat(90) + "name";
        builder.append_data(&mut header, &long, &b"hello"[..]).unwrap();
        builder.append_pax_extensions([("SCHILY.xattr.user.a", &b"b"[..])]).unwrap();
        builder.append_data(&mut header, "x", &b"hello"[..]).unwrap();
        let good = builder.into_inner().unwrap();
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..3000 {
            let mut bytes = good.clone();
            for _ in 0..1 + random() % 4 {
                let at = (random() % bytes.len() as u64) as usize;
                bytes[at] = random() as u8;
            }
            // Repair the sums, so that the changed fields are looked at.
            for block in bytes.chunks_mut(BLOCK) {
                let mut header = tar::Header::new_old();
                header.as_mut_bytes().copy_from_slice(block);
                header.set_cksum();
                block.copy_from_slice(header.as_bytes());
            }
            let mut reader = TarReader::new(&bytes[..], 1 << 20);
            while let Ok(Some(_)) = reader.next() {}
        }
    }
}
