//! See `tcpstate_fuzz::options`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| tcpstate_fuzz::options::run(input));
