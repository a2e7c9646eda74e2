//! The function, driven through Lambda's runtime API as the service drives it.

use crate::aws::elsewhere;
use crate::aws::loopback::Cloud;
use crate::program::TestFactory;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The runtime API: it hands out events and takes answers.
struct Service {
    function: Child,
    events: Sender<(Value, u64)>,
    answers: Receiver<(String, Value)>,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.function.kill();
        let _ = self.function.wait();
    }
}

impl Service {
    fn start(cloud: &Cloud, factory: &TestFactory) -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (events, queue) = channel();
        let (told, answers) = channel();
        let queue = Arc::new(Mutex::new(queue));
        // The runtime may open another connection while it keeps the first.
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let (queue, told) = (Arc::clone(&queue), told.clone());
                std::thread::spawn(move || serve(connection, &queue, &told));
            }
        });
        let like = cloud.command(factory, &[]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_amifactory-lambda"));
        for (name, value) in like.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("AWS_LAMBDA_RUNTIME_API", address).env("LAMBDA_TASK_ROOT", factory.path());
        command.env("AWS_LAMBDA_FUNCTION_NAME", "check").env("AWS_LAMBDA_FUNCTION_VERSION", "1");
        command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256").env("AMIFACTORY_STATE", factory.state());
        let stderr = std::fs::File::create(factory.path().join("function.log")).unwrap();
        let function = command.stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        Service { function, events, answers }
    }

    /// Invokes the function, with so much time, and waits for what it answers: to `response` or to `error`.
    fn invoke(&self, event: Value, time: Duration) -> (String, Value) {
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + time;
        self.events.send((event, u64::try_from(deadline.as_millis()).unwrap())).unwrap();
        self.answers.recv_timeout(Duration::from_secs(120)).expect("the function did not answer")
    }
}

fn serve(mut connection: TcpStream, events: &Mutex<Receiver<(Value, u64)>>, answers: &Sender<(String, Value)>) {
    while let Some((path, body)) = request(&mut connection) {
        if path.ends_with("/invocation/next") {
            let Ok((event, deadline)) = events.lock().unwrap().recv() else { return };
            let event = event.to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 8476a536\r\nLambda-Runtime-Deadline-Ms: {deadline}\r\n\
                 Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:check\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{event}",
                event.len()
            );
            connection.write_all(head.as_bytes()).unwrap();
        } else {
            connection.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").unwrap();
            let kind = path.rsplit('/').next().unwrap().to_owned();
            if answers.send((kind, serde_json::from_slice(&body).unwrap_or_default())).is_err() {
                return;
            }
        }
    }
}

/// The path and the body of the next request; none where the connection ended.
fn request(connection: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut read = Vec::new();
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut headers);
        if let Ok(httparse::Status::Complete(head)) = request.parse(&read) {
            let path = request.path.unwrap().to_owned();
            let header = |name: &str| {
                let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
                found.map(|header| String::from_utf8_lossy(header.value).into_owned())
            };
            if let Some(length) = header("content-length") {
                let whole = head + length.parse::<usize>().unwrap();
                if read.len() >= whole {
                    return Some((path, read[head..whole].to_vec()));
                }
            } else if header("transfer-encoding").is_some() {
                if read.ends_with(b"0\r\n\r\n") {
                    let text = String::from_utf8_lossy(&read[head..]).into_owned();
                    let body: String = text.split("\r\n").skip(1).step_by(2).collect();
                    return Some((path, body.into_bytes()));
                }
            } else {
                return Some((path, Vec::new()));
            }
        }
        let mut more = [0; 4096];
        match connection.read(&mut more) {
            Ok(0) | Err(_) => return None,
            Ok(length) => read.extend_from_slice(&more[..length]),
        }
    }
}

/// Nobody hears of a failed build but by the function's alarm.
#[test]
fn a_rebuild_with_a_recipe_that_has_no_image_is_an_error_that_names_it() {
    let (cloud, factory) = (elsewhere::slow(), elsewhere::factory());
    let recipe = std::fs::read_to_string(factory.path().join("recipes/tiny.yaml")).unwrap();
    let base = "base: {aws: {parameter: /no/such/parameter}}";
    let lines = recipe.lines().map(|line| if line.starts_with("base:") { base } else { line });
    let recipe: String = lines.map(|line| format!("{line}\n")).collect();
    factory.write("recipes/tiny.yaml", &recipe);
    factory.write("recipes/other.yaml", &recipe.replace("recipe: tiny", "recipe: other"));
    let service = Service::start(&cloud, &factory);
    let (kind, answer) = service.invoke(json!({"job": "rebuild"}), Duration::from_secs(60));
    let message = answer["errorMessage"].as_str().unwrap();
    assert!(kind == "error" && answer["errorType"] == "Failed", "{answer}");
    assert!(message.contains("tiny failed: ") && message.contains("other failed: "), "{answer}");
    assert!(message.contains("/no/such/parameter"), "{answer}");
}

#[test]
fn a_function_runs_the_job_that_its_event_names_and_ends_in_time() {
    let (cloud, factory) = (elsewhere::slow(), elsewhere::factory());
    let text = std::fs::read_to_string(factory.path().join("amifactory.yaml")).unwrap();
    let notify = "fleet: {notify: {audiences: {all: {sns: \"arn:aws:sns:us-east-1:123456789012:fleet\"}}}}\n";
    factory.write("amifactory.yaml", &(text + notify));
    let service = Service::start(&cloud, &factory);
    // What is no job is an error that its alarm sees, and the function lives on.
    let (kind, answer) = service.invoke(json!({"job": "format-the-disk"}), Duration::from_secs(60));
    let message = answer["errorMessage"].as_str().unwrap();
    assert!(kind == "error" && message.contains("format-the-disk") && message.contains("AMIFACTORY_JOB"), "{answer}");

    // Whoever should know can't be told: the check has failed, and says whom.
    let (kind, answer) = service.invoke(json!({"job": "check"}), Duration::from_secs(60));
    let message = answer["errorMessage"].as_str().unwrap();
    assert!(kind == "error" && message.contains("Topic does not exist"), "{answer}");
    assert_eq!(answer["errorType"], "Failed");
    let topic = "arn:aws:sns:us-east-1:123456789012:fleet".to_owned();
    cloud.fake.world().sns.topics.insert(topic, Vec::new());
    let (kind, answer) = service.invoke(json!({"job": "check"}), Duration::from_secs(60));
    assert_eq!((kind.as_str(), &answer["exit_code"]), ("response", &json!(0)), "{answer}");

    // No agent ever answers: the rebuild is ended before the function is, and says that it goes on.
    let (kind, answer) = service.invoke(json!({"job": "rebuild"}), Duration::from_secs(26));
    assert_eq!((kind.as_str(), &answer["outcome"]), ("response", &json!("goes on at the next invocation")), "{answer}");
    let log = std::fs::read_to_string(factory.path().join("function.log")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let builds: Vec<&str> = lines.iter().filter_map(|line| line["trace"]["id"].as_str()).collect();
    assert!(builds.iter().any(|build| build.starts_with("tiny-")), "{log}");
    assert_eq!(lines.last().unwrap()["process"]["exit_code"], 130, "it was asked to stop, and did: {log}");

    // The next one takes the same build up: still one builder.
    let (kind, _) = service.invoke(json!({"job": "rebuild"}), Duration::from_secs(26));
    assert_eq!(kind, "response");
    let launched = cloud.fake.world().calls.iter().filter(|call| call.action == "RunInstances").count();
    assert!(launched >= 1, "something was launched");
    assert_eq!(cloud.fake.world().ec2.instances.len(), 1);
}
