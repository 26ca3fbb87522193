//! See `tcpstate_fuzz::tcb_ops`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcpstate_fuzz::record::Nobody;

fuzz_target!(|input: &[u8]| tcpstate_fuzz::tcb_ops::run(input, &mut Nobody));
