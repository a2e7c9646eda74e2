//! The words of a digest.

use crate::fleet::freshness::Level;
use crate::fleet::notify::digest::{Digest, News, Worse};
use crate::fleet::notify::item::Item;
use crate::report::view::minute;
use crate::report::{visible, wording};
use serde_json::{Value, json};

/// The longest subject: "less than 100 characters" (SNS API reference, `Publish`).
pub const SUBJECT: usize = 99;
/// How many of each kind are told in words. With the bounds of an item that is at most 130 KB of the 256 KB that SNS takes.
const MOST: usize = 40;

/// What a mail is called: ASCII, on one line.
pub fn subject(audience: &str, digest: &Digest) -> String {
    let what = match digest.news {
        News::Changed => sums(digest),
        News::Heartbeat | News::Nothing => {
            format!("no change since {}", digest.since.as_deref().and_then(|since| since.get(..10)).unwrap_or("ever"))
        }
    };
    let text = format!("amifactory fleet: {what} ({audience})");
    text.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).take(SUBJECT).collect()
}

fn sums(digest: &Digest) -> String {
    // What someone has exempted is not mended.
    let exempt = digest.resolved.iter().filter(|over| over.now == Some(Level::Exempt.as_str())).count();
    let parts = [
        (digest.new.len(), "new"),
        (digest.worse.len(), "worse"),
        (digest.changed.len(), "changed"),
        (digest.resolved.len() - exempt, "resolved"),
        (exempt, "exempt now"),
        (digest.forgotten.len(), "no longer looked at"),
    ];
    let told: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if told.is_empty() { "nothing to tell".into() } else { told.join(", ") }
}

/// What stands in a mail. Whatever others wrote stands on a line of its own text and begins none.
pub fn body(audience: &str, digest: &Digest) -> String {
    let mut text = String::new();
    if let Some(why) = &digest.damaged {
        let why = visible::joined(why);
        text.push_str(&format!(
            "What was told before could not be read, and is replaced: {why}\nSo all that holds is told once more.\n\n"
        ));
    }
    if digest.since.is_none() && digest.damaged.is_none() {
        text.push_str(&format!(
            "This is the first digest for {audience}: it tells all that holds now, and each later one what has changed.\n\n"
        ));
    }
    match (digest.news, &digest.since) {
        (News::Heartbeat, Some(since)) => {
            let same = wording::count(digest.unchanged, "finding");
            text.push_str(&format!("All the same since {}: {same}. The check runs.\n", minute(since)));
        }
        _ => text.push_str(&format!("{}; {} unchanged.\n", sums(digest), digest.unchanged)),
    }
    section(&mut text, "NEW", &digest.new, |item| entry(item, &level(item.level)));
    section(&mut text, "WORSE", &digest.worse, worse);
    section(&mut text, "CHANGED", &digest.changed, worse);
    section(&mut text, "RESOLVED", &digest.resolved, |over| match over.now {
        Some(now) => format!("- {} (it is {now} now)\n", over.title),
        None => format!("- {}\n", over.title),
    });
    section(&mut text, "NO LONGER LOOKED AT", &digest.forgotten, |title| format!("- {title}\n"));
    if digest.unknown > 0 {
        let count = wording::count(digest.unknown, "earlier finding");
        text.push_str(&format!("\n{count} unknown: not all could be read where that was seen. It is not resolved.\n"));
    }
    if digest.beyond > 0 {
        let count = wording::count(digest.beyond, "finding");
        text.push_str(&format!("\n{count} more than can be told one by one.\n"));
    }
    text.push_str(&format!("\nLooked at {} for {audience}. All of it: amifactory fleet\n", minute(&digest.at)));
    text
}

fn section<T>(text: &mut String, name: &str, all: &[T], line: impl Fn(&T) -> String) {
    if all.is_empty() {
        return;
    }
    text.push_str(&format!("\n{name}\n"));
    text.extend(all.iter().take(MOST).map(line));
    if all.len() > MOST {
        text.push_str(&format!("- and {} more: amifactory fleet lists all\n", all.len() - MOST));
    }
}

fn level(level: Level) -> String {
    level.as_str().to_uppercase()
}

fn worse(worse: &Worse) -> String {
    let item = &worse.item;
    let mut was = Vec::new();
    if item.level != worse.was_level {
        was.push(format!("was {}", worse.was_level.as_str()));
    } else if worse.was_status.is_none() {
        was.push(format!("{} then, {} now", worse.was_count, item.count));
    }
    // It is another's writing.
    was.extend(worse.was_status.as_ref().map(|status| format!("it was {}", visible::line(status))));
    entry(item, &format!("{} ({})", level(item.level), was.join("; ")))
}

fn entry(item: &Item, level: &str) -> String {
    let count = if item.count > 1 { format!(" x{}", item.count) } else { String::new() };
    let mut text = format!("- {level} {}{count}\n", item.title);
    for (name, line) in [("why", Some(&item.why)), ("which", Some(&item.examples)), ("fix", item.fix.as_ref())] {
        if let Some(line) = line.filter(|line| !line.is_empty()) {
            text.push_str(&format!("    {name}: {line}\n"));
        }
    }
    text
}

/// For machines. `text` is what a chat shows of it, and is written for Slack alone: `&`, `<` and `>` are written out as Slack
/// asks, because it would take `<!channel>` in a tag for a call to everybody. Other chats that read that key have rules of
/// their own: `digest` has all of it as it is, for whatever stands in between and writes it by those.
pub fn json(audience: &str, digest: &Digest) -> Value {
    let mut shown = digest.clone();
    let more = [cap(&mut shown.new), cap(&mut shown.worse), cap(&mut shown.changed)];
    let over = [cap(&mut shown.resolved), cap(&mut shown.forgotten)];
    let text = format!("{}\n{}", subject(audience, digest), body(audience, digest));
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({
        "text": text,
        "audience": audience,
        "digest": shown,
        "more": {
            "new": more[0], "worse": more[1], "changed": more[2], "resolved": over[0], "forgotten": over[1],
        },
    })
}

/// Leaves the first few, and answers how many were left out.
fn cap<T>(all: &mut Vec<T>) -> usize {
    let more = all.len().saturating_sub(MOST);
    all.truncate(MOST);
    more
}
