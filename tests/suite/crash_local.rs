//! The crash contract (design §4) on the local target itself: the program is stopped at every call to it.

use crate::program::can_build_on_host;
use amifactory::hardening::Library;
use amifactory::identity::{BuilderId, Digest, ImageId, RecipeName, TargetKind};
use amifactory::pipeline::tags::{self, ImageState};
use amifactory::pipeline::{BuildOptions, Engine, Event, Sink, StateFolder};
use amifactory::plan::{Bundle, BundleStep, Bundles, Inputs, OnFailure, PACKAGE_LIST, Plan};
use amifactory::recipe::{BaseSpec, Gate, Limits, LocalBase};
use amifactory::release::Note;
use amifactory::target::local::LocalTarget;
use amifactory::target::{
    Builder, Entry, Image, ImageRecord, ImageRequest, LaunchBase, LaunchRequest, Move, Pin, Pointer, PointerName,
    ResolvedBase, Revocation, RunRequest, RunResult, Slot, Tags, Target, TargetError,
};
use async_trait::async_trait;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

struct Silent;
impl Sink for Silent {
    fn event(&self, _: &Event) {}
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    BeforeTheEffect,
    /// Of a running bundle only: its sandbox dies with the program.
    HalfWay,
    ReplyLost,
}

/// A target whose program dies at the n-th call.
struct Dying {
    inner: LocalTarget,
    calls: AtomicUsize,
    die_at: usize,
    death: Death,
    dead: Notify,
}

impl Dying {
    async fn die<T>(&self) -> T {
        self.dead.notify_one();
        std::future::pending().await
    }

    async fn call<T>(&self, call: impl Future<Output = T> + Send) -> T {
        let due = self.calls.fetch_add(1, Ordering::SeqCst) == self.die_at;
        if due && self.death == Death::BeforeTheEffect {
            return self.die().await;
        }
        let answer = call.await;
        if due { self.die().await } else { answer }
    }
}

#[async_trait]
impl Target for Dying {
    fn kind(&self) -> TargetKind {
        self.inner.kind()
    }
    fn can_see_runtime(&self) -> bool {
        self.inner.can_see_runtime()
    }
    async fn check(&self) -> Result<(), TargetError> {
        self.inner.check().await
    }
    async fn resolve_base(&self, base: &BaseSpec) -> Result<ResolvedBase, TargetError> {
        self.inner.resolve_base(base).await
    }
    async fn builders(&self) -> Result<Vec<Builder>, TargetError> {
        self.call(self.inner.builders()).await
    }
    async fn launch(&self, request: &LaunchRequest) -> Result<Builder, TargetError> {
        self.call(self.inner.launch(request)).await
    }
    async fn run(&self, builder: &BuilderId, request: RunRequest<'_>) -> Result<RunResult, TargetError> {
        if self.death == Death::HalfWay && self.calls.load(Ordering::SeqCst) == self.die_at {
            let _ = tokio::time::timeout(Duration::from_millis(60), self.inner.run(builder, request)).await;
            return self.die().await;
        }
        self.call(self.inner.run(builder, request)).await
    }
    async fn result(&self, builder: &BuilderId, bundle: &Digest) -> Result<Option<RunResult>, TargetError> {
        self.call(self.inner.result(builder, bundle)).await
    }
    async fn stop(&self, builder: &BuilderId) -> Result<(), TargetError> {
        self.call(self.inner.stop(builder)).await
    }
    async fn terminate(&self, builder: &BuilderId) -> Result<(), TargetError> {
        self.call(self.inner.terminate(builder)).await
    }
    async fn images(&self) -> Result<Vec<Image>, TargetError> {
        self.call(self.inner.images()).await
    }
    async fn create_image(&self, builder: &BuilderId, request: &ImageRequest) -> Result<Image, TargetError> {
        self.call(self.inner.create_image(builder, request)).await
    }
    async fn mark_revoked(&self, version: &PointerName, revocation: &Revocation) -> Result<(), TargetError> {
        self.call(self.inner.mark_revoked(version, revocation)).await
    }
    async fn tag_image(&self, image: &ImageId, tags: &Tags) -> Result<(), TargetError> {
        self.call(self.inner.tag_image(image, tags)).await
    }
    async fn record(&self, image: &ImageId) -> Result<ImageRecord, TargetError> {
        self.call(self.inner.record(image)).await
    }
    async fn put_record(&self, image: &ImageId, record: &ImageRecord) -> Result<(), TargetError> {
        self.call(self.inner.put_record(image, record)).await
    }
    async fn delete_image(&self, image: &ImageId) -> Result<(), TargetError> {
        self.call(self.inner.delete_image(image)).await
    }
    async fn pointer(&self, name: &PointerName) -> Result<Option<Pointer>, TargetError> {
        self.call(self.inner.pointer(name)).await
    }
    async fn pointers(&self, recipe: &RecipeName) -> Result<Vec<Pointer>, TargetError> {
        self.call(self.inner.pointers(recipe)).await
    }
    async fn create_pointer(&self, name: &PointerName, image: &ImageId, note: &Note) -> Result<(), TargetError> {
        self.call(self.inner.create_pointer(name, image, note)).await
    }
    async fn move_pointer(
        &self,
        name: &PointerName,
        expected: Option<&Pointer>,
        image: &ImageId,
        note: &Note,
    ) -> Result<(), TargetError> {
        self.call(self.inner.move_pointer(name, expected, image, note)).await
    }
    async fn move_alone(&self, wanted: &Move) -> Result<Pointer, TargetError> {
        self.call(self.inner.move_alone(wanted)).await
    }
    async fn history(&self, name: &PointerName) -> Result<Vec<Entry>, TargetError> {
        self.call(self.inner.history(name)).await
    }
    async fn pin(&self, name: &PointerName) -> Result<Option<Pin>, TargetError> {
        self.inner.pin(name).await
    }
    async fn put_pin(&self, name: &PointerName, pin: &Pin) -> Result<(), TargetError> {
        self.call(self.inner.put_pin(name, pin)).await
    }
    async fn who(&self) -> Result<String, TargetError> {
        self.inner.who().await
    }
}

fn bundle(library: &Library, name: &'static str, id: &str, body: &str) -> Bundle {
    let step =
        BundleStep { id: id.into(), title: id.into(), body: body.into(), timeout: None, on_failure: OnFailure::Stop };
    Bundle::render(name, &[step], library).unwrap()
}

fn plan(base: &ResolvedBase, content: &str) -> Plan {
    let library = Library::embedded().unwrap();
    let inputs = Inputs([("content".to_owned(), content.to_owned())].into());
    Plan {
        recipe: "tiny".parse().unwrap(),
        description: "a small image".into(),
        version: "1.0".parse().unwrap(),
        base: base.clone(),
        groups: Vec::new(),
        profile: None,
        controls: Vec::new(),
        bundles: Bundles {
            apply: bundle(
                &library,
                "apply",
                "group/g/0",
                &format!("mkdir -p /srv; echo {content} >/srv/content; sleep 0.1"),
            ),
            seal: bundle(&library, "seal", PACKAGE_LIST, "af_list_packages"),
            boot_test: bundle(&library, "boot-test", "test/0", &format!("grep -qx {content} /srv/content; sleep 0.1")),
        },
        network: Vec::new(),
        secrets: Vec::new(),
        aws: Default::default(),
        gate: Gate::default(),
        publish: Some("dev".parse().unwrap()),
        limits: Limits::default(),
        digest: inputs.digest(),
        inputs,
    }
}

/// The program's state and its target, as one process has them.
struct Process<'a> {
    store: &'a Path,
    journals: &'a Path,
}

impl Process<'_> {
    fn target(&self) -> LocalTarget {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_amifactory"));
        LocalTarget::with_program(self.store, self.store, program).unwrap()
    }

    async fn build(&self, target: &dyn Target, plan: &Plan) {
        let state = StateFolder::open(self.journals).unwrap();
        let engine = Engine { target, state: &state, sink: &Silent };
        let _lock = engine.lock(&plan.recipe).await.unwrap();
        let launch = LaunchBase::Base(BaseSpec::from(LocalBase::Host), plan.base.clone());
        engine.build(plan, &launch, &BuildOptions::default()).await.unwrap();
    }

    /// False where the build ended before it came to that call.
    async fn dies(&self, plan: &Plan, call: usize, death: Death) -> bool {
        let target =
            Dying { inner: self.target(), calls: AtomicUsize::new(0), die_at: call, death, dead: Notify::new() };
        tokio::select! {
            biased;
            () = target.dead.notified() => true,
            () = self.build(&target, plan) => false,
        }
    }
}

fn names(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_contract_on_the_local_target_at_every_call() {
    if !can_build_on_host("crash_contract_on_the_local_target_at_every_call") {
        return;
    }
    let (store, journals) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    private(store.path());
    let first = Process { store: store.path(), journals: journals.path() };
    let base = first.target().resolve_base(&BaseSpec::from(LocalBase::Host)).await.unwrap();
    first.build(&first.target(), &plan(&base, "old")).await;
    let (mut points, mut images) = (0, 1);
    // Each round has a plan of its own.
    for death in [Death::BeforeTheEffect, Death::HalfWay, Death::ReplyLost] {
        for keep_journal in [true, false] {
            for call in 0.. {
                let plan = plan(&base, &format!("new{images}"));
                let place = format!("call {call} {death:?}, journal kept: {keep_journal}");
                let died = first.dies(&plan, call, death).await;
                images += 1;
                if !died {
                    break;
                }
                points += 1;
                check_pointers(&first, &place).await;
                let empty = tempfile::tempdir().unwrap();
                let second = if keep_journal { journals.path() } else { empty.path() };
                let second = Process { store: store.path(), journals: second };
                second.build(&second.target(), &plan).await;
                check_pointers(&second, &place).await;
                let of_digest = second
                    .target()
                    .images()
                    .await
                    .unwrap()
                    .into_iter()
                    .filter(|image| tags::owner(&image.tags).is_some_and(|owner| owner.digest == plan.digest));
                assert_eq!(of_digest.count(), 1, "{place}");
                assert_eq!(names(&store.path().join("local/builders")), 0, "{place}: builders are left");
                assert_eq!(names(&store.path().join("local/layers")), images, "{place}: layers are left");
                assert_eq!(names(&store.path().join("local/images")), images, "{place}: images are left");
            }
        }
    }
    crate::skip::say(&format!("crash points tried on the local target: {points}"));
    assert!(points > 120, "only {points} crash points");
}

/// Every pointer names an image that is there and was tested.
async fn check_pointers(process: &Process<'_>, place: &str) {
    let target = process.target();
    let images = target.images().await.unwrap();
    let pointers = target.pointers(&"tiny".parse().unwrap()).await.unwrap();
    assert!(pointers.iter().any(|pointer| matches!(pointer.name.slot, Slot::Channel(_))), "{place}");
    for pointer in pointers {
        let named = images.iter().find(|image| image.id == pointer.image);
        assert!(
            named.is_some_and(|image| image.available && ImageState::of(&image.tags) >= ImageState::Verified),
            "{place}: {} names {}",
            pointer.name,
            pointer.image
        );
    }
}

fn private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
}
