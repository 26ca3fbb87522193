//! Any text, read and run as a script: it ends with a verdict, without a panic and soon, and the same each time.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcpstate::drill::script::Action;
use tcpstate::drill::{Profile, RunOptions, parse, run};

fuzz_target!(|text: &str| {
    let script = match parse(text, &[]) {
        Ok(script) => script,
        Err(error) => {
            assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty());
            return;
        }
    };
    for event in &script.events {
        let Action::Packet(packet) = &event.action else { continue };
        let again = parse(&format!("0 {packet}"), &[]).expect("a packet that is shown can be read");
        assert_eq!(again.events[0].action, event.action);
    }
    let options = RunOptions { profile: Profile::library(), record: false };
    let outcome = run(&script, &options);
    assert_eq!(run(&script, &options).verdict, outcome.verdict);
});
