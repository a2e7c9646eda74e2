//! What dead builds left behind.

use crate::report::table::Table;
use crate::report::wrap::fold;
use crate::report::{Style, visible, wording};
use serde::Serialize;

/// One thing left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// What it is: `builder`, `image`, `folder`.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// The build that made it, where its tags say so.
    pub build: Option<String>,
    /// When it was made, RFC 3339, UTC; empty where that is not known.
    pub created_at: String,
    /// Why it is taken for dead.
    pub why: String,
}

/// The result of `sweep`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// All that was found.
    pub found: Vec<Leftover>,
    /// True where it was removed, false where it is only listed.
    pub removed: bool,
    /// What could not be removed; `why` says why, and what to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Leftover>,
    /// Where could not be looked; `why` says why, and what to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Leftover>,
    /// What another machine may be working on: it is not removed.
    pub spared: Vec<Leftover>,
    /// Moves of channels that were not finished although someone had begun them; `why` says why, and what to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Leftover>,
}

/// One row per thing, and what to type to remove them.
pub fn sweep(swept: &Swept, style: Style) -> String {
    let is_nothing = [&swept.found, &swept.spared, &swept.failed, &swept.unread].iter().all(|some| some.is_empty());
    if is_nothing {
        return "nothing was left behind\n".to_owned();
    }
    let mut table = Table::new(&["WHAT", "ID", "BUILD", "CREATED", "WHY"]).gives_way(4);
    for leftover in swept.found.iter().chain(&swept.spared) {
        table.row(vec![
            visible::line(&leftover.kind).into_owned(),
            visible::line(&leftover.id).into_owned(),
            visible::line(leftover.build.as_deref().unwrap_or("-")).into_owned(),
            if leftover.created_at.is_empty() { "-".to_owned() } else { super::minute(&leftover.created_at) },
            visible::line(&leftover.why).into_owned(),
        ]);
    }
    let found = wording::count(swept.found.len(), "thing");
    let mut end = match swept.removed {
        true => format!("\n{found} removed\n"),
        false => format!("\n{found} found, nothing removed\n"),
    };
    let unread = swept.unread.iter().map(|unread| (unread, "looked into"));
    for (failed, what) in unread.chain(swept.failed.iter().map(|failed| (failed, "removed"))) {
        let head = format!("{} {} could not be {what}", visible::line(&failed.kind), visible::line(&failed.id));
        end.push_str(&format!("{}\n", style.red(&head)));
        for line in fold(&visible::joined(&failed.why), style.width.saturating_sub(2)) {
            end.push_str(&format!("  {line}\n"));
        }
    }
    let mut next = Vec::new();
    if !swept.removed && !swept.found.is_empty() {
        next.push("amifactory sweep --yes".to_owned());
    }
    if swept.spared.iter().any(|spared| spared.build.is_some()) {
        end.push_str(&format!(
            "{} left alone: --yes takes of other machines' builds only what is old; where you know that they are dead, give \
             a shorter time\n",
            wording::count(swept.spared.iter().filter(|spared| spared.build.is_some()).count(), "thing")
        ));
        next.push("amifactory sweep --yes --older-than 10m".to_owned());
    }
    if !next.is_empty() {
        end.push_str(&super::next(&next, style));
    }
    match swept.found.is_empty() && swept.spared.is_empty() {
        true => end.trim_start().to_owned(),
        false => table.render(style) + &end,
    }
}
