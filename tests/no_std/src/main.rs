//! Links the core of `tcpstate` into a program that has neither `std` nor a C library, and runs it.
//!
//! The exit code is 0 when every check holds, and otherwise the number of the first that did not.

#![no_std]
#![no_main]

extern crate alloc;

mod checks;
mod runtime;

/// What a program needs instead of a `main` that returns; called by `runtime`.
fn main() -> u8 {
    match checks::run() {
        Ok(()) => 0,
        Err(number) => number,
    }
}
