//! A gateway for development that allows one target and nothing else, and what stands before it.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::target::Target;
use super::way::{Shared, Way};
use crate::facts::Outcome;
use crate::place::Place;

pub(super) struct Scene {
    pub(super) way: Way,
    pub(super) target: Arc<Target>,
    /// The gateway; its memory is what counts, unless a relay before it is looked at.
    pub(super) place: Place,
    pub(super) shared: Shared,
    /// What stands between client and gateway, where something does: its memory counts as well.
    pub(super) before: Option<Place>,
    /// Where SOCKS is spoken.
    pub(super) socks: Option<String>,
    /// Whose name requests have.
    pub(super) host: String,
    _directory: Directory,
    processes: Vec<Child>,
}

/// Files of a scene, which go with it.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// More than the crowd needs; where the defaults lie is no question of this.
const LIMITS: [(&str, &str); 4] = [
    ("PAGEPORT_LIMITS__CONNECTIONS", "19000"),
    ("PAGEPORT_LIMITS__DIALECT_CONNECTIONS", "19000"),
    ("PAGEPORT_LIMITS__CONNECTS_PER_SESSION", "19000"),
    ("PAGEPORT_LIMITS__STREAMS_PER_SESSION", "19000"),
];

impl Scene {
    pub(super) async fn start(way: Way) -> Outcome<Scene> {
        let target = Arc::new(Target::listen(way == Way::SessionTls).await?);
        let directory = Directory(std::env::temp_dir().join(format!(
            "pageport-probe-{}-{}",
            std::process::id(),
            target.port()
        )));
        std::fs::create_dir_all(&directory.0)?;
        let file = |name: &str, text: &str| {
            let path = directory.0.join(name);
            std::fs::write(&path, text).map(|()| path)
        };
        let authority = file("authority.pem", &target.authority)?;
        let targets = file("targets", &format!("target: 127.0.0.1:{}\n", target.port()))?;

        let program = std::env::var("PAGEPORT_BIN").map_err(|_| "PAGEPORT_BIN is not set")?;
        let mut command = Command::new(&program);
        command.args(["dev", "--json", "--listen", "127.0.0.1:0"]);
        for scheme in ["tcp", "tls"] {
            command.arg("--allow").arg(format!("{scheme}://127.0.0.1:{}", target.port()));
        }
        command.env("XDG_RUNTIME_DIR", &directory.0).env("SSL_CERT_FILE", authority).envs(LIMITS);
        if way == Way::Websockify {
            command.env("PAGEPORT_WEBSOCKIFY__TARGETS", targets);
        }
        let (gateway, ready) = started(command).await?;
        let url = ready["url"].as_str().ok_or("no URL")?.to_owned();
        let port = url.trim_end_matches('/').rsplit(':').next().unwrap_or_default();
        let token = std::fs::read_to_string(directory.0.join(format!("pageport/dev-{port}.token")))?;
        let place = Place::of(&url, token.trim(), gateway.id().ok_or("the gateway is gone")?)?;
        let host = format!("127.0.0.1:{port}");

        let mut scene = Scene {
            way,
            target,
            place,
            shared: Shared::default(),
            before: None,
            socks: None,
            host,
            _directory: directory,
            processes: vec![gateway],
        };
        if way == Way::Socks {
            let mut command = Command::new(&program);
            command.args([
                "connect",
                "--socks",
                "0",
                "--socks-connections",
                "9000",
                "--json",
                "--gateway",
                &url,
            ]);
            command.env("PAGEPORT_TOKEN", token.trim());
            let ready = scene.add(command).await?;
            scene.socks = ready["socks"].as_str().map(str::to_owned);
        }
        Ok(scene)
    }

    /// With a relay before the gateway that reads more than it should (`BENCH_BIN`). It is in the way, and its memory counts.
    pub(super) async fn hoarding(way: Way, relay: &str) -> Outcome<Scene> {
        let program = std::env::var("BENCH_BIN").map_err(|_| "BENCH_BIN is not set")?;
        let mut scene = Scene::start(way).await?;
        let mut command = Command::new(program);
        command.args(["relay", relay, "0", &scene.place.address.to_string()]);
        let ready = scene.add(command).await?;
        scene
            .place
            .address
            .set_port(ready["port"].as_u64().and_then(|port| port.try_into().ok()).ok_or("no port")?);
        Ok(scene)
    }

    /// Starts what stands before the gateway.
    async fn add(&mut self, command: Command) -> Outcome<Value> {
        let (child, ready) = started(command).await?;
        self.before = Some(Place::of(&self.place.url, "", child.id().ok_or("it is gone")?)?);
        self.processes.push(child);
        Ok(ready)
    }

    /// Everybody whose memory counts.
    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        [Some(&self.place), self.before.as_ref()].into_iter().flatten()
    }
}

/// A process that says a line of JSON when it is ready, and ends with the value that stands for it.
async fn started(mut command: Command) -> Outcome<(Child, Value)> {
    let name = command.as_std().get_program().to_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    if std::env::var_os("RUST_LOG").is_none() {
        command.stderr(Stdio::null());
    }
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", shown(&name)))?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no stdout")?).lines();
    let line = lines.next_line().await?.ok_or_else(|| format!("{} said nothing", shown(&name)))?;
    // Whatever else it says is read away, so that it never blocks on its stdout.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((child, serde_json::from_str(&line)?))
}

fn shown(program: &OsStr) -> String {
    program.to_string_lossy().into_owned()
}
