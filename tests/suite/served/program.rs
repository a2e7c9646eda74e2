//! The built program on loopback, with the local target.

use super::Served;
use crate::program::{TestFactory, can_build_on_host, stderr};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

#[test]
fn a_factory_is_shown_and_nothing_can_be_changed() {
    if !can_build_on_host("serve shows a local factory") {
        return;
    }
    let factory = TestFactory::tiny("echo hello > /srv/hello");
    let (code, built) = factory.json(&["build", "tiny"]);
    assert_eq!(code, 0, "{built:#}");
    let image = built["image"].as_str().unwrap();
    let before = super::files(&factory.state());
    let served = Served::start(&factory, &[]);
    // Each part is there as soon as it was seen.
    served.wait_for("/metrics", "amifactory_look_failed{part=\"evidence\"} 0");
    let page = served.wait_for("/", "<td data-label=\"Channel\"><span class=\"tag\">dev</span>");
    assert!(page.contains("target local") && page.contains(image), "{page}");
    served.wait_for("/metrics", "amifactory_builds{");
    assert!(served.get("/images").contains(&format!("<a href=\"/images/{image}\">tiny 1.0.0</a>")));
    let page = served.wait_for(&format!("/images/{image}"), "The whole report");
    assert!(page.contains("it says hello") && page.contains("✓ Gate passed"), "{page}");
    assert!(served.get(&format!("/images/{image}/report")).contains("hardening evidence"));
    let metrics = served.get("/metrics");
    for line in [
        "amifactory_images{recipe=\"tiny\",arch=\"x86_64\",state=\"verified\"} 1",
        "amifactory_channel_pinned{recipe=\"tiny\",arch=\"x86_64\",channel=\"dev\"} 0",
        "amifactory_builds{state=\"running\"} 0",
        "amifactory_look_failed{part=\"images\"} 0",
    ] {
        let line = line.replace("x86_64", std::env::consts::ARCH).replace("aarch64", "arm64");
        assert!(metrics.lines().any(|one| one == line), "{line}: {metrics}");
    }
    assert!(served.get("/fleet").contains("Nothing is launched from images on the target local: it has no fleet."));
    assert!(!metrics.contains("amifactory_fleet"), "{metrics}");
    assert_eq!(served.get("/healthz"), "ok\n");
    assert!(served.ask("GET", "/style.css").head.contains("content-type: text/css"));

    let head = served.ask("HEAD", "/");
    assert!(
        head.status == 200 && head.body.is_empty() && head.head.contains("content-type: text/html"),
        "{}",
        head.head
    );
    for path in ["/nothing", "/images/", "/images/..%2f..%2fetc%2fpasswd", "/images/img-0000000000000000", "/%00", "//"]
    {
        assert_eq!(served.ask("GET", path).status, 404, "{path}");
        assert_eq!(served.ask("GET", &format!("{path}/report")).status, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        for path in ["/", "/metrics", "/nothing"] {
            let answer = served.ask(method, path);
            assert!(
                answer.status == 405 && answer.head.contains("allow: GET, HEAD"),
                "{method} {path}: {}",
                answer.head
            );
        }
    }
    for path in ["/", "/nothing", "/metrics", &format!("/images/{image}/report")] {
        let head = served.ask("GET", path).head;
        for expected in [
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "frame-ancestors 'none'",
            "cache-control: no-store",
        ] {
            assert!(head.contains(expected), "{path}: {head}");
        }
        assert_eq!(head.matches("content-security-policy").count(), 1, "{path}: {head}");
        assert!(!head.contains("unsafe"), "{path}: {head}");
    }
    // Not one page says where on this machine anything is, or what is in its environment.
    for path in ["/", "/images", &format!("/images/{image}"), "/metrics"] {
        let body = served.get(path);
        assert!(!body.contains(factory.path().to_str().unwrap()) && !body.contains("PATH"), "{path}");
    }
    assert_eq!(super::files(&factory.state()), before, "looking changes nothing");
}

#[test]
fn who_asks_by_another_name_too_much_or_too_slowly_gets_nothing() {
    let factory = TestFactory::tiny("true");
    let served = Served::start(&factory, &[]);
    let status = |request: &str| {
        let answer = served.raw(request.as_bytes());
        answer.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok())
    };
    assert_eq!(status("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), Some(200));
    assert_eq!(status("GET / HTTP/1.1\r\nHost: rebound.example\r\n\r\n"), Some(421));
    assert_eq!(status("GET http://rebound.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n"), Some(421));
    assert_eq!(status("GET / HTTP/1.0\r\n\r\n"), Some(421));
    assert_eq!(status("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"), Some(421));
    assert_eq!(status("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"), Some(413));
    let long = "x".repeat(64 * 1024);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n")), Some(431));
    let uri = status(&format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert!(matches!(uri, Some(414 | 431)), "{uri:?}");
    let many: String = (0..100).map(|n| format!("X-{n}: y\r\n")).collect();
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n")), Some(431));
    assert_eq!(status("nonsense\r\n\r\n"), Some(400));

    // Clients that never finish their request take all the room there is; the server throws them out, and answers.
    let mut slow: Vec<_> = (0..80).map(|_| served.connect()).collect();
    for one in &mut slow {
        one.write_all(b"GET / HTTP/1.1\r\nHost: local").unwrap();
    }
    let began = Instant::now();
    assert_eq!(served.get("/healthz"), "ok\n");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let mut rest = Vec::new();
    // It says 408 or nothing at all, and closes.
    let _ = slow[0].read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}

#[test]
fn a_signal_ends_it_soon_with_requests_open() {
    let factory = TestFactory::tiny("true");
    for (signal, more) in [(Signal::SIGTERM, &[][..]), (Signal::SIGINT, &["--format", "json"])] {
        let served = Served::start(&factory, more);
        if more.is_empty() {
            assert!(served.said.starts_with("serving http://127.0.0.1:"), "{}", served.said);
        } else {
            let said: Value = serde_json::from_str(&served.said).unwrap();
            assert_eq!(said["event"], "serving");
        }
        let mut open = served.connect();
        open.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        let idle = served.connect();
        served.wait_for("/metrics", "amifactory_look_failed{part=\"builds\"} 0");
        let began = Instant::now();
        served.signal(signal);
        let (code, out, err) = served.end();
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
        if !more.is_empty() {
            let last: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
            assert_eq!(last["event"], "result");
            assert!(last["looks"].as_u64().unwrap() >= 1, "{last}");
        }
        drop((open, idle));
    }
}

#[test]
fn a_look_that_fails_is_told_and_what_was_seen_stays() {
    let factory = TestFactory::tiny("true");
    let served = Served::start(&factory, &[]);
    served.wait_for("/", "No channel names an image yet.");
    let good = std::fs::read_to_string(factory.path().join("amifactory.yaml")).unwrap();
    factory.write("amifactory.yaml", "default_target: local\nchannels: [dev, <script>alert(1)</script>]\n");
    let page = served.wait_for("/", "Stale: the last look failed.");
    assert!(page.contains("amifactory.yaml") && page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
    assert!(served.get("/metrics").contains("amifactory_look_failed{part=\"channels\"} 1"));
    // After three looks without an answer it is unknown.
    served.wait_for("/", "Too old: how it is now is unknown.");
    let metrics = served.get("/metrics");
    assert!(!metrics.contains("amifactory_builds{"), "no figure is told for what nobody knows: {metrics}");
    assert!(metrics.contains("amifactory_look_success_timestamp_seconds{part=\"builds\"}"), "{metrics}");
    factory.write("amifactory.yaml", &good);
    served.wait_for("/metrics", "amifactory_look_failed{part=\"channels\"} 0");
    assert!(!served.wait_for("/", "No channel names an image yet.").contains("Stale"));
}

#[test]
fn builds_that_have_not_ended_are_shown_with_their_step() {
    let factory = TestFactory::tiny("true");
    let folder = factory.state().join("builds/tiny-0123456789ab-1");
    std::fs::create_dir_all(&folder).unwrap();
    let digest = "0".repeat(64);
    let journal = format!(
        "{{\"at\":\"2026-01-01T00:00:00Z\",\"entry\":\"begun\",\"recipe\":\"tiny\",\"version\":\"1.0.0\",\"digest\":\"{digest}\"}}\n\
         {{\"at\":\"2026-01-01T00:00:07Z\",\"entry\":\"intent\",\"step\":\"apply\",\"call\":\"run\",\"resource\":\"b\"}}\n{{\"at\":"
    );
    std::fs::write(folder.join("journal.jsonl"), journal).unwrap();
    let served = Served::start(&factory, &[]);
    let page = served.wait_for("/", "tiny-0123456789ab-1");
    assert!(page.contains("<td data-label=\"Step\">apply</td>") && page.contains("amifactory resume"), "{page}");
    let metrics = served.get("/metrics");
    assert!(metrics.contains("amifactory_builds{state=\"left\"} 1"), "{metrics}");
    assert!(metrics.contains("amifactory_builds_oldest_timestamp_seconds{state=\"left\"} 1767225600"), "{metrics}");
}

#[test]
fn another_address_is_served_only_on_request_and_with_a_warning() {
    let factory = TestFactory::tiny("true");
    let served = Served::of(factory.command(&["serve", "--listen", "0.0.0.0:0"]));
    let port = served.address.rsplit(':').next().unwrap().to_owned();
    let mut stream = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: factory.example\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    served.signal(Signal::SIGTERM);
    let (code, _, err) = served.end();
    assert_eq!(code, 0);
    assert!(
        err.contains("warning: whoever reaches 0.0.0.0:") && err.contains("no password and no encryption"),
        "{err}"
    );
}

#[test]
fn what_can_not_be_served_is_said_at_once() {
    let factory = TestFactory::tiny("true");
    for (arguments, expected) in [
        (&["serve", "--listen", "localhost:80"][..], "write an IP address and a port"),
        (&["serve", "--every", "0s"], "at least 1s"),
        (&["serve", "--every", "2d"], "at most 24h"),
        (&["serve", "--format", "prometheus"], "of `amifactory fleet` alone"),
        (&["serve", "--listen", "192.0.2.1:80"], "--listen 192.0.2.1:80: "),
    ] {
        let output = factory.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    let output = factory.run(&["serve", "--listen", &address]);
    assert!(output.status.code() == Some(2) && stderr(&output).contains(&address), "{}", stderr(&output));
}

#[test]
fn the_readme_s_command_serves() {
    let text = crate::readme::readme();
    let part = text.split("## On a web page").nth(1).unwrap().split("\n## ").next().unwrap();
    let commands = crate::readme::commands(part);
    assert!(!commands.is_empty() && commands.iter().all(|arguments| arguments[0] == "serve"), "{commands:?}");
    let factory = TestFactory::tiny("true");
    for arguments in commands.iter().filter(|arguments| !arguments.contains(&"aws".to_owned())) {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        // Its port may be taken on this machine.
        let served = Served::of(factory.command(&[&arguments[..], &["--listen", "127.0.0.1:0"]].concat()));
        served.wait_for("/", "No channel names an image yet.");
        served.signal(Signal::SIGTERM);
        assert_eq!(served.end().0, 0);
    }
    let help = factory.run(&["serve", "--help"]);
    assert!(
        String::from_utf8(help.stdout).unwrap().contains("[default: 127.0.0.1:8790]")
            && part.contains("127.0.0.1:8790")
    );
}
