//! See `tcpstate_fuzz::packet`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| tcpstate_fuzz::packet::run(input));
