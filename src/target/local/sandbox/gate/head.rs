//! Heads of requests and replies: read strictly, written afresh.

use super::Refusal;
use super::upstream::Proxy;
use crate::target::local::sandbox::HostPort;

/// Most header lines.
const HEADERS: usize = 64;

/// Headers that are between two neighbours and never forwarded. `Host` is written from the URL.
const NOT_FORWARDED: [&str; 11] = [
    "host",
    "connection",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authenticate",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
];

/// What a step asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    method: Method,
    pub destination: HostPort,
    path: String,
    headers: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Head,
    Connect,
}

impl Request {
    /// Reads a whole head.
    pub fn parse(head: &[u8]) -> Result<Request, Refusal> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let complete = request.parse(head).is_ok_and(|status| status.is_complete());
        let (true, Some(method), Some(target)) = (complete, request.method, request.path) else {
            return Err(Refusal::bad_request("not an HTTP request"));
        };
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "CONNECT" => Method::Connect,
            _ => {
                let why = format!("{method} is not let through: only GET, HEAD and CONNECT are");
                return Err(Refusal { status: "405 Method Not Allowed", why });
            }
        };
        let (destination, path) = if method == Method::Connect {
            (target.parse().map_err(Refusal::bad_request)?, String::new())
        } else {
            split_url(target)?
        };
        let mut forwarded = Vec::new();
        for header in request.headers.iter() {
            let name = header.name.to_ascii_lowercase();
            let has_body = name == "transfer-encoding" || (name == "content-length" && header.value != b"0");
            if method != Method::Connect && has_body {
                return Err(Refusal::bad_request("a GET or HEAD with a body is not let through"));
            }
            if !NOT_FORWARDED.contains(&name.as_str()) {
                push_header(&mut forwarded, header);
            }
        }
        Ok(Request { method, destination, path, headers: forwarded })
    }

    pub fn is_tunnel(&self) -> bool {
        self.method == Method::Connect
    }

    /// For people.
    pub fn target(&self) -> String {
        match self.method {
            Method::Connect => self.destination.to_string(),
            _ => format!("http://{}{}", self.destination, self.path),
        }
    }

    /// The request for the next one on the way: the server itself, or another proxy.
    pub fn to_bytes(&self, proxy: Option<&Proxy>) -> Vec<u8> {
        let method = if self.method == Method::Head { "HEAD" } else { "GET" };
        let host = match self.destination.port {
            80 => self.destination.to_string().trim_end_matches(":80").to_owned(),
            _ => self.destination.to_string(),
        };
        let (url, authorization) = match proxy {
            Some(proxy) => (format!("http://{host}{}", self.path), proxy.authorization()),
            None => (self.path.clone(), String::new()),
        };
        let start = format!("{method} {url} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{authorization}");
        [start.as_bytes(), &self.headers, b"\r\n"].concat()
    }
}

/// An `http` URL's destination and path.
fn split_url(target: &str) -> Result<(HostPort, String), Refusal> {
    let wrong = || Refusal::bad_request("expected an absolute http:// URL; https goes by CONNECT");
    let rest = match target.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("http://") => &target[7..],
        _ => return Err(wrong()),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = path.split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let with_port = match authority.rsplit_once(':') {
        Some((_, port)) if !port.contains(']') => authority.to_owned(),
        _ => format!("{authority}:80"),
    };
    Ok((with_port.parse().map_err(|_| wrong())?, path))
}

fn push_header(to: &mut Vec<u8>, header: &httparse::Header<'_>) {
    to.extend_from_slice(header.name.as_bytes());
    to.extend_from_slice(b": ");
    to.extend_from_slice(header.value);
    to.extend_from_slice(b"\r\n");
}

/// A reply's head as it goes to the step, and how long its body is where that is known.
#[derive(Debug)]
pub(super) struct Response {
    pub head: Vec<u8>,
    pub body: Option<u64>,
}

impl Response {
    /// Reads a whole head.
    pub fn parse(head: &[u8], request: &Request) -> Result<Response, Refusal> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let complete = response.parse(head).is_ok_and(|status| status.is_complete());
        let (true, Some(code)) = (complete, response.code) else {
            return Err(Refusal::unreachable(format!("{} sent no proper reply", request.destination)));
        };
        let mut bytes = format!("HTTP/1.1 {code} {}\r\n", response.reason.unwrap_or_default()).into_bytes();
        let mut length = None;
        let mut chunked = false;
        for header in response.headers.iter() {
            let name = header.name.to_ascii_lowercase();
            match name.as_str() {
                "connection" | "proxy-connection" | "keep-alive" => continue,
                "transfer-encoding" => chunked = true,
                "content-length" => {
                    length = std::str::from_utf8(header.value).ok().and_then(|text| text.trim().parse().ok());
                }
                _ => {}
            }
            push_header(&mut bytes, header);
        }
        bytes.extend_from_slice(b"Connection: close\r\n\r\n");
        let empty = request.method == Method::Head || code == 204 || code == 304;
        let body = if empty {
            Some(0)
        } else if chunked {
            None
        } else {
            length
        };
        Ok(Response { head: bytes, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Request, Refusal> {
        Request::parse(text.as_bytes())
    }

    #[test]
    fn a_request_is_written_afresh_for_its_server() {
        let request = parse(
            "GET http://Deb.example/a?b HTTP/1.1\r\nHost: evil.test\r\nProxy-Authorization: x\r\nRange: bytes=1-\r\n\r\n",
        )
        .unwrap();
        assert_eq!(request.destination, HostPort::new("deb.example", 80));
        let sent = String::from_utf8(request.to_bytes(None)).unwrap();
        assert_eq!(
            sent, "GET /a?b HTTP/1.1\r\nHost: deb.example\r\nConnection: close\r\nRange: bytes=1-\r\n\r\n",
            "the host is the URL's, and nothing between neighbours is passed on"
        );
    }

    #[test]
    fn destinations_are_read_as_they_are_written() {
        let to = |line: &str| parse(&format!("{line} HTTP/1.1\r\n\r\n")).map(|request| request.destination.to_string());
        assert_eq!(to("CONNECT a.example:443").unwrap(), "a.example:443");
        assert_eq!(to("CONNECT [::1]:443").unwrap(), "[::1]:443");
        assert_eq!(to("GET http://[::1]/x").unwrap(), "[::1]:80");
        assert_eq!(to("HEAD http://a.example:8080?q").unwrap(), "a.example:8080");
        for line in [
            "GET /path",
            "GET https://a.example/",
            "GET http://user@a.example/",
            "GET http:///x",
            "CONNECT a.example",
            "CONNECT user@a.example:443",
            "POST http://a.example/",
            "GET http://a.example:0/",
            "CONNECT a/b:443",
        ] {
            assert!(to(line).is_err(), "{line}");
        }
    }

    #[test]
    fn requests_with_bodies_and_broken_heads_are_refused() {
        for text in [
            "GET http://a/ HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nBad Header: x\r\n\r\n",
            "\x16\x03\x01\r\n\r\n",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_reply_is_made_to_close_and_its_length_is_known() {
        let get = parse("GET http://a/ HTTP/1.1\r\n\r\n").unwrap();
        let head = parse("HEAD http://a/ HTTP/1.1\r\n\r\n").unwrap();
        let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: keep-alive\r\n\r\n";
        let response = Response::parse(reply, &get).unwrap();
        assert_eq!(response.body, Some(7));
        let text = String::from_utf8(response.head).unwrap();
        assert!(text.ends_with("Connection: close\r\n\r\n") && !text.contains("keep-alive"), "{text}");
        assert_eq!(Response::parse(reply, &head).unwrap().body, Some(0));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 7\r\n\r\n";
        assert_eq!(Response::parse(chunked, &get).unwrap().body, None);
    }
}
