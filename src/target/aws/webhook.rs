//! Posting to a webhook: over TLS, for a bounded time, and to nobody else than whom it names.

use crate::recipe::Hook;
use crate::report::visible;
use crate::target::TargetError;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use std::collections::VecDeque;
use std::error::Error;
use std::io;
use std::time::Duration;

/// How long one try may take, from looking for the name to the first line of the answer.
const TRY: Duration = Duration::from_secs(10);
/// The pauses between tries: three in all, within 40 s.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// Posts. Errors say where the address stands and what was answered, and never the address.
pub async fn post(hook: &Hook, address: Option<&str>, json: &str) -> Result<(), TargetError> {
    let uri = checked(hook, address)?;
    let roots = hyper_rustls::HttpsConnectorBuilder::new().with_native_roots();
    let roots = roots.map_err(|error| refused(hook, &error.to_string(), "install certificates of authorities"))?;
    let client: Client<_, Full<VecDeque<u8>>> =
        Client::builder(TokioExecutor::new()).build(roots.https_or_http().enable_http1().build());
    let mut tries = 0;
    loop {
        let request = Request::builder()
            .method(Method::POST)
            .uri(&uri)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, env!("CARGO_PKG_NAME"))
            .body(Full::new(VecDeque::from(json.as_bytes().to_vec())));
        let request = request.map_err(|_| refused(hook, "it can't be called", "give an https address"))?;
        // A redirect is an answer like any other: nothing is sent where it points.
        let answer = tokio::time::timeout(TRY, client.request(request)).await;
        tries += 1;
        let (said, again) = match answer {
            Ok(Ok(answer)) if answer.status().is_success() => return Ok(()),
            Ok(Ok(answer)) => {
                let status = answer.status();
                (
                    format!("it answers {}", status.as_u16()),
                    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error(),
                )
            }
            // Such an error may name the address.
            Ok(Err(error)) => match tls(&error) {
                Some(error) => (untrusted(error), false),
                None if error.is_connect() => ("no connection".to_owned(), true),
                None => ("no answer".to_owned(), true),
            },
            Err(_) => (format!("no answer within {} s", TRY.as_secs()), true),
        };
        match PAUSES.get(tries - 1).filter(|_| again) {
            Some(pause) => tokio::time::sleep(*pause).await,
            None => {
                let said = if tries > 1 { format!("{said} ({tries} tries)") } else { said };
                return Err(refused(hook, &said, "look there; what it was not told is told with the next run"));
            }
        }
    }
}

/// What speaks against an encrypted connection, where it is that which failed. It lies inside of errors of input and output,
/// which don't name it as their source.
fn tls<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let inner = inner.and_then(|inner| tls(inner as &(dyn Error + 'static)));
    inner.or_else(|| error.source().and_then(tls))
}

/// In words of our own: those of the error may name the address.
fn untrusted(error: &rustls::Error) -> String {
    use rustls::CertificateError as Bad;
    let why = match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::Expired | Bad::ExpiredContext { .. } => "its certificate is out of date",
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => "its certificate is not valid yet",
            Bad::Revoked => "its certificate is revoked",
            Bad::UnknownIssuer => "nobody whom this machine trusts has issued its certificate",
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => "its certificate is for another name",
            _ => "its certificate is not valid",
        },
        rustls::Error::InvalidMessage(_) => "what answers there does not speak TLS",
        rustls::Error::AlertReceived(_) => "it refuses the connection",
        _ => "the two sides did not agree",
    };
    format!("TLS failed: {why}")
}

/// The address in a variable of the environment; none where it is empty.
pub fn from_env(name: &str) -> Option<String> {
    let address = std::env::var(name).ok()?.trim().to_owned();
    (!address.is_empty()).then_some(address)
}

/// Whether there is an address, and whether it may be called.
pub fn checked(hook: &Hook, address: Option<&str>) -> Result<Uri, TargetError> {
    let address = address.ok_or_else(|| refused(hook, "there is none", &set(hook)))?;
    read(address).map_err(|why| refused(hook, why, "give an https address"))
}

/// An address that may be called: TLS, but on this machine itself. What stands before an `@` would be sent to nobody.
fn read(address: &str) -> Result<Uri, &'static str> {
    let uri: Uri = address.parse().map_err(|_| "it is no address")?;
    let authority = uri.authority().ok_or("it is no address")?;
    if authority.as_str().contains('@') {
        return Err("it holds a name or password before an @");
    }
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if matches!(authority.host(), "127.0.0.1" | "[::1]" | "localhost") => Ok(uri),
        _ => Err("it is no https address"),
    }
}

/// How an address comes to stand where it is looked for. It is asked for on the terminal: on the command line it would stay in
/// the shell's history.
fn set(hook: &Hook) -> String {
    match hook {
        Hook::Env(name) => format!("set {name} where the program runs"),
        Hook::Parameter(name) => {
            let name = visible::line(name);
            format!("read -rs ADDRESS; aws ssm put-parameter --type SecureString --name {name} --value \"$ADDRESS\"")
        }
    }
}

fn refused(hook: &Hook, said: &str, help: &str) -> TargetError {
    TargetError::Service { call: "POST".into(), resource: hook.to_string(), said: said.into(), help: help.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_missing_says_how_to_set_it() {
        let hook = Hook::Parameter("/alerts/fleet".into());
        let error = post(&hook, None, "{}").await.unwrap_err().to_string();
        assert!(error.contains("the address in parameter /alerts/fleet: there is none"), "{error}");
        assert!(error.contains("aws ssm put-parameter --type SecureString --name /alerts/fleet --value"), "{error}");
        let error = post(&Hook::Env("HOOK".into()), None, "{}").await.unwrap_err().to_string();
        assert!(error.ends_with("set HOOK where the program runs"), "{error}");
    }

    #[test]
    fn a_certificate_that_is_not_accepted_is_told_without_the_address() {
        let name = rustls::Error::InvalidCertificate(rustls::CertificateError::NotValidForNameContext {
            expected: "hooks.example.org".try_into().unwrap(),
            presented: Vec::new(),
        });
        // As it comes from below: one error of input and output in another.
        let below = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, name));
        assert_eq!(untrusted(tls(&below).unwrap()), "TLS failed: its certificate is for another name");
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert!(untrusted(&unknown).ends_with("nobody whom this machine trusts has issued its certificate"));
        assert!(tls(&io::Error::other("no connection")).is_none());
    }

    #[test]
    fn only_tls_leaves_the_machine() {
        for good in
            ["https://hooks.example.org/a?b=c", "http://127.0.0.1:8080/x", "http://[::1]/", "http://localhost:1/"]
        {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in [
            "http://hooks.example.org/a",
            "http://127.0.0.1.example.org/",
            "https://user:secret@example.org/",
            "http://127.0.0.1@example.org/",
            "ftp://example.org/",
            "example.org/a",
            "/a",
            "not an address",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
