//! The program's allocator. The C library's gives large buffers back to the kernel at once and takes them again for the next read:
//! two thirds of a relay's time.

use rustix::thread::disable_transparent_huge_pages;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// From now on memory comes in small pages, also where the kernel would give one of 2 MiB for the first byte that is touched: limits count what waits,
/// and that has to be what it costs. Where it cannot be set, memory is only less exact.
pub(crate) fn take_small_pages() {
    let _ = disable_transparent_huge_pages(true);
}
