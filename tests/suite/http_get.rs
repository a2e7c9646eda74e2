//! `af_http_get` of the shell library fetches a page with every client that a base may have.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PAGE: &str = "<html>\n\nfirst\nlast without an end";

/// Serves `/` and answers anything else with 404, each on a connection of its own.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                request.push(byte[0]);
            }
            let (status, body) =
                if request.starts_with(b"GET / ") { ("200 OK", PAGE) } else { ("404 Not Found", "no") };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    format!("http://{address}")
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Runs it where there is no other client than this one.
fn get(client: &str, url: &str) -> Output {
    let bin = tempfile::tempdir().unwrap();
    for program in ["cat", client] {
        symlink(find(program).unwrap(), bin.path().join(program)).unwrap();
    }
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("hardening/lib/system.sh");
    Command::new(find("sh").unwrap())
        .args(["-c", ". \"$1\"; af_http_get \"$2\"", "sh"])
        .arg(library)
        .arg(url)
        .env_clear()
        .env("PATH", bin.path())
        .output()
        .unwrap()
}

#[test]
fn every_client_fetches_the_whole_page_and_fails_on_an_error() {
    let server = serve();
    let mut tried = 0;
    for client in ["curl", "wget", "python3", "bash"] {
        // A python3 that is a wrapper script needs more than itself.
        let usable =
            find(client).is_some_and(|file| std::fs::read(file).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF")));
        if !usable {
            continue;
        }
        tried += 1;
        let page = get(client, &format!("{server}/"));
        assert_eq!(String::from_utf8_lossy(&page.stdout), PAGE, "{client}: {}", String::from_utf8_lossy(&page.stderr));
        assert!(page.status.success(), "{client}");
        assert!(!get(client, &format!("{server}/missing")).status.success(), "{client}");
    }
    assert!(tried > 0, "this machine has none of the clients");
}
