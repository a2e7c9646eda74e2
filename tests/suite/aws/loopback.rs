//! The built program against the fake AWS on loopback.

use crate::fake_aws::agents::{Agent, NoAgent};
use crate::fake_aws::{Fake, Settings, World, credentials, serve};
use crate::program::TestFactory;
use std::process::Command;
use std::sync::Arc;

/// A fake with one thread, as long as the test.
pub struct Cloud {
    pub fake: Fake,
    pub endpoint: String,
    _runtime: tokio::runtime::Runtime,
}

/// Its instances have no agent.
pub fn cloud(change: impl FnOnce(&mut World)) -> Cloud {
    cloud_with(Arc::new(NoAgent), change)
}

pub fn cloud_with(agent: Arc<dyn Agent>, change: impl FnOnce(&mut World)) -> Cloud {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (fake, endpoint) = runtime.block_on(async {
        let settings = Settings { start: time::OffsetDateTime::now_utc(), ..Settings::new(agent) };
        let fake = Fake::new(settings);
        change(&mut fake.world());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve::serve(fake.clone(), listener));
        (fake, endpoint)
    });
    Cloud { fake, endpoint, _runtime: runtime }
}

impl Cloud {
    /// The program in a factory, with this fake as its AWS and nothing of this machine's own.
    pub fn command(&self, factory: &TestFactory, arguments: &[&str]) -> Command {
        let mut command = factory.command(arguments);
        command.env("AWS_ENDPOINT_URL", &self.endpoint).env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", credentials::DEFAULT_KEY).env("AWS_SECRET_ACCESS_KEY", "secret");
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
            command.env_remove(name);
        }
        command
    }
}
