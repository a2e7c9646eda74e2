//! `serve`: its pages and metrics as text, and the built program on loopback.

pub mod pages;
mod program;

use crate::program::TestFactory;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The built program, serving. It ends with the test.
pub struct Served {
    pub child: Child,
    pub address: String,
    pub said: String,
}

impl Served {
    pub fn start(factory: &TestFactory, more: &[&str]) -> Served {
        Served::of(factory.command(&[&["serve", "--listen", "127.0.0.1:0", "--every", "1s"], more].concat()))
    }

    pub fn of(mut command: Command) -> Served {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        let address = said.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address = address.unwrap_or_else(|| panic!("it says where it serves: {said:?}")).to_owned();
        Served { child, address, said }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Sends these bytes; all that comes back.
    pub fn raw(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        // A server that has heard enough may close before all of it was sent.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    pub fn ask(&self, method: &str, path: &str) -> Answer {
        let text = self.raw(format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).as_bytes());
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {path}: {text:?}"));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub fn get(&self, path: &str) -> String {
        let answer = self.ask("GET", path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// The page as soon as this stands in it.
    pub fn wait_for(&self, path: &str, expected: &str) -> String {
        let began = Instant::now();
        loop {
            let body = self.get(path);
            if body.contains(expected) {
                return body;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "`{expected}` never came in {path}:\n{body}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Its exit code, and what else it printed.
    pub fn end(mut self) -> (i32, String, String) {
        let status = self.child.wait().unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (status.code().unwrap(), out, err)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All files below a folder, with their content.
pub fn files(folder: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => all.extend(files(&entry.path())),
            kind if kind.is_file() => all.push((entry.path(), std::fs::read(entry.path()).unwrap())),
            _ => {}
        }
    }
    all.sort();
    all
}

/// What the server has answered.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}
