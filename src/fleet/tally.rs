//! What was seen in a place, folded together as it comes: of a hundred thousand instances there is no more to keep than of
//! the images that they have.

use crate::target::{Kind, Sighting};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How many instances are named of those that are alike.
const EXAMPLES: usize = 3;

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alike {
    /// What it is.
    pub kind: Kind,
    /// The image's id; or why it can't be told.
    pub image: Result<String, String>,
    /// The Auto Scaling group that instances belong to.
    pub group: Option<String>,
    /// What stands alone: a launch template's version, a group, an instance that an exemption names.
    pub resource: Option<String>,
    /// By what it has the image.
    pub via: Option<String>,
}

/// How many are alike.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// All.
    pub count: u64,
    /// Of these, instances that do not run.
    pub stopped: u64,
    /// The first few, by their ids.
    pub examples: Vec<Example>,
}

/// One of those that are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Its id.
    pub id: String,
    /// Its name; empty where it has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// A place's sum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// What was seen.
    pub counts: BTreeMap<Alike, Count>,
    /// Builders of this factory: they are no fleet.
    pub builders: u64,
}

impl Tally {
    /// Counts one. `alone`: resources that exemptions name, which are not counted with others.
    pub fn add(&mut self, sighting: Sighting, alone: &BTreeSet<String>) {
        if sighting.builder {
            self.builders += 1;
            return;
        }
        let by_itself = !sighting.kind.is_instance() || alone.contains(&sighting.id);
        let key = Alike {
            kind: sighting.kind,
            image: sighting.image,
            group: sighting.group,
            resource: by_itself.then(|| sighting.id.clone()),
            via: sighting.via,
        };
        let count = self.counts.entry(key).or_default();
        count.count += 1;
        count.stopped += u64::from(sighting.stopped);
        // Those that come first by their ids, in whatever order they are seen: the same fleet is told in the same words.
        let place = count.examples.partition_point(|example| example.id < sighting.id);
        if place < EXAMPLES {
            count.examples.insert(place, Example { id: sighting.id, name: sighting.name });
            count.examples.truncate(EXAMPLES);
        }
    }

    /// All images that were seen.
    pub fn images(&self) -> impl Iterator<Item = &str> {
        self.counts.keys().filter_map(|alike| alike.image.as_deref().ok())
    }

    /// How many there are of a kind. Of a template two versions may be seen: it is one.
    pub fn of(&self, kind: Kind) -> u64 {
        if kind == Kind::LaunchTemplate {
            let seen =
                self.counts.keys().filter(|alike| alike.kind == kind).filter_map(|alike| alike.resource.as_deref());
            let templates: BTreeSet<&str> = seen.map(|id| id.split(':').next().unwrap_or(id)).collect();
            return templates.len() as u64;
        }
        self.counts.iter().filter(|(alike, _)| alike.kind == kind).map(|(_, count)| count.count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(n: usize) -> Sighting {
        Sighting {
            kind: Kind::Instance,
            id: format!("i-{n:017x}"),
            name: format!("web-{n}"),
            group: None,
            image: Ok(format!("ami-{:08x}", n % 2)),
            via: None,
            stopped: n.is_multiple_of(10),
            builder: n == 7,
        }
    }

    #[test]
    fn what_is_alike_is_counted_together_and_what_is_exempt_alone() {
        let mut tally = Tally::default();
        let alone = ["i-00000000000000004".to_owned()].into();
        for n in (0..1000).rev() {
            tally.add(instance(n), &alone);
        }
        let template = Sighting { kind: Kind::LaunchTemplate, id: "lt-1:2".into(), ..instance(0) };
        tally.add(template, &alone);
        // The latest version of the same template.
        let template = Sighting { kind: Kind::LaunchTemplate, id: "lt-1:3".into(), ..instance(0) };
        tally.add(template, &alone);
        assert_eq!((tally.counts.len(), tally.builders), (5, 1));
        assert_eq!((tally.of(Kind::Instance), tally.of(Kind::LaunchTemplate)), (999, 1));
        let counts: Vec<(u64, u64, usize)> =
            tally.counts.values().map(|count| (count.count, count.stopped, count.examples.len())).collect();
        let first = tally.counts.values().next().map(|count| count.examples[0].id.clone());
        assert_eq!(first.as_deref(), Some("i-00000000000000000"));
        assert_eq!(counts, [(499, 100, 3), (1, 0, 1), (499, 0, 3), (1, 1, 1), (1, 1, 1)]);
    }
}
