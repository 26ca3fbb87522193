//! What `std` and the C library would have supplied: the entry point, an allocator, a panic handler, an exit,
//! and the five memory functions that the compiler calls by name. For Linux on x86-64.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::{asm, naked_asm};
use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The exit code after a panic: that of `std`.
const PANICKED: u8 = 101;

/// The kernel jumps here with no return address on the stack; functions expect one on an aligned stack.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    naked_asm!("xor ebp, ebp", "and rsp, -16", "call {start}", "ud2", start = sym start)
}

extern "C" fn start() -> ! {
    exit(crate::main())
}

fn exit(code: u8) -> ! {
    const SYS_EXIT_GROUP: usize = 231;
    // SAFETY: exit_group takes one integer and does not return.
    unsafe {
        asm!("syscall", in("rax") SYS_EXIT_GROUP, in("rdi") usize::from(code), options(noreturn, nostack));
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(PANICKED)
}

/// `alloc` comes compiled to unwind and names this; nothing unwinds here.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() -> ! {
    exit(PANICKED)
}

const HEAP_BYTES: usize = 1 << 20;

/// Hands out a fixed piece of memory from its beginning to its end and takes nothing back.
#[repr(align(4096))]
struct Bump {
    heap: UnsafeCell<[u8; HEAP_BYTES]>,
    used: AtomicUsize,
}

// SAFETY: `used` only grows, atomically, so no two allocations share a byte of `heap`.
unsafe impl Sync for Bump {}

#[global_allocator]
static ALLOCATOR: Bump = Bump { heap: UnsafeCell::new([0; HEAP_BYTES]), used: AtomicUsize::new(0) };

// SAFETY: what `alloc` returns lies inside `heap`, is aligned as asked and is never handed out again.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.heap.get().cast::<u8>();
        let fit = |used: usize| {
            let address = (base.addr() + used).checked_next_multiple_of(layout.align())?;
            let begin = address - base.addr();
            let end = begin.checked_add(layout.size())?;
            (end <= HEAP_BYTES).then_some((begin, end))
        };
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| Some(fit(used)?.1)) {
            // SAFETY: `fit` answered for this very `used`, so `begin` is within the heap.
            Ok(used) => fit(used).map_or(core::ptr::null_mut(), |(begin, _)| unsafe { base.add(begin) }),
            Err(_) => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

/// In assembly, because a loop in Rust may be compiled into a call of the very function it stands in.
mod memory {
    use core::arch::asm;

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
        // SAFETY: the caller promises `len` octets at both places, which do not overlap.
        unsafe {
            asm!("rep movsb", inout("rcx") len => _, inout("rdi") to => _, inout("rsi") from => _,
                 options(nostack, preserves_flags));
        }
        to
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
        if to.addr().wrapping_sub(from.addr()) >= len {
            // SAFETY: the caller promises `len` octets at both places, and copying upwards reads each
            // octet before it is overwritten.
            return unsafe { memcpy(to, from, len) };
        }
        // SAFETY: as above, copying downwards from the last octet; `len` is not zero here.
        unsafe {
            asm!("std", "rep movsb", "cld", inout("rcx") len => _, inout("rdi") to.add(len - 1) => _,
                 inout("rsi") from.add(len - 1) => _, options(nostack));
        }
        to
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memset(to: *mut u8, octet: i32, len: usize) -> *mut u8 {
        // SAFETY: the caller promises `len` octets to write. Only the low octet of the value counts.
        unsafe {
            asm!("rep stosb", inout("rcx") len => _, inout("rdi") to => _, in("eax") octet,
                 options(nostack, preserves_flags));
        }
        to
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
        let (above, below): (u8, u8);
        // SAFETY: the caller promises `len` octets at both places. `cmp` makes no octets compare equal.
        unsafe {
            asm!("cmp rcx, rcx", "repe cmpsb", "seta {above}", "setb {below}",
                 above = out(reg_byte) above, below = out(reg_byte) below,
                 inout("rcx") len => _, inout("rsi") a => _, inout("rdi") b => _, options(nostack));
        }
        i32::from(above) - i32::from(below)
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
        // SAFETY: the caller promises what `memcmp` needs.
        unsafe { memcmp(a, b, len) }
    }
}
