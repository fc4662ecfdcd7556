//! What a stretch of work cost: wall time, processor time and peak memory of this process, from `/proc/self`.

use std::time::Instant;

/// Clock ticks a second in `/proc/self/stat`; 100 on every Linux that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running measurement.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    wall: Instant,
    cpu_seconds: f64,
}

/// A finished measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Wall time.
    pub wall_seconds: f64,
    /// Processor time of all threads.
    pub cpu_seconds: f64,
    /// Greatest resident memory since the start of the measurement; 0 where the system does not say.
    pub peak_mb: u64,
}

impl Meter {
    /// Begins to measure; the kernel's peak-memory mark is reset.
    pub fn start() -> Self {
        // Best effort: without it the peak is that of the process so far.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Self { wall: Instant::now(), cpu_seconds: cpu_seconds() }
    }

    /// What was used since the start.
    pub fn stop(self) -> Cost {
        Cost {
            wall_seconds: self.wall.elapsed().as_secs_f64(),
            cpu_seconds: cpu_seconds() - self.cpu_seconds,
            peak_mb: peak_mb(),
        }
    }
}

/// User and system time of the process so far; 0 where the system does not say.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields are counted after the command name, which may hold spaces: utime and stime are the 12th and 13th.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_SECOND
}

fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_time_are_seen() {
        let meter = Meter::start();
        let block = vec![1u8; 64 << 20];
        let sum: u64 = block.iter().map(|b| u64::from(*b)).sum();
        let cost = meter.stop();
        assert_eq!(sum, 64 << 20);
        assert!(cost.wall_seconds > 0.0);
        assert!(cost.peak_mb >= 64, "{cost:?}");
    }
}
