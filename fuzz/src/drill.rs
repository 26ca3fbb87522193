//! Any text, read and run as a script: it ends with a verdict, without a panic and soon, and the same each time.

use tcpstate::drill::script::Action;
use tcpstate::drill::{self, Profile, RunOptions, parse};

/// One script.
pub fn run(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
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
    let outcome = drill::run(&script, &options);
    assert_eq!(drill::run(&script, &options).verdict, outcome.verdict);
}
