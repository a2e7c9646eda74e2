//! The fleet's freshness over time, on disk: one small file for each home of a fleet, replaced whole.

use crate::fleet::findings::Spot;
use crate::fleet::trend::{self, Point};
use crate::pipeline::StateFolder;
use nix::fcntl::OFlag;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// No file of ours is larger: 3000 points of less than 250 bytes.
const MOST_BYTES: u64 = 1024 * 1024;

/// What is kept, and what was wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Oldest first.
    pub points: Vec<Point>,
    /// What people should know about it.
    pub note: Option<String>,
}

/// Adds a point to what is kept of this home, and answers with all of it. What can't be read is put aside and told; what
/// can't be written is told.
pub fn add(state: &StateFolder, home: &Spot, new: Point) -> History {
    let path = path(state, home);
    let (mut points, mut note) = match read(&path) {
        Ok(read) => read,
        Err(error) => {
            let note = format!("what was kept of the fleet's freshness can't be read, and is left as it is: {error}");
            return History { points: vec![new], note: Some(note) };
        }
    };
    trend::add(&mut points, new);
    if let Err(error) = write(&path, &points) {
        note = Some(format!("the fleet's freshness over time can't be kept: {error}"));
    }
    History { points, note }
}

fn path(state: &StateFolder, home: &Spot) -> PathBuf {
    let account = home.account.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
    state.root().join("freshness").join(format!("{account}-{}.jsonl", home.region))
}

/// The points that can be read. Where some can't, the file is put aside under another name first.
fn read(path: &Path) -> io::Result<(Vec<Point>, Option<String>)> {
    // Whatever else lies there must neither be waited for nor read without end.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), None)),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    let too_large = bytes.len() as u64 > MOST_BYTES;
    if too_large {
        bytes.clear();
    }
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let read: Vec<Result<Point, _>> = lines.map(serde_json::from_slice).collect();
    let damaged = read.iter().filter(|line| line.is_err()).count();
    if damaged == 0 && !too_large {
        return Ok((read.into_iter().flatten().collect(), None));
    }
    let aside = path.with_extension("damaged");
    fs::rename(path, &aside)?;
    let what = match too_large {
        true => "it was far too large".to_owned(),
        false => format!("{damaged} of its {} points could not be read", read.len()),
    };
    let name = aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let note = format!("what was kept of the fleet's freshness was damaged: {what}; it is now `freshness/{name}`");
    Ok((read.into_iter().flatten().collect(), Some(note)))
}

/// A reader, and a crash, find the file as it was before or as it is after.
fn write(path: &Path, points: &[Point]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut text = Vec::new();
    for point in points {
        serde_json::to_writer(&mut text, point)?;
        text.push(b'\n');
    }
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&text)?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: i64) -> Point {
        Point { at, holds: 900, fail: 1, unknown: 0, warn: 0, exempt: 0, fine: 2, unread: 0 }
    }

    fn home() -> Spot {
        Spot { account: Some("123456789012".parse().unwrap()), region: "us-east-1".parse().unwrap() }
    }

    #[test]
    fn points_are_kept_and_damage_is_told_once_and_costs_what_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(folder.path()).unwrap();
        let home = home();
        assert_eq!(add(&state, &home, point(0)), History { points: vec![point(0)], note: None });
        assert_eq!(add(&state, &home, point(900)), History { points: vec![point(0), point(900)], note: None });
        let file = path(&state, &home);
        let whole = fs::read(&file).unwrap();
        for cut in 0..whole.len() {
            fs::write(&file, &whole[..cut]).unwrap();
            let kept = add(&state, &home, point(1800));
            assert_eq!(kept.points.last(), Some(&point(1800)), "cut at {cut}");
            assert!(kept.points.len() > whole[..cut].iter().filter(|b| **b == b'\n').count(), "cut at {cut}");
            // The last line may be whole but for its end.
            assert!(kept.note.is_none() || file.with_extension("damaged").exists(), "cut at {cut}");
            assert_eq!(add(&state, &home, point(2700)).note, None, "cut at {cut}");
        }
        let big = vec![b'x'; 2 * 1024 * 1024];
        fs::write(&file, big).unwrap();
        let kept = add(&state, &home, point(5000));
        assert!(kept.points == [point(5000)] && kept.note.unwrap().contains("far too large"));
        let other = Spot { account: None, region: "us-east-1".parse().unwrap() };
        assert_eq!(add(&state, &other, point(1)).points, [point(1)], "another fleet has its own");
        let left: Vec<_> = fs::read_dir(file.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 3, "{left:?}");
    }

    #[test]
    fn what_is_no_file_is_told_left_alone_and_waited_for_by_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(folder.path()).unwrap();
        let file = path(&state, &home());
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let told = || {
            let kept = add(&state, &home(), point(7));
            assert_eq!(kept.points, [point(7)]);
            assert!(!fs::symlink_metadata(&file).unwrap().is_file(), "it is left as it is");
            kept.note.unwrap()
        };
        nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(told().contains("it is no file"), "{}", told());
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
        assert!(told().contains("can't be read"), "{}", told());
    }

    #[test]
    fn what_can_not_be_kept_is_told_and_shown_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(folder.path()).unwrap();
        fs::write(folder.path().join("freshness"), "").unwrap();
        let kept = add(&state, &home(), point(7));
        assert_eq!(kept.points, [point(7)]);
        assert!(kept.note.unwrap().contains("can't be"));
    }
}
