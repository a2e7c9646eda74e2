//! What a channel asks of an image. Pure: rule, facts and time in, the list of what is not met out.

use crate::hardening::ControlEvidence;
use crate::identity::{Channel, Slug, Version};
use crate::pipeline::tags::ImageState;
use crate::recipe::ChannelRule;
use crate::target::{Image, ImageRecord, moment};
use serde::Serialize;
use std::time::Duration;
use time::{Date, OffsetDateTime};

/// What is known of an image that is to go into a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Its recipe and version, for people: `web-tier 1.0.3`.
    pub name: String,
    /// The longest time that the channel it comes from has named it without a break, up to now where it still does. None
    /// where that channel never did.
    pub stayed: Option<Duration>,
    /// Why the history of that channel can't vouch for it.
    pub doubt: Option<String>,
    /// What that channel names now.
    pub from_names: Option<Version>,
    /// Its score.
    pub score: Option<f64>,
    /// When it was made; none where that can't be read.
    pub created_at: Option<OffsetDateTime>,
    /// Its waivers and their last days.
    pub waivers: Vec<(Slug, Date)>,
    /// Whether its record says that it was started and tested to the end.
    pub tested: bool,
    /// Tests that failed.
    pub failed_tests: Vec<String>,
    /// What its recipe's own gate asked and did not get.
    pub gate_unmet: Vec<String>,
    /// The last time that the channel it is to go into went back from it, and has not named it since.
    pub left: Option<Left>,
    /// The same of the channel that it comes from.
    pub left_before: Option<Left>,
}

/// A channel's way back from an image, or from another one of the same plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The version that it left.
    pub version: Option<Version>,
    /// When, RFC 3339.
    pub at: String,
    /// Who went back.
    pub by: Option<String>,
    /// Why.
    pub why: Option<String>,
}

impl Facts {
    /// What the tags and the record of an image say; `stay` is what its history says of it: how long the channel that it
    /// comes from has named it, why that is in doubt, and what that names now.
    pub fn of(
        name: String,
        (image, record): (&Image, &ImageRecord),
        (stayed, doubt, from_names): (Option<Duration>, Option<String>, Option<Version>),
    ) -> Facts {
        let waiver = |control: &ControlEvidence| Some((control.slug.clone(), control.waiver.as_ref()?.expires));
        Facts {
            name,
            stayed,
            doubt,
            from_names,
            score: record.score,
            created_at: moment(&image.created_at),
            waivers: record.controls.iter().filter_map(waiver).collect(),
            tested: ImageState::of(&image.tags) >= ImageState::Verified && !record.provenance.finished_at.is_empty(),
            failed_tests: record.tests.iter().filter(|test| test.exit != 0).map(|test| test.name.clone()).collect(),
            gate_unmet: record.gate.unmet.clone(),
            left: None,
            left_before: None,
        }
    }
}

/// Someone's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approval {
    /// Whose.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A gate that is not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unmet {
    /// Which: `from`, `soak`, `rolled-back`, `boot-test`, `gate`, `minimum_score`, `waivers`, `maximum_age`, `approval`,
    /// `places`, `under-way`.
    pub gate: &'static str,
    /// What is.
    pub is: String,
    /// What is needed.
    pub needed: String,
    /// What to do.
    pub mend: String,
}

/// All gates that are not met. `mover` is who promotes: nobody says yes to themselves.
pub fn unmet(
    rule: &ChannelRule,
    facts: &Facts,
    approval: Option<&Approval>,
    mover: &str,
    now: OffsetDateTime,
) -> Vec<Unmet> {
    let mut unmet = Vec::new();
    if let Some(from) = &rule.from {
        unmet.extend(came_through(rule, from, facts, now));
    }
    let before = rule.from.as_ref().zip(facts.left_before.as_ref());
    let went_back = facts.left.as_ref().map(|left| (&rule.name, left)).or(before);
    unmet.extend(went_back.map(|(channel, left)| rolled_back(&rule.name, channel, facts, left)));
    unmet.extend(tested(facts));
    if let Some(least) = rule.minimum_score
        && facts.score.is_none_or(|score| score < least)
    {
        unmet.push(Unmet {
            gate: "minimum_score",
            is: facts.score.map_or_else(|| format!("{} has no score", facts.name), |s| format!("its score is {s:.1}")),
            needed: format!("{} asks for at least {least}", rule.name),
            mend: match facts.score {
                Some(_) => "mend the controls that fail (amifactory show lists them) and build again".into(),
                None => {
                    "nothing was checked, as its recipe names no hardening profile: say `hardening:` there (amifactory \
                         controls lists what there is), and build again"
                        .into()
                }
            },
        });
    }
    unmet.extend(expired(facts, now.date()));
    unmet.extend(rule.maximum_age.and_then(|most| too_old(rule, most, facts, now)));
    if rule.approval {
        unmet.extend(approved(rule, approval, mover));
    }
    unmet
}

fn came_through(rule: &ChannelRule, from: &Channel, facts: &Facts, now: OffsetDateTime) -> Option<Unmet> {
    let needed = match rule.soak.is_zero() {
        true => format!("{} takes images that {from} names or has named", rule.name),
        false => format!("{} asks for {} in {from}", rule.name, span(rule.soak)),
    };
    if let Some(doubt) = &facts.doubt {
        return Some(Unmet {
            gate: "from",
            is: doubt.clone(),
            needed,
            mend: format!("promote it to {from}, through the gates of that; amifactory verify says what else to do"),
        });
    }
    let Some(stayed) = facts.stayed else {
        let names = facts.from_names.map_or_else(|| "nothing".to_owned(), |version| version.to_string());
        return Some(Unmet {
            gate: "from",
            is: format!("{} was never in {from}, which names {names}", facts.name),
            needed,
            mend: format!("promote it to {from} first"),
        });
    };
    let left = rule.soak.checked_sub(stayed).filter(|left| !left.is_zero())?;
    Some(Unmet {
        gate: "soak",
        is: format!("{} was in {from} for {}", facts.name, span(stayed)),
        needed,
        mend: format!("promote it after {}, where {from} still names it then", minute(now + left)),
    })
}

/// Whoever took a version out did so for a reason that no soak and no score knows of.
fn rolled_back(taker: &Channel, channel: &Channel, facts: &Facts, left: &Left) -> Unmet {
    let by = left.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    let why = left.why.as_deref().map_or_else(|| ", without a reason".to_owned(), |why| format!(": {why}"));
    let which = match left.version {
        Some(version) if !facts.name.ends_with(&format!(" {version}")) => {
            format!(" from {version}, which is of the same plan as {},", facts.name)
        }
        _ => format!(" from {}", facts.name),
    };
    Unmet {
        gate: "rolled-back",
        is: format!("{channel} went back{which} at {}{by}{why}", left.at),
        needed: match taker == channel {
            true => format!("{channel} takes what it went back from only with a reason"),
            false => format!("{taker} takes what {channel} went back from only with a reason"),
        },
        mend:
            "promote a newer version that mends it; where the cause lay elsewhere, say so: --override with the reason"
                .into(),
    }
}

/// A move of the channel that someone else has begun, and how it is got out of the way.
pub fn under_way(is: String, mend: String) -> Unmet {
    Unmet { gate: "under-way", is, needed: "a channel makes one move at a time".into(), mend }
}

fn tested(facts: &Facts) -> Vec<Unmet> {
    let mut unmet = Vec::new();
    let build_again = || "build it again".to_owned();
    if !facts.tested || !facts.failed_tests.is_empty() {
        let is = match facts.failed_tests.as_slice() {
            [] => format!("the record of {} does not say that it was started and tested", facts.name),
            failed => format!("tests failed in the started image: {}", failed.join(", ")),
        };
        let needed = "every image in a channel has passed its boot test".into();
        unmet.push(Unmet { gate: "boot-test", is, needed, mend: build_again() });
    }
    if !facts.gate_unmet.is_empty() {
        unmet.push(Unmet {
            gate: "gate",
            is: facts.gate_unmet.join("; "),
            needed: "the gate of its own recipe is met".into(),
            mend: build_again(),
        });
    }
    unmet
}

fn expired(facts: &Facts, today: Date) -> Option<Unmet> {
    let over: Vec<String> = facts
        .waivers
        .iter()
        .filter(|(_, last)| *last < today)
        .map(|(control, last)| format!("{control} (expired {last})"))
        .collect();
    (!over.is_empty()).then(|| Unmet {
        gate: "waivers",
        is: format!("waivers are over: {}", over.join(", ")),
        needed: "every control passes or has a waiver that holds".into(),
        mend: "meet the controls, or move the dates in the recipe, and build again".into(),
    })
}

fn too_old(rule: &ChannelRule, most: Duration, facts: &Facts, now: OffsetDateTime) -> Option<Unmet> {
    let age = facts.created_at.map(|at| now - at);
    // Nothing is made in the future: such a time is not to be trusted.
    if age.is_some_and(|age| !age.is_negative() && age <= most) {
        return None;
    }
    let age = age.and_then(|age| Duration::try_from(age).ok());
    Some(Unmet {
        gate: "maximum_age",
        is: age.map_or_else(|| "it is not known when it was made".to_owned(), |age| format!("it is {} old", span(age))),
        needed: format!("{} takes images of at most {}", rule.name, span(most)),
        mend: "build it again, with --force where nothing has changed".into(),
    })
}

fn approved(rule: &ChannelRule, approval: Option<&Approval>, mover: &str) -> Option<Unmet> {
    let is = match approval {
        None => "nobody has said yes".to_owned(),
        Some(approval) if is_same_person(&approval.by, mover) => format!("{} promotes it too", approval.by),
        Some(_) => return None,
    };
    Some(Unmet {
        gate: "approval",
        is,
        needed: format!("{} asks for the yes of someone else", rule.name),
        mend: "say whose and why: --approved-by NAME --approval-reason TEXT".into(),
    })
}

/// Regions and accounts in which an image is not ready, each with why. Nothing overrides this gate: no pointer ever names
/// what can't be used; `promote` itself brings the image there first.
pub fn places(channel: &Channel, name: &str, missing: &[(String, String)]) -> Option<Unmet> {
    let each: Vec<String> = missing.iter().map(|(place, why)| format!("{place} ({why})")).collect();
    (!missing.is_empty()).then(|| Unmet {
        gate: "places",
        is: format!("{name} is not ready in {}", each.join("; ")),
        needed: format!("{channel} moves only where its image is ready in every region and account that it reaches"),
        mend: "promote brings it there first; so does amifactory distribute, which moves nothing".into(),
    })
}

/// The same name, however much of an ARN is around it. A name of nothing but separators is nobody's.
fn is_same_person(name: &str, mover: &str) -> bool {
    let last = |text: &str| {
        let mut parts = text.rsplit(['/', ':', '\\']).map(str::trim);
        parts.find(|part| !part.is_empty()).unwrap_or_default().to_lowercase()
    };
    last(name).is_empty() || last(name) == last(mover)
}

/// A time, by its two largest units.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let shown: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).take(2).map(|(n, unit)| format!("{n}{unit}")).collect();
    if shown.is_empty() { "0s".to_owned() } else { shown.join(" ") }
}

fn minute(at: OffsetDateTime) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    at.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, datetime};

    const NOW: OffsetDateTime = datetime!(2026-11-20 12:00 UTC);
    const HOUR: Duration = Duration::from_secs(3600);

    fn rule() -> ChannelRule {
        ChannelRule {
            soak: 24 * HOUR,
            minimum_score: Some(90.0),
            maximum_age: Some(30 * 24 * HOUR),
            approval: true,
            ..ChannelRule::open("prod".parse().unwrap(), Some("staging".parse().unwrap()))
        }
    }

    fn good() -> Facts {
        Facts {
            name: "web 1.0.3".into(),
            stayed: Some(24 * HOUR),
            doubt: None,
            from_names: Some("1.0.3".parse().unwrap()),
            score: Some(90.0),
            created_at: Some(datetime!(2026-10-21 12:00 UTC)),
            waivers: vec![("sshd-sessions-limited".parse().unwrap(), date!(2026 - 11 - 20))],
            tested: true,
            failed_tests: Vec::new(),
            gate_unmet: Vec::new(),
            left: None,
            left_before: None,
        }
    }

    fn left(version: &str) -> Option<Left> {
        Some(Left {
            version: version.parse().ok(),
            at: "2026-11-19T22:10:00Z".into(),
            by: Some("ann".into()),
            why: Some("it loses sessions".into()),
        })
    }

    fn yes() -> Approval {
        Approval { by: "lead".into(), reason: "looked at it".into() }
    }

    fn gates(facts: &Facts, approval: Option<&Approval>) -> Vec<&'static str> {
        unmet(&rule(), facts, approval, "arn:aws:iam::1:user/release", NOW).iter().map(|unmet| unmet.gate).collect()
    }

    #[test]
    fn at_its_very_bounds_an_image_passes() {
        assert_eq!(gates(&good(), Some(&yes())), [] as [&str; 0]);
    }

    #[test]
    fn each_gate_is_met_or_not_by_itself() {
        let second = Duration::from_secs(1);
        type Spoil = fn(&mut Facts);
        let cases: [(&str, Spoil); 11] = [
            ("from", |f| f.stayed = None),
            ("from", |f| f.doubt = Some("staging was pointed at it by hand (revision 4), past all gates".into())),
            ("soak", |f| f.stayed = Some(24 * HOUR - Duration::from_secs(1))),
            ("rolled-back", |f| f.left = left("1.0.3")),
            ("boot-test", |f| f.tested = false),
            ("boot-test", |f| f.failed_tests = vec!["a page is served".into()]),
            ("gate", |f| f.gate_unmet = vec!["score 70 is below 80".into()]),
            ("minimum_score", |f| f.score = Some(89.99)),
            ("waivers", |f| f.waivers[0].1 = date!(2026 - 11 - 19)),
            ("maximum_age", |f| f.created_at = None),
            ("maximum_age", |f| f.created_at = Some(datetime!(2026-11-20 12:01 UTC))),
        ];
        for (gate, spoil) in cases {
            let mut facts = good();
            spoil(&mut facts);
            assert_eq!(gates(&facts, Some(&yes())), [gate]);
        }
        let older = Facts { created_at: good().created_at.map(|at| at - second), ..good() };
        assert_eq!(gates(&older, Some(&yes())), ["maximum_age"]);
        assert_eq!(gates(&Facts { score: None, ..good() }, Some(&yes())), ["minimum_score"]);
    }

    #[test]
    fn nobody_says_yes_to_themselves() {
        assert_eq!(gates(&good(), None), ["approval"]);
        for by in
            ["release", "Release", "arn:aws:iam::1:user/release", " release ", "release/", "1:release", "release:", "/"]
        {
            assert_eq!(gates(&good(), Some(&Approval { by: by.into(), ..yes() })), ["approval"], "{by}");
        }
    }

    #[test]
    fn what_a_channel_went_back_from_is_told_with_when_by_whom_and_why() {
        let is = |version: &str| {
            let facts = Facts { left: left(version), ..good() };
            unmet(&rule(), &facts, Some(&yes()), "release", NOW).remove(0).is
        };
        assert_eq!(is("1.0.3"), "prod went back from web 1.0.3 at 2026-11-19T22:10:00Z by ann: it loses sessions");
        assert!(is("1.0.2").starts_with("prod went back from 1.0.2, which is of the same plan as web 1.0.3, at"));
        // So it is where the channel before it went back; once is enough.
        let before = Facts { left_before: left("1.0.3"), ..good() };
        let told = unmet(&rule(), &before, Some(&yes()), "release", NOW).remove(0);
        assert!(told.is.starts_with("staging went back from web 1.0.3") && told.gate == "rolled-back", "{told:?}");
        assert_eq!(told.needed, "prod takes what staging went back from only with a reason");
        assert_eq!(gates(&Facts { left: left("1.0.3"), ..before }, Some(&yes())), ["rolled-back"]);
    }

    #[test]
    fn an_image_without_a_profile_is_not_told_to_mend_controls() {
        let unmet = unmet(&rule(), &Facts { score: None, ..good() }, Some(&yes()), "release", NOW);
        assert!(unmet[0].mend.contains("`hardening:`") && !unmet[0].mend.contains("fail"), "{}", unmet[0].mend);
    }

    #[test]
    fn all_that_is_not_met_is_told_at_once_with_what_to_do() {
        let facts = Facts { stayed: Some(5 * HOUR), score: Some(71.25), tested: false, ..good() };
        let told: Vec<String> = unmet(&rule(), &facts, None, "release", NOW)
            .iter()
            .map(|u| format!("{}: {} / {} / {}", u.gate, u.is, u.needed, u.mend))
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        soak: web 1.0.3 was in staging for 5h / prod asks for 1d in staging / promote it after 2026-11-21 07:00:00 UTC, where staging still names it then
        boot-test: the record of web 1.0.3 does not say that it was started and tested / every image in a channel has passed its boot test / build it again
        minimum_score: its score is 71.2 / prod asks for at least 90 / mend the controls that fail (amifactory show lists them) and build again
        approval: nobody has said yes / prod asks for the yes of someone else / say whose and why: --approved-by NAME --approval-reason TEXT
        ");
    }
}
