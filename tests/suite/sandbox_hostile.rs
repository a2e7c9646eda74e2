//! A corpus of hostile steps. Whatever they do, the machine stays as it was and they end within their limits.

use crate::sandbox_support::{
    Bench, Machine, Ticks, allow, assert_no_cgroup_left, assert_nobody_in, base, machine, namespaces, skip,
};
use amifactory::target::local::sandbox::{Exit, Limit, Lower, Network};
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// One test for each script of `tests/hostile`.
macro_rules! hostile {
    ($($test:ident = $file:literal),+ $(,)?) => {
        const SCRIPTS: &[(&str, &str)] = &[$(($file, include_str!(concat!("../hostile/", $file, ".sh")))),+];
        $(#[test] fn $test() { survive($file); })+
    };
}

hostile! {
    write_outside = "write-outside",
    links_out = "links-out",
    proc_of_init = "proc-of-init",
    open_by_handle = "open-by-handle",
    mount = "mount",
    sysctl = "sysctl",
    kill_host = "kill-host",
    load_module = "load-module",
    sysrq = "sysrq",
    network_uninvited = "network-uninvited",
    gate_refuses = "gate-refuses",
    fork_bomb = "fork-bomb",
    memory_hog = "memory-hog",
    memory_hog_in_tmpfs = "memory-hog-in-tmpfs",
    memory_hog_without_names = "memory-hog-without-names",
    fill_disk = "fill-disk",
    fill_disk_one_file = "fill-disk-one-file",
    fill_disk_without_names = "fill-disk-without-names",
    fill_disk_with_empty_files = "fill-disk-with-empty-files",
    daemons = "daemons",
    sleeper = "sleeper",
    deaf_to_signals = "deaf-to-signals",
    flood = "flood",
    holes = "holes",
    setuid = "setuid",
    device_nodes = "device-nodes",
    new_namespaces = "new-namespaces",
    trace_init = "trace-init",
    keys = "keys",
    clock_and_name = "clock-and-name",
    chroot_escape = "chroot-escape",
    raw_memory = "raw-memory",
    cgroup_escape = "cgroup-escape",
    kernel_helpers = "kernel-helpers",
    kernel_surface = "kernel-surface",
    inherited = "inherited",
    layer_tricks = "layer-tricks",
    orphans = "orphans",
}

const PRELUDE: &str = include_str!("../hostile/prelude");

#[test]
fn every_hostile_script_has_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".sh")?.to_owned()))
        .collect();
    files.sort();
    let mut tested: Vec<_> = SCRIPTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    tested.sort();
    assert_eq!(files, tested);
}

/// What a script's comments ask for: `# expect: limit KIND`, `# limits: WORD=NUMBER…`, `# network: gate`.
fn comment<'a>(script: &'a str, name: &str) -> Option<&'a str> {
    script.lines().find_map(|line| line.strip_prefix("# ")?.strip_prefix(name)?.strip_prefix(": "))
}

/// Runs a script and looks whether anything is different.
fn survive(name: &str) {
    let mut lowers = match base() {
        Ok(lowers) => lowers,
        Err(why) => return skip(name, &why),
    };
    let script = SCRIPTS.iter().find(|(file, _)| *file == name).unwrap().1;
    let _alone = machine();
    let mut canary = Canary::new();
    lowers.push(Lower::Dir(canary.layer()));
    let mut bench = Bench::new(lowers);
    for limit in comment(script, "limits").unwrap_or_default().split_whitespace() {
        let (word, number) = limit.split_once('=').unwrap();
        let number: u64 = number.parse().unwrap();
        match word {
            "time" => bench.spec.limits.time_s = number,
            "processes" => bench.spec.limits.processes = number,
            "memory" => bench.spec.limits.memory_bytes = number << 20,
            "disk" => bench.spec.limits.disk_bytes = number << 20,
            _ => panic!("{word}"),
        }
    }
    let doors = Doors::open(name);
    if comment(script, "network") == Some("gate") {
        bench.spec.network = allow(&[&format!("127.0.0.1:{}", doors.open.port)]);
    }
    assert!(matches!(bench.spec.network, Network::None) || name == "gate-refuses");
    let text = format!(
        "CANARY='{}' STATE='{}' HOST_PID={} HOST_PORT={} HOST_ADDRESS={} ABSTRACT='{}' OPEN_PORT={}\n{PRELUDE}\n{script}\necho DONE\n",
        canary.outside().display(),
        bench.path().display(),
        canary.process.id(),
        doors.closed.port,
        doors.address,
        doors.abstract_name,
        doors.open.port,
    );

    let before = Machine::look(&[canary.folder.path()]);
    let start = Instant::now();
    let exit = bench.run(&text);
    let (took, ended) = (start.elapsed(), Ticks::now());
    let after = Machine::look(&[canary.folder.path()]);

    let lines = bench.lines();
    let told = || format!("{name}: {exit:?} after {took:?}\n{}\n--\n{}", tail(&lines), tail(&split(&bench.log())));
    let escaped: Vec<_> = lines.iter().filter(|line| line.starts_with("ESCAPED")).collect();
    assert!(escaped.is_empty(), "{escaped:#?}\n{}", told());
    before.assert_unchanged(&after, name);
    assert_nobody_in(&namespaces(&lines), ended, Duration::from_secs(1));
    assert_no_cgroup_left();
    canary.assert_alive();
    assert!(!doors.closed.entered() && !doors.abstract_entered(), "{name} reached the machine");
    assert_eq!(doors.open.entered(), name == "gate-refuses", "{}", told());

    let limits = bench.spec.limits;
    assert!(took < Duration::from_secs(limits.time_s + 3), "{}", told());
    let expected = match comment(script, "expect") {
        None => Exit::Code(0),
        Some("limit time") => Exit::LimitExceeded(Limit::Time(limits.time_s)),
        Some("limit processes") => Exit::LimitExceeded(Limit::Processes(limits.processes)),
        Some("limit memory") => Exit::LimitExceeded(Limit::Memory(limits.memory_bytes)),
        Some("limit disk") => Exit::LimitExceeded(Limit::Disk(limits.disk_bytes)),
        Some(other) => panic!("{other}"),
    };
    assert_eq!(exit.as_ref().ok(), Some(&expected), "{}", told());
    // A script that stopped half-way has shown nothing.
    let done = lines.iter().any(|line| line == "DONE");
    assert_eq!(done, expected == Exit::Code(0), "{}", told());
    let log = fs::metadata(&bench.spec.log).unwrap().len();
    assert!(log <= amifactory::target::local::sandbox::LOG_BYTES + 100, "the log has {log} bytes");
}

fn split(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn tail(lines: &[String]) -> String {
    lines[lines.len().saturating_sub(20)..].iter().map(|l| l.chars().take(300).collect::<String>() + "\n").collect()
}

/// Files, a layer and a process of the machine that must stay as they are.
struct Canary {
    folder: tempfile::TempDir,
    process: Child,
    _socket: UnixListener,
}

impl Canary {
    fn new() -> Canary {
        let builder = fs::Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().permissions(builder).tempdir().unwrap();
        let outside = folder.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "unchanged").unwrap();
        symlink("file", outside.join("link")).unwrap();
        let layer = folder.path().join("layer/opt/canary");
        fs::create_dir_all(layer.join("folder/inner")).unwrap();
        for file in ["file", "other", "mode", "owner", "time", "folder/inner/file", "deleted"] {
            fs::write(layer.join(file), "unchanged").unwrap();
        }
        nix::unistd::mkfifo(&layer.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let socket = UnixListener::bind(layer.join("socket")).unwrap();
        let process = Command::new("sleep").arg("1000").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Canary { folder, process, _socket: socket }
    }

    fn layer(&self) -> std::path::PathBuf {
        self.folder.path().join("layer")
    }

    fn outside(&self) -> std::path::PathBuf {
        self.folder.path().join("outside")
    }

    fn assert_alive(&mut self) {
        assert_eq!(self.process.try_wait().unwrap(), None, "a process of the machine was killed");
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What listens on the machine, and whether anybody came.
struct Doors {
    closed: Door,
    open: Door,
    address: IpAddr,
    abstract_name: String,
    abstract_socket: UnixListener,
}

struct Door {
    port: u16,
    entered: Arc<AtomicBool>,
}

impl Doors {
    fn open(name: &str) -> Doors {
        let abstract_name = format!("amifactory-test-{}-{name}", std::process::id());
        let address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let abstract_socket = UnixListener::bind_addr(&address).unwrap();
        abstract_socket.set_nonblocking(true).unwrap();
        Doors { closed: Door::open(), open: Door::open(), address: own_address(), abstract_name, abstract_socket }
    }

    fn abstract_entered(&self) -> bool {
        self.abstract_socket.accept().is_ok()
    }
}

impl Door {
    /// Listens on all addresses and answers each connection like a small web server.
    fn open() -> Door {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let entered = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&entered);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                seen.store(true, Ordering::SeqCst);
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            }
        });
        Door { port, entered }
    }

    fn entered(&self) -> bool {
        self.entered.load(Ordering::SeqCst)
    }
}

/// The address from which this machine would reach others; loopback where there is no network.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    match socket.connect("1.1.1.1:53") {
        Ok(()) => socket.local_addr().unwrap().ip(),
        Err(_) => IpAddr::from([127, 0, 0, 1]),
    }
}
