//! The fake on loopback: HTTP/1.1 with keep-alive, bodies with a length or in chunks, `Expect: 100-continue`.

use super::{Broken, Fake, Request, Response};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// More than any real call has; a client that sends more is wrong.
const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 16 * 1024 * 1024;

/// Serves until the task is dropped.
pub async fn serve(fake: Fake, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let fake = fake.clone();
                // A client that goes away is the client's affair.
                tokio::spawn(async move { connection(&fake, stream).await });
            }
            Err(error) => {
                eprintln!("fake AWS: cannot accept a connection: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(fake: &Fake, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut wire = Wire { stream, buffer: Vec::new() };
    while let Some(head) = wire.head().await? {
        let body = wire.body(&head).await?;
        let close = head.request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let head_only = head.request.method == "HEAD";
        match fake.handle(Request { body, ..head.request }).await {
            Ok(response) => wire.answer(&response, close, head_only).await?,
            // Without lingering: the client sees a reset and not an orderly end.
            Err(Broken::ConnectionReset) => return wire.stream.set_zero_linger(),
        }
        if close {
            break;
        }
    }
    Ok(())
}

struct Wire {
    stream: TcpStream,
    /// What was read and not used yet.
    buffer: Vec<u8>,
}

struct Head {
    request: Request,
    length: Length,
    continues: bool,
}

enum Length {
    Known(usize),
    Chunked,
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

impl Wire {
    async fn more(&mut self) -> io::Result<usize> {
        self.stream.read_buf(&mut self.buffer).await
    }

    /// The next request's head; none where the client is done.
    async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some((used, head)) = parse_head(&self.buffer)? {
                self.buffer.drain(..used);
                return Ok(Some(head));
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(bad("head too long"));
            }
            if self.more().await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(bad("cut off in the head")) };
            }
        }
    }

    async fn body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        if head.continues {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        match head.length {
            Length::Known(length) => self.take(length).await,
            Length::Chunked => self.chunks().await,
        }
    }

    async fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        if length > MAX_BODY {
            return Err(bad("body too long"));
        }
        while self.buffer.len() < length {
            if self.more().await? == 0 {
                return Err(bad("cut off in the body"));
            }
        }
        Ok(self.buffer.drain(..length).collect())
    }

    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| bad("bad chunk size"))?;
            if size == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(body);
            }
            if body.len() + size > MAX_BODY {
                return Err(bad("body too long"));
            }
            body.extend(self.take(size).await?);
            self.line().await?;
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.buffer.drain(..end + 2).take(end).collect();
                return String::from_utf8(line).map_err(|_| bad("bad line"));
            }
            if self.buffer.len() > MAX_BODY {
                return Err(bad("line too long"));
            }
            if self.more().await? == 0 {
                return Err(bad("cut off in a line"));
            }
        }
    }

    async fn answer(&mut self, response: &Response, close: bool, head_only: bool) -> io::Result<()> {
        let mut out = format!("HTTP/1.1 {} {}\r\n", response.status, reason(response.status)).into_bytes();
        for (name, value) in &response.headers {
            out.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        let connection = if close { "close" } else { "keep-alive" };
        out.extend(format!("Content-Length: {}\r\nConnection: {connection}\r\n\r\n", response.body.len()).into_bytes());
        if !head_only {
            out.extend_from_slice(&response.body);
        }
        self.stream.write_all(&out).await
    }
}

fn parse_head(bytes: &[u8]) -> io::Result<Option<(usize, Head)>> {
    let mut fields = [httparse::EMPTY_HEADER; 96];
    let mut parsed = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(used) = parsed.parse(bytes).map_err(|error| bad(&error.to_string()))? else {
        return Ok(None);
    };
    let target = parsed.path.unwrap_or("/");
    // A client behind a proxy setting sends the whole address.
    let target = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(String, String)> = parsed
        .headers
        .iter()
        .map(|field| (field.name.to_owned(), String::from_utf8_lossy(field.value).trim().to_owned()))
        .collect();
    let request = Request {
        method: parsed.method.unwrap_or("GET").to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: Vec::new(),
    };
    let chunked =
        request.header("transfer-encoding").is_some_and(|value| value.to_ascii_lowercase().contains("chunked"));
    let length = match request.header("content-length") {
        _ if chunked => Length::Chunked,
        Some(length) => Length::Known(length.parse().map_err(|_| bad("bad Content-Length"))?),
        None => Length::Known(0),
    };
    let continues = request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
    Ok(Some((used, Head { request, length, continues })))
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        412 => "Precondition Failed",
        301 => "Moved Permanently",
        204 => "No Content",
        501 => "Not Implemented",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}
