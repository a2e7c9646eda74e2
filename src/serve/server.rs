//! Takes connections: so many at once, one request each, and none for longer than an honest client needs.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How much the server takes.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections at once; others wait in the system's queue.
    pub connections: usize,
    /// How long the head of a request may take to arrive.
    pub head: Duration,
    /// How long all of a connection may take.
    pub whole: Duration,
    /// How long open connections have to end once the server is to.
    pub end: Duration,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            connections: 64,
            head: Duration::from_secs(5),
            whole: Duration::from_secs(20),
            end: Duration::from_secs(2),
        }
    }
}

/// The longest head of a request, in bytes, and how many headers it may have.
const HEAD: (usize, usize) = (16 * 1024, 64);
/// How long it is waited where a connection can't be taken, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// Answers until `end`; then takes no more, and lets those that are open end for a while.
pub async fn serve(listener: TcpListener, routes: Router, bounds: Bounds, end: impl Future<Output = ()>) {
    let room = Arc::new(Semaphore::new(bounds.connections));
    let mut open = JoinSet::new();
    tokio::pin!(end);
    loop {
        // Room first: a connection that is taken is also served.
        let next = async {
            let permit = room.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            // Those that have ended are forgotten.
            Some(_) = open.join_next() => continue,
            () = &mut end => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = connection(stream, routes.clone(), bounds);
                drop(open.spawn(async move {
                    let _permit = permit;
                    connection.await;
                }));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
    drop(listener);
    let ended = async { while open.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(bounds.end, ended).await;
    open.shutdown().await;
}

async fn connection(stream: tokio::net::TcpStream, routes: Router, bounds: Bounds) {
    let mut http = http1::Builder::new();
    // One request for each connection: then a time for the connection is a time for the request.
    http.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(bounds.head);
    http.max_buf_size(HEAD.0).max_headers(HEAD.1);
    let answered = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    // A client that went away or was too slow is its own matter.
    let _ = tokio::time::timeout(bounds.whole, answered).await;
}
