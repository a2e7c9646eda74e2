//! Scripts run in amifactory's own sandbox: each instance is a copy-on-write tree over this machine's OS or a root
//! filesystem folder, so that a build over the fake hardens a real tree. Nothing is booted, and no service runs.
//! `/tmp` is new for each script; `/run/amifactory` is kept from one to the next until the instance starts again.
//!
//! ```text
//! base        this machine, or a folder; read-only
//! aws         a layer with the stand-in for the AWS CLI, which Amazon Linux has in its base too
//! layers      what instances wrote before an image was made of them; read-only from then on
//! upper       what this instance has written since
//! ```

use super::context::while_waited_for;
use super::shell::KILLED;
use super::{Agent, Disk, Output, RunContext, Stream, stand_in};
use amifactory::recipe::Limits;
use amifactory::target::local::sandbox::{self, Exit, Limit, Lower, Network, SandboxError, SandboxSpec};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Where values for the stand-in are, inside. In memory.
const PARAMETERS: &str = "/run/fake-aws/parameters";
/// Where the script is, inside.
const SCRIPT: &str = "/run/fake-aws/_script.sh";

/// Where what is in memory of a booted machine is kept between scripts.
const KEPT: &str = "/var/lib/fake-aws-run";

/// The status by which a script asks for a restart.
const REBOOT: i32 = 194;

/// How often a running script's time and stop are looked at.
const TICK: Duration = Duration::from_millis(10);

/// Runs scripts in the sandbox.
pub struct SandboxAgent {
    inner: Arc<Inner>,
}

struct Inner {
    folder: tempfile::TempDir,
    /// The program that becomes the sandbox's processes.
    program: PathBuf,
    base: Vec<Lower>,
    network: Network,
    trees: Mutex<Trees>,
}

#[derive(Default)]
struct Trees {
    /// Names of the layers of each instance, bottom first; the last is its upper.
    instances: BTreeMap<String, Vec<String>>,
    /// The same for each image.
    images: BTreeMap<String, Vec<String>>,
    /// How often an instance was started again.
    starts: BTreeMap<String, u32>,
    /// One script at a time in each instance.
    busy: BTreeMap<String, Arc<Mutex<()>>>,
    made: u64,
}

impl SandboxAgent {
    /// `program` calls `sandbox_main` at its start; `base` is what images of the public catalogue hold. Fails where
    /// no sandbox can be had, and says what to do.
    pub fn new(program: &Path, base: Vec<Lower>) -> Result<SandboxAgent, SandboxError> {
        sandbox::check(base.contains(&Lower::Host))?;
        let roots: Vec<PathBuf> = base.iter().map(root).collect();
        let network = match sandbox::repository_hosts(&roots) {
            hosts if hosts.is_empty() => Network::None,
            hosts => Network::Allow(hosts),
        };
        let io = |source| SandboxError::Io { what: "making the instances' folder".into(), source };
        // For nobody else: what scripts leave may be set-user-id.
        let mode = fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().permissions(mode).tempdir().map_err(io)?;
        let stand_in = folder.path().join("aws");
        lay_stand_in(&stand_in, &roots).map_err(io)?;
        let mut base = base;
        base.push(Lower::Dir(stand_in));
        let inner = Inner { folder, program: program.to_owned(), base, network, trees: Mutex::default() };
        Ok(SandboxAgent { inner: Arc::new(inner) })
    }

    /// The folder with all that an instance has changed since it was booted or imaged.
    pub fn upper(&self, instance: &str) -> Option<PathBuf> {
        let trees = self.inner.trees();
        trees.instances.get(instance)?.last().map(|layer| self.inner.layer(layer).join("upper"))
    }

    /// A thread of its own, so that paused time stands still meanwhile.
    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(&Inner) -> T + Send + 'static) -> T {
        let inner = self.inner.clone();
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(done) => done,
            Err(error) => panic!("the sandbox agent failed: {error}"),
        }
    }
}

fn root(lower: &Lower) -> PathBuf {
    match lower {
        Lower::Host => PathBuf::from("/"),
        Lower::Dir(folder) => folder.clone(),
    }
}

/// A layer with `/usr/local/bin/aws` and nothing else; its folders look as they do in the base.
fn lay_stand_in(layer: &Path, base: &[PathBuf]) -> io::Result<()> {
    fs::create_dir(layer)?;
    for part in ["", "usr", "usr/local", "usr/local/bin"] {
        let folder = layer.join(part);
        if !part.is_empty() {
            fs::create_dir(&folder)?;
        }
        let mode = base.iter().rev().find_map(|root| fs::metadata(root.join(part)).ok());
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode.map_or(0o755, |found| found.mode() & 0o7777)))?;
    }
    let program = layer.join("usr/local/bin/aws");
    fs::write(&program, stand_in::program(PARAMETERS))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))
}

impl Inner {
    fn trees(&self) -> MutexGuard<'_, Trees> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn layer(&self, layer: &str) -> PathBuf {
        self.folder.path().join("layers").join(layer)
    }

    fn new_layer(&self, trees: &mut Trees) -> String {
        trees.made += 1;
        let name = trees.made.to_string();
        let upper = self.layer(&name).join("upper");
        fs::create_dir_all(&upper).expect("a folder for the layer");
        // The root of what runs on it.
        fs::set_permissions(&upper, fs::Permissions::from_mode(0o755)).expect("the layer's mode");
        name
    }

    /// Removes layers that nothing is made of any more.
    fn remove_unused(&self, trees: &Trees, layers: Vec<String>) {
        let used: Vec<&String> = trees.instances.values().chain(trees.images.values()).flatten().collect();
        let unused = layers.iter().filter(|layer| !used.contains(layer));
        let paths: Vec<String> = unused.map(|layer| self.layer(layer).to_string_lossy().into_owned()).collect();
        let removal = sandbox::run_in_user_namespace(&self.program, &sandbox::REMOVE_TREE, &paths);
        runtime().block_on(removal).expect("the layers are removed");
    }

    fn run(&self, instance: &str, script: &str, context: &RunContext) -> Result<Output, SandboxError> {
        let io = |source| SandboxError::Io { what: "preparing the run".into(), source };
        let (layers, busy) = {
            let mut trees = self.trees();
            let Some(layers) = trees.instances.get(instance).cloned() else {
                return Err(io(io::Error::other(format!("instance {instance} has no disk"))));
            };
            (layers, trees.busy.entry(instance.to_owned()).or_default().clone())
        };
        // Two overlays can't share an upper.
        let _alone = busy.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((upper, below)) = layers.split_last() else {
            return Err(io(io::Error::other("no layer")));
        };
        let run = tempfile::tempdir_in(self.folder.path()).map_err(io)?;
        let spec = SandboxSpec {
            lowers: (self.base.iter().cloned())
                .chain(below.iter().map(|layer| Lower::Dir(self.layer(layer).join("upper"))))
                .collect(),
            upper: self.layer(upper).join("upper"),
            work: self.layer(upper).join("work"),
            // A builder's disk and memory; its time is watched here.
            limits: Limits { time_s: 2 * 24 * 3600, processes: 4096, memory_bytes: 4 << 30, disk_bytes: 8 << 30 },
            network: self.network.clone(),
            hostname: format!("ip-{instance}").chars().take(63).collect(),
            script: run.path().join("script.sh"),
            log: run.path().join("stderr"),
            hidden: vec![self.folder.path().to_owned()],
        };
        let mark = format!("end-of-output-{:016x}", fastrand::u64(..));
        let start = self.trees().starts.get(instance).copied().unwrap_or(0);
        let boot_id = format!("{instance}-{start}");
        fs::write(&spec.script, wrapped(instance, &boot_id, script, context, &mark)).map_err(io)?;
        fs::set_permissions(&spec.script, fs::Permissions::from_mode(0o600)).map_err(io)?;

        let lines = Mutex::new(Lines { mark, text: Vec::new(), pending: None, ended: false });
        let keep = |line: &str| {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(bytes) = lines.take(line) {
                context.watch.tell(Stream::Stdout, &bytes);
            }
        };
        let began = Instant::now();
        let end = runtime().block_on(async {
            let run = sandbox::run(&spec, &self.program, &keep);
            tokio::pin!(run);
            loop {
                tokio::select! {
                    end = &mut run => return Some(end),
                    () = tokio::time::sleep(TICK) => {}
                }
                // Dropping the run kills every process of it.
                if context.stop.is_asked() || context.timeout.is_some_and(|timeout| began.elapsed() >= timeout) {
                    return None;
                }
            }
        });
        let timed_out = end.is_none() && context.timeout.is_some_and(|timeout| began.elapsed() >= timeout);
        let mut stderr = fs::read(&spec.log).unwrap_or_default();
        let code = match end.transpose()? {
            None => KILLED,
            Some(Exit::Code(code)) => code,
            Some(Exit::Signal(signal)) => 128 + signal,
            Some(Exit::LimitExceeded(Limit::Time(_))) => KILLED,
            Some(Exit::LimitExceeded(limit)) => {
                stderr.extend_from_slice(format!("killed: {limit}\n").as_bytes());
                KILLED
            }
        };
        if code == REBOOT {
            *self.trees().starts.entry(instance.to_owned()).or_default() += 1;
        }
        context.watch.tell(Stream::Stderr, &stderr);
        let stdout = lines.into_inner().unwrap_or_else(PoisonError::into_inner).end();
        Ok(Output { code, stdout, stderr, timed_out })
    }
}

/// The script with all that must be there before it. Its standard output comes line by line, so a mark tells whether
/// its last line was ended.
fn wrapped(instance: &str, boot_id: &str, script: &str, context: &RunContext, mark: &str) -> String {
    let mut all = String::from("mkdir -m 700 /run/fake-aws\n");
    all.push_str(&format!("export AWS_SSM_INSTANCE_ID={instance} AWS_SSM_REGION_NAME={}\n", context.region));
    all.push_str(&format!("export AMIFACTORY_BOOT_ID={boot_id}\n"));
    all.push_str(&format!(
        "if [ \"$(cat {KEPT}/boot 2>/dev/null)\" = {boot_id} ]; then cp -a {KEPT}/run/. /run/amifactory/; fi\nrm -rf {KEPT}\n"
    ));
    all.push_str(&stand_in::script(PARAMETERS, context));
    all.push_str(&stand_in::file(SCRIPT, script));
    all.push_str(&format!("chmod 700 {SCRIPT}\n"));
    if let Some(folder) = &context.working_directory {
        all.push_str(&format!("cd '{}' || exit 1\n", folder.replace('\'', r"'\''")));
    }
    all.push_str(&format!("sh -c {SCRIPT}\nfake_aws_code=$?\ncd /\nmkdir -m 700 {KEPT}\ncp -a /run/amifactory {KEPT}/run\nrm -f {KEPT}/run/script.sh\necho {boot_id} >{KEPT}/boot\nprintf '\\n%s\\n' {mark}\nexit $fake_aws_code\n"));
    all
}

/// Puts lines together again.
struct Lines {
    mark: String,
    text: Vec<u8>,
    /// The last line, until it is known whether anything comes after it.
    pending: Option<Vec<u8>>,
    ended: bool,
}

impl Lines {
    /// Takes a line, and gives what is certain since the one before.
    fn take(&mut self, line: &str) -> Option<Vec<u8>> {
        if self.ended {
            return None;
        }
        if line == self.mark {
            self.ended = true;
            // The line feed before the mark is not the script's.
            let last = self.pending.take()?;
            self.text.extend_from_slice(&last);
            return Some(last);
        }
        let certain = self.pending.replace(line.as_bytes().to_vec());
        let mut certain = certain?;
        certain.push(b'\n');
        self.text.extend_from_slice(&certain);
        Some(certain)
    }

    fn end(mut self) -> Vec<u8> {
        // Killed before the mark.
        if let Some(last) = self.pending.take() {
            self.text.extend_from_slice(&last);
            self.text.push(b'\n');
        }
        self.text
    }
}

/// A runtime with a clock that runs, whatever the caller's does.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

impl Drop for Inner {
    fn drop(&mut self) {
        // An ordinary user can't remove what belongs to the user's sub-ids.
        let (program, folder) = (self.program.clone(), self.folder.path().join("layers"));
        let removal = std::thread::spawn(move || {
            let paths = [folder.to_string_lossy().into_owned()];
            runtime().block_on(sandbox::run_in_user_namespace(&program, &sandbox::REMOVE_TREE, &paths))
        });
        if let Ok(Err(error)) = removal.join() {
            eprintln!("{} is left behind: {error}", self.folder.path().display());
        }
    }
}

#[async_trait]
impl Agent for SandboxAgent {
    fn describe(&self) -> String {
        let base = match self.inner.base.first() {
            Some(Lower::Dir(folder)) => folder.display().to_string(),
            _ => "this machine's OS, read-only underneath".to_owned(),
        };
        format!("commands run in the sandbox, over {base}")
    }

    async fn boot(&self, instance: &str, disk: &Disk) {
        let (instance, disk) = (instance.to_owned(), disk.clone());
        self.blocking(move |inner| {
            let mut trees = inner.trees();
            let mut layers = match &disk {
                Disk::Base => Vec::new(),
                Disk::Image(image) => trees.images.get(image).cloned().unwrap_or_default(),
            };
            layers.push(inner.new_layer(&mut trees));
            trees.instances.insert(instance, layers);
        })
        .await;
    }

    async fn run(&self, instance: &str, script: &str, context: &RunContext) -> Output {
        let stop = context.stop.clone();
        let (instance, script, context) = (instance.to_owned(), script.to_owned(), context.clone());
        while_waited_for(stop, self.blocking(move |inner| inner.run(&instance, &script, &context))).await
    }

    async fn image(&self, instance: &str, image: &str) {
        let (instance, image) = (instance.to_owned(), image.to_owned());
        self.blocking(move |inner| {
            let mut trees = inner.trees();
            let busy = trees.busy.entry(instance.clone()).or_default().clone();
            drop(trees);
            let _alone = busy.lock().unwrap_or_else(PoisonError::into_inner);
            let mut trees = inner.trees();
            let Some(layers) = trees.instances.get(&instance).cloned() else { return };
            trees.images.insert(image, layers.clone());
            // The instance goes on in a new layer over what is now the image's.
            let upper = inner.new_layer(&mut trees);
            trees.instances.insert(instance, layers.into_iter().chain([upper]).collect());
        })
        .await;
    }

    async fn forget_instance(&self, instance: &str) {
        let instance = instance.to_owned();
        self.blocking(move |inner| {
            let mut trees = inner.trees();
            trees.busy.remove(&instance);
            let layers = trees.instances.remove(&instance).unwrap_or_default();
            inner.remove_unused(&trees, layers);
        })
        .await;
    }

    async fn forget_image(&self, image: &str) {
        let image = image.to_owned();
        self.blocking(move |inner| {
            let mut trees = inner.trees();
            let layers = trees.images.remove(&image).unwrap_or_default();
            inner.remove_unused(&trees, layers);
        })
        .await;
    }
}
