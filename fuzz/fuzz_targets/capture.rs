//! See `tcpstate_fuzz::capture`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| tcpstate_fuzz::capture::run(input));
