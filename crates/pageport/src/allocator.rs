//! The program's allocator. The C library's gives large buffers back to the kernel at once and takes them again for the next read:
//! two thirds of a relay's time.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
