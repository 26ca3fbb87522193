//! The system's allocator with an account for each thread, so that tests may run side by side. Whoever
//! includes this file has it as its allocator.

#![allow(
    dead_code,
    unsafe_code,
    reason = "an allocator is unsafe by its nature; each test uses a part of this"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, with an account for each thread.
struct Counting;

/// What a thread has allocated: how often, how many octets it holds, and the most that it has held.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    pub(crate) allocations: u64,
    pub(crate) live: isize,
    pub(crate) peak: isize,
}

thread_local! {
    static ACCOUNT: Cell<Account> = const { Cell::new(Account { allocations: 0, live: 0, peak: 0 }) };
}

fn book(allocations: u64, octets: isize) {
    // A thread that is ending has no account any more.
    let _ = ACCOUNT.try_with(|account| {
        let mut now = account.get();
        now.allocations += allocations;
        now.live += octets;
        now.peak = now.peak.max(now.live);
        account.set(now);
    });
}

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        book(1, layout.size() as isize);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        book(0, -(layout.size() as isize));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        book(1, size as isize - layout.size() as isize);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

pub(crate) fn account() -> Account {
    ACCOUNT.get()
}

/// Begins to look for a new peak; answers what is held now.
pub(crate) fn reset_peak() -> isize {
    let mut now = account();
    now.peak = now.live;
    ACCOUNT.set(now);
    now.live
}
