//! What the text of a parameter may look like: it ends up in files where a blank, a comma or a dash means something.

use std::net::{IpAddr, Ipv6Addr};

/// The form of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A file below /var/log.
    LogFile,
    /// A host's name or address.
    Host,
    /// A host, or a host and a port; or nothing.
    HostPort,
    /// A name, as of a group.
    Name,
    /// The name of a group that no family's people are in already: who may use su.
    SuGroup,
    /// Names and patterns of names, with blanks between.
    Names,
    /// TCP ports and ranges of them, with commas between; or nothing.
    Ports,
    /// Ciphers of the SSH server, with commas between; none that a benchmark calls weak.
    Ciphers,
    /// The same for message authentication codes.
    Macs,
    /// The same for key exchanges.
    KeyExchange,
    /// A text for people before they log in. What getty and sshd would fill in of the system is for no stranger.
    Banner,
}

impl Form {
    /// The words for them in files.
    pub const ALL: [(&'static str, Form); 11] = [
        ("log-file", Form::LogFile),
        ("host", Form::Host),
        ("host-port", Form::HostPort),
        ("name", Form::Name),
        ("su-group", Form::SuGroup),
        ("names", Form::Names),
        ("ports", Form::Ports),
        ("ssh-ciphers", Form::Ciphers),
        ("ssh-macs", Form::Macs),
        ("ssh-key-exchange", Form::KeyExchange),
        ("banner", Form::Banner),
    ];

    /// For people.
    pub const fn describe(self) -> &'static str {
        match self {
            Form::LogFile => "a path below /var/log of letters, digits and `_.+-`",
            Form::Host => "a host name or an IP address",
            Form::HostPort => "a host, host:port, [IPv6 address]:port, or \"\"",
            Form::Name => "a name of letters, digits and `_.-` that starts with a letter",
            Form::SuGroup => {
                "a name of letters, digits and `_.-` that starts with a letter, and of a group that nobody is in: \
                 not root, wheel, sudo, adm, admin or users"
            }
            Form::Names => "names with blanks between; patterns, but none that everyone fits",
            Form::Ports => "ports from 1 to 65535 and ranges of them, with commas between, or \"\"",
            Form::Ciphers | Form::Macs | Form::KeyExchange => {
                "algorithms of OpenSSH that no benchmark calls weak, with commas between, and no blanks"
            }
            Form::Banner => {
                r"a text that tells strangers nothing of the system: without \m, \r, \s, \S, \v and its name"
            }
        }
    }

    /// The text has this form.
    pub fn fits(self, text: &str) -> bool {
        match self {
            Form::LogFile => text
                .strip_prefix("/var/log/")
                .is_some_and(|rest| rest.split('/').all(|part| !part.starts_with('.') && all_of(part, "_.+-"))),
            Form::Host => is_host(text),
            Form::HostPort => text.is_empty() || is_host(text) || is_host_port(text),
            Form::Name => is_name(text),
            Form::SuGroup => is_name(text) && !["root", "wheel", "sudo", "adm", "admin", "users"].contains(&text),
            Form::Names => text.split(' ').all(|name| {
                !name.starts_with(['-', '!']) && all_of(name, "_.-@*?+") && name.contains(|c: char| !"*?@".contains(c))
            }),
            Form::Ports => text.is_empty() || text.split(',').all(is_port_range),
            Form::Banner => {
                // As `ID=` in os-release has it.
                let names = ["debian", "ubuntu", "amzn"].iter().any(|name| text.to_lowercase().contains(name));
                let escapes = [r"\m", r"\r", r"\s", r"\S", r"\v"].iter().any(|escape| text.contains(escape));
                !text.trim().is_empty() && !names && !escapes
            }
            Form::Ciphers => text.split(',').all(|word| CIPHERS.contains(&word)),
            Form::Macs => text.split(',').all(|word| MACS.contains(&word)),
            Form::KeyExchange => text.split(',').all(|word| KEY_EXCHANGES.contains(&word)),
        }
    }
}

/// Without CBC, RC4 and 3DES.
const CIPHERS: [&str; 6] = [
    "chacha20-poly1305@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
];

/// Without MD5, SHA-1 and tags of 64 bits.
const MACS: [&str; 6] = [
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "umac-128-etm@openssh.com",
    "hmac-sha2-512",
    "hmac-sha2-256",
    "umac-128@openssh.com",
];

/// Without SHA-1.
const KEY_EXCHANGES: [&str; 12] = [
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
];

fn is_name(text: &str) -> bool {
    text.len() <= 32 && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && all_of(text, "_.-")
}

/// Not empty, and of ASCII letters, digits and these.
fn all_of(text: &str, others: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| !label.starts_with('-') && !label.ends_with('-') && all_of(label, "_-");
    text.parse::<IpAddr>().is_ok() || (text.len() <= 253 && text.split('.').all(label))
}

fn is_host_port(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(host, port)| {
            host.parse::<Ipv6Addr>().is_ok()
                && (port.is_empty() || port.strip_prefix(':').and_then(port_number).is_some())
        });
    }
    text.split_once(':').is_some_and(|(host, port)| is_host(host) && port_number(port).is_some())
}

/// A port without zeros before it.
fn port_number(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port: &u16| *port > 0 && port.to_string() == text)
}

fn is_port_range(text: &str) -> bool {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    matches!((port_number(low), port_number(high)), (Some(low), Some(high)) if low <= high)
}

#[cfg(test)]
mod tests {
    use super::Form::{Banner, Ciphers, Host, HostPort, KeyExchange, LogFile, Macs, Name, Names, Ports, SuGroup};

    #[test]
    fn texts_have_the_form_that_their_file_needs() {
        for (form, good, bad) in [
            (
                LogFile,
                &["/var/log/sudo.log", "/var/log/sudo/x"][..],
                &[
                    "/var/log/sudo.log, !use_pty",
                    "/var/log/",
                    "/var/log",
                    "log",
                    "/var/log/a b",
                    "/var/log/../b",
                    "/var/log/a//b",
                    "/etc/passwd",
                    "",
                ][..],
            ),
            (
                Host,
                &["169.254.169.123", "fd00:ec2::123", "time.example"],
                &["-x --help", "a b", "$(id)", "", "a:1", "-x"],
            ),
            (
                HostPort,
                &["", "logs", "logs:6514", "10.0.0.1:514", "2001:db8::10", "[2001:db8::10]:6514", "[::1]"],
                &["logs:", "logs:0", "logs:70000", "[::1]:x", "[logs]:1", "a b", "x\"y"],
            ),
            (Name, &["sugroup", "_x", "Wheel-1"], &["--help", "", "a b", "1x", "a:b"]),
            (SuGroup, &["sugroup", "_x"], &["sudo", "wheel", "root", "", "a b"]),
            (Names, &["wheel sudo adm", "ops-*"], &["", "a  b", "-x", "wheel\"", "a #b", "*", "ops *", "!wheel", "??"]),
            (
                Ports,
                &["", "22", "22,80", "1024-65535"],
                &["70000", "22-", ",", "-", "22,", "0", "23-22", "022", "22, 23", "+22"],
            ),
            (
                Banner,
                &["Authorized users only.\nAsk \\n."],
                &[r"Kernel \r", r"\S{NAME}", r"on an \m", r"\s", r"\v", "", " \n", "Debian GNU/Linux 12"],
            ),
            (
                Ciphers,
                &["aes256-ctr,aes128-gcm@openssh.com"],
                &["", "aes256-ctr,", "aes256-ctr, aes128-ctr", "3des-cbc"],
            ),
            (Macs, &["hmac-sha2-256"], &["hmac-md5", "hmac-sha2-256,hmac-sha1", "-hmac-md5"]),
            (KeyExchange, &["curve25519-sha256"], &["diffie-hellman-group1-sha1", "+diffie-hellman-group14-sha1"]),
        ] {
            for text in good {
                assert!(form.fits(text), "{form:?} {text}");
            }
            for text in bad {
                assert!(!form.fits(text), "{form:?} {text}");
            }
        }
    }
}
