//! `serve`: the factory as a small web page.

use super::distribute;
use super::exit::{CliError, Exit};
use super::fleet;
use super::images;
use super::interrupt::or_interrupted;
use super::session::{Open, Session};
use crate::fleet::freshness::Level;
use crate::fleet::trend::Point;
use crate::pipeline::{StateFolder, clock, underway};
use crate::recipe;
use crate::report::view::{Fleet, FleetOutcome};
use crate::report::visible;
use crate::serve::board::{Board, Part, Seen};
use crate::serve::guard::Audience;
use crate::serve::history::{self, History};
use crate::serve::server::Bounds;
use crate::serve::{elsewhere, look, refresh, routes, server};
use crate::target::moment;
use clap::Args;
use serde::Serialize;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};

/// Show images, channels, evidence, builds and the fleet on a small web page, and as metrics.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Serve {
    /// The address to listen on: an IP address and a port; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8790", value_parser = address)]
    listen: SocketAddr,
    /// How often to look; pages show what was seen last, and ask nobody
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = every)]
    every: Duration,
}

const HELP: &str = "Pages: / · /fleet · /images · /images/ID · /images/ID/report; for programs: /metrics (Prometheus), /healthz. \
    Nothing can be changed there. There is no password and no encryption: on loopback only programs of this machine \
    are answered, by the names of this machine; put a proxy that asks for a password before any other address. Ctrl-C \
    or SIGTERM ends it, with exit code 0.";

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an IP address and a port: 127.0.0.1:8790 or [::1]:8790".to_owned())
}

fn every(text: &str) -> Result<Duration, String> {
    let day = Duration::from_secs(86_400);
    let read = recipe::duration(text).filter(|every| (Duration::from_secs(1)..=day).contains(every));
    read.ok_or_else(|| "write 30s, 5m or 1h30m; at least 1s and at most 24h".to_owned())
}

/// Told once it answers.
#[derive(Serialize)]
#[serde(tag = "event", rename = "serving")]
struct Serving {
    url: String,
}

#[derive(Serialize)]
struct Ended {
    looks: u64,
}

impl Serve {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        // What is wrong with the folder or the target is said now, and not on a page.
        let nothing = {
            let target = session.open_to_release()?.target;
            Seen::nothing(target.kind(), self.every, target.inventory().is_some())
        };
        let listener = TcpListener::bind(self.listen)
            .await
            .map_err(|error| CliError::Usage(format!("--listen {}: {error}", self.listen)))?;
        let address = listener.local_addr()?;
        let audience = if address.ip().is_loopback() { Audience::Loopback } else { Audience::Anyone };
        if audience == Audience::Anyone {
            session.warn(&format!(
                "whoever reaches {address} reads all that is shown: there is no password and no encryption"
            ));
        }
        let board = Arc::new(Board::new(nothing));
        let (end, ending) = oneshot::channel::<()>();
        let routes = routes::routes(board.clone(), audience);
        let served = tokio::spawn(server::serve(listener, routes, Bounds::default(), async {
            // Also where whoever would say so is gone.
            let _ = ending.await;
        }));
        let serving = Serving { url: format!("http://{address}/") };
        let images_seen = Notify::new();
        let mut looks = 0;
        let looking = refresh::refresh(self.every, || {
            looks += 1;
            look_once(session, &board, &images_seen)
        });
        // Looking has no end of its own.
        let interrupted = or_interrupted(async {
            session.event(&serving, || format!("serving {}\n", serving.url))?;
            tokio::join!(looking, look_at_evidence(session, &board, &images_seen));
            Ok::<(), CliError>(())
        });
        let outcome = interrupted.await;
        drop(end);
        let _ = served.await;
        outcome.unwrap_or(Ok(()))?;
        session.result(&Ended { looks }, |_| "ended\n".to_owned())?;
        Ok(Exit::Done)
    }
}

/// One look at everything, by what the files say now. Each part is put up as soon as it was seen.
async fn look_once(session: &Session, board: &Board, images_seen: &Notify) {
    board.write(|seen| {
        let now = clock::now();
        seen.images.begins(now);
        seen.channels.begins(now);
        seen.builds.begins(now);
        if seen.has_fleet {
            seen.fleet.begins(now);
        }
    });
    let open = match opened(session).await {
        Ok(open) => open,
        Err(error) => {
            let (why, now) = (told(&error), clock::now());
            log_look(session, "factory folder", Some(&why), Duration::ZERO);
            board.write(|seen| {
                seen.images.looked(Err(why.clone()), now, Duration::ZERO);
                seen.evidence.looked(Err(why.clone()), now, Duration::ZERO);
                seen.channels.looked(Err(why.clone()), now, Duration::ZERO);
                if seen.places.is_used() {
                    seen.places.looked(Err(why.clone()), now, Duration::ZERO);
                }
                seen.builds.looked(Err(why.clone()), now, Duration::ZERO);
                if seen.has_fleet {
                    seen.fleet.looked(Err(why), now, Duration::ZERO);
                }
            });
            return;
        }
    };
    let target = &*open.target;
    tokio::join!(
        async {
            let seen = timed(images::all(&open)).await.logged(session, "images");
            board.write(|board| seen.put(&mut board.images));
            images_seen.notify_one();
        },
        async {
            let seen = timed(channels(&open)).await.logged(session, "channels");
            let at_home = seen.answer.clone();
            board.write(|board| seen.put(&mut board.channels));
            look_elsewhere(session, &open, board, at_home).await;
        },
        async {
            let seen = timed(underway::find(target, &open.state)).await.logged(session, "builds");
            board.write(|board| seen.put(&mut board.builds));
        },
        async {
            if target.inventory().is_some() {
                let seen = timed(fleet(&open)).await.logged(session, "fleet");
                if let (Some(log), Ok(fleet)) = (session.log(), &seen.answer) {
                    log.looked(fleet, seen.took);
                }
                let kept = match &seen.answer {
                    Ok(fleet) => kept(&open.state, fleet, board).await,
                    Err(_) => None,
                };
                board.write(|board| {
                    seen.put(&mut board.fleet);
                    board.freshness = kept.unwrap_or_else(|| board.freshness.clone());
                });
            }
        },
    );
}

/// What the channels name in the other places that they reach, beside what they name at home.
async fn look_elsewhere(session: &Session, open: &Open, board: &Board, at_home: Result<look::Channels, String>) {
    let rules = &open.factory.channels;
    let is_reached = open.target.region().is_some() && rules.iter().any(|rule| !rule.reach.is_home());
    if !is_reached || open.factory.distribution.is_none() {
        return board.write(|board| board.places = Part::default());
    }
    board.write(|board| board.places.begins(clock::now()));
    let looked = async {
        let at_home = at_home.map_err(|why| CliError::Failed(format!("what home names is not known: {why}")))?;
        Ok::<_, CliError>(match distribute::places(open)? {
            Some(places) => elsewhere::elsewhere(&places, rules, &at_home.rows).await,
            None => Vec::new(),
        })
    };
    let seen = timed(looked).await.logged(session, "places");
    board.write(|board| seen.put(&mut board.places));
}

/// The evidence, each time that images were seen. It has its own pace: one that can't be read takes its time, and keeps
/// nobody from looking at the rest.
async fn look_at_evidence(session: &Session, board: &Board, images_seen: &Notify) {
    loop {
        images_seen.notified().await;
        let before = board.read();
        let Some(rows) = before.images.value() else { continue };
        board.write(|seen| seen.evidence.begins(clock::now()));
        let none = Default::default();
        let looked = async {
            let open = session.open_to_release()?;
            Ok::<_, CliError>(look::evidence(&*open.target, rows, before.evidence.value().unwrap_or(&none)).await?)
        };
        let seen = timed(looked).await.logged(session, "evidence");
        board.write(|board| seen.put(&mut board.evidence));
    }
}

async fn opened(session: &Session) -> Result<Open, CliError> {
    let open = session.open_to_release()?;
    open.reach().await?;
    Ok(open)
}

async fn channels(open: &Open) -> Result<look::Channels, CliError> {
    let recipes = fleet::released(open).await?;
    Ok(look::channels(&*open.target, &open.factory.channels, &recipes).await?)
}

/// The fleet. Where nothing of it could be read there is nothing to show: what was seen before stays, as stale.
async fn fleet(open: &Open) -> Result<Fleet, CliError> {
    let shown = fleet::looked(open).await?;
    if shown.outcome != FleetOutcome::Failed {
        return Ok(shown);
    }
    let unread = shown.places.iter().flat_map(|place| place.unread.iter().map(move |unread| (&place.at, unread)));
    let each: Vec<String> = unread.map(|(at, unread)| format!("{at}: {}: {}", unread.what, unread.why)).collect();
    Err(CliError::Failed(format!("nothing could be read\n{}", each.join("\n"))))
}

/// Puts a point for this look beside those of earlier ones. That some were damaged is told for as long as this runs.
/// Files are read and written aside: what answers pages never waits for a disk.
async fn kept(state: &StateFolder, fleet: &Fleet, board: &Board) -> Option<Arc<History>> {
    let (state, home, seen) = (state.clone(), fleet.places.first()?.at.clone(), board.read());
    let point = point(fleet, seen.every)?;
    let mut kept = tokio::task::spawn_blocking(move || history::add(&state, &home, point)).await.ok()?;
    kept.note = kept.note.or_else(|| seen.freshness.note.clone());
    Some(Arc::new(kept))
}

/// What is kept of a look. It holds until two more should have come.
fn point(fleet: &Fleet, every: Duration) -> Option<Point> {
    let of = |level: Level| fleet.levels.get(level.as_str()).copied().unwrap_or_default();
    Some(Point {
        at: moment(&fleet.checked_at)?.unix_timestamp(),
        holds: u32::try_from(every.as_secs().saturating_mul(3)).unwrap_or(u32::MAX),
        fail: of(Level::Fail),
        unknown: of(Level::Unknown),
        warn: of(Level::Warn),
        exempt: of(Level::Exempt),
        fine: of(Level::Fine),
        unread: fleet.places.iter().filter(|place| !place.unread.is_empty()).count() as u64,
    })
}

/// What a look at a part has answered, and when.
struct Answer<T> {
    answer: Result<T, String>,
    at: OffsetDateTime,
    took: Duration,
}

impl<T> Answer<T> {
    fn logged(self, session: &Session, part: &str) -> Answer<T> {
        log_look(session, part, self.answer.as_ref().err().map(String::as_str), self.took);
        self
    }

    fn put(self, part: &mut Part<T>) {
        part.looked(self.answer, self.at, self.took);
    }
}

fn log_look(session: &Session, part: &str, error: Option<&str>, took: Duration) {
    if let Some(log) = session.log() {
        log.part_looked(part, error, took);
    }
}

async fn timed<T, E: std::error::Error>(look: impl Future<Output = Result<T, E>>) -> Answer<T> {
    let (at, began) = (clock::now(), Instant::now());
    let answer = look.await.map_err(|error| visible::block(&error.to_string()).into_owned());
    Answer { answer, at, took: began.elapsed() }
}

/// An error with all mistakes in files that it stands for.
fn told(error: &CliError) -> String {
    match error {
        CliError::Invalid(diagnostics) => {
            let each = diagnostics.iter().map(ToString::to_string);
            each.chain([error.to_string()]).collect::<Vec<_>>().join("\n\n")
        }
        error => error.to_string(),
    }
}
