//! What the text of a parameter may look like: it ends up in files where a blank, a comma or a dash means something.

use std::net::{IpAddr, Ipv6Addr};

/// The form of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// An absolute path.
    Path,
    /// A host's name or address.
    Host,
    /// A host, or a host and a port; or nothing.
    HostPort,
    /// A name, as of a group.
    Name,
    /// Names and patterns of names, with blanks between.
    Names,
    /// TCP ports and ranges of them, with commas between; or nothing.
    Ports,
    /// Words with commas between.
    Words,
    /// A text for people before they log in. What getty and sshd would fill in of the system is for no stranger.
    Banner,
}

impl Form {
    /// The words for them in files.
    pub const ALL: [(&'static str, Form); 8] = [
        ("path", Form::Path),
        ("host", Form::Host),
        ("host-port", Form::HostPort),
        ("name", Form::Name),
        ("names", Form::Names),
        ("ports", Form::Ports),
        ("words", Form::Words),
        ("banner", Form::Banner),
    ];

    /// For people.
    pub const fn describe(self) -> &'static str {
        match self {
            Form::Path => "an absolute path of letters, digits and `_.+-`",
            Form::Host => "a host name or an IP address",
            Form::HostPort => "a host, host:port, [IPv6 address]:port, or \"\"",
            Form::Name => "a name of letters, digits and `_.-` that starts with a letter",
            Form::Names => "names with blanks between",
            Form::Ports => "ports from 1 to 65535 and ranges of them, with commas between, or \"\"",
            Form::Words => "words with commas between, and no blanks",
            Form::Banner => r"a text without \m, \r, \s, \S and \v, which tell strangers of the system",
        }
    }

    /// The text has this form.
    pub fn fits(self, text: &str) -> bool {
        match self {
            Form::Path => text
                .strip_prefix('/')
                .is_some_and(|rest| rest.split('/').all(|part| !part.starts_with('.') && all_of(part, "_.+-"))),
            Form::Host => is_host(text),
            Form::HostPort => text.is_empty() || is_host(text) || is_host_port(text),
            Form::Name => {
                text.len() <= 32
                    && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                    && all_of(text, "_.-")
            }
            Form::Names => text.split(' ').all(|name| !name.starts_with('-') && all_of(name, "_.-@*?!+")),
            Form::Ports => text.is_empty() || text.split(',').all(is_port_range),
            Form::Banner => ![r"\m", r"\r", r"\s", r"\S", r"\v"].iter().any(|escape| text.contains(escape)),
            Form::Words => text.split(',').all(|word| !word.starts_with('-') && all_of(word, "_.-@")),
        }
    }
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
    use super::Form::{Banner, Host, HostPort, Name, Names, Path, Ports, Words};

    #[test]
    fn texts_have_the_form_that_their_file_needs() {
        for (form, good, bad) in [
            (
                Path,
                &["/var/log/sudo.log", "/x"][..],
                &["/var/log/sudo.log, !use_pty", "/", "log", "/a b", "/a/../b", "/a//b", ""][..],
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
            (Names, &["wheel sudo adm", "wheel"], &["", "a  b", "-x", "wheel\"", "a #b"]),
            (
                Ports,
                &["", "22", "22,80", "1024-65535"],
                &["70000", "22-", ",", "-", "22,", "0", "23-22", "022", "22, 23", "+22"],
            ),
            (
                Banner,
                &["Authorized users only.\nAsk \\n.", ""],
                &[r"Kernel \r", r"\S{NAME}", r"on an \m", r"\s", r"\v"],
            ),
            (Words, &["aes256-ctr,aes128-gcm@openssh.com"], &["", "a,,b", "a b", "-a", "a,"]),
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
