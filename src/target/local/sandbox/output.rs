//! Takes what a sandbox writes, without ever holding much of it.

use super::{LOG_BYTES, SandboxError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;

/// Longest line of standard output that is passed on whole; the rest of a longer one is dropped.
const LINE_BYTES: usize = 256 << 10;

/// How much of standard output is passed on; the rest is read and dropped.
const OUTPUT_BYTES: u64 = 64 << 20;

/// The log of a run: standard error, and what the gate refused.
#[derive(Clone)]
pub(super) struct Log(Arc<Mutex<Open>>);

struct Open {
    file: File,
    path: PathBuf,
    left: u64,
}

impl Log {
    /// Opens the log at its end.
    pub async fn open(path: &Path) -> Result<Log, SandboxError> {
        let file = File::options().create(true).append(true).open(path).await;
        let file = file.map_err(|source| SandboxError::Io { what: format!("opening {}", path.display()), source })?;
        Ok(Log(Arc::new(Mutex::new(Open { file, path: path.to_owned(), left: LOG_BYTES }))))
    }

    /// Writes as much as still fits.
    pub async fn write(&self, bytes: &[u8]) -> Result<(), SandboxError> {
        let mut open = self.0.lock().await;
        if open.left == 0 {
            return Ok(());
        }
        let fits = usize::try_from(open.left).unwrap_or(usize::MAX).min(bytes.len());
        open.left -= fits as u64;
        let mut result = open.file.write_all(&bytes[..fits]).await;
        if open.left == 0 && result.is_ok() {
            result = open.file.write_all(b"\n[the log ends here: it has reached its limit]\n").await;
        }
        let failed = |source| SandboxError::Io { what: format!("writing {}", open.path.display()), source };
        result.map_err(failed)
    }

    /// Hands everything to the kernel.
    pub async fn flush(&self) -> Result<(), SandboxError> {
        let mut open = self.0.lock().await;
        let result = open.file.flush().await;
        result.map_err(|source| SandboxError::Io { what: format!("writing {}", open.path.display()), source })
    }
}

/// Copies standard error to the log, to its end.
pub(super) async fn copy_errors(mut from: impl AsyncRead + Unpin, log: &Log) -> Result<(), SandboxError> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) => return Ok(()),
            Ok(length) => log.write(&buffer[..length]).await?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(SandboxError::Io { what: "reading standard error".into(), source }),
        }
    }
}

/// Passes on standard output line by line, to its end.
pub(super) async fn read_lines(
    mut from: impl AsyncRead + Unpin,
    mut line: impl FnMut(&str),
) -> Result<(), SandboxError> {
    let mut lines = Lines::default();
    let mut buffer = vec![0; 16 << 10];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) => {
                lines.end(&mut line);
                return Ok(());
            }
            Ok(length) => lines.take(&buffer[..length], &mut line),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(SandboxError::Io { what: "reading standard output".into(), source }),
        }
    }
}

/// Cuts bytes into lines, bounded in length and in all.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    total: u64,
}

impl Lines {
    fn take(&mut self, bytes: &[u8], line: &mut impl FnMut(&str)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.total = self.total.saturating_add(part.len() as u64);
            let ended = part.ends_with(b"\n");
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let room = LINE_BYTES.saturating_sub(self.line.len());
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if ended {
                self.pass_on(line);
            }
        }
    }

    fn end(&mut self, line: &mut impl FnMut(&str)) {
        if !self.line.is_empty() {
            self.pass_on(line);
        }
    }

    fn pass_on(&mut self, line: &mut impl FnMut(&str)) {
        if self.total <= OUTPUT_BYTES {
            line(&String::from_utf8_lossy(&self.line));
        }
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let mut seen = Vec::new();
        let mut lines = Lines::default();
        for chunk in chunks {
            lines.take(chunk, &mut |line| seen.push(line.to_owned()));
        }
        lines.end(&mut |line| seen.push(line.to_owned()));
        seen
    }

    #[test]
    fn lines_are_put_together_across_reads() {
        assert_eq!(lines(&[b"a", b"b\nc", b"\n\nd"]), ["ab", "c", "", "d"]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_one_is_whole() {
        let long = vec![b'x'; LINE_BYTES + 10];
        let seen = lines(&[&long, b"y\nz\n"]);
        assert_eq!(seen[0].len(), LINE_BYTES);
        assert_eq!(seen[1], "z");
    }

    #[test]
    fn a_flood_stops_being_passed_on() {
        let chunk = vec![b'\n'; 1 << 20];
        let mut seen = 0_u64;
        let mut lines = Lines::default();
        for _ in 0..70 {
            lines.take(&chunk, &mut |_| seen += 1);
        }
        assert_eq!(seen, OUTPUT_BYTES);
    }

    #[tokio::test]
    async fn the_log_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = Log::open(&path).await.unwrap();
        log.0.lock().await.left = 10;
        log.write(b"0123456789abc").await.unwrap();
        log.write(b"more").await.unwrap();
        log.flush().await.unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.starts_with("0123456789\n[the log ends here") && !text.contains("more"), "{text}");
    }
}
