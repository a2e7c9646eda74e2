//! Notes that say something else than the service itself: whoever may write a parameter can write any note into it, but not
//! who wrote it and when. Pure.
//!
//! Where a note says no more than the service does, or where the service says nothing, there is nothing to compare.

use super::note::{Kind, Note};
use crate::report::visible::line;
use crate::target::{Entry, moment};
use time::Duration;

/// How far apart the note's time and that of the write may be: so long a move belongs to whoever began it, and no write of
/// its own comes later. Whoever finishes it afterwards says so in the note.
const APART: Duration = Duration::minutes(15);
/// How much two clocks of one service may differ: the times of its answers have whole seconds.
pub(super) const CLOCKS: Duration = Duration::minutes(1);
/// Digits in a row from which a name is one that a machine has made up for a session, and may make up anew.
const MADE_UP: usize = 8;

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// In the account of whoever moves: the service says the same name.
    Own,
    /// In another one, which is written by a role there.
    Other,
}

/// What the note of an entry says otherwise than the service; none where it does not.
pub fn of(entry: &Entry, note: &Note, account: Account) -> Option<String> {
    // Only a service keeps who wrote; on this machine whoever can change a note can change all of it.
    let writer = entry.by.as_deref()?;
    let mut told = Vec::new();
    if let Some(by) = note.by.as_deref().filter(|_| !note.finished)
        && account == Account::Own
        && !is_same(by, writer)
    {
        told.push(format!("its note says that {} wrote it, and by the service it was {}", line(by), line(writer)));
    }
    told.extend(time(entry, note));
    (!told.is_empty()).then(|| told.join("; "))
}

fn time(entry: &Entry, note: &Note) -> Option<String> {
    let at = moment(&entry.at)?;
    let said = |why: &str| {
        Some(format!(
            "its note says that it was decided at {}, and by the service it was written at {}{why}",
            line(&note.at),
            entry.at
        ))
    };
    let Some(decided) = moment(&note.at) else { return said("") };
    let later = at - decided;
    if later < -CLOCKS {
        return said(", before that");
    }
    // What is put back is decided as it is written.
    if !note.finished || note.kind == Kind::Restore {
        return if later > APART { said("") } else { None };
    }
    match later < APART - CLOCKS {
        true => said(", as a move of someone else that was finished: none is before its time is over"),
        false => None,
    }
}

/// Whether two names are of the same caller, as two services write it.
fn is_same(by: &str, writer: &str) -> bool {
    match (caller(by), caller(writer)) {
        (Some(by), Some(writer)) => by == writer,
        // What the service says is no name that can be compared.
        (_, None) => true,
        (None, Some(_)) => by == UNKNOWN,
    }
}

/// What the caller is called where the service does not say.
pub const UNKNOWN: &str = "an unknown caller";

/// Account, and what it is in there: a role with the session's name, where that is one, or the rest as it stands.
fn caller(arn: &str) -> Option<(String, String, Option<String>)> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "iam" | "sts", _, account, resource] = parts.as_slice() else { return None };
    let account = (*account).to_owned();
    if let Some((role, session)) = resource.strip_prefix("assumed-role/").and_then(|rest| rest.split_once('/')) {
        return Some((account, format!("role {role}"), Some(without_numbers(session))));
    }
    Some((account, (*resource).to_owned(), None))
}

/// The name of a session without what is made up anew for each.
fn without_numbers(session: &str) -> String {
    let (mut kept, mut digits) = (String::new(), String::new());
    for c in session.chars().chain(['\0']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if digits.len() < MADE_UP {
            kept.push_str(&digits);
        }
        digits.clear();
        kept.push(c);
    }
    kept.trim_end_matches('\0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: &str = "arn:aws:iam::123456789012:user/ann";

    fn note(by: &str, at: &str) -> Note {
        Note { by: Some(by.into()), ..Note::new(Kind::Promote, at.into()) }
    }

    fn told(by: &str, writer: &str) -> Option<String> {
        let at = "2026-11-20T12:00:00Z";
        let entry = Entry { by: Some(writer.into()), at: at.into(), ..Entry::default() };
        of(&entry, &note(by, at), Account::Own)
    }

    #[test]
    fn another_writer_than_the_note_says_is_told() {
        let role = |name: &str, session: &str| format!("arn:aws:sts::123456789012:assumed-role/{name}/{session}");
        for (by, writer) in [
            (ANN.to_owned(), ANN.to_owned()),
            (role("release", "ann@example.org"), role("release", "ann@example.org")),
            (role("release", "aws-sdk-rust-1732000000000"), role("release", "aws-sdk-rust-1732003600000")),
            (role("release", "i-0123456789abcdef0"), role("release", "i-0123456789abcdef0")),
            (UNKNOWN.to_owned(), ANN.to_owned()),
            // What can't be compared is not.
            (ANN.to_owned(), "AIDAEXAMPLE".to_owned()),
        ] {
            assert_eq!(told(&by, &writer), None, "{by} {writer}");
        }
        for (by, writer) in [
            (ANN.to_owned(), ANN.replace("ann", "bob")),
            (ANN.to_owned(), ANN.replace("123456789012", "999999999999")),
            (ANN.to_owned(), role("release", "ann")),
            ("ann".to_owned(), ANN.to_owned()),
            (role("release", "ann"), role("release", "bob")),
            (role("release", "ann"), role("deploy", "ann")),
        ] {
            let told = told(&by, &writer).unwrap_or_else(|| panic!("{by} {writer}"));
            assert_eq!(told, format!("its note says that {by} wrote it, and by the service it was {writer}"));
        }
    }

    #[test]
    fn nothing_is_compared_where_nobody_but_the_note_says_it() {
        let entry = Entry { at: "2026-11-20T12:00:00Z".into(), ..Entry::default() };
        let other = note(ANN, "2020-01-01T00:00:00Z");
        assert_eq!(of(&entry, &other, Account::Own), None, "this machine keeps no writers");
        let by = Entry { by: Some(ANN.replace("ann", "bob")), ..entry };
        let then = note(ANN, "2026-11-20T12:00:00Z");
        assert_eq!(of(&by, &Note { by: None, ..then.clone() }, Account::Own), None, "a build names nobody");
        assert_eq!(of(&by, &then, Account::Other), None, "another account is written by a role there");
        assert!(of(&by, &then, Account::Own).is_some());
    }

    #[test]
    fn a_write_long_after_or_before_its_decision_is_told() {
        let told = |at: &str, finished: bool, kind: Kind| {
            let entry = Entry { by: Some(ANN.into()), at: at.into(), ..Entry::default() };
            of(&entry, &Note { finished, kind, ..note(ANN, "2026-11-20T12:00:00Z") }, Account::Own)
        };
        use Kind::{Promote, Restore};
        for at in ["2026-11-20T11:59:30.000Z", "2026-11-20T12:00:00Z", "2026-11-20T12:14:59Z"] {
            assert_eq!(told(at, false, Promote), None, "{at}");
        }
        for at in ["2026-11-20T11:58:30Z", "2026-11-20T12:15:01Z", "2027-11-20T12:00:00Z"] {
            assert!(told(at, false, Promote).unwrap().contains(&format!("written at {at}")), "{at}");
        }
        // Whoever finishes a move waits until its time is over.
        assert_eq!(told("2026-11-21T12:00:00Z", true, Promote), None);
        assert!(told("2026-11-20T12:05:00Z", true, Promote).unwrap().ends_with("before its time is over"));
        assert_eq!(told("2026-11-20T12:05:00Z", true, Restore), None);
        assert!(told("2026-11-21T12:05:00Z", true, Restore).is_some());
    }
}
