//! The way from the gate to a destination: straight, or by the proxy that this machine's environment names.

use super::address::Rules;
use super::{PATIENCE, Refusal, read_head};
use crate::target::local::sandbox::HostPort;
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// For one address to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Another HTTP proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    at: HostPort,
    /// `user:password`, as in its URL.
    credentials: Option<String>,
}

/// Which proxies this machine uses.
#[derive(Debug, Default)]
pub(super) struct Upstream {
    plain: Option<Proxy>,
    tunnel: Option<Proxy>,
    direct: Vec<String>,
}

impl Upstream {
    /// By the usual variables, in lower or upper case.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Upstream {
        let either = |name: &str| {
            variable(name).or_else(|| variable(&name.to_ascii_uppercase())).filter(|value| !value.trim().is_empty())
        };
        let direct = either("no_proxy").unwrap_or_default();
        Upstream {
            plain: either("http_proxy").and_then(|url| Proxy::parse(&url)),
            tunnel: either("https_proxy").and_then(|url| Proxy::parse(&url)),
            direct: direct.split(',').map(|name| name.trim().trim_start_matches('.').to_ascii_lowercase()).collect(),
        }
    }

    /// The proxy for plain HTTP to a destination.
    pub fn for_plain(&self, to: &HostPort) -> Option<&Proxy> {
        self.plain.as_ref().filter(|_| !self.is_direct(to))
    }

    fn is_direct(&self, to: &HostPort) -> bool {
        self.direct.iter().filter(|name| !name.is_empty()).any(|name| {
            name == "*" || to.host == *name || to.host.strip_suffix(name.as_str()).is_some_and(|h| h.ends_with('.'))
        })
    }

    /// A connection on which the destination, or the proxy for plain HTTP, is waiting.
    pub async fn connect(&self, to: &HostPort, tunnel: bool, rules: &Rules) -> Result<TcpStream, Refusal> {
        rules.check(to)?;
        let proxy = if tunnel { self.tunnel.as_ref().filter(|_| !self.is_direct(to)) } else { self.for_plain(to) };
        let Some(proxy) = proxy else { return direct(to, rules).await };
        // The proxy resolves the name, and its administrator decides where it leads.
        let mut stream =
            dial(&proxy.at, resolve(&proxy.at).await?.map(|ip| (ip, proxy.at.port).into()).collect()).await?;
        if tunnel {
            let request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{}\r\n", proxy.authorization());
            let lost = |error: std::io::Error| Refusal::unreachable(format!("proxy {}: {error}", proxy.at));
            stream.write_all(request.as_bytes()).await.map_err(lost)?;
            let reply = read_head(&mut stream).await.map(|(head, _)| head).unwrap_or_default();
            let first = String::from_utf8_lossy(&reply).lines().next().unwrap_or("no answer").to_owned();
            if first.split(' ').nth(1) != Some("200") {
                return Err(Refusal::unreachable(format!("proxy {} said: {first}", proxy.at)));
            }
        }
        Ok(stream)
    }
}

async fn direct(to: &HostPort, rules: &Rules) -> Result<TcpStream, Refusal> {
    // An address that is listed as such is meant as such.
    let addresses = match to.host.parse::<IpAddr>() {
        Ok(address) => vec![(address, to.port).into()],
        Err(_) => rules.usable(to, resolve(to).await?)?,
    };
    dial(to, addresses).await
}

async fn resolve(to: &HostPort) -> Result<impl Iterator<Item = IpAddr> + use<>, Refusal> {
    match timeout(PATIENCE, lookup_host((to.host.as_str(), to.port))).await {
        Ok(Ok(found)) => Ok(found.map(|address| address.ip()).collect::<Vec<_>>().into_iter()),
        Ok(Err(error)) => Err(Refusal::unreachable(format!("looking up {}: {error}", to.host))),
        Err(_) => Err(Refusal::unreachable(format!("looking up {} took too long", to.host))),
    }
}

async fn dial(to: &HostPort, addresses: Vec<std::net::SocketAddr>) -> Result<TcpStream, Refusal> {
    let mut last = "no address".to_owned();
    for address in addresses {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => last = "no answer".to_owned(),
        }
    }
    Err(Refusal::unreachable(format!("{to}: {last}")))
}

impl Proxy {
    /// `http://user:password@host:port/`; the scheme and the port may be missing. A proxy that wants TLS is not
    /// supported, and neither is SOCKS.
    fn parse(url: &str) -> Option<Proxy> {
        let rest = match url.trim().split_once("://") {
            Some(("http", rest)) => rest,
            Some(_) => return None,
            None => url.trim(),
        };
        let authority = rest.split('/').next()?;
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(percent_decoded(credentials)), host),
            None => (None, authority),
        };
        let at = host.parse().ok().or_else(|| format!("{host}:80").parse().ok())?;
        Some(Proxy { at, credentials })
    }

    /// The header line that it wants, or nothing.
    pub fn authorization(&self) -> String {
        match &self.credentials {
            Some(credentials) => format!("Proxy-Authorization: Basic {}\r\n", base64(credentials.as_bytes())),
            None => String::new(),
        }
    }
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = (0..3).fold(0_u32, |number, index| (number << 8) | u32::from(*three.get(index).unwrap_or(&0)));
        for index in 0..4 {
            let digit = (number >> (18 - 6 * index)) & 63;
            text.push(if index <= three.len() { char::from(DIGITS[digit as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_encoded_as_the_header_wants_them() {
        for (text, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(text.as_bytes()), encoded);
        }
        let proxy = Proxy::parse("http://me:p%40ss@proxy.example:8080/").unwrap();
        assert_eq!(proxy.at, HostPort::new("proxy.example", 8080));
        assert_eq!(proxy.credentials.as_deref(), Some("me:p@ss"));
    }

    #[test]
    fn the_environment_says_which_proxy_and_for_what() {
        let upstream = Upstream::from_environment(|name| match name {
            "http_proxy" => Some("proxy.example:3128".into()),
            "HTTPS_PROXY" => Some("http://[::1]:8080".into()),
            "no_proxy" => Some(".internal.example, other".into()),
            _ => None,
        });
        assert_eq!(upstream.plain.as_ref().unwrap().at, HostPort::new("proxy.example", 3128));
        assert_eq!(upstream.tunnel.as_ref().unwrap().at, HostPort::new("::1", 8080));
        assert!(upstream.for_plain(&HostPort::new("a.example", 80)).is_some());
        assert!(upstream.for_plain(&HostPort::new("a.internal.example", 80)).is_none());
        assert!(upstream.for_plain(&HostPort::new("notinternal.example", 80)).is_some());
        assert!(Proxy::parse("socks5://a:1").is_none());
    }
}
