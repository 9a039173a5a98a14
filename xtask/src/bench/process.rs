//! Reads figures of a process from the kernel.

use std::{fs, time::Duration};

use anyhow::Context as _;

/// Returns the processor time of all threads of the process.
///
/// It is the first number of `schedstat`: <https://docs.kernel.org/scheduler/sched-stats.html>.
pub fn processor_time(pid: u32) -> anyhow::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        let spent = text.split(' ').next().unwrap_or_default();
        nanoseconds += spent.parse::<u64>().context("schedstat has no number")?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Returns the resident memory of the process in bytes.
pub fn resident_memory(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))
        .context("the status of the process has no VmRSS")?;
    Ok(kilobytes.parse::<u64>()? * 1024)
}
