//! The README's part on AWS: each of its commands runs, against the fake.

use crate::fake_aws::agents::sandbox::SandboxAgent;
use crate::fake_aws::{Fake, Settings, serve};
use crate::program::{TestFactory, stderr};
use amifactory::target::local::sandbox::Lower;
use std::path::Path;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_readme_on_aws_runs() {
    if !crate::program::can_build_on_host("every_command_of_the_readme_on_aws_runs") {
        return;
    }
    let agent = SandboxAgent::new(Path::new(env!("CARGO_BIN_EXE_amifactory")), vec![Lower::Host]).unwrap();
    let fake = Fake::new(Settings { start: time::OffsetDateTime::now_utc(), ..Settings::new(Arc::new(agent)) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve::serve(fake.clone(), listener));

    let factory = TestFactory::tiny("mkdir -p /srv\necho hello >/srv/hello");
    factory.write(
        "amifactory.yaml",
        "default_target: local\nchannels: [dev, staging, prod]\naws: {instance_profile: amifactory-builder}\n\
         schedule: {cron: \"0 3 * * *\"}\n",
    );
    let base = "{aws: {name: \"debian-12-amd64-*\", owner: \"136693071363\"}}";
    let recipe = std::fs::read_to_string(factory.path().join("recipes/tiny.yaml")).unwrap();
    let recipe = recipe.replace("recipe: tiny", "recipe: web-tier").replace("{local: host}", base);
    factory.write("recipes/web-tier.yaml", &recipe);
    std::fs::remove_file(factory.path().join("recipes/tiny.yaml")).unwrap();

    let text = crate::readme::readme();
    let commands = crate::readme::commands(&crate::readme::on_aws(&text).0);
    assert_eq!(commands.len(), 6, "{commands:?}");
    for arguments in commands {
        let (arguments, endpoint) = (arguments.clone(), endpoint.clone());
        let mut command = factory.command(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", crate::fake_aws::credentials::DEFAULT_KEY);
        command.env("AWS_SECRET_ACCESS_KEY", "not-verified").env("AWS_EC2_METADATA_DISABLED", "true");
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    }
}
