//! The tar in a file, unzipped where the file is gzip by its first bytes, and the digests of both.

use super::super::failure::FileFailure;
use crate::identity::Digest;
use flate2::bufread::MultiGzDecoder;
use rustix::fs::{FileType, Mode, OFlags};
use sha2::Digest as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

/// A tar stream.
pub(super) struct Stream {
    plain: Plain,
    /// Of what comes out of the decompressor; of a plain tar the file's own digest is that.
    sha: Option<sha2::Sha256>,
}

enum Plain {
    Tar(BufReader<Hashing>),
    Gzip(Box<MultiGzDecoder<BufReader<Hashing>>>),
}

/// What a stream turned out to be.
pub(super) struct Digests {
    /// Of the file.
    pub raw: Digest,
    /// Length of the file.
    pub raw_size: u64,
    /// Of the tar in it.
    pub plain: Digest,
}

struct Hashing {
    file: File,
    sha: sha2::Sha256,
    size: u64,
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.sha.update(&buffer[..n]);
        self.size += n as u64;
        Ok(n)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = match &mut self.plain {
            Plain::Tar(tar) => tar.read(buffer)?,
            Plain::Gzip(gzip) => gzip.read(buffer)?,
        };
        if let Some(sha) = &mut self.sha {
            sha.update(&buffer[..n]);
        }
        Ok(n)
    }
}

impl Stream {
    pub fn open(path: &Path) -> Result<Self, FileFailure> {
        let failed = |e: std::io::Error| FileFailure::io(format!("reading {}", path.display()), e);
        // Opening a pipe would wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| failed(e.into()))?;
        let stat = rustix::fs::fstat(&file).map_err(|e| failed(e.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(FileFailure::refused(
                format!("{} is not a regular file", path.display()),
                "An archive or image layer is one.",
            ));
        }
        let hashing = Hashing { file: file.into(), sha: sha2::Sha256::new(), size: 0 };
        let mut buffered = BufReader::with_capacity(128 * 1024, hashing);
        let gzip = buffered.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
        Ok(if gzip {
            Stream { plain: Plain::Gzip(Box::new(MultiGzDecoder::new(buffered))), sha: Some(sha2::Sha256::new()) }
        } else {
            Stream { plain: Plain::Tar(buffered), sha: None }
        })
    }

    /// The digests, once the stream was read to its end.
    pub fn finish(self) -> Result<Digests, FileFailure> {
        let mut raw = match self.plain {
            Plain::Tar(tar) => tar.into_inner(),
            Plain::Gzip(gzip) => gzip.into_inner().into_inner(),
        };
        std::io::copy(&mut raw, &mut std::io::sink()).map_err(|e| FileFailure::io("reading the archive", e))?;
        let digest = Digest::from_bytes(&raw.sha.finalize());
        let plain = self.sha.map_or_else(|| digest.clone(), |sha| Digest::from_bytes(&sha.finalize()));
        Ok(Digests { raw: digest, raw_size: raw.size, plain })
    }
}
