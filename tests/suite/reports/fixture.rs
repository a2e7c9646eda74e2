//! A record in which everything occurs: all statuses, hostile values, waivers that hold and that have run out, long
//! outputs. Nothing in it names a real person or machine.

use amifactory::hardening::{Applied, Audit, AuditKind, Check, ControlEvidence, Status, Tally};
use amifactory::identity::{Digest, ImageId, TargetKind};
use amifactory::pipeline::{BuildResult, Failure, Outcome};
use amifactory::recipe::{Gate, Waiver, date};
use amifactory::target::{BaseRecord, GateRecord, GroupRecord, ImageRecord, Package, Provenance, TestRecord};
use std::collections::BTreeMap;

/// Text that attacks terminals, XML, HTML and readers alike.
pub const HOSTILE: &str = "<script>alert('x')</script> \"quoted\" & ]]> </textarea> \u{1b}[2J\u{1b}[31mred\u{7} \u{202e}gpj.exe {{name}} \u{200b}\u{feff}";

/// The day on which reports are made.
pub fn today() -> time::Date {
    date::parse("2025-06-01").unwrap()
}

pub fn image() -> ImageId {
    "img-0a1b2c3d4e5f6071".parse().unwrap()
}

fn check(what: &str, expected: &str, observed: &str, status: Status) -> Check {
    Check { what: what.into(), expected: expected.into(), observed: observed.into(), status }
}

fn audit(ran: &str, kind: AuditKind, checks: Vec<Check>) -> Audit {
    let status = checks.iter().map(|check| check.status).find(|status| *status != Status::Pass).unwrap_or(Status::Pass);
    Audit { ran: ran.into(), kind, status, checks, output: String::new() }
}

fn control(slug: &str, id: &str, level: u8, status: Status, title: &str, rationale: &str) -> ControlEvidence {
    let section = id.split('.').next().unwrap().parse().unwrap();
    ControlEvidence {
        slug: slug.parse().unwrap(),
        title: title.into(),
        rationale: rationale.into(),
        ids: BTreeMap::from([("cis-al2023-1.0.0".into(), id.into()), ("cis-debian12-1.1.0".into(), format!("{id}.1"))]),
        level,
        section,
        required: false,
        breaks: Vec::new(),
        status,
        reason: None,
        waiver: None,
        applied_below: Vec::new(),
        before: Vec::new(),
        apply: None,
        after: Vec::new(),
    }
}

fn waiver(slug: &str, reason: &str, expires: &str) -> Waiver {
    Waiver {
        control: slug.parse().unwrap(),
        reason: reason.into(),
        owner: "platform-security".into(),
        ticket: Some("SEC-1412".into()),
        expires: date::parse(expires).unwrap(),
    }
}

pub fn controls() -> Vec<ControlEvidence> {
    use AuditKind::{Persisted, Runtime};
    use Status::{Error, Fail, Manual, NotApplicable, Pass, Unknown, Waived};
    let cramfs = "/etc/modprobe.d cramfs";
    let mut all = vec![
        ControlEvidence {
            required: true,
            breaks: vec!["snap: No <snap> can be mounted any more.".into(), "disk: Old images can't be read.".into()],
            before: vec![audit(
                "kernel-module name=cramfs",
                Persisted,
                vec![check(cramfs, "install /bin/false and blacklist", "not mentioned", Fail)],
            )],
            apply: Some(Applied { exit: 0, ms: 41, output: "wrote /etc/modprobe.d/60-cramfs.conf".into() }),
            after: vec![
                audit(
                    "kernel-module name=cramfs",
                    Persisted,
                    vec![check(cramfs, "install /bin/false and blacklist", "install /bin/false and blacklist", Pass)],
                ),
                audit(
                    "kernel-module name=cramfs",
                    Runtime,
                    vec![check("loaded modules", "no cramfs", "no cramfs", Pass)],
                ),
            ],
            ..control(
                "kernel-module-cramfs-disabled",
                "1.1.1.1",
                1,
                Pass,
                "The cramfs module can't be loaded",
                "A file system that nothing here uses is code that an attacker may reach by mounting a crafted image.",
            )
        },
        ControlEvidence {
            before: vec![audit(
                "mount-option path=/tmp option=noexec",
                Runtime,
                vec![check("/tmp", "noexec", "rw", Fail)],
            )],
            after: vec![audit(
                "mount-option path=/tmp option=noexec",
                Runtime,
                vec![check("/tmp", "noexec", "rw", Fail)],
            )],
            waiver: Some(waiver("tmp-noexec", "The monitoring agent unpacks its plug-ins into /tmp", "2025-12-31")),
            reason: Some("The monitoring agent unpacks its plug-ins into /tmp".into()),
            ..control(
                "tmp-noexec",
                "1.1.2.4",
                1,
                Waived,
                "Nothing in /tmp can be executed",
                "What strangers can write should not run.",
            )
        },
        ControlEvidence {
            reason: Some("no separate volume for /var in this image".into()),
            ..control(
                "var-separate-volume",
                "1.1.3.1",
                2,
                NotApplicable,
                "/var has a volume of its own",
                "A full /var should not fill the root volume.",
            )
        },
        ControlEvidence {
            required: true,
            before: vec![audit(
                "service name=avahi-daemon",
                Persisted,
                vec![check("avahi-daemon", "absent", "absent", Pass)],
            )],
            after: vec![audit(
                "service name=avahi-daemon",
                Persisted,
                vec![check("avahi-daemon", "absent", "absent", Pass)],
            )],
            ..control(
                "avahi-absent",
                "2.1.2",
                1,
                Pass,
                "No service discovery daemon",
                "It answers questions that a server is not asked.",
            )
        },
        ControlEvidence {
            reason: Some("nginx: this image serves web pages".into()),
            waiver: Some(waiver("web-server-absent", "This image serves web pages", "2025-05-20")),
            before: vec![audit(
                "package name=nginx state=absent",
                Persisted,
                vec![check("nginx", "absent", "absent", Pass)],
            )],
            after: vec![audit(
                "package name=nginx state=absent",
                Persisted,
                vec![check("nginx", "absent", "1.22.1-9", Fail)],
            )],
            status: Fail,
            ..control(
                "web-server-absent",
                "2.1.17",
                1,
                Fail,
                "No web server",
                "A server that is not needed should not listen.",
            )
        },
        ControlEvidence {
            before: vec![audit(
                "sysctl key=net.ipv4.ip_forward value=0",
                Runtime,
                vec![check("net.ipv4.ip_forward", "0", "1", Fail)],
            )],
            apply: Some(Applied { exit: 0, ms: 12, output: String::new() }),
            after: vec![
                audit(
                    "sysctl key=net.ipv4.ip_forward value=0",
                    Persisted,
                    vec![check("/etc/sysctl.d net.ipv4.ip_forward", "0", "0", Pass)],
                ),
                audit(
                    "sysctl key=net.ipv4.ip_forward value=0",
                    Runtime,
                    vec![check("net.ipv4.ip_forward", "0", "1", Unknown)],
                ),
            ],
            reason: Some("the sandbox shares the builder's kernel: a sysctl can't be told here".into()),
            ..control(
                "ip-forwarding-off",
                "3.3.1",
                1,
                Unknown,
                "The system does not forward packets",
                "A host that is no router should not act as one.",
            )
        },
        ControlEvidence {
            required: true,
            before: vec![audit(
                "sshd option=PermitRootLogin value=no",
                Persisted,
                vec![check("PermitRootLogin", "no", "yes", Fail)],
            )],
            apply: Some(Applied { exit: 2, ms: 97, output: format!("sshd: line 14: {HOSTILE}\nsshd -t failed\n") }),
            after: vec![audit(
                "sshd option=PermitRootLogin value=no",
                Persisted,
                vec![
                    check("PermitRootLogin", "no", "yes", Fail),
                    check("PermitEmptyPasswords", "no", HOSTILE, Fail),
                    check("MaxAuthTries", "4 or less", "4", Pass),
                ],
            )],
            ..control("ssh-root-login-disabled", "4.2.7", 1, Fail, "Root can't log in over SSH", HOSTILE)
        },
        ControlEvidence {
            after: vec![Audit {
                output: format!(
                    "awk: can't open file /etc/shadow\n{}",
                    "a long line of output that goes on ".repeat(12)
                ),
                ..audit("script account-lockout", Persisted, vec![check("pam_faillock deny", "5 or less", "", Error)])
            }],
            ..control(
                "account-lockout",
                "4.5.2",
                1,
                Error,
                "Accounts lock after failed logins",
                "Guessing passwords should become slow.",
            )
        },
        ControlEvidence {
            reason: Some("a person has to read the log rotation policy".into()),
            ..control(
                "log-rotation-reviewed",
                "5.1.5",
                1,
                Manual,
                "Logs are rotated as the site wants it",
                "Only the site knows how long logs are to be kept.",
            )
        },
        ControlEvidence {
            // Passes at rest; nothing has seen it run.
            after: vec![
                audit(
                    "file-mode path=/etc/passwd mode=0644",
                    Persisted,
                    vec![
                        check("/etc/passwd mode", "0644 or stricter", "0644", Pass),
                        check("/etc/passwd owner", "root:root", "root:root", Pass),
                    ],
                ),
                Audit {
                    status: Unknown,
                    output: "the target has no running system of its own to look at".into(),
                    ..audit("file-mode path=/etc/passwd mode=0644", Runtime, vec![])
                },
            ],
            ..control(
                "passwd-permissions",
                "6.1.1",
                1,
                Pass,
                "/etc/passwd is writable by root only",
                "Who can write it can become anyone.",
            )
        },
    ];
    // The benchmark of the fixture's own OS family says nothing of these.
    for control in all.iter_mut().filter(|control| control.section > 4) {
        control.ids.remove("cis-debian12-1.1.0");
    }
    all.sort_by_key(|control| control.section);
    all
}

pub fn record() -> ImageRecord {
    let controls = controls();
    let tally = Tally::of(controls.iter().map(|control| &control.status));
    let level = |level: u8| Tally::of(controls.iter().filter(|c| c.level == level).map(|c| &c.status));
    ImageRecord {
        recipe: "web-tier".parse().unwrap(),
        description: "nginx and a monitoring agent on a hardened base".into(),
        version: "1.4.12".parse().unwrap(),
        digest: Digest::of("the plan of web-tier"),
        build: "web-tier-5d0c2f7a91be-1".parse().unwrap(),
        target: TargetKind::Local,
        base: BaseRecord {
            id: format!("host:{}", Digest::of("this machine")),
            description: "this machine (Debian GNU/Linux 12 (bookworm))".into(),
            family: "debian-12".parse().unwrap(),
            os_name: "Debian GNU/Linux 12 (bookworm)".into(),
            arch: "x86_64".parse().unwrap(),
        },
        groups: vec![
            GroupRecord {
                name: "nginx".parse().unwrap(),
                version: "1.2.0".parse().unwrap(),
                packages: vec!["nginx".into()],
            },
            GroupRecord {
                name: "monitoring-agent".parse().unwrap(),
                version: "0.3.1".parse().unwrap(),
                packages: vec![],
            },
        ],
        profile: Some("cis-debian-12-l1-server".into()),
        tally,
        tally_by_level: BTreeMap::from([(1, level(1)), (2, level(2))]),
        score: tally.score(),
        score_before: Some(25.0),
        controls,
        gate: GateRecord {
            gate: Gate { minimum_score: Some(50.0), required: vec!["avahi-absent".parse().unwrap()] },
            unmet: vec![],
        },
        tests: vec![
            TestRecord { name: "nginx health".into(), exit: 0, ms: 312, output: "HTTP/1.1 200 OK".into() },
            TestRecord { name: "the start page is served".into(), exit: 0, ms: 88, output: String::new() },
        ],
        packages: vec![
            package("adduser", "3.134", "all"),
            package("libstdc++6", "12.2.0-14+deb12u1", "amd64"),
            package("nginx", "1.22.1-9+deb12u2", "amd64"),
            package("openssl", "1:3.0.15-1~deb12u1", "amd64"),
        ],
        provenance: Provenance {
            tool: "0.1.0".into(),
            started_at: "2025-06-01T10:00:00Z".into(),
            finished_at: "2025-06-01T10:00:48Z".into(),
            inputs: [
                "base",
                "control/avahi-absent",
                "group/nginx",
                "profile/cis-debian-12-l1-server",
                "recipe/web-tier",
                "tool",
            ]
            .map(|name| (name.to_owned(), Digest::of(name).to_string()))
            .into(),
        },
    }
}

pub fn package(name: &str, version: &str, arch: &str) -> Package {
    Package { name: name.into(), version: version.into(), arch: arch.into(), kind: "deb".into() }
}

/// The same image, refused: a required control fails, an expired waiver, a test that fails.
pub fn refused_record() -> ImageRecord {
    let mut record = record();
    record.gate.gate = Gate { minimum_score: Some(90.0), required: vec!["ssh-root-login-disabled".parse().unwrap()] };
    record.gate.unmet = vec![
        "score 60.0 is below the minimum of 90.0".into(),
        "required control ssh-root-login-disabled fails".into(),
        "the waiver of web-server-absent expired on 2025-05-20".into(),
    ];
    record.tests.push(TestRecord {
        name: format!("hostile {HOSTILE}"),
        exit: 7,
        ms: 5003,
        output: format!("curl: (7)\n{HOSTILE}"),
    });
    record
}

/// The next version of the image.
pub fn newer_record() -> ImageRecord {
    let mut record = record();
    record.version = "1.4.13".parse().unwrap();
    record.digest = Digest::of("the next plan of web-tier");
    record.groups[0].version = "1.3.0".parse().unwrap();
    record.groups.remove(1);
    record.packages[2].version = "1.22.1-9+deb12u3".into();
    record.packages.remove(0);
    record.packages.push(package("zstd", "1.5.4+dfsg2-5", "amd64"));
    record.provenance.inputs.insert("group/nginx".into(), Digest::of("newer nginx").to_string());
    for control in &mut record.controls {
        if control.slug.as_str() == "ssh-root-login-disabled" {
            control.status = Status::Pass;
        }
    }
    record.controls.retain(|control| control.slug.as_str() != "var-separate-volume");
    record.tally = Tally::of(record.controls.iter().map(|control| &control.status));
    record.score = record.tally.score();
    record
}

pub fn result(outcome: Outcome) -> BuildResult {
    let record = record();
    BuildResult {
        recipe: record.recipe,
        version: Some(record.version),
        digest: Some(record.digest),
        outcome,
        image: (outcome != Outcome::Failed).then(image),
        target: record.target,
        build: Some(record.build),
        controls: record.tally,
        score: record.score,
        duration_s: 48.21,
        calls: 23,
        warnings: Vec::new(),
        reasons: vec![],
        unmet: vec![],
        revoked: None,
        revoked_by: None,
        failure: None,
    }
}

pub fn failure() -> Failure {
    Failure {
        what: "control ssh-root-login-disabled could not be applied: exit status 2".into(),
        resource: "control/ssh-root-login-disabled/apply".into(),
        last_lines: (1..=24).map(|n| format!("sshd: line {n}: unsupported option")).chain([HOSTILE.into()]).collect(),
        log: Some(".amifactory/builds/web-tier-5d0c2f7a91be-1/apply.log".into()),
        next: "amifactory resume web-tier-5d0c2f7a91be-1".into(),
    }
}
