//! See `tcpstate_fuzz::replay`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| tcpstate_fuzz::replay::run(input));
