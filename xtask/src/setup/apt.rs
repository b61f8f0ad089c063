//! Debian packages. Whether one is missing is decided by what it provides, not by the package database: any other way of
//! having a browser or a compiler is as good.

use crate::failure::{Failure, Outcome};
use crate::{child, python};
use std::path::Path;
use std::process::Command;

struct Package {
    name: &'static str,
    present: fn() -> bool,
}

const PACKAGES: &[Package] = &[
    Package { name: "apache2", present: || Path::new("/usr/sbin/apache2").exists() },
    Package { name: "chromium", present: || Path::new("/usr/bin/chromium").exists() },
    Package { name: "curl", present: || child::succeeds("curl", &["--version"]) },
    Package { name: "dovecot-imapd", present: || Path::new("/usr/lib/dovecot/imap").exists() },
    Package { name: "firefox-esr", present: || Path::new("/usr/bin/firefox-esr").exists() },
    // libFuzzer is C++ and is compiled from its crate.
    Package { name: "g++", present: || child::succeeds("c++", &["--version"]) },
    Package { name: "git", present: || child::succeeds("git", &["--version"]) },
    Package { name: "haproxy", present: || Path::new("/usr/sbin/haproxy").exists() },
    Package { name: "iproute2", present: || child::succeeds("ip", &["-V"]) },
    Package {
        name: "netcat-openbsd",
        present: || child::succeeds("sh", &["-c", "command -v nc >/dev/null"]),
    },
    Package { name: "ngircd", present: || Path::new("/usr/sbin/ngircd").exists() },
    Package { name: "nftables", present: || Path::new("/usr/sbin/nft").exists() },
    Package { name: "nginx", present: || Path::new("/usr/sbin/nginx").exists() },
    Package { name: "openssh-client", present: || child::succeeds("ssh", &["-V"]) },
    Package { name: "openssh-server", present: || Path::new("/usr/sbin/sshd").exists() },
    Package { name: "privoxy", present: || Path::new("/usr/sbin/privoxy").exists() },
    Package { name: "python3", present: || child::succeeds(python::system(), &["--version"]) },
    Package {
        name: "python3-venv",
        present: || child::succeeds(python::system(), &["-c", "import venv, ensurepip"]),
    },
    Package { name: "redis-server", present: || Path::new("/usr/bin/redis-server").exists() },
    Package { name: "redis-tools", present: || child::succeeds("redis-cli", &["--version"]) },
    Package { name: "squid", present: || Path::new("/usr/sbin/squid").exists() },
    Package { name: "tigervnc-standalone-server", present: || Path::new("/usr/bin/Xtigervnc").exists() },
    Package { name: "tinyproxy", present: || Path::new("/usr/bin/tinyproxy").exists() },
    // xwd, which says what a screen shows.
    Package { name: "x11-apps", present: || Path::new("/usr/bin/xwd").exists() },
    Package { name: "xterm", present: || Path::new("/usr/bin/xterm").exists() },
];

pub(crate) fn install_missing() -> Outcome {
    let missing: Vec<&str> =
        PACKAGES.iter().filter(|package| !(package.present)()).map(|package| package.name).collect();
    if missing.is_empty() {
        println!("Debian packages: nothing is missing");
        return Ok(());
    }
    println!("Debian packages: {} missing", missing.join(", "));
    install(&missing)?;
    let still: Vec<&str> =
        PACKAGES.iter().filter(|package| !(package.present)()).map(|package| package.name).collect();
    if still.is_empty() {
        Ok(())
    } else {
        Err(Failure::Missing(format!("still missing: {}", still.join(", "))))
    }
}

/// Installs packages by name, or says which line a person has to run.
pub(crate) fn install(missing: &[&str]) -> Outcome {
    let Some(prefix) = privilege() else {
        let names = missing.join(" ");
        return Err(Failure::Missing(format!(
            "this needs root once:\n\n  sudo apt-get update && sudo apt-get install -y --no-install-recommends {names}"
        )));
    };
    child::run(apt(prefix).arg("update"))?;
    let policy = Policy::set(prefix)?;
    let installed = child::run(apt(prefix).args(["install", "-y", "--no-install-recommends"]).args(missing));
    policy.lift()?;
    installed
}

/// Says that no service is to be started (`policy-rc.d`), unless somebody has said something about that already: tests start the proxies
/// that they want, and nobody asked for a web server on this machine.
struct Policy<'a> {
    prefix: &'a [&'a str],
    set: bool,
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl<'a> Policy<'a> {
    fn set(prefix: &'a [&'a str]) -> Outcome<Policy<'a>> {
        let set = !Path::new(POLICY).exists();
        let policy = Policy { prefix, set };
        if set {
            policy.run(&format!("printf '#!/bin/sh\\nexit 101\\n' > {POLICY} && chmod 755 {POLICY}"))?;
        }
        Ok(policy)
    }

    fn lift(self) -> Outcome {
        if self.set { self.run(&format!("rm -f {POLICY}")) } else { Ok(()) }
    }

    fn run(&self, script: &str) -> Outcome {
        let mut words = self.prefix.iter().copied().chain(["sh", "-c", script]);
        let mut command = child::command(words.next().unwrap_or("sh"));
        child::run(command.args(words))
    }
}

/// What to put in front of apt-get: nothing as root, `sudo -n` where that works without asking, `None` otherwise.
fn privilege() -> Option<&'static [&'static str]> {
    let root = child::first_line("id", &["-u"]).is_ok_and(|uid| uid == "0");
    if root {
        Some(&[])
    } else if child::succeeds("sudo", &["-n", "true"]) {
        Some(&["sudo", "-n"])
    } else {
        None
    }
}

fn apt(prefix: &[&str]) -> Command {
    let mut words = prefix.iter().copied().chain(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]);
    let mut command = child::command(words.next().unwrap_or("env"));
    // Another installation on the same machine is waited for, not fought with.
    command.args(words).args(["-o", "DPkg::Lock::Timeout=300"]);
    command
}
