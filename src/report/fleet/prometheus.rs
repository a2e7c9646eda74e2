//! Metrics in Prometheus' text format (version 0.0.4).

use crate::report::metrics::{Labels, figure, gauge};
use crate::report::view::Fleet;
use crate::target::moment;
use std::collections::BTreeMap;

/// Series for what there is by account, region, kind, recipe, version, channel, status and level. Names of single things
/// are no labels: there would be no end of series.
pub fn prometheus(shown: &Fleet) -> String {
    let mut resources: BTreeMap<Labels, f64> = BTreeMap::new();
    let mut days: BTreeMap<Labels, f64> = BTreeMap::new();
    for finding in &shown.findings {
        let judgement = &finding.judgement;
        let recipe = judgement.recipe.as_ref().map(ToString::to_string).unwrap_or_default();
        let channel = judgement.channel.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut labels = place(&finding.at);
        labels.extend([("kind", finding.kind.as_str().to_owned()), ("recipe", recipe), ("channel", channel)]);
        if let Some(age) = judgement.days {
            let oldest = days.entry(labels.clone()).or_default();
            *oldest = figure(age).max(*oldest);
        }
        labels.extend([
            ("version", judgement.version.map(|version| version.to_string()).unwrap_or_default()),
            ("status", judgement.status.as_str().to_owned()),
            ("level", judgement.level.as_str().to_owned()),
        ]);
        *resources.entry(labels).or_default() += figure(finding.count.count);
    }
    let unread: BTreeMap<Labels, f64> =
        shown.places.iter().map(|row| (place(&row.at), figure(row.unread.len() as u64))).collect();
    let mut text = String::new();
    gauge(
        &mut text,
        ("amifactory_fleet_resources", "Instances, launch templates and Auto Scaling groups, by what image they have."),
        &resources,
    );
    gauge(
        &mut text,
        ("amifactory_fleet_days_behind", "Whole days since the channel went on from the oldest image that is used."),
        &days,
    );
    gauge(
        &mut text,
        ("amifactory_fleet_unread", "Parts of a place that could not be read: what they hold is unknown."),
        &unread,
    );
    let checked = moment(&shown.checked_at).map(|at| u64::try_from(at.unix_timestamp()).unwrap_or_default());
    gauge(
        &mut text,
        ("amifactory_fleet_checked_timestamp_seconds", "When it was looked."),
        &[(Vec::new(), figure(checked.unwrap_or_default()))].into(),
    );
    text
}

fn place(at: &crate::fleet::findings::Spot) -> Labels {
    let account = at.account.as_ref().map(ToString::to_string).unwrap_or_default();
    vec![("account", account), ("region", at.region.to_string())]
}
