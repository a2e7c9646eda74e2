//! Which requests are answered, and the headers of every answer.

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;

/// Whom the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Programs of this machine. A page of another site that has its own name resolve to this machine (DNS rebinding)
    /// is none of them: its requests carry that name.
    Loopback,
    /// Whoever can reach the address that was asked for, by whatever name.
    Anyone,
}

/// Nothing is loaded but this server's own style; nothing runs; nobody frames it.
pub const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Why a request is not answered.
pub fn refused(
    audience: Audience,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Option<(StatusCode, &'static str)> {
    if audience == Audience::Loopback && !is_for_loopback(uri, headers) {
        return Some((
            StatusCode::MISDIRECTED_REQUEST,
            "this server answers to localhost and loopback addresses alone",
        ));
    }
    if *method != Method::GET && *method != Method::HEAD {
        return Some((StatusCode::METHOD_NOT_ALLOWED, "nothing can be changed here: GET and HEAD alone"));
    }
    let has_body = headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get_all(header::CONTENT_LENGTH).iter().any(|length| length != "0");
    has_body.then_some((StatusCode::PAYLOAD_TOO_LARGE, "requests have no body here"))
}

/// Exactly one Host that names this machine, and none other in the request line.
fn is_for_loopback(uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    host.to_str().is_ok_and(is_loopback) && uri.authority().is_none_or(|authority| is_loopback(authority.as_str()))
}

/// Of `host` or `host:port`; which port does not matter, since it may be forwarded.
fn is_loopback(authority: &str) -> bool {
    let is_port = |port: &str| !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host,
        _ => authority,
    };
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bare.unwrap_or(host).parse::<IpAddr>() {
        // Only version 6 stands in brackets.
        Ok(address) => address.is_loopback() && address.is_ipv6() == bare.is_some(),
        Err(_) => false,
    }
}

/// Lets through what may be answered, and puts its headers on every answer.
pub async fn guard(State(audience): State<Audience>, request: Request, next: Next) -> Response {
    let mut response = match refused(audience, request.method(), request.uri(), request.headers()) {
        Some((status, why)) => (status, format!("{why}\n")).into_response(),
        None => next.run(request).await,
    };
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(hosts: &[&str]) -> HeaderMap {
        hosts.iter().map(|host| (header::HOST, HeaderValue::from_str(host).unwrap())).collect()
    }

    #[test]
    fn only_names_of_this_machine_are_answered_on_loopback() {
        let answered = |uri: &str, hosts: &[&str]| {
            refused(Audience::Loopback, &Method::GET, &uri.parse().unwrap(), &headers(hosts)).is_none()
        };
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:1", "127.9.9.9", "[::1]", "[::1]:65535"] {
            assert!(answered("/", &[host]), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "evil.localhost",
            "127.0.0.1.evil.example",
            "127.0.0.1:80:80",
            "127.1",
            "0.0.0.0",
            "::1",
            "[127.0.0.1]",
            "[::1",
            "10.0.0.1",
            "localhost:",
            "localhost:x",
            "",
        ] {
            assert!(!answered("/", &[host]), "{host}");
        }
        assert!(!answered("/", &[]), "no host at all");
        assert!(!answered("/", &["localhost", "localhost"]), "two of them");
        assert!(!answered("http://evil.example/", &["localhost"]), "the request line counts too");
        assert!(answered("http://localhost:80/", &["localhost"]));
        let anyone = refused(Audience::Anyone, &Method::GET, &"/".parse().unwrap(), &headers(&["factory.example"]));
        assert_eq!(anyone, None);
    }

    #[test]
    fn nothing_that_could_change_something_is_answered_and_no_body_is_read() {
        let status = |method: Method, name: HeaderName, value: &'static str| {
            let mut headers = headers(&["localhost"]);
            headers.insert(name, HeaderValue::from_static(value));
            refused(Audience::Loopback, &method, &"/".parse().unwrap(), &headers).map(|(status, _)| status.as_u16())
        };
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE, Method::CONNECT] {
            assert_eq!(status(method, header::ACCEPT, "*/*"), Some(405));
        }
        assert_eq!(status(Method::HEAD, header::CONTENT_LENGTH, "0"), None);
        assert_eq!(status(Method::GET, header::CONTENT_LENGTH, "1"), Some(413));
        assert_eq!(status(Method::GET, header::TRANSFER_ENCODING, "chunked"), Some(413));
    }
}
