//! Channels are moved alone: wherever the program dies, whoever comes between, and whatever someone writes by hand.

mod accepted;
mod back;
mod beside;
mod by_hand;
mod contradicted;
mod dead;
mod evidence;
mod forged;
pub mod frozen;
mod marked;
mod races;
mod verbs;

use super::contract;
use super::machine::{Machine, RECIPE, recipe};
use super::scene::QUICK;
use crate::aws::wire::Wire;
use crate::fake_aws::agents::shell::ShellAgent;
use crate::fake_aws::ec2::model::Home;
use crate::fake_aws::ssm::parameters::Put;
use crate::fake_aws::{Fake, Latencies, Settings};
use amifactory::identity::{Arch, RecipeName, Version};
use amifactory::recipe::ChannelRule;
use amifactory::release::promote::{self, Request};
use amifactory::release::{History, ReleaseError, leftover, rollback, scene};
use amifactory::target::aws::AwsTarget;
use amifactory::target::{PointerName, Settled, Slot, Target};
use std::sync::Arc;
use std::time::Duration;

/// Longer than a move belongs to whoever began it.
const OVER: Duration = Duration::from_secs(15 * 60 + 30);
const CHANNEL: &str = "/amifactory/web/x86_64/channels/staging";

/// A world with the versions 1.0.0, 1.0.1 and 1.0.2, which `dev` has named one after another; `staging` names the first.
struct Bench {
    fake: Fake,
}

impl Bench {
    async fn new() -> Bench {
        // Nothing takes time but Parameter Store's look at images: a request that has waited is answered at once.
        let fake = Fake::new(Settings {
            latencies: Latencies { call: Duration::ZERO, ..QUICK },
            start: time::OffsetDateTime::now_utc(),
            ..Settings::new(Arc::new(ShellAgent::new().unwrap()))
        });
        for revision in 0..3 {
            Machine::new(&fake).build(&recipe(revision), "the images").await;
        }
        let bench = Bench { fake };
        bench.promote("1.0.0").await.unwrap();
        bench
    }

    /// A program that has just been started.
    fn target(&self) -> AwsTarget {
        AwsTarget::with_config(&Wire::new(&self.fake).config())
    }

    async fn promote(&self, version: &str) -> Result<(), ReleaseError> {
        promote(&self.target(), version).await
    }

    fn image(&self, version: &str) -> String {
        self.value(&format!("/amifactory/web/x86_64/versions/{version}")).unwrap()
    }

    fn value(&self, name: &str) -> Option<String> {
        contract::parameters(&self.fake.world()).remove(name)
    }

    /// What the channel names, as a version.
    fn staging(&self) -> String {
        let named = self.value(CHANNEL).unwrap();
        ["1.0.0", "1.0.1", "1.0.2"].iter().find(|version| self.image(version) == named).unwrap().to_string()
    }

    async fn history(&self) -> History {
        scene::history(&self.target(), &name()).await.unwrap()
    }

    /// Locks that are there.
    fn locks(&self) -> Vec<String> {
        let world = self.fake.world();
        world.ssm.parameters().map(|(_, name, _)| name.clone()).filter(|name| name.contains("/moves/")).collect()
    }

    /// What `resume` and `sweep` do.
    async fn settle(&self) -> Vec<Settled> {
        self.settle_by(&rules()).await
    }

    /// The same where channels have these rules.
    async fn settle_by(&self, rules: &[ChannelRule]) -> Vec<Settled> {
        let target = self.target();
        let found = leftover::find(&target, &[recipe_name()]).await.unwrap();
        let settled = leftover::settle(&target, None, rules, found.moves).await;
        settled.into_iter().map(|(_, settled, _)| settled).collect()
    }

    /// Time passes until everything that was accepted has happened, and all that is left is settled.
    async fn comes_to_rest(&self, place: &str) {
        tokio::time::sleep(OVER).await;
        self.settle().await;
        assert_eq!(self.locks(), [] as [String; 0], "{place}");
        let history = self.history().await;
        assert!(history.is_whole(), "{place}: {}: {:#?}", history.verdict(), history.moves);
        contract::pointers_hold(&self.fake, place);
    }

    /// Someone deletes a parameter with something other than this program.
    fn remove_by_hand(&self, name: &str) {
        let mut world = self.fake.world();
        let home = Home { account: world.account.clone(), region: "us-east-1".to_owned() };
        assert!(world.ssm.place(&home).parameters.delete(name), "{name}");
    }

    /// Someone writes the channel with something other than this program. Checked at once.
    fn write_by_hand(&self, value: &str) {
        self.write_beside(CHANNEL, value);
    }

    /// The same with any parameter.
    fn write_beside(&self, name: &str, value: &str) {
        let mut world = self.fake.world();
        let home = Home { account: world.account.clone(), region: "us-east-1".to_owned() };
        let now = world.clock.now();
        let put = Put::by_hand(name, value);
        let store = &mut world.ssm.place(&home).parameters;
        store.put(put, now, Duration::ZERO).unwrap();
        store.settle(now, &|_| true);
    }

    fn ec2(&self) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&Wire::new(&self.fake).config())
    }

    fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(&Wire::new(&self.fake).config())
    }
}

fn recipe_name() -> RecipeName {
    RECIPE.parse().unwrap()
}

fn name() -> PointerName {
    PointerName { recipe: recipe_name(), arch: Arch::X86_64, slot: Slot::Channel("staging".parse().unwrap()) }
}

fn rules() -> Vec<ChannelRule> {
    let open = |name: &str, from: Option<&str>| {
        ChannelRule::open(name.parse().unwrap(), from.map(|from| from.parse().unwrap()))
    };
    vec![open("dev", None), open("staging", Some("dev")), open("prod", Some("staging"))]
}

fn request(version: &str) -> Request {
    Request {
        recipe: recipe_name(),
        version: Some(version.parse::<Version>().unwrap()),
        to: "staging".into(),
        arch: None,
        why: Some(format!("{{{{it}}}} is \"time\" for {version}")),
        overridden: None,
        approval: None,
        take_over: false,
    }
}

/// A step back of `staging`; to the version before where none is said.
fn back(to: Option<&str>) -> rollback::Request {
    rollback::Request {
        accept: false,
        take_over: false,
        recipe: recipe_name(),
        channel: "staging".into(),
        arch: None,
        to: to.map(|version| version.parse().unwrap()),
        why: None,
    }
}

/// What the verb does.
async fn promote(target: &dyn Target, version: &str) -> Result<(), ReleaseError> {
    let mut promotion = promote::plan(target, &rules(), &request(version)).await?;
    assert!(promotion.unmet.is_empty(), "{:?}", promotion.unmet);
    if promotion.is_done() {
        return Ok(());
    }
    let left = leftover::find(target, &[recipe_name()]).await?;
    if !left.is_empty() {
        leftover::settle(target, None, &rules(), left.moves).await;
        promotion = promote::again(target, &rules(), &request(version), &promotion).await?;
    }
    promote::carry_out(target, &promotion).await.map(drop)
}
