//! What changes while something is tried or watched: what was decided before does not hold for that.

use super::{Asked, Bench, OWN, TEMPLATE, home, image};
use crate::aws::fleet::add_image;
use crate::fake_aws::autoscaling::Group;
use crate::fake_aws::autoscaling::refresh::Status;
use crate::fake_aws::faults::Fault;
use amifactory::release::{Kind, Note};
use amifactory::target::{PointerName, Revocation, Slot, Target};
use std::time::Duration;

const THERE: Asked<'static> = Asked { back: false, retry: false, why: None, despite: None, take_over: None };
const BACK: Asked<'static> = Asked { back: true, ..THERE };
const WEB: &[&[&str]] = &[&["web"]];
const OF_ANOTHER: &str = "ami-00000000000000a00";

impl Bench {
    /// What becomes of it where this happens once a call was made so often.
    async fn while_tried(
        &self,
        asked: Asked<'_>,
        (action, times): (&str, usize),
        happens: impl FnOnce(),
    ) -> Vec<String> {
        let happens = async {
            while self.count(action) < times {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            happens();
        };
        let rolled = async { tokio::time::timeout(Duration::from_secs(7200), self.rolled(WEB, asked)).await };
        tokio::join!(rolled, happens).0.expect("it has an end")
    }

    fn goes_wrong(&self, action: &str, times: usize, fault: Fault) {
        (0..times).for_each(|_| self.scene.fake.world().weather.next(action, fault));
    }

    fn told(&self) -> String {
        self.told.lock().unwrap().join("\n")
    }
}

#[tokio::test(start_paused = true)]
async fn what_stands_against_it_is_asked_again_before_each_try() {
    for fault in [Fault::ServerError, Fault::Throttle, Fault::Reset] {
        let mut bench = Bench::new(&["web"]).await;
        bench.policy.alarms = vec!["5xx".into()];
        bench.alarm("5xx", "OK");
        bench.goes_wrong("StartInstanceRefresh", 8, fault);
        let start = ("StartInstanceRefresh", 2);
        let rolled = bench.while_tried(THERE, start, || bench.alarm("5xx", "ALARM")).await;
        let told = "web not begun: CloudWatch alarms that watch over it ring already: 5xx";
        assert!(rolled[0].starts_with(told), "{fault:?}: {rolled:?}");
        assert!(bench.seen("web").refreshes.is_empty() && bench.count("StartInstanceRefresh") < 6);
    }
}

#[tokio::test(start_paused = true)]
async fn what_goes_wrong_for_a_while_is_begun_once() {
    for fault in [Fault::ServerError, Fault::LostReply, Fault::Throttle, Fault::ServerErrorAfter] {
        let bench = Bench::new(&["web"]).await;
        bench.goes_wrong("StartInstanceRefresh", 3, fault);
        assert_eq!(bench.rolled(WEB, THERE).await, ["web done"], "{fault:?}");
        assert_eq!((bench.seen("web").refreshes.len(), bench.images_of(TEMPLATE).len()), (1, 2), "{fault:?}");
    }
    // What is never heard has an end, and says so.
    let bench = Bench::new(&["web"]).await;
    bench.goes_wrong("StartInstanceRefresh", 500, Fault::Throttle);
    let rolled = bench.rolled(WEB, THERE).await;
    let told = "web failed: AWS did not say within 10 min that it has begun anything: Throttling";
    assert!(rolled[0].starts_with(told), "{rolled:?}");
}

#[tokio::test(start_paused = true)]
async fn what_began_although_no_answer_came_is_watched_where_nothing_may_begin_any_more() {
    let mut bench = Bench::new(&["web"]).await;
    bench.policy.alarms = vec!["5xx".into()];
    bench.alarm("5xx", "OK");
    bench.goes_wrong("StartInstanceRefresh", 1, Fault::LostReply);
    let start = ("StartInstanceRefresh", 1);
    let rolled = bench.while_tried(THERE, start, || bench.alarm("5xx", "ALARM")).await;
    assert_eq!(rolled, ["web failed: the refresh ended: rolled back (CloudWatch alarm 5xx went into ALARM.)"]);
    assert_eq!(bench.seen("web").refreshes.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_turned_round_though_the_first_answers_are_lost() {
    for fault in [Fault::Throttle, Fault::LostReply] {
        let mut bench = Bench::new(&["web"]).await;
        bench.policy.bake = Duration::from_secs(3600);
        let watching = bench.rolled(WEB, THERE);
        assert!(tokio::time::timeout(Duration::from_secs(120), watching).await.is_err());
        bench.goes_wrong("RollbackInstanceRefresh", 1, fault);
        assert_eq!(bench.rolled(WEB, BACK).await, ["web done"], "{fault:?}");
        assert_eq!(bench.seen("web").refreshes[0].status, Status::RollbackSuccessful);
        assert_eq!(bench.running("web"), [image(1, "us-east-1")].into());
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_version_is_not_known_yet_the_gates_are_asked_again() {
    let mut bench = Bench::new(&["web"]).await;
    bench.policy.alarms = vec!["5xx".into()];
    bench.alarm("5xx", "OK");
    let later = || {
        {
            let mut world = bench.scene.fake.world();
            let seen = world.clock.now() + Duration::from_secs(60);
            world.ec2.template_versions.get_mut(&(TEMPLATE.to_owned(), 2)).unwrap().visible = seen;
        }
        bench.alarm("5xx", "ALARM");
    };
    let rolled = bench.while_tried(THERE, ("CreateLaunchTemplateVersion", 1), later).await;
    assert!(rolled[0].starts_with("web not begun: CloudWatch alarms"), "{rolled:?}");
    assert!(bench.count("StartInstanceRefresh") > 0 && bench.seen("web").refreshes.is_empty());
    // Where nothing speaks against it, it is begun when the version is known.
    bench.alarm("5xx", "OK");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(bench.rolled(WEB, THERE).await, ["web done"]);
}

/// Its token answers with it for long after it was deleted.
#[tokio::test(start_paused = true)]
async fn a_version_that_someone_has_deleted_is_made_anew() {
    let bench = Bench::new(&["web"]).await;
    let deleted = || {
        let mut world = bench.scene.fake.world();
        let never = world.clock.now() + Duration::from_secs(365 * 86_400);
        world.ec2.template_versions.get_mut(&(TEMPLATE.to_owned(), 2)).unwrap().visible = never;
    };
    let rolled = bench.while_tried(THERE, ("CreateLaunchTemplateVersion", 1), deleted).await;
    assert_eq!(rolled, ["web done"]);
    assert_eq!(bench.seen("web").template.unwrap().1, "3");
    assert_eq!(bench.running("web"), [image(2, "us-east-1")].into());
}

/// A group that runs an image of another recipe.
async fn of_another() -> Bench {
    let bench = Bench::new(&[]).await;
    add_image(&mut bench.scene.fake.world(), OF_ANOTHER, home(OWN, "us-east-1"), "2.0.1", "verified");
    bench.tag(OF_ANOTHER, "amifactory:recipe", "api");
    bench.group("web", TEMPLATE, 2).await;
    bench.scene.template(TEMPLATE, home(OWN, "us-east-1"), &[OF_ANOTHER], 1);
    bench
}

fn refusal(plans: &[amifactory::rollout::GroupPlan]) -> String {
    plans[0].stage.as_ref().unwrap_err().to_string()
}

#[tokio::test(start_paused = true)]
async fn a_group_of_another_recipe_is_taken_over_where_that_is_said_alone() {
    let bench = of_another().await;
    let why = refusal(&bench.plan(WEB, THERE).await.unwrap());
    assert!(why.starts_with("it runs an image of api, and this one is of web\n"), "{why}");
    let flag = "amifactory rollout web --channel prod --arch x86_64 --take-over api --group web";
    assert!(why.contains(flag), "{why}");
    let other = Asked { take_over: Some("db"), ..THERE };
    assert!(bench.plan(WEB, other).await.unwrap()[0].stage.is_err(), "it says which");
    assert_eq!(bench.rolled(WEB, Asked { take_over: Some("api"), ..THERE }).await, ["web done"]);
    // From then on it is this recipe's.
    assert_eq!(bench.rolled(WEB, THERE).await, ["web up to date"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_back_to_a_revoked_image_of_another_recipe() {
    let bench = of_another().await;
    assert_eq!(bench.rolled(WEB, Asked { take_over: Some("api"), ..THERE }).await, ["web done"]);
    bench.tag(OF_ANOTHER, "amifactory:revoked", "CVE-2026-0003");
    let why = refusal(&bench.plan(WEB, BACK).await.unwrap());
    assert!(why.contains("may not be used: api 2.0.1 is revoked: CVE-2026-0003"), "{why}");
    assert_eq!(bench.count("StartInstanceRefresh"), 1);
}

/// Whoever revoked it died before its tags were written, or somebody took them off.
#[tokio::test(start_paused = true)]
async fn what_a_mark_alone_says_holds_for_images_of_other_recipes_too() {
    let bench = of_another().await;
    assert_eq!(bench.rolled(WEB, Asked { take_over: Some("api"), ..THERE }).await, ["web done"]);
    // A mark of another image is none of this one.
    bench.mark("api", "2.0.2", OF_ANOTHER).await;
    assert!(bench.plan(WEB, BACK).await.unwrap()[0].is_begun());
    bench.mark("api", "2.0.1", OF_ANOTHER).await;
    let why = refusal(&bench.plan(WEB, BACK).await.unwrap());
    assert!(why.contains("may not be used: api 2.0.1 is revoked: CVE-2026-0009"), "{why}");
    assert_eq!(bench.count("StartInstanceRefresh"), 1);
}

#[tokio::test(start_paused = true)]
async fn instances_of_an_image_that_a_mark_alone_revokes_are_told() {
    let bench = of_another().await;
    bench.mark("api", "2.0.1", OF_ANOTHER).await;
    let plans = bench.plan(WEB, Asked { take_over: Some("api"), ..THERE }).await.unwrap();
    let warnings = plans[0].seen.warnings(&amifactory::rollout::survey::Request::pace(
        &bench.request(&bench.scene.target(), WEB, THERE).await.unwrap().0,
    ));
    assert_eq!(warnings, ["2 of its 2 instances run api 2.0.1, which is revoked: CVE-2026-0009"]);
}

/// It has no tags any more that would say whose it is.
#[tokio::test(start_paused = true)]
async fn a_group_whose_image_is_gone_is_held_unless_a_record_says_whose_it_was() {
    let bench = of_another().await;
    bench.scene.fake.world().ec2.images.remove(OF_ANOTHER);
    let why = refusal(&bench.plan(WEB, THERE).await.unwrap());
    let told = format!("its image {OF_ANOTHER} is gone, and nobody knows whose it was");
    assert!(why.starts_with(&told), "{why}");
    assert!(why.contains("amifactory rollout web --channel prod --arch x86_64 --take-over web --group web"), "{why}");
    let over = |recipe| Asked { take_over: Some(recipe), ..THERE };
    assert!(bench.plan(WEB, over("api")).await.unwrap()[0].stage.is_err(), "api does not know it either");
    assert!(bench.plan(WEB, over("web")).await.unwrap()[0].is_begun());
    // A record of the other recipe.
    let bench = of_another().await;
    let slot = Slot::Version("2.0.1".parse().unwrap());
    let name = PointerName { recipe: "api".parse().unwrap(), arch: "x86_64".parse().unwrap(), slot };
    let note = Note::new(Kind::Promote, "2040-03-30T00:00:00Z".into());
    bench.scene.target().create_pointer(&name, &OF_ANOTHER.parse().unwrap(), &note).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    bench.scene.fake.world().ec2.images.remove(OF_ANOTHER);
    assert!(bench.plan(WEB, THERE).await.unwrap()[0].stage.is_err());
    assert!(bench.plan(WEB, over("api")).await.unwrap()[0].is_begun());
    // One of this recipe's own, which its version's pointer still names.
    let bench = Bench::new(&["web"]).await;
    bench.scene.fake.world().ec2.images.remove(&image(1, "us-east-1"));
    assert_eq!(bench.rolled(WEB, THERE).await, ["web done"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_comes_to_take_each_new_version_is_seen_before_one_is_made() {
    let bench = Bench::new(&["web"]).await;
    let zulu = || Group { template: Some((TEMPLATE.into(), "$Latest".into())), ..Group::default() };
    let rolled = bench.meanwhile(THERE, async || bench.scene.group("zulu", home(OWN, "us-east-1"), zulu())).await;
    assert!(rolled[0].starts_with("web not begun: the group zulu launches from $Latest"), "{rolled:?}");
    assert_eq!(bench.count("CreateLaunchTemplateVersion"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_does_not_show_any_more_is_told_and_not_waited_for() {
    let mut bench = Bench::new(&["web"]).await;
    bench.policy.bake = Duration::from_secs(3600);
    let gone = async {
        tokio::time::sleep(Duration::from_secs(120)).await;
        bench.change("web", |group| group.refreshes.clear());
    };
    let rolled = async { tokio::time::timeout(Duration::from_secs(1800), bench.rolled(WEB, THERE)).await };
    let (rolled, ()) = tokio::join!(rolled, gone);
    let rolled = rolled.expect("it has an end");
    assert!(rolled[0].starts_with("web not known: AWS does not show the refresh "), "{rolled:?}");
    assert!(rolled[0].contains("aws autoscaling describe-scaling-activities --auto-scaling-group-name web"));
}

impl Bench {
    /// What becomes of a refresh in whose last wait its image is revoked.
    async fn revoked_in_flight(&self) -> Vec<String> {
        self.in_flight(async { self.tag(&image(2, "us-east-1"), "amifactory:revoked", "CVE-2026-0004") }).await
    }

    /// The same where this happens to it.
    async fn in_flight(&self, happens: impl Future<Output = ()>) -> Vec<String> {
        let happens = async {
            while self.seen("web").refreshes.last().is_none_or(|refresh| refresh.status != Status::Baking) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            happens.await;
        };
        tokio::join!(self.rolled(WEB, THERE), happens).0
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_revoked_while_it_goes_out_goes_back() {
    let mut bench = Bench::new(&["web"]).await;
    bench.policy.bake = Duration::from_secs(3600);
    let rolled = bench.revoked_in_flight().await;
    let told = "web failed: web 1.0.2 was revoked while it went out (CVE-2026-0004); the refresh ended: rolled back";
    assert!(rolled[0].starts_with(told), "{rolled:?}");
    assert_eq!(bench.running("web"), [image(1, "us-east-1")].into());
    let told = bench.told();
    assert!(told.contains("web: web 1.0.2 was revoked while it went out (CVE-2026-0004)\n"), "{told}");
    assert!(told.contains("web: goes back to version 1"), "{told}");
    assert_eq!((bench.count("RollbackInstanceRefresh"), bench.count("StartInstanceRefresh")), (1, 1));
}

/// Whoever revokes marks first: the watch does not wait until tags say it.
#[tokio::test(start_paused = true)]
async fn an_image_that_is_marked_as_revoked_while_it_goes_out_goes_back() {
    let mut bench = Bench::new(&["web"]).await;
    bench.policy.bake = Duration::from_secs(3600);
    let slot = Slot::Version("1.0.2".parse().unwrap());
    let version = PointerName { recipe: "web".parse().unwrap(), arch: "x86_64".parse().unwrap(), slot };
    let (image_id, at) = (image(2, "us-east-1").parse().unwrap(), "2026-11-20T12:00:00Z".to_owned());
    let mark = Revocation { image: image_id, reason: "CVE-2026-0004".into(), by: "ann".into(), at };
    let target = bench.scene.target();
    let rolled = bench.in_flight(async { target.mark_revoked(&version, &mark).await.unwrap() }).await;
    let told = "web failed: web 1.0.2 was revoked while it went out (CVE-2026-0004); the refresh ended: rolled back";
    assert!(rolled[0].starts_with(told), "{rolled:?}");
    assert_eq!(bench.running("web"), [image(1, "us-east-1")].into());
}

#[tokio::test(start_paused = true)]
async fn where_it_can_not_go_back_that_is_told_and_a_person_decides() {
    let mut bench = Bench::new(&["web"]).await;
    bench.policy.bake = Duration::from_secs(3600);
    bench.tag(&image(1, "us-east-1"), "amifactory:revoked", "CVE-2026-0001");
    let rolled = bench.revoked_in_flight().await;
    let told = "web failed: web 1.0.2 was revoked while it went out (CVE-2026-0004); the refresh ended: successful";
    assert!(rolled[0].starts_with(told), "{rolled:?}");
    let told = bench.told();
    assert!(told.contains("the refresh goes on, and can't go back: version 1 names ami-"), "{told}");
    let cancel = "aws autoscaling cancel-instance-refresh --auto-scaling-group-name web --region us-east-1";
    assert!(told.contains(cancel), "{told}");
    assert_eq!(bench.count("RollbackInstanceRefresh"), 0);
}
