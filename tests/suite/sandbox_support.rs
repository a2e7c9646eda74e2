//! What the sandbox's tests share: a state folder, specs, and a look at the machine before and after.

use amifactory::recipe::Limits;
use amifactory::target::local::sandbox::{self, Exit, HostPort, Lower, Network, SandboxError, SandboxSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The binary under test.
pub const EXE: &str = env!("CARGO_BIN_EXE_amifactory");

pub use crate::skip::skipped as skip;

pub use crate::skip::is_root;

/// The bottom layers for this user, or why there are none: the machine itself for root, a small copy of it for others.
pub fn base() -> Result<Vec<Lower>, String> {
    let host = is_root();
    sandbox::check(host).map_err(|error| error.to_string())?;
    if host { Ok(vec![Lower::Host]) } else { Ok(vec![Lower::Dir(small_root().to_owned())]) }
}

/// One test at a time looks at the whole machine.
pub fn machine() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A state folder of its own for one test, with everything a run needs.
pub struct Bench {
    folder: tempfile::TempDir,
    pub spec: SandboxSpec,
    pub lines: Mutex<Vec<String>>,
}

impl Bench {
    pub fn new(lowers: Vec<Lower>) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
        let spec = SandboxSpec {
            lowers,
            upper: state.join("upper"),
            work: state.join("work"),
            limits: Limits { time_s: 30, processes: 200, memory_bytes: 512 << 20, disk_bytes: 512 << 20 },
            network: Network::None,
            hostname: "builder".into(),
            script: state.join("script.sh"),
            log: state.join("log"),
            hidden: vec![state],
        };
        Bench { folder, spec, lines: Mutex::default() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.spec.log).unwrap_or_default()).into_owned()
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Runs a script to its end.
    pub fn run(&self, script: &str) -> Result<Exit, SandboxError> {
        runtime().block_on(self.start(script))
    }

    /// The run as a future, to be dropped.
    pub async fn start(&self, script: &str) -> Result<Exit, SandboxError> {
        fs::write(&self.spec.script, script).unwrap();
        let keep = |line: &str| {
            let mut lines = self.lines.lock().unwrap();
            if lines.len() < 10_000 {
                lines.push(line.to_owned());
            }
        };
        sandbox::run(&self.spec, Path::new(EXE), &keep).await
    }

    /// The run as another process, to be killed.
    pub fn command(&self, script: &str) -> Command {
        fs::write(&self.spec.script, script).unwrap();
        let file = self.path().join("spec.json");
        fs::write(&file, serde_json::to_vec(&self.spec).unwrap()).unwrap();
        let mut command = Command::new(EXE);
        command.arg("__sandbox-run").arg(file);
        command
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // An ordinary user can't remove what belongs to the user's sub-ids.
        let trees = [self.path().join("state").to_string_lossy().into_owned()];
        let removed = sandbox::run_in_user_namespace(Path::new(EXE), &sandbox::REMOVE_TREE, &trees);
        // A second panic would hide the first.
        if !std::thread::panicking() {
            runtime().block_on(removed).unwrap();
        }
    }
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

pub fn allow(destinations: &[&str]) -> Network {
    Network::Allow(destinations.iter().map(|text| text.parse::<HostPort>().unwrap()).collect())
}

/// A root filesystem of a few programs of this machine, made once. In a folder that sub-ids may enter.
pub fn small_root() -> &'static Path {
    static ROOT: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = ROOT.get_or_init(|| {
        let folder = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap();
        let programs = "sh ls cat id rm mkdir touch sleep dd cp ln chmod chown mknod grep head readlink uname wc perl \
                        find date mv yes stat truncate";
        for program in programs.split_whitespace() {
            copy_program(program, folder.path());
        }
        let modules = Path::new("/usr/lib").join(format!("{}-linux-gnu/perl-base", std::env::consts::ARCH));
        if modules.is_dir() {
            let to = folder.path().join(modules.strip_prefix("/").unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            assert!(Command::new("cp").arg("-r").arg(&modules).arg(to).status().unwrap().success());
        }
        fs::create_dir_all(folder.path().join("etc")).unwrap();
        fs::write(folder.path().join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
        for name in ["var", "opt", "srv", "mnt"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        folder
    });
    folder.path()
}

/// A program and the libraries that `ldd` names.
fn copy_program(program: &str, root: &Path) {
    let found = ["/bin", "/usr/bin"].map(|folder| Path::new(folder).join(program));
    let Some(file) = found.iter().find(|file| file.is_file()) else { return };
    copy(file, &root.join("bin").join(program));
    let libraries = Command::new("ldd").arg(file).output().unwrap();
    for word in String::from_utf8_lossy(&libraries.stdout).split_whitespace().filter(|word| word.starts_with('/')) {
        copy(Path::new(word), &root.join(word.trim_start_matches('/')));
    }
}

fn copy(from: &Path, to: &Path) {
    if !to.exists() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}

/// What the machine looks like: everything that a step might change.
#[derive(Debug, PartialEq, Eq)]
pub struct Machine {
    pub facts: BTreeMap<String, String>,
}

/// Settings that a step could gain from, or break the machine with. Those that move by themselves are left out.
const SETTINGS: [&str; 26] = [
    "kernel/core_pattern",
    "kernel/core_uses_pid",
    "kernel/hostname",
    "kernel/domainname",
    "kernel/modprobe",
    "kernel/modules_disabled",
    "kernel/sysrq",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/randomize_va_space",
    "kernel/pid_max",
    "kernel/threads-max",
    "kernel/printk",
    "kernel/dmesg_restrict",
    "kernel/kptr_restrict",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "vm/swappiness",
    "vm/mmap_min_addr",
    "fs/file-max",
    "fs/protected_symlinks",
    "fs/protected_hardlinks",
    "fs/suid_dumpable",
    "net/ipv4/ip_forward",
    "net/ipv4/ip_unprivileged_port_start",
    "user/max_user_namespaces",
];

impl Machine {
    /// Looks at the machine and at the given trees.
    pub fn look(trees: &[&Path]) -> Machine {
        let mut facts = BTreeMap::new();
        for setting in SETTINGS {
            let path = format!("/proc/sys/{setting}");
            facts.insert(path.clone(), fs::read_to_string(&path).unwrap_or_default());
        }
        for file in
            ["/proc/self/mountinfo", "/proc/swaps", "/proc/mounts", "/proc/net/route", "/sys/kernel/uevent_helper"]
        {
            facts.insert(file.into(), fs::read_to_string(file).unwrap_or_default());
        }
        for kind in ["mnt", "net", "pid", "uts", "ipc", "user"] {
            let link = fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
            facts.insert(format!("namespace {kind}"), link.display().to_string());
        }
        let mut modules: Vec<_> =
            text_of("/proc/modules").lines().map(|l| l.split(' ').next().unwrap().to_owned()).collect();
        modules.sort();
        facts.insert("modules".into(), modules.join(" "));
        let interfaces = fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
        let interfaces: BTreeSet<_> = interfaces.map(|entry| entry.file_name()).collect();
        facts.insert("interfaces".into(), format!("{interfaces:?}"));
        // The time of day against the time since boot: moves only when somebody sets the clock.
        let boot = text_of("/proc/stat").lines().find_map(|l| l.strip_prefix("btime ")?.parse::<u64>().ok()).unwrap();
        facts.insert("boot time".into(), (boot / 4).to_string());
        for entry in fs::read_dir("/dev").unwrap().flatten().filter(|e| !e.file_type().unwrap().is_dir()) {
            facts.insert(entry.path().display().to_string(), describe(&entry.path(), false));
        }
        for tree in
            [Path::new("/etc"), Path::new("/boot"), Path::new("/srv"), Path::new("/usr/bin"), Path::new("/usr/sbin")]
        {
            record(tree, false, &mut facts);
        }
        for tree in ["/", "/var", "/var/lib", "/var/tmp", "/home", "/opt", "/usr", "/usr/lib"] {
            facts.insert(format!("names in {tree}"), names(Path::new(tree)));
        }
        for tree in trees {
            record(tree, true, &mut facts);
        }
        Machine { facts }
    }

    /// Fails with what is different now.
    pub fn assert_unchanged(&self, after: &Machine, name: &str) {
        let keys: BTreeSet<_> = self.facts.keys().chain(after.facts.keys()).collect();
        let different: Vec<_> = keys
            .into_iter()
            .filter(|key| self.facts.get(*key) != after.facts.get(*key))
            .map(|key| format!("{key}: {:?} -> {:?}", self.facts.get(key), after.facts.get(key)))
            .collect();
        assert!(different.is_empty(), "{name} changed the machine:\n{}", different.join("\n"));
    }
}

fn text_of(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn names(folder: &Path) -> String {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names: BTreeSet<_> = entries.map(|entry| entry.file_name()).collect();
    format!("{names:?}")
}

fn record(path: &Path, with_content: bool, facts: &mut BTreeMap<String, String>) {
    facts.insert(path.display().to_string(), describe(path, with_content));
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            record(&entry.path(), with_content, facts);
        }
    }
}

/// Metadata down to the change time, which no one can set, and the content.
fn describe(path: &Path, with_content: bool) -> String {
    let Ok(metadata) = fs::symlink_metadata(path) else { return "missing".into() };
    let kind = metadata.file_type();
    // Terminals and the like are written by others all the time.
    let (size, changed) = if kind.is_char_device() || kind.is_block_device() {
        (0, (0, 0))
    } else {
        (metadata.size(), (metadata.ctime(), metadata.ctime_nsec()))
    };
    let mut content = DefaultHasher::new();
    if kind.is_symlink() {
        fs::read_link(path).unwrap().hash(&mut content);
    } else if kind.is_file() && with_content {
        let mut bytes = Vec::new();
        fs::File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
        bytes.hash(&mut content);
    }
    let (owner, group) = (metadata.uid(), metadata.gid());
    format!(
        "{:o} {owner}:{group} links {} size {size} rdev {} changed {changed:?} content {:x}",
        metadata.mode(),
        metadata.nlink(),
        metadata.rdev(),
        content.finish()
    )
}

/// Fails where, after a short while, a process is still in one of these namespaces.
pub fn assert_nobody_in(namespaces: &BTreeSet<String>, ended: Ticks, within: Duration) {
    assert!(namespaces.len() >= 5, "the script told its namespaces: {namespaces:?}");
    let start = Instant::now();
    loop {
        let left = processes_in(namespaces, ended);
        if left.is_empty() {
            return;
        }
        assert!(start.elapsed() < within, "still in the sandbox's namespaces: {left:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Time since boot, as processes' start times are told.
#[derive(Clone, Copy)]
pub struct Ticks(u64);

impl Ticks {
    /// Now. To be taken as soon as a sandbox has ended.
    pub fn now() -> Ticks {
        let up = text_of("/proc/uptime").split(' ').next().unwrap().parse::<f64>().unwrap();
        Ticks((up * 100.0) as u64)
    }
}

/// Numbers of namespaces are used again: a process that started later, or that is in only some of them, is another
/// sandbox's.
fn processes_in(namespaces: &BTreeSet<String>, ended: Ticks) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten().filter(|entry| {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let field = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(19)?.parse::<u64>().ok());
        field.is_some_and(|started| started <= ended.0)
    });
    let mut found = Vec::new();
    for process in processes {
        let links = ["pid", "net", "mnt", "ipc", "uts"].map(|kind| process.path().join("ns").join(kind));
        let inside =
            |link: &PathBuf| fs::read_link(link).is_ok_and(|link| namespaces.contains(&*link.to_string_lossy()));
        if links.iter().all(inside) {
            let command = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            found.push(format!("{} {}", process.path().display(), command.trim()));
        }
    }
    found
}

/// The namespaces that a script told of in lines `NS <kind> <link>`.
pub fn namespaces(lines: &[String]) -> BTreeSet<String> {
    let told = lines.iter().filter_map(|line| line.strip_prefix("NS ")?.split_once(' '));
    told.map(|(_, link)| link.to_owned()).collect()
}

/// Fails where, after a short while, a control group of a dead supervisor is left.
pub fn assert_no_cgroup_left() {
    let start = Instant::now();
    loop {
        let left = dead_cgroups(Path::new("/sys/fs/cgroup"), 8);
        if left.is_empty() {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(3), "control groups are left: {left:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn dead_cgroups(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(|e| e.file_type().unwrap().is_dir()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        match name.strip_prefix("amifactory-").and_then(|owner| owner.split_once('-')) {
            Some((pid, _)) if Path::new("/proc").join(pid).exists() => {}
            Some(_) => found.push(entry.path()),
            None if depth > 0 => found.extend(dead_cgroups(&entry.path(), depth - 1)),
            None => {}
        }
    }
    found
}
