//! A bare Debian 12 of its own for the clone: `debootstrap`'s smallest system, a C linker (which Rust needs), Rust and Node.
//! Nothing else of this machine is in it but the way to the registries and the crates that cargo has already fetched.
//!
//! It is entered by namespaces: what is mounted there is gone with the process, whatever happens.

use crate::child;
use crate::failure::{About, Outcome};
use crate::setup::apt;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The one thing besides its smallest system: `rustc` calls `cc` to link.
const INCLUDED: &str = "--include=ca-certificates,gcc,libc6-dev";
const RELEASE: &str = "bookworm";

/// Where things are inside.
pub(super) const CLONE: &str = "/project";
const RUSTUP: &str = "/opt/rustup";
const CARGO: &str = "/opt/cargo";
const HOME: &str = "/root";
const PATH: &str = "/opt/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How this machine reaches its registries: what is there of these is copied.
const WAYS: &[&str] = &["etc/apt", "etc/pip.conf", "etc/resolv.conf", "etc/hosts"];

/// Mounts that end with the namespace, then the system's own root. `$1` is the root, `$2` the toolchains, `$3` crates, `$4` the line.
const ENTER: &str = r#"set -e
mount --make-rprivate /
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount --rbind /sys "$1/sys"
mount --bind /etc/ssl "$1/etc/ssl"
mount --bind "$2" "$1/opt/rustup"
mount -o remount,bind,ro "$1/opt/rustup"
mount --bind "$3" "$1/opt/cargo/registry"
exec chroot "$1" sh -c "cd /project && $4"
"#;

/// A bare system.
pub(super) struct Bare {
    root: PathBuf,
    toolchains: PathBuf,
    crates: PathBuf,
}

impl Bare {
    /// Makes one, or says why this machine cannot.
    pub(super) fn make(root: &Path) -> Outcome<Result<Bare, String>> {
        if child::first_line("id", &["-u"])? != "0" {
            return Ok(Err("only root can make one".to_owned()));
        }
        if !child::succeeds("debootstrap", &["--version"])
            && let Err(error) = apt::install(&["debootstrap"])
        {
            return Ok(Err(format!("debootstrap is missing: {error}")));
        }
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let or_in_home = |name: &str, dir: &str| std::env::var_os(name).map_or(home.join(dir), PathBuf::from);
        let cargo = or_in_home("CARGO_HOME", ".cargo");
        let bare = Bare {
            root: root.to_owned(),
            toolchains: or_in_home("RUSTUP_HOME", ".rustup"),
            crates: cargo.join("registry"),
        };
        child::run(child::command("debootstrap").args(["--variant=minbase", INCLUDED, RELEASE]).arg(root))?;
        for dir in [CLONE, RUSTUP, "/opt/cargo/registry"] {
            let dir = bare.inside(dir);
            fs::create_dir_all(&dir).about(dir.display())?;
        }
        bare.copy(&cargo.join("bin"), "/opt/cargo/bin")?;
        bare.copy(Path::new("/usr/bin/node"), "/usr/bin/node")?;
        bare.copy(Path::new("/usr/lib/node_modules"), "/usr/lib/node_modules")?;
        bare.copy(Path::new("/usr/bin/npm"), "/usr/bin/npm")?;
        for way in WAYS {
            let here = Path::new("/").join(way);
            if here.exists() {
                child::run(child::command("rm").arg("-rf").arg(bare.inside(way)))?;
                bare.copy(&here, way)?;
            }
        }
        let npm = home.join(".npmrc");
        if npm.exists() {
            bare.copy(&npm, &format!("{HOME}/.npmrc"))?;
        }
        Ok(Ok(bare))
    }

    /// How many Debian packages are in it.
    pub(super) fn packages(&self) -> usize {
        let status = fs::read_to_string(self.inside("var/lib/dpkg/status")).unwrap_or_default();
        status.lines().filter(|line| line.starts_with("Package: ")).count()
    }

    /// Which of these programs are in it.
    pub(super) fn has(&self, path: &str) -> bool {
        self.inside(path).exists()
    }

    /// The clone's place, seen from outside.
    pub(super) fn clone_dir(&self) -> PathBuf {
        self.inside(CLONE)
    }

    /// A line in a shell inside, in the clone, with an empty environment but for `kept`.
    pub(super) fn shell(&self, line: &str, kept: impl Iterator<Item = (&'static str, OsString)>) -> Command {
        let mut command = child::command("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "sh"]);
        command.arg(&self.root).arg(&self.toolchains).arg(&self.crates).arg(line);
        command.env_clear().envs(kept);
        command.envs([("PATH", PATH), ("HOME", HOME), ("RUSTUP_HOME", RUSTUP), ("CARGO_HOME", CARGO)]);
        command.env("CI", "true");
        command
    }

    fn inside(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn copy(&self, from: &Path, to: &str) -> Outcome {
        let to = self.inside(to);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).about(parent.display())?;
        }
        child::run(child::command("cp").arg("-a").arg(from).arg(to))
    }
}
