//! The clock that pktkit reads: while a thread simulates, it shows that simulation's virtual time.
//!
//! `std::time::Instant::now()` asks the C library's `clock_gettime`. The definition below stands in this program and
//! therefore comes first; where no virtual time is set, it asks the kernel.

use std::cell::Cell;
use std::time::Duration;
use tcpstate::Instant;

/// Virtual time 0 on the monotonic clock, in nanoseconds: an hour, so that looking back a little is possible.
const ORIGIN: u64 = 3_600_000_000_000;

thread_local! {
    static NOW: Cell<Option<u64>> = const { Cell::new(None) };
}

/// From now on, in this thread, it is this moment.
pub(crate) fn set(now: Instant) {
    NOW.set(Some(ORIGIN.saturating_add(now.as_nanos())));
}

/// From now on, in this thread, it is what the kernel says.
pub(crate) fn release() {
    NOW.set(None);
}

/// The virtual time in milliseconds, for timestamps.
pub(crate) fn millis() -> u32 {
    (NOW.get().unwrap_or(ORIGIN) / 1_000_000) as u32
}

/// How long this thread has been computing: while others have the processor, it stands still.
pub(crate) fn computing() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes a `timespec`, and nothing else.
    let done =
        unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(done, 0, "Linux has that clock");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The C library's function, for the whole program.
///
/// # Safety
///
/// As of the C library's: `into` must point to a `timespec`.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, into: *mut libc::timespec) -> libc::c_int {
    match NOW.get() {
        Some(nanos) => {
            let time = libc::timespec {
                tv_sec: (nanos / 1_000_000_000) as libc::time_t,
                tv_nsec: (nanos % 1_000_000_000) as _,
            };
            // SAFETY: the caller says that it may be written.
            unsafe { into.write(time) };
            0
        }
        // SAFETY: as above; the kernel writes there.
        None => unsafe { libc::syscall(libc::SYS_clock_gettime, clock, into) as libc::c_int },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sleeps_does_not_compute() {
        set(Instant::ZERO);
        let before = computing();
        std::thread::sleep(Duration::from_millis(20));
        assert!(computing() - before < Duration::from_millis(20));
        while computing() == before {}
        release();
    }

    #[test]
    fn the_standard_clock_shows_virtual_time_in_this_thread_only() {
        set(Instant::ZERO);
        let origin = std::time::Instant::now();
        assert_eq!(origin, std::time::Instant::now(), "it stands");
        set(Instant::from_nanos(1_500_000_001));
        assert_eq!(origin.elapsed(), Duration::from_nanos(1_500_000_001));
        let elsewhere = std::thread::spawn(move || {
            let start = std::time::Instant::now();
            std::thread::sleep(Duration::from_millis(5));
            start.elapsed()
        });
        assert!(elsewhere.join().unwrap() >= Duration::from_millis(5));
        release();
        let start = std::time::Instant::now();
        std::thread::sleep(Duration::from_millis(5));
        assert!(start.elapsed() >= Duration::from_millis(5));
    }
}
