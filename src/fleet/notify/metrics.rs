//! A few numbers of each check, and the alarms that ring when there are none. Pure.
//!
//! CloudWatch takes money for each metric, so there is none for each instance, and a bounded number for recipes.

use crate::fleet::freshness::Level;
use crate::fleet::look::Looked;
use crate::identity::Region;
use crate::recipe::Notify;
use crate::target::{Alarm, Point};
use std::collections::BTreeMap;

/// For how many recipes and channels there are metrics: those with the most that breaks the policy or is warned of.
pub const MOST: usize = 25;
/// 1 for each check of which anybody could hear.
pub const RUNS: &str = "Runs";
/// A day, in seconds.
const DAY: i32 = 86_400;
/// How many alarm actions an alarm takes (CloudWatch API reference, `PutMetricAlarm`).
const ACTIONS: usize = 5;

/// What the names of all alarms begin with: whoever may put alarms may put those.
pub const PREFIX: &str = "amifactory-";

/// The dimension that tells factories apart which have a name.
pub const FACTORY: &str = "Factory";

/// What is put after each look.
pub fn points(looked: &Looked, notify: &Notify) -> Vec<Point> {
    let own = || notify.factory.iter().map(|name| (FACTORY, name.to_string()));
    let point = |name, of: Vec<_>, value| Point { name, dimensions: own().chain(of).collect(), value };
    let mut levels: BTreeMap<Level, u64> = Level::ALL.iter().map(|level| (*level, 0)).collect();
    // Of what is measured against a channel: what breaks the policy, and what is warned of.
    let mut recipes: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    let mut oldest = 0;
    for finding in &looked.findings {
        let (judgement, count) = (&finding.judgement, finding.count.count);
        *levels.entry(judgement.level).or_default() += count;
        if judgement.level != Level::Exempt {
            oldest = oldest.max(judgement.days.unwrap_or_default());
        }
        if let (Some(recipe), Some(channel)) = (&judgement.recipe, &judgement.channel) {
            let sums = recipes.entry((recipe.to_string(), channel.to_string())).or_default();
            sums.0 += if judgement.level == Level::Fail { count } else { 0 };
            sums.1 += if judgement.level == Level::Warn { count } else { 0 };
        }
    }
    let unread = looked.places.iter().filter(|place| place.shown.dark || !place.shown.unread.is_empty()).count();
    let mut all = vec![
        point(RUNS, Vec::new(), 1.0),
        point("PlacesUnread", Vec::new(), unread as f64),
        point("OldestDays", Vec::new(), oldest as f64),
    ];
    let level = |level: Level| ("Level", level.as_str().to_owned());
    all.extend(levels.iter().map(|(of, count)| point("Uses", vec![level(*of)], *count as f64)));
    let mut recipes: Vec<_> = recipes.into_iter().collect();
    recipes.sort_by(|(a, one), (b, other)| other.cmp(one).then(a.cmp(b)));
    for ((recipe, channel), (fail, warn)) in recipes.into_iter().take(MOST) {
        for (of, count) in [(Level::Fail, fail), (Level::Warn, warn)] {
            let dimensions = vec![("Recipe", recipe.clone()), ("Channel", channel.clone()), level(of)];
            all.push(point("Uses", dimensions, count as f64));
        }
    }
    all
}

/// What should ring: where the check has not run, and where it does not see everything. To the topics of this region.
pub fn alarms(notify: &Notify, here: &Region) -> Vec<Alarm> {
    let topics: std::collections::BTreeSet<String> = notify
        .audiences
        .values()
        .filter_map(|audience| audience.sns.as_ref())
        .filter(|topic| topic.region() == here.as_str())
        .map(ToString::to_string)
        .collect();
    let actions: Vec<String> = topics.into_iter().take(ACTIONS).collect();
    let own = notify.factory.as_ref();
    let alarm = |name: &str, metric: &str, description: &str, is_below| Alarm {
        name: own.map_or_else(|| format!("{PREFIX}{name}"), |own| format!("{PREFIX}{own}-{name}")),
        dimensions: own.iter().map(|own| (FACTORY.to_owned(), own.to_string())).collect(),
        description: description.into(),
        metric: metric.into(),
        is_sum: is_below,
        is_below,
        threshold: if is_below { 1.0 } else { 0.0 },
        period: DAY,
        // A check that runs once a day may come an hour late.
        periods: 2,
        breaching: is_below,
        actions: actions.clone(),
        is_whole: true,
    };
    vec![
        alarm(
            "fleet-check-stopped",
            "Runs",
            "amifactory fleet --notify has not run for two days: nobody hears of what is new in the fleet.",
            true,
        ),
        alarm(
            "fleet-unread",
            "PlacesUnread",
            "For two days amifactory fleet could not read everything: what it can't see is unknown.",
            false,
        ),
    ]
}

/// An alarm like this factory's that it does not have: of a name that it had before, or of another factory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Former {
    /// The alarm's name.
    pub name: String,
    /// Whose it is; none: of a factory without a name.
    pub factory: Option<String>,
}

/// Of all alarms those that a factory of another name, or without one, has declared. Where it was this one, nothing puts the
/// numbers any more that they are over, and so one of them rings.
pub fn former(notify: &Notify, here: &Region, all: &[Alarm]) -> Vec<Former> {
    let own = alarms(notify, here);
    let nameless = alarms(&Notify { factory: None, ..notify.clone() }, here);
    let of = |alarm: &Alarm| {
        let factory = alarm.dimensions.iter().find(|(name, _)| name == FACTORY).map(|(_, value)| value.clone());
        let prefix = factory.as_ref().map_or_else(|| PREFIX.to_owned(), |factory| format!("{PREFIX}{factory}-"));
        let kind = alarm.name.strip_prefix(&prefix)?;
        let is_like = |one: &Alarm| one.metric == alarm.metric && one.name.strip_prefix(PREFIX) == Some(kind);
        let is_own = own.iter().any(|one| one.name == alarm.name);
        (!is_own && nameless.iter().any(is_like)).then(|| Former { name: alarm.name.clone(), factory })
    };
    all.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::notify::tests::{finding, looked, unread};

    #[test]
    fn there_are_a_few_numbers_whatever_the_fleet_holds() {
        let value = |points: &[Point], name: &str, level: Option<&str>| {
            let fits = |point: &&Point| {
                point.name == name
                    && point.dimensions.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>()
                        == level.into_iter().collect::<Vec<_>>()
            };
            points.iter().find(fits).map(|point| point.value)
        };
        let empty = points(&looked(Vec::new()), &Notify::default());
        assert_eq!(
            (empty.len(), value(&empty, "Runs", None), value(&empty, "Uses", Some("fail"))),
            (8, Some(1.0), Some(0.0))
        );
        let mut many = looked(
            (0..5000)
                .map(|n| {
                    let mut finding = finding(n, Level::Fail, 2, 20);
                    finding.judgement.recipe = Some(format!("web-{n}").parse().unwrap());
                    finding.judgement.channel = Some("prod".parse().unwrap());
                    finding
                })
                .collect(),
        );
        many.places[0].shown.unread.push(unread("instances"));
        let points = points(&many, &Notify::default());
        assert_eq!(points.len(), 8 + 2 * MOST);
        assert_eq!(value(&points, "Uses", Some("fail")), Some(10_000.0));
        assert_eq!((value(&points, "PlacesUnread", None), value(&points, "OldestDays", None)), (Some(1.0), Some(20.0)));
    }

    #[test]
    fn two_factories_of_an_account_have_metrics_and_alarms_of_their_own() {
        let of = |name: &str| Notify { factory: Some(name.parse().unwrap()), ..Notify::default() };
        let here = "us-east-1".parse().unwrap();
        let names = |notify: &Notify| alarms(notify, &here).into_iter().map(|alarm| alarm.name).collect::<Vec<_>>();
        assert_eq!(names(&Notify::default()), ["amifactory-fleet-check-stopped", "amifactory-fleet-unread"]);
        assert_eq!(names(&of("shop")), ["amifactory-shop-fleet-check-stopped", "amifactory-shop-fleet-unread"]);
        // Of another name, and of none; whoever has made an alarm of their own over the same numbers has nothing left.
        let theirs = Alarm { name: "amifactory-ours-by-hand".into(), ..alarms(&of("shop"), &here)[0].clone() };
        let all = [Notify::default(), of("shop"), of("bank")].map(|of| alarms(&of, &here)).concat();
        let all: Vec<Alarm> = all.into_iter().chain([theirs]).collect();
        let left = |notify: &Notify| {
            let all = former(notify, &here, &all).into_iter();
            all.map(|left| format!("{} of {}", left.name, left.factory.unwrap_or_default())).collect::<Vec<_>>()
        };
        assert_eq!(
            left(&of("shop")),
            [
                "amifactory-fleet-check-stopped of ",
                "amifactory-fleet-unread of ",
                "amifactory-bank-fleet-check-stopped of bank",
                "amifactory-bank-fleet-unread of bank"
            ]
        );
        assert_eq!(left(&Notify::default()).len(), 4);
        let own = [("Factory".to_owned(), "shop".to_owned())];
        assert!(alarms(&of("shop"), &here).iter().all(|alarm| alarm.dimensions == own));
        let all = points(&looked(Vec::new()), &of("shop"));
        assert!(all.iter().all(|point| point.dimensions[0] == (FACTORY, "shop".to_owned())), "{all:?}");
        assert_eq!(all.iter().find(|point| point.name == RUNS).unwrap().dimensions.len(), 1);
    }
}
