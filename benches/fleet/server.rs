//! The fake AWS in a process of its own: what it uses is not counted.

use crate::Failure;
use crate::fake_aws::agents::NoAgent;
use crate::fake_aws::ec2::recorded::Recorded;
use crate::fake_aws::{Fake, Latencies, Settings, World, serve};
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

pub const SERVE: &str = "serve";
/// What the instances have.
pub const IMAGES: [&str; 2] = ["ami-00000000000000a01", "ami-00000000000000a02"];

/// The n-th account.
pub fn account(n: usize) -> String {
    format!("2000000{n:05}")
}

/// A server that runs until this goes.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    pub fn start(instances: usize, millis: u64) -> Result<Server, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([SERVE, &instances.to_string(), &millis.to_string()]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("the server has no output")?).read_line(&mut line)?;
        let server = Server { child, port: line.trim().parse()? };
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's own process.
pub fn serve(instances: &str, millis: &str) -> Result<(), Failure> {
    let (instances, millis) = (instances.parse()?, millis.parse()?);
    tokio::runtime::Runtime::new()?.block_on(async {
        let fake = Fake::new(Settings {
            latencies: Latencies { call: Duration::from_millis(millis), ..Latencies::realistic() },
            start: OffsetDateTime::now_utc(),
            ..Settings::new(Arc::new(NoAgent))
        });
        fill(&mut fake.world(), instances);
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?.port());
        serve::serve(fake, listener).await;
        Ok(())
    })
}

/// Roles, and instances whose images are gone: nothing is measured but the reading.
fn fill(world: &mut World, instances: usize) {
    world.ec2.recorded = Some(Recorded { instances, images: IMAGES.map(str::to_owned).to_vec() });
    for n in 1..25 {
        world.sts.roles.insert(format!("arn:aws:iam::{}:role/fleet", account(n)), None);
    }
}
