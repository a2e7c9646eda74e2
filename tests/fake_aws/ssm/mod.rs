//! Systems Manager: Parameter Store, Run Command, and the agents on instances.
//!
//! Left out, and refused where a request asks for it: documents other than AWS-RunShellScript, output to S3, advanced
//! parameters, parameter policies and `AllowedPattern`. Reads of parameters are never stale. What an instance's own
//! role calls is not recorded among the world's calls.

pub mod arguments;
pub mod commands;
pub mod nodes;
pub mod ops;
pub mod parameters;
pub mod refusal;

use super::agents::Secret;
use super::ec2::model::Home;
use super::reply::{Done, Failure, Incoming, Reply};
use super::settings::Settings;
use super::throttle::Limit;
use super::{Fake, World};
use arguments::Arguments;
use commands::{Commands, life, send};
use parameters::{Kind, Parameter, Store, Version};
use refusal::Refusal;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// What there is, and what tests can poke at.
#[derive(Debug)]
pub struct State {
    places: BTreeMap<Home, Place>,
    /// Instances whose agent never comes online.
    pub mute: BTreeSet<String>,
    /// No agent ever comes online.
    pub all_mute: bool,
    /// Agents that fall silent at that moment, though their instance goes on.
    pub lost: BTreeMap<String, Instant>,
    /// How long a script takes at least, in the world's time. Paused time stands still while it really runs.
    pub runs_take: Duration,
    /// What becomes of a command whose instance goes away.
    pub gone: Gone,
    /// Parameters whose names hold this are written by someone who may not look for the image.
    pub blind_writes: Option<&'static str>,
    /// Parameters that instances' roles may not read.
    pub unreadable: BTreeSet<String>,
}

/// What the service tells of a command whose instance has gone away while it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// Failed, with `Terminated` for its details.
    Terminated,
    /// InProgress, until delivery and execution timeout are both over.
    Silent,
}

/// One account in one region.
#[derive(Debug, Default)]
pub struct Place {
    pub parameters: Store,
    pub commands: Commands,
    pub items: ops::Items,
}

impl State {
    pub fn new(_settings: &Settings) -> State {
        State {
            places: BTreeMap::new(),
            mute: BTreeSet::new(),
            all_mute: false,
            lost: BTreeMap::new(),
            runs_take: Duration::ZERO,
            gone: Gone::Terminated,
            blind_writes: None,
            unreadable: BTreeSet::new(),
        }
    }

    pub fn place(&mut self, home: &Home) -> &mut Place {
        self.places.entry(home.clone()).or_default()
    }

    /// All that is stored, for tests to look at.
    pub fn parameters(&self) -> impl Iterator<Item = (&Home, &String, &Parameter)> {
        self.places
            .iter()
            .flat_map(|(home, place)| place.parameters.iter().map(move |(name, found)| (home, name, found)))
    }

    /// What an instance's role may read.
    pub fn readable(&mut self, home: &Home) -> BTreeMap<String, Secret> {
        let unreadable = self.unreadable.clone();
        let all = self.place(home).parameters.iter().filter(|(name, _)| !unreadable.contains(*name));
        let secret = |found: &Parameter| {
            let value = found.newest()?.value.clone();
            Some(Secret { value, is_secure: found.kind == Kind::SecureString })
        };
        all.filter_map(|(name, found)| Some((name.clone(), secret(found)?))).collect()
    }
}

pub fn handle(fake: &Fake, world: &mut World, call: &Incoming<'_>) -> Reply {
    answer(fake, world, call).map_err(|problem| match problem {
        Problem::Refused(refusal) => Failure::bad(refusal.code, refusal.message),
        Problem::Exists(id) => {
            let message = format!("An OpsItem with this dedup string is open: {id}");
            Failure::bad("OpsItemAlreadyExistsException", message).with("OpsItemId", id)
        }
        Problem::Unknown => Failure::unknown("UnknownOperationException", call.action),
    })
}

enum Problem {
    Refused(Refusal),
    Unknown,
    /// An OpsItem of this id is there already.
    Exists(String),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        Problem::Refused(refusal)
    }
}

fn answer(fake: &Fake, world: &mut World, call: &Incoming<'_>) -> Result<Done, Problem> {
    let arguments = Arguments::parse(&call.request.body)?;
    let home = Home::of(call.caller);
    match call.action {
        "SendCommand" => return Ok(send_command(fake, world, call, &home, &arguments)?),
        "DescribeInstanceInformation" => {
            let seen = world.seen_at(call.now);
            return Ok(Done::json(nodes::describe(world, &home, &arguments, seen)?));
        }
        _ => {}
    }
    let clock = world.clock;
    if let Some(answer) =
        commands::api::call(call.action, &arguments, &mut world.ssm.place(&home).commands, &clock, call.now)
    {
        return Ok(Done::json(answer?));
    }
    let (id, visible) = (format!("oi-{:012x}", world.random.u64(..) >> 16), world.visible_at(call.now));
    let scene =
        ops::Scene { now: call.now, visible, id, stamp: &|at| clock.epoch(at), caller: &call.caller.credential.arn };
    if let Some(answer) = ops::call(call.action, &arguments, &mut world.ssm.place(&home).items, &scene) {
        return answer.map(Done::json).map_err(|problem| match problem {
            ops::Problem::Exists(id) => Problem::Exists(id),
            ops::Problem::Refused(refusal) => Problem::Refused(refusal),
        });
    }
    let public = public(world, &home.region);
    let name = arguments.text("Name")?.unwrap_or_default().to_owned();
    let blind = world.ssm.blind_writes.is_some_and(|part| name.contains(part));
    let scene = parameters::api::Scene {
        now: call.now,
        stamp: &|at| clock.epoch(at),
        account: &home.account,
        region: &home.region,
        caller: &call.caller.credential.arn,
        may_describe_images: !blind && !call.caller.credential.denies("ec2:DescribeImages"),
        validation: world.latencies.parameter_check,
        public: &public,
    };
    let store = &mut world.ssm.place(&home).parameters;
    let answer = parameters::api::call(call.action, &arguments, store, &scene).ok_or(Problem::Unknown)??;
    // A check that takes no time has ended before the answer.
    settle(world, call.now);
    let mut done = Done::json(answer);
    if call.action == "PutParameter" {
        done = done.made(arguments.text("Name")?);
        if arguments.text("DataType")? == Some(parameters::IMAGE) {
            done = done.needs(["ec2:DescribeImages"]);
        }
    }
    Ok(done)
}

fn send_command(
    fake: &Fake,
    world: &mut World,
    call: &Incoming<'_>,
    home: &Home,
    arguments: &Arguments,
) -> Result<Done, Refusal> {
    let (id, visible) = (world.uuid(), world.visible_at(call.now));
    let public = public(world, &home.region);
    world.ssm.place(home);
    let store = world.ssm.places.get(home).map(|place| &place.parameters);
    let find = |name: &str| store.and_then(|store| store.get(name)).or_else(|| public.get(name));
    let fleet = nodes::Managed { world, home, now: call.now };
    let mut command = send::read(arguments, &find, &fleet, &home.account, id.clone(), call.now)?;
    command.visible = visible;
    let shown = commands::api::command(&command, &world.clock);
    let instances: Vec<String> = command.invocations.keys().cloned().collect();
    world.ssm.place(home).commands.all.push(command);
    for instance in &instances {
        life::start(fake, home, &id, instance, call.now + world.latencies.delivery);
    }
    Ok(Done::json(json!({ "Command": shown })).made([id]))
}

/// The newest value of a parameter, AWS's own included.
pub fn value(world: &mut World, home: &Home, name: &str) -> Option<String> {
    let own = world.ssm.place(home).parameters.get(name).and_then(Parameter::newest).map(|newest| newest.value.clone());
    own.or_else(|| Some(public(world, &home.region).get(name)?.newest()?.value.clone()))
}

/// AWS's own parameters that name the newest Amazon Linux.
fn public(world: &World, region: &str) -> BTreeMap<String, Parameter> {
    const PATH: &str = "/aws/service/ami-amazon-linux-latest";
    let mut all = BTreeMap::new();
    for architecture in ["x86_64", "arm64"] {
        let Some(image) = world.ec2.latest_al2023(region, architecture) else { continue };
        for flavor in ["al2023-ami-kernel-default", "al2023-ami-kernel-6.1"] {
            let version = Version {
                number: 140,
                value: image.clone(),
                at: world.clock.before(Instant::now(), Duration::MAX),
                by: "arn:aws:iam::137112412989:root".to_owned(),
                description: String::new(),
                allowed_pattern: String::new(),
                labels: BTreeSet::new(),
            };
            let parameter = Parameter {
                kind: Kind::String,
                data_type: parameters::IMAGE.to_owned(),
                versions: VecDeque::from([version]),
                tags: BTreeMap::new(),
            };
            all.insert(format!("{PATH}/{flavor}-{architecture}"), parameter);
        }
    }
    all
}

/// Parameter Store's default throughput is 40 transactions a second for all reads of one account and region, and 3
/// for each kind of write (Systems Manager quotas). Run Command has none that is documented.
pub fn limit(action: &str) -> Limit {
    match action {
        "GetParameter" | "GetParameters" | "GetParametersByPath" => {
            Limit { bucket: "parameters", size: 40.0, refill: 40.0 }
        }
        "PutParameter"
        | "DeleteParameter"
        | "DeleteParameters"
        | "LabelParameterVersion"
        | "UnlabelParameterVersion" => Limit { bucket: "", size: 5.0, refill: 3.0 },
        _ => Limit { bucket: "", size: 20.0, refill: 10.0 },
    }
}

/// What is due by now: images that parameters name have been looked up.
pub fn settle(world: &mut World, now: Instant) {
    let World { ssm, ec2, .. } = world;
    for (home, place) in &mut ssm.places {
        place.parameters.settle(now, &|image| ec2.image_usable(image, home, now));
    }
}
