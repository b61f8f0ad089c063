//! How much memory this process may use: the machine's, or less when a control group says so. Never writes anything.

use std::fs;
use std::path::{Path, PathBuf};

use super::units::MIB;

/// What is assumed where the system does not say.
const UNKNOWN: u64 = 1024 * MIB;

/// A quarter of the memory that this process may use, in whole MiB and at least 16 MiB.
pub(crate) fn quarter_of_memory() -> u64 {
    let quarter = memory(Path::new("/")) / 4;
    (quarter - quarter % MIB).max(16 * MIB)
}

/// `root` is `/`, or a made-up tree in tests.
fn memory(root: &Path) -> u64 {
    let machine = machine_total(root).unwrap_or(UNKNOWN);
    control_group_limit(root).map_or(machine, |limit| limit.min(machine))
}

fn machine_total(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The smallest limit between this process's group and the root of the hierarchy, in version 1 or 2.
fn control_group_limit(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    groups.lines().filter_map(|line| group_limit(root, line)).min()
}

/// A line is `hierarchy:controllers:path`; version 2 has hierarchy 0 and no controllers.
fn group_limit(root: &Path, line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':');
    let (hierarchy, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let (mount, file) = if hierarchy == "0" && controllers.is_empty() {
        ("sys/fs/cgroup", "memory.max")
    } else if controllers.split(',').any(|controller| controller == "memory") {
        ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
    } else {
        return None;
    };
    let mount = root.join(mount);
    let own: PathBuf = mount.join(path.trim_start_matches('/'));
    // In a container the path may name a group that is not visible; its own limit then stands at the mount point.
    own.ancestors()
        .take_while(|group| group.starts_with(&mount))
        .filter_map(|group| fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok())
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let root = std::env::temp_dir().join(format!("pageport-machine-{}-{name}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("has a parent")).expect("temporary directory");
            fs::write(path, text).expect("temporary file");
        }
        root
    }

    fn memory_of(name: &str, files: &[(&str, &str)]) -> u64 {
        let root = tree(name, files);
        let memory = memory(&root);
        fs::remove_dir_all(root).expect("temporary directory");
        memory
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:       8388608 kB\nMemFree: 1 kB\n");

    #[test]
    fn the_machine_counts_when_no_group_limits() {
        assert_eq!(memory_of("none", &[MEMINFO]), 8 << 30);
        let unlimited = ("sys/fs/cgroup/a/memory.max", "max\n");
        assert_eq!(memory_of("max", &[MEMINFO, ("proc/self/cgroup", "0::/a\n"), unlimited]), 8 << 30);
    }

    #[test]
    fn version_2_takes_the_smallest_limit_up_to_the_root() {
        let files = [
            MEMINFO,
            ("proc/self/cgroup", "0::/outer/inner\n"),
            ("sys/fs/cgroup/outer/memory.max", "268435456\n"),
            ("sys/fs/cgroup/outer/inner/memory.max", "536870912\n"),
        ];
        assert_eq!(memory_of("v2", &files), 256 << 20);
    }

    #[test]
    fn version_1_is_read_too_even_from_inside_a_container() {
        let limit = ("sys/fs/cgroup/memory/group/memory.limit_in_bytes", "268435456\n");
        let groups = ("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/group\n");
        assert_eq!(memory_of("v1", &[MEMINFO, groups, limit]), 256 << 20);
        let at_mount = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n");
        let hidden = ("proc/self/cgroup", "4:memory:/not/visible\n");
        assert_eq!(memory_of("v1-container", &[MEMINFO, hidden, at_mount]), 128 << 20);
    }
}
