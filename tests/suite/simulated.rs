//! A target in memory, for tests of the engine: it does what [`Target`] promises, no more, and can be stopped at any
//! call: before it has an effect, half-way, or with its reply lost.

use amifactory::identity::{Arch, BuilderId, Digest, ImageId, OsFamily, RecipeName, TargetKind};
use amifactory::pipeline::tags::{self, ImageState};
use amifactory::plan::StepResult;
use amifactory::recipe::BaseSpec;
use amifactory::release::Note;
use amifactory::target::{
    Builder, BuilderState, Entry, Image, ImageRecord, ImageRequest, LaunchRequest, Move, Pin, Pointer, PointerName,
    ResolvedBase, Revocation, RunEnd, RunEvent, RunRequest, RunResult, Slot, Standing, Tags, Target, TargetError,
};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

/// Everything that outlives a dead program.
#[derive(Default)]
pub struct World {
    pub builders: BTreeMap<BuilderId, Builder>,
    pub images: BTreeMap<ImageId, (Image, ImageRecord)>,
    pub pointers: BTreeMap<PointerName, Pointer>,
    results: BTreeMap<(BuilderId, Digest), RunResult>,
    begun: Vec<(BuilderId, Digest)>,
    made: u64,
    /// Names and version pointers that were ever given out: none may come twice.
    pub launched: Vec<String>,
    /// Steps that fail, by id, with their exit status.
    pub failing: BTreeMap<String, i32>,
    /// Called with the world at each change of a pointer.
    pub broken: Vec<String>,
}

/// Where in a call the program dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    BeforeTheEffect,
    HalfWay,
    ReplyLost,
}

pub struct Simulated {
    world: Arc<Mutex<World>>,
    calls: Mutex<usize>,
    die_at: Option<(usize, Death)>,
    dead: Arc<Notify>,
}

impl Simulated {
    pub fn new(world: Arc<Mutex<World>>) -> Self {
        Simulated { world, calls: Mutex::new(0), die_at: None, dead: Arc::new(Notify::new()) }
    }

    /// One that dies at the n-th call, from 0. `dead()` tells when.
    pub fn dying(world: Arc<Mutex<World>>, call: usize, death: Death) -> Self {
        Simulated { die_at: Some((call, death)), ..Simulated::new(world) }
    }

    pub fn dead(&self) -> Arc<Notify> {
        self.dead.clone()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Performs a call, dying where it is due. `half` is the effect of a call that was cut off in the middle.
    async fn call<T>(
        &self,
        effect: impl FnOnce(&mut World) -> Result<T, TargetError>,
        half: impl FnOnce(&mut World),
    ) -> Result<T, TargetError> {
        let number = {
            let mut calls = self.calls.lock().unwrap();
            *calls += 1;
            *calls - 1
        };
        let due = self.die_at.filter(|(at, _)| *at == number).map(|(_, death)| death);
        let answer = match due {
            Some(Death::BeforeTheEffect) => self.die().await,
            Some(Death::HalfWay) => {
                half(&mut self.world());
                self.die().await
            }
            Some(Death::ReplyLost) | None => {
                let mut world = self.world();
                let answer = effect(&mut world);
                watch_pointers(&mut world);
                answer
            }
        };
        if due == Some(Death::ReplyLost) {
            return self.die().await;
        }
        answer
    }

    async fn die<T>(&self) -> T {
        self.dead.notify_one();
        std::future::pending().await
    }
}

/// No pointer may name an image that is not there or was not verified, at any moment.
fn watch_pointers(world: &mut World) {
    let wrong: Vec<String> = world
        .pointers
        .values()
        .filter(|pointer| match world.images.get(&pointer.image) {
            Some((image, _)) => ImageState::of(&image.tags) == ImageState::Candidate,
            None => true,
        })
        .map(|pointer| format!("{} names {}", pointer.name, pointer.image))
        .collect();
    world.broken.extend(wrong);
}

pub fn base() -> ResolvedBase {
    ResolvedBase {
        id: "rootfs:0".into(),
        description: "a simulated base".into(),
        family: OsFamily::Debian12,
        os_name: "Simulated Linux 12".into(),
        arch: Arch::X86_64,
        parts: BTreeMap::new(),
    }
}

#[async_trait]
impl Target for Simulated {
    fn kind(&self) -> TargetKind {
        TargetKind::Local
    }
    fn can_see_runtime(&self) -> bool {
        false
    }
    async fn check(&self) -> Result<(), TargetError> {
        Ok(())
    }
    async fn resolve_base(&self, _: &BaseSpec) -> Result<ResolvedBase, TargetError> {
        Ok(base())
    }
    async fn builders(&self) -> Result<Vec<Builder>, TargetError> {
        self.call(|world| Ok(world.builders.values().cloned().collect()), |_| ()).await
    }
    async fn launch(&self, request: &LaunchRequest) -> Result<Builder, TargetError> {
        let make = |world: &mut World, state: BuilderState| {
            if let Some(builder) = world.builders.values_mut().find(|builder| builder.token == request.token) {
                if builder.state == BuilderState::Pending {
                    builder.state = state;
                }
                return builder.clone();
            }
            world.made += 1;
            world.launched.push(request.token.clone());
            let builder = Builder {
                id: format!("builder-{}", world.made).parse().unwrap(),
                token: request.token.clone(),
                state,
                created_at: "2026-01-01T00:00:00Z".into(),
                tags: request.tags.clone(),
            };
            world.builders.insert(builder.id.clone(), builder.clone());
            builder
        };
        // Cut off half-way, it never comes up by itself.
        self.call(|world| Ok(make(world, BuilderState::Running)), |world| drop(make(world, BuilderState::Pending)))
            .await
    }
    async fn run(&self, builder: &BuilderId, request: RunRequest<'_>) -> Result<RunResult, TargetError> {
        let key = (builder.clone(), request.bundle.digest.clone());
        let half = key.clone();
        self.call(
            |world| {
                if let Some(result) = world.results.get(&key) {
                    return Ok(result.clone());
                }
                let interrupted = world.begun.contains(&key);
                world.begun.push(key.clone());
                let mut steps = Vec::new();
                for (step, _) in &request.bundle.steps {
                    (request.watch)(RunEvent::Started { step: step.clone() });
                    let rc = world.failing.get(step).copied().unwrap_or(0);
                    let result = StepResult { step: step.clone(), rc, ms: 1, out: "simulated output".into() };
                    (request.watch)(RunEvent::Ended(result.clone()));
                    steps.push(result);
                }
                std::fs::create_dir_all(request.log.parent().unwrap()).unwrap();
                let list = "bash\t5.2\tamd64\tdeb\n";
                std::fs::write(request.log, format!("==> step \"packages/all\" rc=0 bytes={}\n{list}\n", list.len()))
                    .unwrap();
                let end = if interrupted { RunEnd::Interrupted } else { RunEnd::Completed };
                let result = RunResult {
                    bundle: request.bundle.digest.clone(),
                    steps,
                    end,
                    log: request.log.to_owned(),
                    place: None,
                };
                if !interrupted {
                    world.results.insert(key, result.clone());
                }
                Ok(result)
            },
            |world| world.begun.push(half),
        )
        .await
    }
    async fn result(&self, builder: &BuilderId, bundle: &Digest) -> Result<Option<RunResult>, TargetError> {
        self.call(|world| Ok(world.results.get(&(builder.clone(), bundle.clone())).cloned()), |_| ()).await
    }
    async fn stop(&self, builder: &BuilderId) -> Result<(), TargetError> {
        self.call(
            |world| {
                world.builders.get_mut(builder).ok_or_else(|| missing(builder))?.state = BuilderState::Stopped;
                Ok(())
            },
            |_| (),
        )
        .await
    }
    async fn terminate(&self, builder: &BuilderId) -> Result<(), TargetError> {
        self.call(
            |world| {
                world.builders.remove(builder);
                world.results.retain(|(other, _), _| other != builder);
                world.begun.retain(|(other, _)| other != builder);
                Ok(())
            },
            |world| {
                // What was run on it is gone, it is not.
                world.results.retain(|(other, _), _| other != builder);
                world.begun.retain(|(other, _)| other != builder);
                if let Some(builder) = world.builders.get_mut(builder) {
                    builder.state = BuilderState::Pending;
                }
            },
        )
        .await
    }
    async fn images(&self) -> Result<Vec<Image>, TargetError> {
        self.call(|world| Ok(world.images.values().map(|(image, _)| image.clone()).collect()), |_| ()).await
    }
    async fn create_image(&self, builder: &BuilderId, request: &ImageRequest) -> Result<Image, TargetError> {
        let make = |world: &mut World, available: bool| {
            if let Some((image, record)) = world.images.values_mut().find(|(image, _)| image.name == request.name) {
                if !image.available {
                    image.available = available;
                    *record = request.record.clone().unwrap();
                }
                return Ok(image.clone());
            }
            let source = world.builders.get(builder).ok_or_else(|| missing(builder))?;
            assert_eq!(source.state, BuilderState::Stopped, "an image is made of a stopped builder only");
            world.made += 1;
            let image = Image {
                id: format!("img-{:016x}", world.made).parse().unwrap(),
                name: request.name.clone(),
                tags: request.tags.clone(),
                available,
                failed: None,
                public: false,
                created_at: "2026-01-01T00:00:00Z".into(),
            };
            world.images.insert(image.id.clone(), (image.clone(), request.record.clone().unwrap()));
            Ok(image)
        };
        // Cut off half-way, it never becomes available by itself.
        self.call(|world| make(world, true), |world| drop(make(world, false))).await
    }
    async fn mark_revoked(&self, _version: &PointerName, _revocation: &Revocation) -> Result<(), TargetError> {
        Ok(())
    }
    async fn tag_image(&self, image: &ImageId, tags: &Tags) -> Result<(), TargetError> {
        self.call(
            |world| {
                let (image, _) = world.images.get_mut(image).ok_or_else(|| missing(image))?;
                image.tags.extend(tags.clone());
                Ok(())
            },
            |_| (),
        )
        .await
    }
    async fn record(&self, image: &ImageId) -> Result<ImageRecord, TargetError> {
        self.call(|world| Ok(world.images.get(image).ok_or_else(|| missing(image))?.1.clone()), |_| ()).await
    }
    async fn put_record(&self, image: &ImageId, record: &ImageRecord) -> Result<(), TargetError> {
        self.call(
            |world| {
                world.images.get_mut(image).ok_or_else(|| missing(image))?.1 = record.clone();
                Ok(())
            },
            |_| (),
        )
        .await
    }
    async fn delete_image(&self, image: &ImageId) -> Result<(), TargetError> {
        self.call(
            |world| {
                world.images.remove(image);
                Ok(())
            },
            |world| {
                if let Some((image, _)) = world.images.get_mut(image) {
                    image.available = false;
                }
            },
        )
        .await
    }
    async fn pointer(&self, name: &PointerName) -> Result<Option<Pointer>, TargetError> {
        self.call(|world| Ok(world.pointers.get(name).cloned()), |_| ()).await
    }
    async fn pointers(&self, recipe: &RecipeName) -> Result<Vec<Pointer>, TargetError> {
        self.call(|world| Ok(world.pointers.values().filter(|p| p.name.recipe == *recipe).cloned().collect()), |_| ())
            .await
    }
    async fn create_pointer(&self, name: &PointerName, image: &ImageId, _: &Note) -> Result<(), TargetError> {
        self.call(
            |world| match world.pointers.get(name) {
                Some(pointer) if pointer.image == *image => Ok(()),
                Some(pointer) => {
                    Err(TargetError::Conflict { what: name.to_string(), found: pointer.image.to_string() })
                }
                None => {
                    world.pointers.insert(name.clone(), pointer(name, image, 1));
                    Ok(())
                }
            },
            |_| (),
        )
        .await
    }
    async fn move_pointer(
        &self,
        name: &PointerName,
        expected: Option<&Pointer>,
        image: &ImageId,
        _: &Note,
    ) -> Result<(), TargetError> {
        self.call(
            |world| {
                let current = world.pointers.get(name);
                if current != expected {
                    let found = current.map_or("nothing".into(), |p| p.image.to_string());
                    return Err(TargetError::Conflict { what: name.to_string(), found });
                }
                let revision = current.map_or(1, |p| p.revision + 1);
                world.pointers.insert(name.clone(), pointer(name, image, revision));
                Ok(())
            },
            |_| (),
        )
        .await
    }
    async fn move_alone(&self, wanted: &Move) -> Result<Pointer, TargetError> {
        self.move_pointer(&wanted.name, wanted.expected.as_ref(), &wanted.image, &wanted.note).await?;
        Ok(self.world().pointers[&wanted.name].clone())
    }
    async fn history(&self, _: &PointerName) -> Result<Vec<Entry>, TargetError> {
        Ok(Vec::new())
    }
    async fn standing(&self, names: &[PointerName]) -> Result<Standing, TargetError> {
        let find = |world: &mut World| names.iter().filter_map(|name| world.pointers.get(name).cloned()).collect();
        let pointers = self.call(|world| Ok(find(world)), |_| ()).await?;
        Ok(Standing { pointers, ..Standing::default() })
    }
    async fn pin(&self, _: &PointerName) -> Result<Option<Pin>, TargetError> {
        Ok(None)
    }
    async fn put_pin(&self, name: &PointerName, _: &Pin) -> Result<(), TargetError> {
        Err(missing(name))
    }
    async fn who(&self) -> Result<String, TargetError> {
        Ok("someone".into())
    }
}

fn pointer(name: &PointerName, image: &ImageId, revision: u64) -> Pointer {
    Pointer { name: name.clone(), image: image.clone(), revision, written_at: "2026-01-01T00:00:00Z".into() }
}

fn missing(what: &impl ToString) -> TargetError {
    TargetError::NotFound { what: what.to_string() }
}

impl World {
    /// Images of a digest.
    pub fn images_of(&self, digest: &Digest) -> Vec<&Image> {
        let of = |image: &&Image| tags::owner(&image.tags).is_some_and(|owner| owner.digest == *digest);
        self.images.values().map(|(image, _)| image).filter(of).collect()
    }

    /// What a channel of `web` names.
    pub fn channel(&self, channel: &str) -> Option<&ImageId> {
        let names = |name: &PointerName| matches!(&name.slot, Slot::Channel(c) if c.as_str() == channel);
        self.pointers.iter().find(|(name, _)| names(name)).map(|(_, pointer)| &pointer.image)
    }
}
