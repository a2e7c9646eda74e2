//! Images go to other regions and accounts: what must be there in the end, wherever the program dies and whatever goes
//! wrong in one of the places.

mod accepted;
mod beside;
mod dead;
mod deleted;
mod deregistered;
mod failures;
mod forged;
mod moves;
mod retagged;
mod revoked;
mod strangers;
mod wanted;
mod whole;

use super::machine::{Machine, RECIPE, recipe_with};
use super::scene::QUICK;
use crate::aws::wire::Wire;
use crate::fake_aws::agents::shell::ShellAgent;
use crate::fake_aws::ec2::Home;
use crate::fake_aws::{Consistency, Fake, Latencies, Settings, World};
use amifactory::identity::{AccountId, RecipeName, Region};
use amifactory::pipeline::{Event, Sink, tags};
use amifactory::recipe::{AccountSettings, ChannelRule, Distribution, Reach, RegionSettings};
use amifactory::release::distribute::{self, Distributed, Row, State};
use amifactory::release::places::Places;
use amifactory::release::verify::places as verify_places;
use amifactory::release::wanted::{self as asked, Request};
use amifactory::release::{ReleaseError, everywhere, leftover, promote, rollback};
use amifactory::target::Settled;
use amifactory::target::aws::AwsTarget;
use std::sync::Arc;
use std::time::Duration;

pub const HOME: &str = "us-east-1";
pub const REGIONS: [&str; 3] = [HOME, "us-west-2", "eu-central-1"];
/// Has a role that is assumed.
pub const CONSUMER: &str = "111122223333";
/// Has none.
pub const SHARED: &str = "044455556666";
const ROLE: &str = "arn:aws:iam::111122223333:role/teams/consumer";
const OWNER: &str = "123456789012";

pub const AWS: &str = "{instance_profile: amifactory-builder, volume: {kms_key: alias/images}}";

struct Silent;
impl Sink for Silent {
    fn event(&self, _: &Event) {}
}

/// The key that a region's images have.
pub fn key(region: &str) -> String {
    format!("arn:aws:kms:{region}:{OWNER}:key/images")
}

pub fn place(account: &str, region: &str) -> Home {
    Home { account: account.to_owned(), region: region.to_owned() }
}

/// A world with version 1.0.0 of an image at home, which `dev` names.
pub struct Bench {
    pub fake: Fake,
    pub known: Distribution,
}

impl Bench {
    pub async fn new() -> Bench {
        Bench::in_weather(Consistency::none(), 1).await
    }

    /// A world with 1.0.0 and 1.0.1, of which `dev` has named both and `prod` names the first, in all places.
    pub async fn released() -> Bench {
        let bench = Bench::new().await;
        Machine::new(&bench.fake).build(&recipe_with(1, AWS), "the next image").await;
        bench.promote(&bench.target(), "1.0.0").await.unwrap();
        bench
    }

    pub async fn in_weather(consistency: Consistency, seed: u64) -> Bench {
        let fake = Fake::new(Settings {
            seed,
            consistency,
            latencies: Latencies { call: Duration::ZERO, ..QUICK },
            start: time::OffsetDateTime::now_utc(),
            ..Settings::new(Arc::new(ShellAgent::new().unwrap()))
        });
        {
            let mut world = fake.world();
            world.sts.roles.insert(ROLE.to_owned(), None);
            for region in REGIONS {
                world.ec2.key_users.entry(key(region)).or_default().insert(CONSUMER.to_owned());
            }
        }
        Machine::new(&fake).build(&recipe_with(0, AWS), "the image").await;
        // What the build has left is seen by everybody.
        tokio::time::sleep(Duration::from_secs(60)).await;
        let settings = || RegionSettings { kms_key: Some("alias/images".into()) };
        let known = Distribution {
            home: HOME.parse().unwrap(),
            regions: REGIONS[1..].iter().map(|region| (region.parse().unwrap(), settings())).collect(),
            accounts: [
                (CONSUMER.parse().unwrap(), AccountSettings { role: Some("teams/consumer".parse().unwrap()) }),
                (SHARED.parse().unwrap(), AccountSettings { role: None }),
            ]
            .into(),
        };
        Bench { fake, known }
    }

    /// A program that has just been started.
    pub fn target(&self) -> AwsTarget {
        AwsTarget::with_config(&Wire::new(&self.fake).config())
    }

    /// What the verb does.
    pub async fn distribute(&self, target: &AwsTarget) -> Result<Distributed, ReleaseError> {
        self.distribute_version(target, None).await
    }

    async fn distribute_version(&self, target: &AwsTarget, version: Option<&str>) -> Result<Distributed, ReleaseError> {
        let places = Places::new(target, &self.known)?;
        let version = version.map(|version| version.parse().unwrap());
        let request = Request { recipe: recipe_name(), version, to: Some("prod".into()), arch: None };
        let wanted = asked::find(&places, &rules(), &request).await?;
        Ok(distribute::distribute(&places, &wanted, &Silent).await)
    }

    /// What `promote` does; answers with what came of it in each place.
    pub async fn promote(&self, target: &AwsTarget, version: &str) -> Result<Vec<Row>, ReleaseError> {
        let places = Places::new(target, &self.known)?;
        let found = leftover::find(target, &[recipe_name()]).await?;
        leftover::settle(target, Some(&places), &rules(), found.moves).await;
        let request = promote::Request {
            recipe: recipe_name(),
            version: Some(version.parse().unwrap()),
            to: "prod".into(),
            arch: None,
            why: None,
            overridden: None,
            approval: None,
            take_over: false,
        };
        let promotion = promote::plan(target, &rules(), &request).await?;
        assert!(promotion.unmet.is_empty(), "{:?}", promotion.unmet);
        let done = distribute::distribute(&places, &promotion.wanted(), &Silent).await;
        if !done.is_complete() {
            return Ok(done.rows);
        }
        let elsewhere = everywhere::ready(&places, &promotion.wanted(), &done.rows);
        if promotion.is_done()
            && everywhere::is_everywhere(&places, &promotion.name, &promotion.image, &elsewhere).await?
        {
            return Ok(done.rows);
        }
        Ok(everywhere::carry_out(&places, &promotion.as_move(elsewhere)).await?.rows)
    }

    pub async fn roll_back(&self, target: &AwsTarget, to: Option<&str>) -> Result<rollback::RolledBack, ReleaseError> {
        let places = Places::new(target, &self.known)?;
        let request = rollback::Request {
            accept: false,
            take_over: false,
            recipe: recipe_name(),
            channel: "prod".into(),
            arch: None,
            to: to.map(|version| version.parse().unwrap()),
            why: None,
        };
        rollback::roll_back_in(target, Some(&places), &rules(), &request).await
    }

    /// What `resume` does.
    pub async fn settle(&self) -> Vec<Settled> {
        let target = self.target();
        let places = Places::new(&target, &self.known).unwrap();
        let found = leftover::find(&target, &[recipe_name()]).await.unwrap();
        let settled = leftover::settle(&target, Some(&places), &rules(), found.moves).await;
        settled.into_iter().map(|(_, settled, _)| settled).collect()
    }

    /// What `verify` finds.
    pub async fn drift(&self) -> Vec<String> {
        let target = self.target();
        let places = Places::new(&target, &self.known).unwrap();
        let recipes = [recipe_name()];
        let verified = verify_places::verify_everywhere(&places, &rules(), &recipes).await.unwrap();
        verified.drift.into_iter().map(|drift| format!("{}: {}; {}", drift.what, drift.wrong, drift.mend)).collect()
    }

    /// The version that `prod` names in each place, home first: `1.0.0`, or `-` for nothing.
    pub fn prod(&self) -> Vec<String> {
        let named = |account: &str, region: &str| {
            let place = place(account, region);
            let value = self.value(&place, &format!("/amifactory/{RECIPE}/x86_64/channels/prod"));
            let is = |version: &&str| {
                self.value(&place, &format!("/amifactory/{RECIPE}/x86_64/versions/{version}")) == value
            };
            value.as_ref().and_then(|_| ["1.0.0", "1.0.1", "1.0.2"].into_iter().find(is)).unwrap_or("-").to_owned()
        };
        REGIONS.iter().flat_map(|region| [OWNER, CONSUMER].map(|account| named(account, region))).collect()
    }

    /// Locks that are there.
    pub fn locks(&self) -> usize {
        let world = self.fake.world();
        world.ssm.parameters().filter(|(_, name, _)| name.contains("/moves/")).count()
    }

    pub async fn again(&self) -> Distributed {
        self.distribute(&self.target()).await.unwrap()
    }

    /// The same for a version that is named.
    pub async fn again_of(&self, version: &str) -> Distributed {
        self.distribute_version(&self.target(), Some(version)).await.unwrap()
    }

    /// The value of a parameter in a place.
    pub fn value(&self, place: &Home, name: &str) -> Option<String> {
        let mut world = self.fake.world();
        let store = &world.ssm.place(place).parameters;
        store.get(name).and_then(|found| found.newest()).map(|version| version.value.clone())
    }

    /// The ids of the factory's images in a region.
    pub fn images(&self, region: &str) -> Vec<String> {
        let world = self.fake.world();
        let there = world.ec2.images.values().filter(|image| image.home == place(OWNER, region));
        there.map(|image| image.id.clone()).collect()
    }

    /// Everything is where it should be, once, and nothing else is anywhere.
    pub fn complete(&self, place_of: &str) {
        let version = format!("/amifactory/{RECIPE}/x86_64/versions/1.0.0");
        for region in REGIONS {
            let images = self.images(region);
            assert_eq!(images.len(), 1, "{place_of}: images in {region}: {images:?}");
            for account in [OWNER, CONSUMER] {
                let named = self.value(&place(account, region), &version);
                assert_eq!(named.as_ref(), images.first(), "{place_of}: {account} {region}");
            }
            let world = self.fake.world();
            ready(&world, region, &images[0], place_of);
        }
        let world = self.fake.world();
        // In each region: the image, the snapshot of its one volume, and that of its record.
        assert_eq!(world.ec2.belongings(OWNER, world.clock.now()).len(), 3 * REGIONS.len(), "{place_of}");
        assert!(world.ec2.belongings(CONSUMER, world.clock.now()).is_empty(), "{place_of}");
        assert!(world.unknown_calls.is_empty(), "{place_of}: {:?}", world.unknown_calls);
    }
}

/// One region's image, its tags, its parts and who may use it.
fn ready(world: &World, region: &str, id: &str, place_of: &str) {
    let now = world.clock.now();
    let image = &world.ec2.images[id];
    assert_eq!(*image.state.at(now), "available", "{place_of}");
    let at_home = world.ec2.images.values().find(|image| image.home == place(OWNER, HOME)).unwrap();
    let mut expected = world.ec2.tags_at(&at_home.id, now);
    if region != HOME {
        expected.insert(tags::COPY_OF.into(), format!("{} {HOME}", at_home.id));
    }
    assert_eq!(world.ec2.tags_at(id, now), expected, "{place_of}");
    assert_eq!(expected[tags::STATE], "verified");
    let accounts = [SHARED, CONSUMER].map(str::to_owned).into();
    assert_eq!(image.shared_with, accounts, "{place_of}");
    let arns: Vec<&str> = image.shared_with_arns.iter().map(String::as_str).collect();
    assert_eq!(arns, [ORGANIZATION, UNIT], "{place_of}");
    let parts: Vec<&String> = image.mappings.iter().filter_map(|mapping| mapping.snapshot.as_ref()).collect();
    for part in &parts {
        let snapshot = &world.ec2.snapshots[*part];
        assert_eq!(snapshot.home, place(OWNER, region), "{place_of}");
        assert_eq!((snapshot.encrypted, snapshot.kms_key.clone()), (true, Some(key(region))), "{place_of}");
        assert_eq!(snapshot.shared_with, accounts, "{place_of}");
        assert_eq!(world.ec2.tags_at(part, now)[tags::BUILD], expected[tags::BUILD], "{place_of}");
    }
    let others: Vec<_> = world.ec2.snapshots.values().filter(|s| s.home == place(OWNER, region)).collect();
    let records: Vec<_> = others.iter().filter(|snapshot| !parts.contains(&&snapshot.id)).collect();
    assert_eq!(records.len(), 1, "{place_of}: records in {region}");
    assert_eq!(*records[0].state.at(now), "completed", "{place_of}");
    assert_eq!(world.ec2.tags_at(&records[0].id, now)[tags::BUILD], expected[tags::BUILD], "{place_of}");
}

pub const ORGANIZATION: &str = "arn:aws:organizations::123456789012:organization/o-a1b2c3d4e5";
pub const UNIT: &str = "arn:aws:organizations::123456789012:ou/o-a1b2c3d4e5/ou-ab12-11111111";

pub fn rules() -> Vec<ChannelRule> {
    let channel = |name: &str, from: Option<&str>| {
        ChannelRule::open(name.parse().unwrap(), from.map(|from| from.parse().unwrap()))
    };
    let reach = Reach {
        regions: REGIONS[1..].iter().map(|region| region.parse::<Region>().unwrap()).collect(),
        accounts: [CONSUMER, SHARED].map(|account| account.parse::<AccountId>().unwrap()).into(),
        organizations: vec![ORGANIZATION.parse().unwrap()],
        organizational_units: vec![UNIT.parse().unwrap()],
    };
    vec![channel("dev", None), ChannelRule { reach, ..channel("prod", Some("dev")) }]
}

pub fn recipe_name() -> RecipeName {
    RECIPE.parse().unwrap()
}

/// The rows in short: `us-east-1 own ready`.
pub fn told(done: &Distributed) -> Vec<String> {
    let account = |row: &distribute::Row| row.place.account.as_ref().map_or("own".to_owned(), ToString::to_string);
    done.rows.iter().map(|row| format!("{} {} {}", row.place.region, account(row), row.state.as_str())).collect()
}

/// Why something has failed in a place.
pub fn why(done: &Distributed, region: &str, account: Option<&str>) -> String {
    let here = |row: &&distribute::Row| {
        row.place.region.as_str() == region && row.place.account.as_ref().map(|account| account.as_str()) == account
    };
    let row = done.rows.iter().find(here).unwrap();
    assert_eq!(row.state, State::Failed, "{row:?}");
    row.why.clone().unwrap()
}
