//! What the gate lets through, and to which addresses a name may lead.

use super::Refusal;
use crate::target::local::sandbox::HostPort;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The destinations that were asked for.
pub(super) struct Rules {
    allowed: BTreeSet<HostPort>,
}

impl Rules {
    pub fn new(allowed: &[HostPort]) -> Rules {
        Rules { allowed: allowed.iter().map(|to| HostPort::new(&to.host, to.port)).collect() }
    }

    /// Whether a destination was asked for.
    pub fn check(&self, to: &HostPort) -> Result<(), Refusal> {
        if self.allowed.contains(to) {
            return Ok(());
        }
        let list: Vec<_> = self.allowed.iter().map(HostPort::to_string).collect();
        let list = if list.is_empty() { "nothing".to_owned() } else { list.join(", ") };
        Err(Refusal::forbidden(format!(
            "no package group asks for {to} (allowed: {list}); list it under `network:` of the group that needs it"
        )))
    }

    /// The addresses of an allowed name that may be connected to. A public name must not lead into a private network:
    /// such an address is allowed only where it is itself listed.
    pub fn usable(&self, to: &HostPort, found: impl Iterator<Item = IpAddr>) -> Result<Vec<SocketAddr>, Refusal> {
        let mut refused = None;
        let mut usable = Vec::new();
        for address in found {
            let literal = HostPort::new(&address.to_string(), to.port);
            match reach(address) {
                Some(kind) if !self.allowed.contains(&literal) => refused = Some((kind, literal)),
                _ => usable.push(SocketAddr::new(address, to.port)),
            }
        }
        match (usable.is_empty(), refused) {
            (false, _) => Ok(usable),
            (true, Some((kind, literal))) => Err(Refusal::forbidden(format!(
                "{} leads to {}, {kind}; if that is right, list {literal} under `network:` as well",
                to.host, literal.host
            ))),
            (true, None) => Err(Refusal::unreachable(format!("{} has no address", to.host))),
        }
    }
}

/// Why an address is not a public one.
fn reach(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [first, second, ..] = address.octets();
    match first {
        0 => Some("this machine"),
        100 if second & 0xc0 == 64 => Some("a provider's private network"),
        240.. => Some("a reserved address"),
        _ if address.is_loopback() => Some("this machine"),
        _ if address.is_link_local() => Some("a link-local address, such as cloud metadata"),
        _ if address.is_private() => Some("a private network"),
        _ if address.is_multicast() => Some("a multicast group"),
        _ => None,
    }
}

fn reach_v6(address: Ipv6Addr) -> Option<&'static str> {
    // Forms that carry an IPv4 address are judged by it: mapped, compatible, NAT64, 6to4.
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| reach_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0) if (g, h) == (0, 0) || (g, h) == (0, 1) => Some("this machine"),
        (0, 0, 0, 0, 0, 0 | 0xffff) | (0x64, 0xff9b, ..) => v4(g, h),
        (0x2002, ..) => v4(b, c),
        _ if a & 0xffc0 == 0xfe80 => Some("a link-local address"),
        _ if a & 0xfe00 == 0xfc00 => Some("a private network"),
        _ if a & 0xffc0 == 0xfec0 => Some("a private network"),
        _ if a & 0xff00 == 0xff00 => Some("a multicast group"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_public_are_known_in_every_spelling() {
        for text in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "fe80::1",
            "fd00:ec2::254",
            "fc00::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(reach(text.parse().unwrap()).is_some(), "{text}");
        }
        for text in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::101:101", "2002:101:101::"] {
            assert_eq!(reach(text.parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn an_allowed_name_does_not_open_the_private_network_behind_it() {
        let to = HostPort::new("mirror.example", 80);
        let private: IpAddr = "10.0.0.5".parse().unwrap();
        let public: IpAddr = "1.1.1.1".parse().unwrap();
        let rules = Rules::new(std::slice::from_ref(&to));
        assert_eq!(rules.usable(&to, [private].into_iter()).unwrap_err().status, "403 Forbidden");
        assert_eq!(rules.usable(&to, [private, public].into_iter()).unwrap(), ["1.1.1.1:80".parse().unwrap()]);
        let listed = Rules::new(&[to.clone(), HostPort::new("10.0.0.5", 80)]);
        assert_eq!(listed.usable(&to, [private].into_iter()).unwrap(), ["10.0.0.5:80".parse().unwrap()]);
        let other_port = Rules::new(&[to.clone(), HostPort::new("10.0.0.5", 81)]);
        assert!(other_port.usable(&to, [private].into_iter()).is_err());
    }

    #[test]
    fn only_the_listed_pair_of_name_and_port_passes() {
        let rules = Rules::new(&[HostPort::new("a.example", 80)]);
        rules.check(&HostPort::new("A.Example.", 80)).unwrap();
        for (host, port) in [("a.example", 443), ("b.example", 80), ("a.example.evil.test", 80), ("xa.example", 80)] {
            assert!(rules.check(&HostPort::new(host, port)).is_err(), "{host}:{port}");
        }
    }
}
