//! At a terminal `promote` shows what would change and asks. Only a yes moves the channel.

use crate::program::{TestFactory, can_build_on_host};
use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const QUESTION: &str = "[y/N] ";

/// Runs at a terminal, types the answer once it is asked, and tells how it ended and what the terminal showed.
fn at_a_terminal(factory: &TestFactory, arguments: &[&str], answer: &[u8]) -> (ExitStatus, String) {
    // Closed in whatever other tests start meanwhile.
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let slave = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlag::O_NOCTTY.bits())
        .open(ptsname_r(&master).unwrap())
        .unwrap();
    let side = || Stdio::from(slave.try_clone().unwrap());
    // A session of its own whose terminal this is: then Ctrl-C is a signal, as at a real one.
    // Where the tests run in the background of a shell, Ctrl-C would be ignored.
    let mut session = Command::new("env");
    session.args(["--default-signal=INT", "setsid", "--ctty", "--wait", env!("CARGO_BIN_EXE_amifactory")]);
    session.args(arguments).current_dir(factory.path());
    session.stdin(side()).stdout(side()).stderr(side()).env("TERM", "xterm").env_remove("AMIFACTORY_STATE");
    let mut child = session.spawn().unwrap();
    drop((slave, session));
    let mut screen = File::from(OwnedFd::from(master));
    let mut keyboard = screen.try_clone().unwrap();
    let (shown, seen) = mpsc::channel();
    std::thread::spawn(move || {
        let mut part = [0; 4096];
        // Reading fails once nobody has the terminal open any more.
        while let Ok(count @ 1..) = screen.read(&mut part) {
            let _ = shown.send(String::from_utf8_lossy(&part[..count]).into_owned());
        }
    });
    let mut text = String::new();
    while !text.contains(QUESTION) {
        text += &seen.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("nobody was asked: {text}"));
    }
    keyboard.write_all(answer).unwrap();
    let status = child.wait().unwrap();
    text.extend(seen.iter());
    (status, text)
}

#[test]
fn only_a_yes_moves_the_channel() {
    if !can_build_on_host("only_a_yes_moves_the_channel") {
        return;
    }
    let factory = TestFactory::tiny("mkdir -p /srv\necho hello >/srv/hello");
    assert_eq!(factory.json(&["build", "tiny"]).0, 0);
    let staging = || {
        let (code, images) = factory.json(&["images"]);
        assert_eq!(code, 0);
        images["images"][0]["channels"].as_array().unwrap().iter().any(|channel| channel == "staging")
    };
    let promote = ["promote", "tiny", "--to", "staging"];
    // No; nothing; something else; the end of the input.
    for answer in [&b"n\n"[..], b"\n", b"yess\n", b"\x04"] {
        let (status, text) = at_a_terminal(&factory, &promote, answer);
        assert_eq!(status.code(), Some(0), "{text}");
        assert!(
            text.contains("move staging to tiny 1.0.0?") && text.trim_end().ends_with("nothing was moved"),
            "{text}"
        );
        assert!(!staging(), "{text}");
    }
    // Ctrl-C. A shell calls the end by that signal 130.
    let (status, text) = at_a_terminal(&factory, &promote, b"\x03");
    assert!(status.code() == Some(130) || status.signal() == Some(2), "{status}: {text}");
    assert!(!staging(), "{text}");

    let (status, text) = at_a_terminal(&factory, &promote, b"y\n");
    assert_eq!(status.code(), Some(0), "{text}");
    assert!(staging() && text.contains("staging names tiny 1.0.0 now"), "{text}");
}
