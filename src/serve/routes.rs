//! What stands under which path. Every answer is made from the board alone.

use super::board::Board;
use super::guard::{self, Audience};
use crate::identity::ImageId;
use crate::report::html::{self, ServedError};
use crate::report::metrics;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use time::OffsetDateTime;

/// What answers are made from.
type Shared = Arc<Board>;

/// All paths, behind the guard.
pub fn routes(board: Shared, audience: Audience) -> Router {
    Router::new()
        .route("/", get(overview))
        .route("/fleet", get(fleet))
        .route("/images", get(images))
        .route("/images/{image}", get(image))
        .route("/images/{image}/report", get(report))
        .route("/metrics", get(figures))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/style.css", get(style))
        .fallback(nothing)
        .with_state(board)
        .layer(middleware::from_fn_with_state(audience, guard::guard))
}

async fn overview(State(board): State<Shared>) -> Response {
    page(html::overview_page(&board.read(), OffsetDateTime::now_utc()))
}

async fn fleet(State(board): State<Shared>) -> Response {
    page(html::fleet_page(&board.read(), OffsetDateTime::now_utc()))
}

async fn images(State(board): State<Shared>) -> Response {
    page(html::images_page(&board.read(), OffsetDateTime::now_utc()))
}

async fn image(State(board): State<Shared>, Path(name): Path<String>) -> Response {
    let Ok(image) = name.parse::<ImageId>() else { return nothing().await };
    match html::image_page(&board.read(), &image, OffsetDateTime::now_utc()) {
        Ok(Some(made)) => Html(made).into_response(),
        Ok(None) => nothing().await,
        Err(error) => failed(&error),
    }
}

/// The same page as `amifactory report --html` writes; its own script and style are allowed by their hashes.
async fn report(State(board): State<Shared>, Path(name): Path<String>) -> Response {
    let Ok(image) = name.parse::<ImageId>() else { return nothing().await };
    let seen = board.read();
    let Some(Ok(record)) = seen.evidence.value().and_then(|all| all.get(&image)) else { return nothing().await };
    match html::html(&image, record, OffsetDateTime::now_utc().date()) {
        Ok(made) => {
            let policy = format!("{}; frame-ancestors 'none'", html::policy());
            ([(header::CONTENT_SECURITY_POLICY, policy)], Html(made)).into_response()
        }
        Err(error) => failed(&error),
    }
}

async fn figures(State(board): State<Shared>) -> Response {
    let text = metrics::all(&board.read(), OffsetDateTime::now_utc());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], html::SERVED_STYLE).into_response()
}

async fn nothing() -> Response {
    (StatusCode::NOT_FOUND, "there is nothing here\n").into_response()
}

fn page(made: Result<String, ServedError>) -> Response {
    made.map_or_else(|error| failed(&error), |made| Html(made).into_response())
}

fn failed(error: &dyn std::error::Error) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
}
