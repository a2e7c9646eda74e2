//! A throw-away root: overlays over this machine's own, or over the root filesystem that AMIFACTORY_TEST_ROOTFS names.

use amifactory::hardening::Library;
use amifactory::plan::{Bundle, BundleStep, RunLine, StepResult, parse_line};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What the tests build on.
pub fn base_root() -> PathBuf {
    std::env::var_os("AMIFACTORY_TEST_ROOTFS").map_or_else(|| PathBuf::from("/"), PathBuf::from)
}

/// That root filesystem is one of rpm packages, with a package database of its own and a repository in `/srv`: nothing
/// stands in for rpm and dnf then.
pub fn has_rpm() -> bool {
    base_root().join("var/lib/rpm/rpmdb.sqlite").exists()
}

/// None where overlays can be mounted here, else why not.
pub fn why_not() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("it mounts overlays, which needs root".to_owned());
    }
    let works = Command::new("unshare").args(["--mount", "--net", "true"]).output();
    match works {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("unshare: {}", String::from_utf8_lossy(&output.stderr))),
        Err(error) => Some(format!("unshare: {error}")),
    }
}

const ENTER: &str = r#"
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK" "$ROOT"
mkdir -p "$ROOT/proc" "$ROOT/dev" "$ROOT/run" "$ROOT/tmp"
# What is no part of an OS stays out: it is large, and others may be changing it.
for dir in "$ROOT"/*; do
    case ${dir##*/} in bin | sbin | lib | lib64 | usr | etc | var | boot | home | srv | proc | dev | run) continue ;; esac
    [ ! -d "$dir" ] || [ -L "$dir" ] || mount -t tmpfs -o mode=700 tmpfs "$dir"
done
chmod 1777 "$ROOT/tmp"
mount -t proc -o ro proc "$ROOT/proc"
mount -t tmpfs tmpfs "$ROOT/dev"
mount -t tmpfs tmpfs "$ROOT/run"
mkdir "$ROOT/dev/shm"
for node in null zero urandom; do : >"$ROOT/dev/$node"; mount --bind "/dev/$node" "$ROOT/dev/$node"; done
exec chroot "$ROOT" /bin/sh -s
"#;

/// A root whose changes are kept between runs, in `upper`.
pub struct Sandbox {
    dir: TempDir,
    lower: String,
}

impl Sandbox {
    /// Over these layers, the first on top.
    pub fn over(layers: &[&Path]) -> Sandbox {
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
        for name in ["upper", "work", "root"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let lower = layers.iter().map(|layer| layer.to_str().unwrap()).collect::<Vec<_>>().join(":");
        Sandbox { dir, lower }
    }

    /// Where changes are kept.
    pub fn upper(&self) -> PathBuf {
        self.dir.path().join("upper")
    }

    /// Runs a script in it; its standard output, or a panic with all that it said.
    pub fn script(&self, script: &str) -> String {
        let at = |name: &str| self.dir.path().join(name);
        let mut child = Command::new("unshare")
            .args(["--mount", "--net", "--propagation", "private", "sh", "-euc", ENTER])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LOWER", &self.lower)
            .env("UPPER", at("upper"))
            .env("WORK", at("work"))
            .env("ROOT", at("root"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let text = script.to_owned();
        let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
        let output = child.wait_with_output().unwrap();
        // A script that ends early does not read all of itself.
        drop(writer.join().unwrap());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Runs steps as a bundle; every one has to answer.
    pub fn run(&self, library: &Library, steps: &[BundleStep]) -> Vec<StepResult> {
        if steps.is_empty() {
            return Vec::new();
        }
        let bundle = Bundle::render("test", steps, library).unwrap();
        let said = self.script(&bundle.script);
        let lines: Vec<RunLine> =
            said.lines().map(|line| parse_line(line).unwrap_or_else(|| panic!("not the runner's: {line}"))).collect();
        assert_eq!(lines.last(), Some(&RunLine::End), "{said}");
        let results: Vec<StepResult> = lines
            .into_iter()
            .filter_map(|line| if let RunLine::Ended(result) = line { Some(result) } else { None })
            .collect();
        assert_eq!(results.len(), steps.len());
        results
    }

    /// Everything that was changed, to the byte: content, mode, owner, times of all files. Folders without their times:
    /// a working file that comes and goes touches its folder.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        walk(&self.upper(), &self.upper(), &mut found);
        found
    }
}

fn walk(top: &Path, dir: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        let mut says = format!("{:o} {}:{}", meta.mode(), meta.uid(), meta.gid());
        if meta.is_dir() {
            walk(top, &path, found);
        } else {
            says += &format!(" {}.{}", meta.mtime(), meta.mtime_nsec());
        }
        if meta.is_file() {
            says += &format!(" {}", amifactory::identity::Digest::of(fs::read(&path).unwrap()).as_str());
        } else if meta.is_symlink() {
            says += &format!(" -> {}", fs::read_link(&path).unwrap().display());
        }
        found.insert(path.strip_prefix(top).unwrap().to_owned(), says);
    }
}

/// What differs between two snapshots.
pub fn changes(first: &BTreeMap<PathBuf, String>, second: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let paths: std::collections::BTreeSet<&PathBuf> = first.keys().chain(second.keys()).collect();
    paths
        .into_iter()
        .filter(|path| first.get(*path) != second.get(*path))
        .map(|path| format!("{}: {:?}, then {:?}", path.display(), first.get(path), second.get(path)))
        .collect()
}
