//! A control group that limits memory (version 1 of the kernel's interface). Whoever exceeds it is killed by the kernel,
//! which is what a proof about bounded memory wants to see not happening.

use crate::failure::{About, Outcome, failed};
use std::fs;
use std::path::PathBuf;

const MOUNT: &str = "/sys/fs/cgroup/memory";

pub(crate) struct MemoryGroup {
    dir: PathBuf,
}

impl MemoryGroup {
    /// `limit` in bytes. Needs root.
    pub(crate) fn new(name: &str, limit: u64) -> Outcome<Self> {
        let dir = PathBuf::from(MOUNT).join(format!("pageport-{name}-{}", std::process::id()));
        fs::create_dir(&dir)
            .about(format!("{} (a memory control group, version 1, and root are needed)", dir.display()))?;
        let group = Self { dir };
        group.write("memory.limit_in_bytes", limit)?;
        if group.read("memory.limit_in_bytes")? > limit {
            return Err(failed("the kernel did not take the memory limit"));
        }
        Ok(group)
    }

    /// A process that writes its id into this file belongs to the group from then on.
    pub(crate) fn procs(&self) -> PathBuf {
        self.dir.join("cgroup.procs")
    }

    /// The most that was in use at any moment, in bytes.
    pub(crate) fn peak(&self) -> Outcome<u64> {
        self.read("memory.max_usage_in_bytes")
    }

    /// How often the kernel has killed something in the group.
    pub(crate) fn kills(&self) -> Outcome<u64> {
        let path = self.dir.join("memory.oom_control");
        let text = fs::read_to_string(&path).about(path.display())?;
        let kills = text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok());
        kills.ok_or_else(|| failed("the kernel does not count kills"))
    }

    fn write(&self, file: &str, value: u64) -> Outcome {
        let path = self.dir.join(file);
        fs::write(&path, value.to_string()).about(path.display())
    }

    fn read(&self, file: &str) -> Outcome<u64> {
        let path = self.dir.join(file);
        let text = fs::read_to_string(&path).about(path.display())?;
        text.trim().parse().map_err(|error| failed(format!("{}: {error}", path.display())))
    }
}

impl Drop for MemoryGroup {
    /// Works only once its processes have ended: declare it before the process that goes in, so that it is dropped after.
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.dir) {
            eprintln!("{}: {error}", self.dir.display());
        }
    }
}
