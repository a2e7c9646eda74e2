//! The sandbox: what steps can do in it, how runs end, and that nothing is left when amifactory dies.

use crate::sandbox_support::{
    Bench, EXE, Ticks, assert_no_cgroup_left, assert_nobody_in, base, dead_cgroups, is_root, machine, namespaces,
    runtime, skip, small_root,
};
use amifactory::target::local::sandbox::{self, Exit, Limit, Lower, Network, SandboxError};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::ToSocketAddrs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const TELL_NAMESPACES: &str =
    "for kind in pid net mnt ipc uts; do echo \"NS $kind $(readlink /proc/self/ns/$kind)\"; done\n";

/// A bench on this user's usual base, or none where sandboxes can't run here.
fn bench(name: &str) -> Option<Bench> {
    base().map(Bench::new).map_err(|why| skip(name, &why)).ok()
}

#[test]
fn a_script_s_status_and_output_come_back() {
    let Some(bench) = bench("a_script_s_status_and_output_come_back") else { return };
    let exit =
        bench.run("echo one; echo two >&2; printf three; hostname=$(uname -n); echo; echo $hostname; exit 7").unwrap();
    assert_eq!(exit, Exit::Code(7));
    assert_eq!(bench.lines(), ["one", "three", "builder"]);
    assert_eq!(bench.log(), "two\n");
}

#[test]
fn a_shell_that_is_killed_tells_its_signal() {
    let Some(bench) = bench("a_shell_that_is_killed_tells_its_signal") else { return };
    assert_eq!(bench.run("kill -TERM $$; sleep 5").unwrap(), Exit::Signal(15));
}

#[test]
fn changes_go_to_the_upper_and_the_next_run_sees_them() {
    let Some(bench) = bench("changes_go_to_the_upper_and_the_next_run_sees_them") else { return };
    let script =
        "echo new >/etc/made-here && mkdir -p /home/me && chown 33:33 /home/me && rm /etc/passwd && echo x >/tmp/gone";
    assert_eq!(bench.run(script).unwrap(), Exit::Code(0));
    assert_eq!(fs::read_to_string(bench.spec.upper.join("etc/made-here")).unwrap(), "new\n");
    assert_eq!(fs::metadata(bench.spec.upper.join("etc/passwd")).unwrap().rdev(), 0, "a whiteout");
    assert!(!bench.spec.upper.join("tmp/gone").exists(), "/tmp is not part of an image");
    let script = "cat /etc/made-here; [ -e /etc/passwd ] || echo no; ls -ln /home | grep -c ' 33 *33 '; ls /tmp";
    assert_eq!(bench.run(script).unwrap(), Exit::Code(0), "{}", bench.log());
    assert_eq!(bench.lines(), ["new", "no", "1"]);
}

#[test]
fn an_image_of_this_machine_is_a_layer_over_it() {
    if !is_root() {
        return skip("an_image_of_this_machine_is_a_layer_over_it", "`base: host` needs root");
    }
    let Some(mut bench) = bench("an_image_of_this_machine_is_a_layer_over_it") else { return };
    let first = bench.path().join("state/first");
    fs::create_dir_all(first.join("etc")).unwrap();
    fs::write(first.join("etc/layered"), "from the layer").unwrap();
    fs::set_permissions(first.join("etc"), fs::Permissions::from_mode(0o755)).unwrap();
    bench.spec.lowers.push(Lower::Dir(first));
    let script = "cat /etc/layered; echo; head -c 4 /etc/passwd; echo; ls -A /home/* /root /mnt /var/tmp | grep -v :; \
                  ls -d /proc/1 /dev/null; [ -e /work ] || [ -e /lost+found ] || echo hidden";
    assert_eq!(bench.run(script).unwrap(), Exit::Code(0), "{}", bench.log());
    assert_eq!(
        bench.lines().iter().filter(|line| !line.is_empty()).cloned().collect::<Vec<_>>(),
        ["from the layer", "root", "/dev/null", "/proc/1", "hidden"]
    );
}

#[test]
fn homes_of_this_machine_are_there_with_their_modes_and_empty() {
    let name = "homes_of_this_machine_are_there_with_their_modes_and_empty";
    if !is_root() {
        return skip(name, "`base: host` needs root");
    }
    let Some(bench) = bench(name) else { return };
    // Accounts and homes of its own, in a mount namespace of its own, with the run inside it.
    let here = bench.path().display().to_string();
    let make = format!(
        "mount --make-rprivate / && cp /etc/passwd {here}/passwd && \
         echo 'ann:x:4001:4002::/home/ann:/bin/sh' >>{here}/passwd && \
         echo 'bob:x:4003:4003::/mnt/deep/bob:/bin/sh' >>{here}/passwd && \
         echo 'eve:x:4004:4004::/home/eve:/bin/sh' >>{here}/passwd && mount --bind {here}/passwd /etc/passwd && \
         mount -t tmpfs none /home && mount -t tmpfs none /mnt && mkdir -p /home/ann/inner /home/other /mnt/deep/bob && \
         ln -s /etc /home/eve && echo secret >/home/ann/.secret && echo secret >/mnt/deep/secret && \
         chown 4001:4002 /home/ann && chmod 0751 /home/ann && chmod 0711 /mnt/deep && chmod 0705 /mnt/deep/bob"
    );
    let script = "stat -c '%n %a %u:%g' /home/ann /mnt/deep /mnt/deep/bob; find /home/ann /home/eve /home/other /mnt | sort; \
                  chmod 0750 /home/ann; stat -c %a /home/ann";
    let run = bench.command(script);
    let arguments: Vec<_> = run.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", &format!("{make} && {EXE} {} && stat -c %a /home/ann", arguments.join(" "))])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let expected = "/home/ann 751 4001:4002\n/mnt/deep 711 0:0\n/mnt/deep/bob 705 0:0\n\
                    /home/ann\n/mnt\n/mnt/deep\n/mnt/deep/bob\n750\n751\n";
    assert_eq!(text, expected, "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_must_be_hidden_is_hidden_inside_the_os_too() {
    if !is_root() {
        return skip("what_must_be_hidden_is_hidden_inside_the_os_too", "`base: host` needs root");
    }
    let Some(mut bench) = bench("what_must_be_hidden_is_hidden_inside_the_os_too") else { return };
    bench.spec.hidden.push("/usr/share/dpkg".into());
    bench.spec.hidden.push("/usr/bin/env".into());
    let names =
        |path: &str| fs::metadata(path).map(|m| format!("{:o} {} {}", m.mode() & 0o7777, m.uid(), m.mtime())).unwrap();
    let script = "[ -e /usr/share/dpkg ] || [ -e /usr/bin/env ] || echo hidden; stat -c '%a %u %Y' /usr/share /usr/bin";
    assert_eq!(bench.run(script).unwrap(), Exit::Code(0), "{}", bench.log());
    assert_eq!(bench.lines(), ["hidden".to_owned(), names("/usr/share"), names("/usr/bin")]);
}

#[test]
fn a_folder_that_is_a_mount_of_its_own_is_part_of_the_machine() {
    let name = "a_folder_that_is_a_mount_of_its_own_is_part_of_the_machine";
    if !is_root() {
        return skip(name, "mounting needs root");
    }
    let Some(bench) = bench(name) else { return };
    // A separate filesystem for /srv, in a mount namespace of its own, with the run inside it.
    let image = bench.path().join("disk.img");
    let make = format!(
        "mount --make-rprivate / && truncate -s 64M '{0}' && mkfs.ext4 -q '{0}' && mount -o loop '{0}' /srv && \
         echo separate >/srv/file && mkdir /srv/inner",
        image.display()
    );
    let script = "cat /srv/file; echo changed >/srv/file; mkdir /srv/inner/deep; cat /srv/file";
    let run = bench.command(script);
    let arguments: Vec<_> = run.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", &format!("{make} || exit 99; {EXE} {} && cat /srv/file", arguments.join(" "))])
        .output()
        .unwrap();
    if output.status.code() == Some(99) {
        return skip(name, &format!("no loop device: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text, "separate\nchanged\nseparate\n", "{}", String::from_utf8_lossy(&output.stderr));
    assert!(bench.spec.upper.join("srv/inner/deep").is_dir(), "the upper has the changes of the other filesystem");
}

#[test]
fn a_root_filesystem_folder_is_a_base() {
    match sandbox::check(false) {
        Ok(()) => {}
        Err(error) => return skip("a_root_filesystem_folder_is_a_base", &error.to_string()),
    }
    let bench = Bench::new(vec![Lower::Dir(small_root().to_owned())]);
    assert_eq!(bench.run("id -u; ls -d /proc/1 /dev/null /tmp /run; touch /made").unwrap(), Exit::Code(0));
    assert_eq!(bench.lines(), ["0", "/dev/null", "/proc/1", "/run", "/tmp"]);
    assert!(bench.spec.upper.join("made").exists());
    assert!(!small_root().join("made").exists());
}

#[test]
fn a_base_whose_folders_are_links_is_refused() {
    match sandbox::check(false) {
        Ok(()) => {}
        Err(error) => return skip("a_base_whose_folders_are_links_is_refused", &error.to_string()),
    }
    let bench = Bench::new(vec![Lower::Dir(small_root().to_owned())]);
    let trap = bench.path().join("trap");
    fs::create_dir(&trap).unwrap();
    fs::create_dir_all(&bench.spec.upper).unwrap();
    std::os::unix::fs::symlink(&trap, bench.spec.upper.join("run")).unwrap();
    match bench.run("true") {
        Err(error @ SandboxError::Base { .. }) => assert!(error.to_string().contains("/run"), "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read_dir(&trap).unwrap().count(), 0, "nothing was written through the link");
}

#[test]
fn a_base_without_a_shell_is_named() {
    match sandbox::check(false) {
        Ok(()) => {}
        Err(error) => return skip("a_base_without_a_shell_is_named", &error.to_string()),
    }
    let empty = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    let bench = Bench::new(vec![Lower::Dir(empty.path().to_owned())]);
    match bench.run("true") {
        Err(error @ SandboxError::Base { .. }) => assert!(error.to_string().contains("/bin/sh"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_ordinary_user_is_told_what_to_do() {
    if is_root() {
        // As root only the other half can be seen: root may.
        return sandbox::check(true)
            .unwrap_or_else(|error| skip("an_ordinary_user_is_told_what_to_do", &error.to_string()));
    }
    let error = sandbox::check(true).unwrap_err().to_string();
    assert!(error.contains("sudo") && error.contains("mmdebstrap"), "{error}");
}

#[test]
fn an_upper_on_an_overlay_is_refused_with_what_to_do() {
    if !is_root() {
        return skip("an_upper_on_an_overlay_is_refused_with_what_to_do", "mounting needs root");
    }
    let Some(bench) = bench("an_upper_on_an_overlay_is_refused_with_what_to_do") else { return };
    let run = bench.command("true");
    let arguments: Vec<_> = run.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
    let state = bench.path().join("state");
    let script = format!(
        "mount --make-rprivate / && mkdir -p /tmp/ovl && mount -t tmpfs none /tmp/ovl && mkdir /tmp/ovl/l /tmp/ovl/u /tmp/ovl/w && \
         cp -a {0}/. /tmp/ovl/l && mount -t overlay none -o lowerdir=/tmp/ovl/l,upperdir=/tmp/ovl/u,workdir=/tmp/ovl/w {0} && \
         {EXE} {1}",
        state.display(),
        arguments.join(" ")
    );
    let output = Command::new("unshare").args(["-m", "sh", "-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("overlayfs") && said.contains("--state"), "{said}");
}

#[test]
fn limits_hold_where_there_are_no_control_groups() {
    if !is_root() {
        return skip("limits_hold_where_there_are_no_control_groups", "hiding the control groups needs root");
    }
    let Some(mut bench) = bench("limits_hold_where_there_are_no_control_groups") else { return };
    bench.spec.limits.processes = 50;
    bench.spec.limits.memory_bytes = 64 << 20;
    let steps = [
        ("bomb() { bomb | bomb & }; bomb; while :; do bomb; done", "started more than 50 processes"),
        ("perl -e 'my @a; push @a, \"x\" x 1000000 while 1'; sleep 20", "used more than 64 MiB of memory"),
    ];
    for (script, word) in steps {
        let run = bench.command(script);
        let arguments: Vec<_> = run.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
        let hide = "mount --make-rprivate / && mount -t tmpfs none /sys/fs/cgroup";
        let start = Instant::now();
        let output = Command::new("unshare")
            .args(["-m", "sh", "-c", &format!("{hide} && exec {EXE} {}", arguments.join(" "))])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(word), "{said}");
        assert!(start.elapsed() < Duration::from_secs(15));
    }
}

#[test]
fn the_machine_is_not_slowed_by_its_own_limits() {
    let Some(bench) = bench("the_machine_is_not_slowed_by_its_own_limits") else { return };
    bench.run("true").unwrap();
    let start = Instant::now();
    for _ in 0..5 {
        assert_eq!(bench.run("true").unwrap(), Exit::Code(0));
    }
    let each = start.elapsed() / 5;
    eprintln!("one run of `true`: {each:?}");
    // Far above what it takes on an idle machine; a run that waits for a tick or a time-out is above it.
    assert!(each < Duration::from_millis(500), "one run of `true` took {each:?}");
}

#[test]
fn a_dropped_run_leaves_nothing() {
    let Some(bench) = bench("a_dropped_run_leaves_nothing") else { return };
    let _alone = machine();
    runtime().block_on(async {
        let script = format!("{TELL_NAMESPACES}sleep 1000 & sleep 1000");
        let run = bench.start(&script);
        let told = async {
            while namespaces(&bench.lines()).len() < 5 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            exit = run => panic!("{exit:?}"),
            () = told => {}
        }
    });
    assert_nobody_in(&namespaces(&bench.lines()), Ticks::now(), Duration::from_secs(2));
    assert_no_cgroup_left();
}

#[test]
fn nothing_survives_a_killed_amifactory() {
    let Some(bench) = bench("nothing_survives_a_killed_amifactory") else { return };
    let _alone = machine();
    for attempt in 0..5 {
        let script = format!("{TELL_NAMESPACES}(trap '' HUP TERM; sleep 1000) & sleep 1000");
        let mut amifactory = bench.command(&script).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(amifactory.stdout.take().unwrap()).lines().map(Result::unwrap);
        let told: Vec<_> = lines.take(5).collect();
        amifactory.kill().unwrap();
        amifactory.wait().unwrap();
        assert_nobody_in(&namespaces(&told), Ticks::now(), Duration::from_secs(2));
        assert_no_cgroup_left();
        assert!(fs::read_dir(&bench.spec.work).is_ok(), "attempt {attempt}: the state is where it was");
    }
}

#[test]
fn nothing_survives_an_amifactory_killed_at_any_moment() {
    let Some(bench) = bench("nothing_survives_an_amifactory_killed_at_any_moment") else { return };
    let _alone = machine();
    for moment in 0..25 {
        let mut amifactory = bench.command("sleep 1000").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(moment * 1500));
        amifactory.kill().unwrap();
        amifactory.wait().unwrap();
    }
    let start = Instant::now();
    while let Some(left) = orphan() {
        assert!(start.elapsed() < Duration::from_secs(2), "still there: {left}");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_no_cgroup_left();
}

#[test]
fn a_killed_supervisor_takes_its_sandbox_along_and_its_groups_are_swept() {
    let Some(bench) = bench("a_killed_supervisor_takes_its_sandbox_along_and_its_groups_are_swept") else { return };
    let _alone = machine();
    let script = format!("{TELL_NAMESPACES}sleep 1000");
    let mut amifactory = bench.command(&script).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(amifactory.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told: Vec<_> = lines.by_ref().take(5).collect();
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", amifactory.id())).unwrap();
    let supervisor: i32 = children.trim().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(supervisor), nix::sys::signal::Signal::SIGKILL).unwrap();
    let output = amifactory.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(72));
    assert!(String::from_utf8_lossy(&output.stderr).contains("died"), "{output:?}");
    assert_nobody_in(&namespaces(&told), Ticks::now(), Duration::from_secs(2));
    // A group whose last process nobody has waited for yet can't be removed: that is the machine's init's turn.
    let start = Instant::now();
    loop {
        sandbox::sweep_cgroups();
        let left = dead_cgroups(Path::new("/sys/fs/cgroup"), 8);
        if left.is_empty() {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{left:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_time_limit_is_kept_to_the_second() {
    let Some(mut bench) = bench("a_time_limit_is_kept_to_the_second") else { return };
    bench.spec.limits.time_s = 1;
    let start = Instant::now();
    assert_eq!(bench.run("sleep 1000").unwrap(), Exit::LimitExceeded(Limit::Time(1)));
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[test]
fn packages_can_be_installed_through_the_gate() {
    let name = "packages_can_be_installed_through_the_gate";
    if !is_root() {
        return skip(name, "`base: host` needs root");
    }
    let sources = sandbox::repository_hosts(&["/".into()]);
    let reachable = sources.iter().any(|to| (to.host.as_str(), to.port).to_socket_addrs().is_ok());
    if !reachable || !Path::new("/usr/bin/apt-get").exists() {
        return skip(name, "no network, or this machine's packages don't come from an apt repository");
    }
    let Some(mut bench) = bench(name) else { return };
    bench.spec.network = Network::Allow(sources);
    bench.spec.limits.time_s = 120;
    let script = "set -e
        apt-get -qq update >&2; apt-get -qq install -y --no-install-recommends hello sudo >&2; hello; stat -c %a /usr/bin/sudo
        useradd --create-home somebody; su somebody -s /bin/sh -c 'id -un'
        echo http_proxy=$http_proxy; if apt-get -qq download -o Acquire::http::Proxy=DIRECT hello 2>/dev/null; then echo direct; fi";
    assert_eq!(bench.run(script).unwrap(), Exit::Code(0), "{}", bench.log());
    assert_eq!(
        bench.lines(),
        ["Hello, world!", "4755", "somebody", "http_proxy=http://127.0.0.1:3128"],
        "{}",
        bench.log()
    );
    assert!(!bench.log().contains("network: refused"), "{}", bench.log());
}

/// A process of a sandbox whose parent is not the one that started it. Other tests' sandboxes have theirs.
fn orphan() -> Option<String> {
    let exe = |pid: &str| fs::read_link(format!("/proc/{pid}/exe")).ok();
    let ours = [PathBuf::from(EXE), std::env::current_exe().unwrap()];
    fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let pid = entry.file_name().into_string().ok()?;
        let command = fs::read_to_string(entry.path().join("cmdline")).ok()?.replace('\0', " ");
        if exe(&pid)? != ours[0] || !(command.contains("__sandbox ") || command.contains("__sandbox-init")) {
            return None;
        }
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().to_owned();
        let has_parent = exe(&parent).is_some_and(|exe| ours.contains(&exe));
        (!has_parent).then(|| format!("{pid} {command} below {parent}"))
    })
}
