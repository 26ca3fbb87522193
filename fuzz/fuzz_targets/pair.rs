//! See `tcpstate_fuzz::pair`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcpstate_fuzz::record::Nobody;

fuzz_target!(|input: &[u8]| tcpstate_fuzz::pair::run(input, &mut Nobody));
