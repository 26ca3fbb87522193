//! What a subscriber hears of rows.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use alloc::vec::Vec;

use super::testing::*;
use super::{ListenConfig, SynCookies};
use crate::ear::hear;

#[test]
fn every_change_of_a_row_is_an_event() {
    let heard = hear(|| {
        let mut side = Side::new(limits());
        let listener = side.listen(
            "10.0.0.1:80",
            &ListenConfig { half_open: 1, cookies: SynCookies::Off, ..ListenConfig::default() },
        );
        side.call(&peer(0));
        side.call(&peer(1));
        side.passive.unlisten(listener);
        side.listen("10.0.0.1:80", &ListenConfig { cookies: SynCookies::Always, ..ListenConfig::default() });
        let super::Outcome::Reply(cookie) = side.segment(&peer(2), &syn()) else { panic!("no cookie") };
        side.promoted(&peer(2), &ack(&cookie.meta));
    });
    let said: Vec<_> =
        heard.iter().filter_map(|line| line.split_once(" event=")).map(|(_, said)| said).collect();
    let syn = r#""rcv SYN" from="LISTEN" to="SYN-RECEIVED" "#;
    let evicted = r#""rcv RST (passive open)" from="SYN-RECEIVED" to="LISTEN" "#;
    let unheard = r#""ABORT" from="SYN-RECEIVED" to="CLOSED" "#;
    assert_eq!(said, [syn, evicted, syn, unheard, syn], "{heard:?}");
}
