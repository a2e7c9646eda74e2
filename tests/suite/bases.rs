//! Bases: every kind resolves to a stable id and a tree; hostile archives write nothing outside of theirs.

use crate::trees::{Archive, elf, gzip, has, hash, is_root, listing, owners, root_filesystem, skip};
use amifactory::identity::{Arch, Digest, OsFamily};
use amifactory::recipe::LocalBase;
use amifactory::target::TargetError;
use amifactory::target::local::base::{Resolved, Resolver, packages, remove_leftovers};
use amifactory::target::local::tree::{
    FileFailure, FileOperation, FileOutcome, LayeredView, OverlayXattrs, UnpackLimits, Unpacked, perform, remove_tree,
};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

struct Factory(tempfile::TempDir);

impl Factory {
    fn new() -> Self {
        Factory(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn resolver(&self) -> Resolver<'_> {
        let cache = Box::leak(Box::new(self.path("cache")));
        Resolver { factory: self.0.path(), cache, limits: UnpackLimits::default(), owners: owners(), run: &perform }
    }

    fn resolve(&self, base: LocalBase) -> Result<Resolved, TargetError> {
        self.resolver().resolve(&base)
    }

    /// The message of a base that can't be used.
    fn refused(&self, base: LocalBase) -> String {
        match self.resolve(base) {
            Err(error @ TargetError::Base { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    fn tarball(&self, bytes: &[u8]) -> LocalBase {
        fs::write(self.path("base.tar"), bytes).unwrap();
        LocalBase::Tarball("base.tar".to_owned())
    }
}

fn rootfs(name: &str) -> LocalBase {
    LocalBase::Rootfs(name.to_owned())
}

#[test]
fn the_host_is_the_same_base_twice_in_a_row() {
    let factory = Factory::new();
    let first = match factory.resolve(LocalBase::Host) {
        Err(TargetError::Base { what, .. }) if what.contains("nothing is written") => {
            return skip("the_host_is_the_same_base_twice_in_a_row", &what);
        }
        other => other.unwrap(),
    };
    assert_eq!(first, factory.resolve(LocalBase::Host).unwrap());
    assert_eq!(first.lowers, [PathBuf::from("/")]);
    assert!(first.base.id.starts_with("host:") && first.base.id.len() == 5 + 64, "{}", first.base.id);
    assert!(first.base.description.starts_with("this machine ("), "{}", first.base.description);
}

#[test]
fn a_folder_is_known_by_its_content_and_used_where_it_is() {
    let factory = Factory::new();
    root_filesystem(&factory.path("one"));
    root_filesystem(&factory.path("two"));
    let one = factory.resolve(rootfs("one")).unwrap();
    let two = factory.resolve(LocalBase::Rootfs(factory.path("two").to_str().unwrap().to_owned())).unwrap();
    assert_eq!(one.base.id, two.base.id);
    assert_eq!(one.base.family, OsFamily::Debian12);
    assert_eq!(Some(one.base.arch), Arch::of_this_machine());
    assert_eq!(one.base.os_name, "Debian GNU/Linux 12 (bookworm)");
    assert_eq!(one.lowers, [factory.path("one").canonicalize().unwrap()]);
    // The second time, from the kept digest as from the tree.
    assert_eq!(factory.resolve(rootfs("one")).unwrap(), one);
    fs::write(factory.path("two/etc/motd"), "hello").unwrap();
    assert_ne!(factory.resolve(rootfs("two")).unwrap().base.id, one.base.id);
}

#[test]
fn folders_that_are_no_root_filesystem_for_this_machine_are_refused_with_the_reason() {
    let factory = Factory::new();
    assert!(factory.refused(rootfs("nowhere")).contains("does not exist"));
    fs::write(factory.path("file"), "x").unwrap();
    assert!(factory.refused(rootfs("file")).contains("is not a folder"));
    fs::create_dir_all(factory.path("wrapped/rootfs/etc")).unwrap();
    let message = factory.refused(rootfs("wrapped"));
    assert!(message.contains("no /etc/os-release") && message.contains("rootfs"), "{message}");

    let changed = |name: &str, change: &dyn Fn(&Path)| {
        root_filesystem(&factory.path(name));
        change(&factory.path(name));
        factory.refused(rootfs(name))
    };
    let message = changed("fedora", &|d| fs::write(d.join("usr/lib/os-release"), "ID=fedora\nVERSION_ID=40").unwrap());
    assert!(message.contains("ID=fedora VERSION_ID=40") && message.contains("Ubuntu 22.04 and 24.04"), "{message}");
    let message = changed("no-shell", &|d| fs::remove_file(d.join("usr/bin/sh")).unwrap());
    assert!(message.contains("no /bin/sh"), "{message}");
    let message = changed("other-arch", &|d| {
        let mut shell = elf();
        shell[18] = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
        fs::write(d.join("usr/bin/sh"), shell).unwrap();
    });
    assert!(message.contains("this machine is"), "{message}");
    // A link to the host's own file must not be taken for the base's.
    let message = changed("leads-out", &|d| {
        fs::remove_file(d.join("etc/os-release")).unwrap();
        fs::remove_file(d.join("usr/lib/os-release")).unwrap();
        fs::write(d.parent().unwrap().join("os-release"), crate::trees::OS_RELEASE).unwrap();
        symlink(d.parent().unwrap().join("os-release"), d.join("etc/os-release")).unwrap();
    });
    assert!(message.contains("no /etc/os-release"), "{message}");
}

#[test]
fn archives_of_every_dialect_unpack_to_the_tree_they_were_made_of() {
    if !has("tar") {
        return skip("archives_of_every_dialect_unpack_to_the_tree_they_were_made_of", "GNU tar is not installed");
    }
    let factory = Factory::new();
    let root = factory.path("root");
    root_filesystem(&root);
    // A file with holes, for the archives that keep them.
    let holes = fs::File::create(root.join("usr/lib/holes")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&holes, b"middle", 3 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&holes, b"x", 5 << 20).unwrap();
    holes.set_len(9 << 20).unwrap();
    for n in 0..60 {
        std::os::unix::fs::FileExt::write_all_at(&holes, b"piece", (6 << 20) + n * 40960).unwrap();
    }
    drop(holes);
    crate::trees::age(&root);
    for (name, options) in [
        ("gnu.tar", &["--format=gnu"][..]),
        ("sparse.tar", &["--format=gnu", "--sparse"]),
        ("pax.tar", &["--format=pax", "--xattrs", "--xattrs-include=*"]),
        ("pax.tar.gz", &["--format=pax", "--xattrs", "--xattrs-include=*", "--gzip"]),
    ] {
        let mut tar = Command::new("tar");
        tar.args(["--create", "--numeric-owner", "--file"]).arg(factory.path(name)).args(options);
        assert!(tar.arg("--directory").arg(&root).arg(".").status().unwrap().success(), "tar {options:?}");
        let resolved = factory.resolve(LocalBase::Tarball(name.to_owned())).unwrap();
        assert_eq!(listing(&resolved.lowers[0]), listing(&root), "{name}");
        // Only the PAX form carries the file capability.
        if name.starts_with("pax") || !is_root() {
            assert_eq!(hash(&resolved.lowers[0]), hash(&root), "{name}");
        }
        let digest = Digest::of(fs::read(factory.path(name)).unwrap());
        assert_eq!(resolved.base.id, format!("tarball:{digest}"));
        assert_eq!(factory.resolve(LocalBase::Tarball(name.to_owned())).unwrap(), resolved);
    }
    // What is setuid in there is out of reach for others.
    assert_eq!(fs::metadata(factory.path("cache/unpacked")).unwrap().mode() & 0o777, 0o700);
    let blocks = |path: &Path| path.metadata().unwrap().blocks();
    let sparse = factory.resolve(LocalBase::Tarball("sparse.tar".to_owned())).unwrap();
    assert!(blocks(&sparse.lowers[0].join("usr/lib/holes")) <= blocks(&root.join("usr/lib/holes")) + 8);
}

#[test]
fn archives_that_are_none_are_refused_with_the_reason() {
    let factory = Factory::new();
    let good = minimal().bytes();
    for (bytes, expected) in [
        (&b""[..], "it is empty"),
        (b"hello, this is no archive", "cut short"),
        (&[b'x'; 2048], "not a tar archive"),
        (&[&b"\x28\xb5\x2f\xfd"[..], &[0; 600]].concat(), "zstd"),
        (&[&b"\xfd7zXZ\0"[..], &[0; 600]].concat(), "xz"),
        (&gzip(b"plain text that is long enough for nothing"), "cut short"),
        (&gzip(&good)[..200], "broken"),
        (&good[..good.len() - 1024], "cut short"),
        (&good[..1600], "middle of a file"),
        (&minimal().entry(b'Z', b"odd", b"", b"").bytes(), "unknown type `Z`"),
        (&minimal().pax("GNU.sparse.major", b"1").file("x", "").bytes(), "sparse"),
        (&Archive::default().file("etc/motd", "x").bytes(), "no /etc/os-release"),
    ] {
        let message = factory.refused(factory.tarball(bytes));
        assert!(message.contains(expected), "{expected}: {message}");
        assert_eq!(leftovers(&factory, expected), Vec::<PathBuf>::new(), "{expected}");
    }
    fs::create_dir(factory.path("folder")).unwrap();
    assert!(factory.refused(LocalBase::Tarball("folder".to_owned())).contains("`rootfs:`"));
}

/// Unpacked trees beside the whole ones (an archive without an OS is whole, and refused each time).
fn leftovers(factory: &Factory, expected: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(factory.path("cache/unpacked")) else { return Vec::new() };
    let paths = entries.map(|e| e.unwrap().path()).filter(|p| p.is_dir());
    paths.filter(|_| !expected.contains("os-release")).collect()
}

/// Enough of a root filesystem to be a base.
fn minimal() -> Archive {
    Archive::default().dir("./").dir("etc/").file("etc/os-release", crate::trees::OS_RELEASE).dir("bin/").entry(
        b'0',
        b"bin/sh",
        b"",
        &elf(),
    )
}

#[test]
fn an_unpack_that_was_killed_leaves_nothing_that_is_taken_for_whole() {
    let factory = Factory::new();
    let base = factory.tarball(&minimal().file("etc/last", "last").bytes());
    let died = std::sync::atomic::AtomicBool::new(false);
    let dying = |operation: &FileOperation| {
        // From the moment of its death on it does nothing any more, no cleaning up either.
        if died.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(FileFailure::Io { what: "dead".to_owned(), errno: None, message: "dead".to_owned() });
        }
        let outcome = perform(operation)?;
        if let (FileOperation::UnpackTar { into, .. }, FileOutcome::Unpacked(_)) = (operation, &outcome) {
            fs::remove_file(into.join("etc/last")).unwrap();
            died.store(true, std::sync::atomic::Ordering::SeqCst);
            return Err(FileFailure::Io { what: "killed".to_owned(), errno: None, message: "killed".to_owned() });
        }
        Ok(outcome)
    };
    assert!(Resolver { run: &dying, ..factory.resolver() }.resolve(&base).is_err());
    let left: Vec<PathBuf> = fs::read_dir(factory.path("cache/unpacked"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir())
        .collect();
    assert!(left.len() == 1 && left[0].extension().is_some_and(|e| e == "partial"), "{left:?}");
    // A sweep finds it by itself, but leaves the one who is unpacking there now alone.
    let lock = fs::File::open(left[0].with_extension("lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_eq!(remove_leftovers(&factory.path("cache"), &perform).unwrap(), Vec::<PathBuf>::new());
    drop(lock);
    assert_eq!(remove_leftovers(&factory.path("cache"), &perform).unwrap(), left);
    assert!(!left[0].exists());
    died.store(false, std::sync::atomic::Ordering::SeqCst);
    assert!(Resolver { run: &dying, ..factory.resolver() }.resolve(&base).is_err());
    // Without a sweep, the next unpack of the same base clears it away.
    assert!(left[0].exists());
    let resolved = factory.resolve(base).unwrap();
    assert_eq!(fs::read_to_string(resolved.lowers[0].join("etc/last")).unwrap(), "last");
    assert!(!left[0].exists());
}

#[test]
fn eight_who_resolve_the_same_tarball_at_once_unpack_it_once() {
    let factory = Factory::new();
    let base = factory.tarball(&minimal().bytes());
    let unpacks = std::sync::atomic::AtomicUsize::new(0);
    let counting = |operation: &FileOperation| {
        if matches!(operation, FileOperation::UnpackTar { .. }) {
            unpacks.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        perform(operation)
    };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| Resolver { run: &counting, ..factory.resolver() }.resolve(&base).unwrap());
        }
    });
    assert_eq!(unpacks.into_inner(), 1);
}

#[test]
fn device_nodes_are_left_out_and_said_so() {
    let factory = Factory::new();
    let archive = minimal().dir("dev/").entry(b'3', b"dev/null", b"", b"").entry(b'4', b"dev/sda", b"", b"");
    let resolved = factory.resolve(factory.tarball(&archive.bytes())).unwrap();
    assert_eq!(fs::read_dir(resolved.lowers[0].join("dev")).unwrap().count(), 0);
    assert!(resolved.notes[0].starts_with("2 device nodes"), "{:?}", resolved.notes);
}

/// Unpacks an archive in a folder beside a canary, and checks the canary.
fn unpack(archive: &[u8], limits: UnpackLimits) -> (tempfile::TempDir, Result<Unpacked, FileFailure>) {
    let place = tempfile::tempdir().unwrap();
    let outside = place.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("canary"), "alive").unwrap();
    fs::create_dir(place.path().join("into")).unwrap();
    let file = place.path().join("archive");
    fs::write(&file, archive).unwrap();
    let before = listing(&outside);
    let outcome = perform(&FileOperation::UnpackTar {
        archive: file,
        digest: Digest::of(archive),
        into: place.path().join("into"),
        limits,
        owners: owners(),
    });
    assert_eq!(listing(&outside), before, "something outside of the tree was changed");
    let mut names: Vec<_> = fs::read_dir(place.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["archive", "into", "outside"], "something was written beside the tree");
    let outcome = outcome.map(|outcome| match outcome {
        FileOutcome::Unpacked(done) => done,
        other => panic!("{other:?}"),
    });
    (place, outcome)
}

fn small() -> UnpackLimits {
    UnpackLimits { bytes: 1 << 20, entries: 100 }
}

#[test]
fn nothing_is_written_outside_of_the_tree() {
    let made = Archive::default;
    let refused: [(&str, Archive, &str); 16] = [
        ("up", made().file("../outside/canary", "dead"), "`..`"),
        ("up later", made().dir("a/").file("a/../../outside/canary", "dead"), "`..`"),
        ("up in PAX", made().pax("path", b"../outside/canary").file("x", "dead"), "`..`"),
        ("up in a long name", made().entry(b'L', b"L", b"", b"../outside/canary\0").file("x", "dead"), "`..`"),
        ("hard link up", made().hard_link("h", "../outside/canary").file("h", "dead"), "`..`"),
        ("hard link to the host", made().hard_link("h", "/etc/passwd"), "not in the archive before it"),
        (
            "hard link behind a link",
            made().symlink("l", "../outside").hard_link("h", "l/canary"),
            "not in the archive before it",
        ),
        ("hard link to a directory", made().dir("d/").hard_link("h", "d"), "a directory"),
        (
            "behind a link up",
            made().symlink("l", "../outside").file("l/canary", "dead"),
            "place that the archive does not",
        ),
        ("behind a link far up", made().symlink("l", "../../../../../../tmp/x/y").file("l/z", "dead"), "does not have"),
        (
            "behind a chain of links",
            made().symlink("a", "b").symlink("b", "../outside").file("a/x", "dead"),
            "does not have",
        ),
        ("behind a file", made().file("f", "x").file("f/x", "dead"), "not a directory"),
        ("behind a circle", made().symlink("a", "b").symlink("b", "a").file("a/x", "dead"), "circles"),
        ("the root as a link", made().symlink("./", "../outside").file("canary", "dead"), "not a directory"),
        ("no name", made().file("", "dead"), "is empty"),
        ("a zero byte", made().pax("path", b"a\0b").file("x", "dead"), "zero byte"),
    ];
    for (name, archive, expected) in refused {
        let (_place, outcome) = unpack(&archive.bytes(), small());
        match outcome {
            Err(FileFailure::Refused { why, .. }) => assert!(why.contains(expected), "{name}: {why}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn links_that_lead_out_are_kept_as_links_and_never_written_through() {
    let made = Archive::default;
    // An absolute link means the tree's own root, as it will when the tree is one.
    let (place, outcome) = unpack(&made().dir("etc/").symlink("l", "/etc").file("l/x", "in").bytes(), small());
    outcome.unwrap();
    assert_eq!(fs::read_to_string(place.path().join("into/etc/x")).unwrap(), "in");
    // So does an absolute name.
    let (place, outcome) = unpack(&made().file("/etc/motd", "in").bytes(), small());
    outcome.unwrap();
    assert_eq!(fs::read_to_string(place.path().join("into/etc/motd")).unwrap(), "in");
    // A file takes the place of a link of its name.
    let (place, outcome) = unpack(&made().symlink("l", "../outside/canary").file("l", "in").bytes(), small());
    outcome.unwrap();
    assert!(place.path().join("into/l").symlink_metadata().unwrap().is_file());
    // A second name of a link is a link too; what comes in its place is not written through it.
    let archive = made().symlink("l", "../outside/canary").hard_link("h", "l").file("h", "in");
    let (place, outcome) = unpack(&archive.bytes(), small());
    outcome.unwrap();
    assert!(place.path().join("into/l").symlink_metadata().unwrap().is_symlink());
    assert_eq!(fs::read_to_string(place.path().join("into/h")).unwrap(), "in");
    // A directory that becomes a link while its entries are still coming.
    let archive = made().dir("d/").file("d/a", "1").symlink("d", "../outside").file("d/canary", "dead");
    let (_place, outcome) = unpack(&archive.bytes(), small());
    assert!(outcome.unwrap_err().to_string().contains("does not have"));
    let archive = made().dir("e/").dir("d/").file("d/a", "1").symlink("d", "/e").file("d/b", "2");
    let (place, outcome) = unpack(&archive.bytes(), small());
    outcome.unwrap();
    assert_eq!(fs::read_to_string(place.path().join("into/e/b")).unwrap(), "2");
    // A directory takes the place of a link to one, and does not change what the link leads to.
    let archive = made().dir("e/").symlink("d", "e").entry(b'5', b"d", b"", b"").file("d/x", "2");
    let (place, outcome) = unpack(&archive.bytes(), small());
    outcome.unwrap();
    assert!(place.path().join("into/d").symlink_metadata().unwrap().is_dir());
    assert!(!place.path().join("into/e/x").exists());
}

#[test]
fn of_entries_with_one_name_the_last_wins() {
    let archive = Archive::default()
        .file("a", "first")
        .file("a", "second")
        .dir("b/")
        .file("b/c", "x")
        .file("b", "now a file")
        .file("d", "file")
        .dir("d/")
        .file("d/e", "y")
        .entry(b'6', b"f", b"", b"")
        .file("f", "no longer a pipe")
        .file("g", "shared")
        .hard_link("h", "g")
        .file("g", "own")
        .hard_link("h", "h");
    let (place, outcome) = unpack(&archive.bytes(), small());
    outcome.unwrap();
    let read = |name: &str| fs::read_to_string(place.path().join("into").join(name)).unwrap();
    assert_eq!([read("a"), read("b"), read("d/e"), read("f")], ["second", "now a file", "y", "no longer a pipe"]);
    assert_eq!([read("g"), read("h")], ["own", "shared"]);
}

#[test]
fn archives_that_would_fill_the_machine_are_stopped() {
    let made = Archive::default;
    let sized = |kind: u8, size: &[u8; 12]| {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.as_old_mut().name[0] = b'x';
        header.as_old_mut().size = *size;
        header.as_old_mut().linkflag[0] = kind;
        made().header(&mut header).bytes()
    };
    let huge = b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff";
    let most = b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff";
    let mut sparse = tar::Header::new_gnu();
    sparse.set_mode(0o644);
    sparse.set_uid(0);
    sparse.set_gid(0);
    sparse.set_size(0);
    sparse.as_old_mut().name[0] = b's';
    sparse.as_old_mut().linkflag[0] = b'S';
    sparse.as_gnu_mut().unwrap().set_real_size(1 << 40);
    let many = (0..200).fold(made(), |archive, n| archive.file(&format!("f{n}"), ""));
    let full = (0..20).fold(made(), |archive, n| archive.file(&format!("f{n}"), &"x".repeat(100_000)));
    let big_name = made().entry(b'L', b"L", b"", &vec![b'a'; 2 << 20]).file("x", "");
    let zeros = [made().file("x", "y").cut(), vec![0; 64 << 20]].concat();
    for (name, archive, expected) in [
        ("a file of 8 EiB", sized(b'0', huge), "more than 1048576 bytes"),
        ("a file of 16 EiB", sized(b'0', most), "more than 1048576 bytes"),
        ("a long name of 8 EiB", sized(b'L', huge), "extended header"),
        ("a PAX header of 8 EiB", sized(b'x', huge), "extended header"),
        ("a label of 16 EiB", sized(b'V', most), "broken"),
        ("a long name of 2 MiB", big_name.bytes(), "extended header"),
        ("a hole of 1 TiB", made().header(&mut sparse).bytes(), "more than 1048576 bytes"),
        ("200 files", many.bytes(), "more than 100 entries"),
        ("2 MB in files", full.bytes(), "more than 1048576 bytes"),
        ("64 MiB of zeros, zipped", gzip(&zeros), "more data than a base may have"),
    ] {
        let (_place, outcome) = unpack(&archive, small());
        match outcome {
            Err(FileFailure::Refused { why, .. }) => assert!(why.contains(expected), "{name}: {why}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn sparse_maps_that_do_not_fit_are_refused() {
    // (offset, length) pieces, stored bytes, real size.
    for (pieces, stored, real) in [
        (&[(0, 10), (5, 10)][..], 20, 100),
        (&[(90, 20)], 20, 100),
        (&[(0, 10)], 20, 100),
        (&[(0, 30)], 20, 100),
        (&[(u64::MAX >> 1, 20)], 20, 100),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(stored);
        header.as_old_mut().name[0] = b's';
        header.as_old_mut().linkflag[0] = b'S';
        let gnu = header.as_gnu_mut().unwrap();
        gnu.set_real_size(real);
        for (slot, (offset, length)) in gnu.sparse.iter_mut().zip(pieces) {
            slot.set_offset(*offset);
            slot.set_length(*length);
        }
        let archive = Archive::default().header(&mut header).data(&vec![b'x'; stored as usize]).bytes();
        let (_place, outcome) = unpack(&archive, small());
        assert!(outcome.unwrap_err().to_string().contains("sparse map"), "{pieces:?}");
    }
}

#[test]
fn names_that_no_file_system_takes_are_refused_and_odd_ones_are_kept() {
    let long = "n".repeat(300);
    let (_place, outcome) = unpack(&Archive::default().pax("path", long.as_bytes()).file("x", "").bytes(), small());
    assert!(outcome.unwrap_err().to_string().contains("longer than the file system takes"));
    let deep = "d/".repeat(3000);
    let (_place, outcome) = unpack(&Archive::default().pax("path", deep.as_bytes()).dir("x").bytes(), small());
    assert!(outcome.unwrap_err().to_string().contains("longer than the file system takes"));
    let archive =
        Archive::default().file("a\nb", "1").entry(b'0', b"\xff\xfe", b"", b"2").file(" ", "3").file("-rf", "4");
    let (place, outcome) = unpack(&archive.bytes(), small());
    outcome.unwrap();
    assert_eq!(fs::read_dir(place.path().join("into")).unwrap().count(), 4);
}

#[test]
fn a_tree_is_removed_whatever_its_modes_and_links() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("outside")).unwrap();
    fs::write(place.path().join("outside/canary"), "alive").unwrap();
    let tree = place.path().join("tree");
    root_filesystem(&tree);
    symlink("../outside", tree.join("out")).unwrap();
    fs::create_dir_all(tree.join("closed/inner/most")).unwrap();
    for name in ["closed/inner", "closed"] {
        fs::set_permissions(tree.join(name), fs::Permissions::from_mode(0o000)).unwrap();
    }
    remove_tree(&tree).unwrap();
    assert!(!tree.exists());
    remove_tree(&tree).unwrap();
    remove_tree(&place.path().join("nowhere/at/all")).unwrap();
    // A link given by name goes; what it leads to stays.
    symlink("outside", place.path().join("link")).unwrap();
    remove_tree(&place.path().join("link")).unwrap();
    assert_eq!(fs::read_to_string(place.path().join("outside/canary")).unwrap(), "alive");
}

#[test]
fn a_tree_deeper_than_any_path_is_hashed_and_removed() {
    let place = tempfile::tempdir().unwrap();
    let tree = place.path().join("tree");
    fs::create_dir(&tree).unwrap();
    let mut dir = rustix::fs::open(&tree, rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
    for _ in 0..5000 {
        rustix::fs::mkdirat(&dir, "deeper", rustix::fs::Mode::RWXU).unwrap();
        dir = rustix::fs::openat(&dir, "deeper", rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
    }
    drop(dir);
    let first = hash(&tree);
    assert_eq!(first, hash(&tree));
    remove_tree(&tree).unwrap();
    assert!(!tree.exists());
}

#[test]
fn a_mount_inside_a_tree_is_neither_read_nor_removed() {
    use nix::mount::{MsFlags, mount};
    let name = "a_mount_inside_a_tree_is_neither_read_nor_removed";
    if !is_root() {
        return skip(name, "mounting takes root");
    }
    let place = tempfile::tempdir().unwrap();
    let (tree, precious) = (place.path().join("tree"), place.path().join("precious"));
    fs::create_dir_all(tree.join("a/mounted")).unwrap();
    fs::create_dir(&precious).unwrap();
    fs::write(precious.join("canary"), "alive").unwrap();
    // The namespace is this thread's alone, and so is what is mounted in it.
    if let Err(error) = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS) {
        return skip(name, &format!("no mount namespace: {error}"));
    }
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
    mount(Some(&precious), &tree.join("a/mounted"), None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    let message = remove_tree(&tree).unwrap_err().to_string();
    assert!(message.contains("a/mounted is a mount point"), "{message}");
    let message = perform(&FileOperation::HashTree { root: tree.clone(), cache: None }).unwrap_err().to_string();
    assert!(message.contains("a/mounted is a mount point"), "{message}");
    assert!(remove_tree(&tree.join("a/mounted")).is_err());
    assert_eq!(fs::read_to_string(precious.join("canary")).unwrap(), "alive");
    nix::mount::umount(&tree.join("a/mounted")).unwrap();
    remove_tree(&tree).unwrap();
    assert_eq!(fs::read_to_string(precious.join("canary")).unwrap(), "alive");
}

#[test]
fn packages_come_from_the_top_most_layer_that_has_them() {
    let place = tempfile::tempdir().unwrap();
    let (base, upper) = (place.path().join("base"), place.path().join("upper"));
    root_filesystem(&base);
    fs::create_dir_all(base.join("var/lib/dpkg/status.d")).unwrap();
    fs::write(base.join("var/lib/dpkg/status.d/tzdata"), "Package: tzdata\nVersion: 2024a\nArchitecture: all\n")
        .unwrap();
    fs::write(base.join("var/lib/dpkg/status.d/tzdata.md5sums"), "Package: no\nVersion: 1\n").unwrap();
    let names = |layers: &[PathBuf]| {
        let list = packages(layers, OverlayXattrs::of_this_process()).unwrap();
        list.into_iter().map(|p| format!("{}={}", p.name, p.version)).collect::<Vec<_>>()
    };
    assert_eq!(names(std::slice::from_ref(&base)), ["base-files=12.4", "tzdata=2024a"]);
    fs::create_dir_all(upper.join("var/lib/dpkg")).unwrap();
    let status = "Package: nginx\nStatus: install ok installed\nVersion: 1.22\nArchitecture: amd64\n";
    fs::write(upper.join("var/lib/dpkg/status"), status).unwrap();
    assert_eq!(names(&[base.clone(), upper.clone()]), ["nginx=1.22", "tzdata=2024a"]);
    if !is_root() {
        return skip("packages_come_from_the_top_most_layer_that_has_them (whiteouts)", "whiteouts take root");
    }
    let gone = upper.join("var/lib/dpkg/status.d");
    rustix::fs::mknodat(rustix::fs::CWD, &gone, rustix::fs::FileType::CharacterDevice, rustix::fs::Mode::empty(), 0)
        .unwrap();
    assert_eq!(names(&[base, upper]), ["nginx=1.22"]);
}

#[test]
fn an_opaque_directory_hides_what_is_below_it() {
    let place = tempfile::tempdir().unwrap();
    let layers: Vec<PathBuf> = ["low", "high"].map(|name| place.path().join(name)).into();
    for layer in &layers {
        fs::create_dir_all(layer.join("d/sub")).unwrap();
    }
    fs::write(layers[0].join("d/low"), "low").unwrap();
    fs::write(layers[0].join("d/sub/low"), "low").unwrap();
    fs::write(layers[1].join("d/high"), "high").unwrap();
    let flags = rustix::fs::XattrFlags::empty();
    if let Err(error) = rustix::fs::setxattr(layers[1].join("d"), "user.overlay.opaque", b"y", flags) {
        return skip("an_opaque_directory_hides_what_is_below_it", &format!("no user attributes here: {error}"));
    }
    let view = LayeredView::new(&layers, OverlayXattrs::User).unwrap();
    assert_eq!(view.names("d").unwrap(), [PathBuf::from("high"), PathBuf::from("sub")]);
    assert!(view.read("d/low", 10).unwrap().is_none() && view.read("d/sub/low", 10).unwrap().is_none());
    // To an overlay of root's the attribute is just an attribute.
    let view = LayeredView::new(&layers, OverlayXattrs::Trusted).unwrap();
    assert_eq!(view.read("d/low", 10).unwrap().unwrap(), b"low");
}
