//! What the benches share: rows made from a seed, a service of their own, and measuring.

use std::path::{Path, PathBuf};
use std::time::Instant;

use platform::{Clock, Limits, Platform, Settings};

/// The folder of the project.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// An empty service in a folder, with the sample's geography, under these agreements and definitions.
///
/// # Errors
/// If one of them is not in order.
pub fn opened(folder: &Path, [agreements, contracts, indicators]: [PathBuf; 3]) -> anyhow::Result<Platform> {
    let settings = Settings {
        data: folder.join("data"),
        key_file: folder.join("data.key"),
        agreements,
        contracts,
        indicators,
        workbook_program: PathBuf::new(),
        limits: Limits::default(),
        clock: Clock::system(),
    };
    Platform::create(&settings)?;
    let (platform, problems) = Platform::open(settings)?;
    anyhow::ensure!(problems.is_empty(), "{problems:?}");
    platform.import_geography(&root().join("sample-data/geography/geography.toml"), None)?;
    Ok(platform)
}

/// A generator of whole numbers from a seed (SplitMix64: Steele, Lea and Flood 2014), the same everywhere.
pub struct Numbers(u64);

impl Numbers {
    /// From a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next of 64 bits.
    #[allow(clippy::should_implement_trait, reason = "it never ends")]
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    /// The next below a bound.
    #[allow(clippy::cast_possible_truncation, reason = "the upper 32 bits of a product")]
    pub const fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * bound as u64) >> 32) as u32
    }
}

/// Seconds that some work takes, so many times, in order of their size; and what it gave the last time.
///
/// # Errors
/// Those of the work.
pub fn timed<T>(times: usize, mut work: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<(Vec<f64>, Option<T>)> {
    let (mut seconds, mut last) = (Vec::new(), None);
    for _ in 0..times {
        // What the last time gave is freed outside the measured time.
        drop(last.take());
        let start = Instant::now();
        let result = work()?;
        seconds.push(start.elapsed().as_secs_f64());
        last = Some(result);
    }
    seconds.sort_by(f64::total_cmp);
    Ok((seconds, last))
}

/// The most memory that this process has had, bytes; 0 where the system does not say.
#[must_use]
pub fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).map_or(0, |kilobytes| kilobytes << 10)
}

/// Begins the peak anew, from what is held at this moment; where that cannot be, it stays what it was.
pub fn forget_peak() {
    // proc(5): 5 resets the peak resident set size.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
