//! See `tcpstate_fuzz::host`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcpstate_fuzz::record::Nobody;

fuzz_target!(|input: &[u8]| tcpstate_fuzz::host::run(input, &mut Nobody));
