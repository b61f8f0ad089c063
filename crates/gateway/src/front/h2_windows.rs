//! How much HTTP/2 connections may send ahead, all together. A window that was granted cannot be taken back, so each new connection is
//! granted a part of what is left: the first ones enough that a stalled stream never blocks another, the last ones the 64 KiB that
//! RFC 9113 §6.9.2 gives everybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// RFC 9113 §6.9.2
const LEAST: u64 = 65_535;
/// What part of the rest one connection gets at most.
const PART: u64 = 16;

/// What is granted now.
#[derive(Debug, Default, Clone)]
pub(crate) struct Windows(Arc<AtomicU64>);

/// The window of one connection; gives itself back.
#[derive(Debug)]
pub(crate) struct Window {
    size: u64,
    granted: Arc<AtomicU64>,
}

impl Windows {
    /// A window of at most `want`, of `limit` for all.
    pub(crate) fn grant(&self, want: u64, limit: u64) -> Window {
        let size = |granted: u64| (limit.saturating_sub(granted) / PART).clamp(LEAST, want.max(LEAST));
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| Some(now + size(now)));
        Window { size: size(before.unwrap_or(u64::MAX)), granted: Arc::clone(&self.0) }
    }
}

impl Window {
    pub(crate) fn size(&self) -> u32 {
        u32::try_from(self.size).unwrap_or(u32::MAX).min((1 << 31) - 1)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.granted.fetch_sub(self.size, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_get_what_they_want_and_the_last_what_everybody_gets() {
        const MIB: u64 = 1 << 20;
        let windows = Windows::default();
        let mut all: Vec<Window> = (0..1_000).map(|_| windows.grant(6 * MIB, 128 * MIB)).collect();
        assert_eq!(u64::from(all[0].size()), 6 * MIB);
        assert_eq!(u64::from(all[999].size()), LEAST);
        let above: u64 = all.iter().map(|window| window.size - LEAST).sum();
        assert!(above <= 128 * MIB, "{above}");
        all.clear();
        assert_eq!(u64::from(windows.grant(6 * MIB, 128 * MIB).size()), 6 * MIB, "it came back");
        assert_eq!(u64::from(windows.grant(6 * MIB, 0).size()), LEAST);
    }
}
