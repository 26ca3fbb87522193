//! See `tcpstate_fuzz::drill`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| tcpstate_fuzz::drill::run(input));
