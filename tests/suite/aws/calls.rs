//! How many calls a build makes, in which order and at which step: exact, because time is paused.

use super::factory;
use super::wire::{Cut, Wire};
use crate::fake_aws::agents::shell::ShellAgent;
use crate::fake_aws::record::Outcome;
use crate::fake_aws::{Fake, Latencies, Settings};
use amifactory::pipeline::{BuildOptions, Engine, Event, Sink, StateFolder};
use amifactory::recipe::BaseSpec;
use amifactory::target::aws::AwsTarget;
use std::sync::{Arc, Mutex};

/// Notes with how many calls each step began.
struct Steps {
    fake: Fake,
    began: Mutex<Vec<(usize, &'static str)>>,
}

impl Sink for Steps {
    fn event(&self, event: &Event) {
        if let Event::StepStarted { step, .. } = event {
            let calls = self.fake.world().calls.len();
            self.began.lock().unwrap().push((calls, step));
        }
    }
}

/// The calls of one run, as the service has seen them: step and action, in order.
struct Calls(Vec<(&'static str, String)>);

impl Calls {
    /// All but those of the boot test. It ends both builders in one call: that one counts.
    fn without_boot_test(&self) -> usize {
        self.0.iter().filter(|(step, action)| *step != "boot test" || action == "ec2:TerminateInstances").count()
    }

    fn show(&self) -> String {
        self.0.iter().map(|(step, action)| format!("{step:<9}  {action}\n")).collect()
    }
}

fn world() -> (tempfile::TempDir, Fake) {
    let settings = Settings {
        latencies: Latencies::none(),
        start: time::OffsetDateTime::now_utc(),
        ..Settings::new(Arc::new(ShellAgent::new().unwrap()))
    };
    (tempfile::tempdir().unwrap(), Fake::new(settings))
}

/// A build by a program that has just been started: it looks up its base first.
async fn run(fake: &Fake, folder: &tempfile::TempDir, base: &BaseSpec, wire: Wire) -> Calls {
    let state = StateFolder::open(&folder.path().join("state")).unwrap();
    let from = fake.world().calls.len();
    let target = AwsTarget::with_config(&wire.config());
    let sink = Steps { fake: fake.clone(), began: Mutex::default() };
    let (plan, launch) = factory::plan_of(&target, "web", "first", base).await;
    let engine = Engine { target: &target, state: &state, sink: &sink };
    let (dead, options) = (wire.dead(), BuildOptions::default());
    tokio::select! {
        built = engine.build(&plan, &launch, &options) => drop(built.unwrap()),
        () = dead.notified() => {}
    }
    let began = sink.began.lock().unwrap().clone();
    let world = fake.world();
    let calls = world.calls.iter().enumerate().skip(from).map(|(number, call)| {
        assert_eq!(call.outcome, Outcome::Ok, "{call:?}");
        let step = began.iter().rev().find(|(at, _)| *at <= number).map_or("plan", |(_, step)| step);
        (step, format!("{}:{}", call.service, call.action))
    });
    Calls(calls.collect())
}

const BUILD: &str = "\
plan       ec2:DescribeImages
plan       ec2:DescribeImages
launch     ec2:RunInstances
online     ssm:DescribeInstanceInformation
apply      ssm:SendCommand
apply      ssm:GetCommandInvocation
stop       ec2:ModifyInstanceAttribute
stop       ec2:StopInstances
stop       ec2:DescribeInstances
snapshot   ec2:CreateImage
available  ec2:DescribeImages
boot test  ec2:RunInstances
boot test  ssm:DescribeInstanceInformation
boot test  ssm:SendCommand
boot test  ssm:GetCommandInvocation
boot test  ec2:TerminateInstances
boot test  ebs:StartSnapshot
boot test  ebs:PutSnapshotBlock
boot test  ebs:CompleteSnapshot
boot test  ec2:CreateTags
publish    ssm:GetParameters
publish    ssm:PutParameter
publish    ssm:PutParameter
publish    ssm:GetParameters
";

const NOTHING_TO_DO: &str = "\
plan       ec2:DescribeImages
plan       ec2:DescribeImages
plan       ssm:GetParameters
plan       ec2:DescribeInstances
plan       ec2:DescribeSnapshots
plan       ebs:ListSnapshotBlocks
plan       ebs:GetSnapshotBlock
";

/// Killed while its image was being made: another program goes on. What the first builder answered is read from the
/// image, and the builder that was left is found and ended with the other one.
const RESUMED: &str = "\
plan       ec2:DescribeImages
plan       ec2:DescribeImages
boot test  ec2:RunInstances
boot test  ssm:DescribeInstanceInformation
boot test  ssm:SendCommand
boot test  ssm:GetCommandInvocation
boot test  ec2:DescribeSnapshots
boot test  ssm:SendCommand
boot test  ssm:GetCommandInvocation
boot test  ec2:TerminateInstances
boot test  ebs:StartSnapshot
boot test  ebs:PutSnapshotBlock
boot test  ebs:CompleteSnapshot
boot test  ec2:CreateTags
publish    ssm:GetParameters
publish    ssm:PutParameter
publish    ssm:PutParameter
publish    ssm:GetParameters
clean up   ec2:DescribeInstances
clean up   ec2:TerminateInstances
";

#[tokio::test(start_paused = true)]
async fn a_build_and_one_with_nothing_to_do() {
    let (folder, fake) = world();
    let first = run(&fake, &folder, &factory::by_filter(), Wire::new(&fake)).await;
    assert_eq!(first.show(), BUILD);
    // Packer makes 24, and tests nothing.
    assert_eq!((first.without_boot_test(), first.0.len()), (16, 24));
    let again = run(&fake, &folder, &factory::by_filter(), Wire::new(&fake)).await;
    assert_eq!(again.show(), NOTHING_TO_DO);
}

#[tokio::test(start_paused = true)]
async fn a_base_by_parameter_takes_one_call_more() {
    let (folder, fake) = world();
    let calls = run(&fake, &folder, &factory::by_parameter(), Wire::new(&fake)).await;
    assert_eq!(calls.show(), format!("plan       ssm:GetParameters\n{BUILD}"));
}

#[tokio::test(start_paused = true)]
async fn a_build_that_is_gone_on_with() {
    let (folder, fake) = world();
    // Before it asks for the first time whether its image is available.
    let cut = run(&fake, &folder, &factory::by_filter(), Wire::cut(&fake, 10, Cut::BeforeSend)).await;
    assert_eq!(cut.0.last().map(|(step, action)| (*step, action.as_str())), Some(("snapshot", "ec2:CreateImage")));
    let resumed = run(&fake, &folder, &factory::by_filter(), Wire::new(&fake)).await;
    assert_eq!(resumed.show(), RESUMED);
}
