//! The gate: the only way out of a sandbox. An HTTP forward proxy that runs in amifactory and listens on a socket
//! that was made inside the sandbox's network namespace. It lets through what was asked for and nothing else.
//!
//! One request per connection: `GET` and `HEAD` with an absolute URL, and `CONNECT`. Names are resolved out here.

mod address;
mod head;
mod upstream;

use super::output::Log;
use super::{HostPort, SandboxError};
use address::Rules;
use head::{Request, Response};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use upstream::Upstream;

/// Largest head of a request or a reply.
const HEAD_BYTES: usize = 16 << 10;

/// Connections at once; more wait.
const CONNECTIONS: usize = 64;

/// For a head to arrive, and for a destination to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A line on which nothing moves for this long is cut.
const SILENCE: Duration = Duration::from_secs(300);

/// A listening gate. Dropping it cuts its connections.
pub(super) struct Gate {
    listener: TcpListener,
    shared: Arc<Shared>,
    connections: JoinSet<()>,
}

struct Shared {
    rules: Rules,
    upstream: Upstream,
    log: Log,
}

/// Why a request gets no further: a status line's number and text, and what people read.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    status: &'static str,
    why: String,
}

impl Refusal {
    fn bad_request(why: impl Into<String>) -> Refusal {
        Refusal { status: "400 Bad Request", why: why.into() }
    }

    fn forbidden(why: impl Into<String>) -> Refusal {
        Refusal { status: "403 Forbidden", why: why.into() }
    }

    fn unreachable(why: impl Into<String>) -> Refusal {
        Refusal { status: "502 Bad Gateway", why: why.into() }
    }
}

impl Gate {
    /// Takes over a listening TCP socket.
    pub fn open(listener: OwnedFd, allowed: &[HostPort], log: Log) -> Result<Gate, SandboxError> {
        let failed = |source| SandboxError::Io { what: "opening the gate".into(), source };
        let listener = std::net::TcpListener::from(listener);
        listener.set_nonblocking(true).map_err(failed)?;
        let shared = Shared {
            rules: Rules::new(allowed),
            upstream: Upstream::from_environment(|name| std::env::var(name).ok()),
            log,
        };
        Ok(Gate {
            listener: TcpListener::from_std(listener).map_err(failed)?,
            shared: Arc::new(shared),
            connections: JoinSet::new(),
        })
    }

    /// Accepts and serves. Does not end.
    pub async fn serve(&mut self) {
        loop {
            let full = self.connections.len() >= CONNECTIONS;
            tokio::select! {
                Some(_) = self.connections.join_next() => {}
                accepted = self.listener.accept(), if !full => match accepted {
                    Ok((client, _)) => {
                        self.connections.spawn(handle(client, Arc::clone(&self.shared)));
                    }
                    // Out of descriptors, or the client is gone: the next one may fare better.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
            }
        }
    }
}

async fn handle(mut client: TcpStream, shared: Arc<Shared>) {
    let (head, rest) = match read_head(&mut client).await {
        Some(read) => read,
        None => return,
    };
    let served = match Request::parse(&head) {
        Ok(request) => serve_request(&mut client, &request, &rest, &shared).await.map_err(|r| (Some(request), r)),
        Err(refusal) => Err((None, refusal)),
    };
    if let Err((request, refusal)) = served {
        let target = request.map(|request| format!("{}: ", request.target())).unwrap_or_default();
        let line = format!("network: refused: {target}{}\n", refusal.why);
        let _ = shared.log.write(line.as_bytes()).await;
        let reply = format!(
            "HTTP/1.1 {}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{line}",
            refusal.status,
            line.len()
        );
        let _ = client.write_all(reply.as_bytes()).await;
        let _ = client.shutdown().await;
    }
}

/// Reads up to the empty line. Also what came behind it. None when no whole head came.
async fn read_head(from: &mut (impl AsyncRead + Unpin)) -> Option<(Vec<u8>, Vec<u8>)> {
    let read = async {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let length = from.read(&mut buffer).await.ok().filter(|length| *length > 0)?;
            let searched = bytes.len().saturating_sub(3);
            bytes.extend_from_slice(&buffer[..length]);
            if let Some(end) = bytes[searched..].windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = bytes.split_off(searched + end + 4);
                return Some((bytes, rest));
            }
            if bytes.len() > HEAD_BYTES {
                return None;
            }
        }
    };
    timeout(PATIENCE, read).await.ok().flatten()
}

async fn serve_request(client: &mut TcpStream, request: &Request, rest: &[u8], shared: &Shared) -> Result<(), Refusal> {
    let to = &request.destination;
    let mut server = shared.upstream.connect(to, request.is_tunnel(), &shared.rules).await?;
    let lost = |error: std::io::Error| Refusal::unreachable(format!("{to}: {error}"));
    if request.is_tunnel() {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.map_err(lost)?;
        server.write_all(rest).await.map_err(lost)?;
        let _ = copy_bidirectional(client, &mut server).await;
        return Ok(());
    }
    let forward = request.to_bytes(shared.upstream.for_plain(to));
    server.write_all(&forward).await.map_err(lost)?;
    let (head, rest) =
        read_head(&mut server).await.ok_or_else(|| Refusal::unreachable(format!("{to} sent no proper reply")))?;
    let response = Response::parse(&head, request)?;
    // From here on the reply has begun: a failure can only cut it short.
    let _ = relay(client, &mut server, &response, &rest).await;
    Ok(())
}

async fn relay(
    client: &mut TcpStream,
    server: &mut TcpStream,
    response: &Response,
    rest: &[u8],
) -> std::io::Result<()> {
    client.write_all(&response.head).await?;
    let mut left = response.body.unwrap_or(u64::MAX);
    let first = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
    client.write_all(&rest[..first]).await?;
    left -= first as u64;
    let mut buffer = vec![0; 64 << 10];
    while left > 0 {
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let length = timeout(SILENCE, server.read(&mut buffer[..most])).await??;
        if length == 0 {
            break;
        }
        client.write_all(&buffer[..length]).await?;
        left -= length as u64;
    }
    client.shutdown().await
}
