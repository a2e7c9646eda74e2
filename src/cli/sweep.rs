//! `sweep`: what dead runs left behind.

use super::exit::{CliError, Exit};
use super::session::Session;
use crate::pipeline::sweep::{self, LeftOver, Resource};
use crate::report::view;
use crate::target::Target;
use clap::Args;

/// List what dead runs left behind; remove it with --yes.
#[derive(Debug, Args)]
pub struct Sweep {
    /// Remove it
    #[arg(long)]
    yes: bool,
}

impl Sweep {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_look()?;
        open.reach().await?;
        let found = sweep::find(&*open.target, &open.state).await?;
        let (busy, dead): (Vec<_>, Vec<_>) = found.into_iter().partition(|left| left.in_use_by.is_some());
        let dead = if self.yes { sweep::remove(&*open.target, &open.state, dead).await? } else { dead };
        let swept =
            view::Swept { found: dead.iter().map(|left| row(left, &*open.target)).collect(), removed: self.yes };
        session.result(&swept, |style| {
            let mut text = view::sweep(&swept, style);
            for left in &busy {
                let holder = left.in_use_by.as_deref().unwrap_or_default();
                text.push_str(&style.dim(&format!("{} is in use by {holder}", left.resource)));
                text.push('\n');
            }
            text
        })?;
        Ok(Exit::Done)
    }
}

fn row(left: &LeftOver, target: &dyn Target) -> view::Leftover {
    let (kind, id) = match &left.resource {
        Resource::Builder(id) => ("builder", id.to_string()),
        Resource::Image(id) => ("image", id.to_string()),
        Resource::Part(_) => left.orphan.as_ref().map_or(("part", String::new()), |part| (part.kind, part.id.clone())),
    };
    // Locks are kept in the state folder: what another machine is working on can't be told from what it has left.
    let why = match (&left.resource, target.is_remote()) {
        (Resource::Builder(_), true) => "no one on this machine works on its recipe",
        (Resource::Builder(_), false) => "no one works on its recipe",
        (Resource::Part(_), _) => "what it belonged to is gone",
        (Resource::Image(_), true) => "no pointer names it, and no one on this machine works on its recipe",
        (Resource::Image(_), false) => "no pointer names it, and no one works on its recipe",
    };
    view::Leftover {
        kind: kind.into(),
        id,
        build: left.build.as_ref().map(ToString::to_string),
        created_at: left.created_at.clone(),
        why: why.into(),
    }
}
