//! What happened between two ends, as a picture and as a capture.

#![cfg(all(feature = "drill", feature = "sim"))]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unreachable,
    reason = "a test may fail by panicking"
)]

use tcpstate::drill::Profile;
use tcpstate::ladder::{End, Ladder, Look};

#[path = "ladder/net.rs"]
mod net;
#[path = "ladder/scripts.rs"]
mod scripts;

use net::{Act, Net, Way, ms};

/// A transfer of a few segments, in which `way` decides.
fn transfer(way: impl FnMut(usize, End) -> Way + 'static) -> Ladder {
    let mut net = Net::new(&Profile::library().host, way);
    net.act(End::A, Act::Connect);
    net.pass(ms(50));
    net.act(End::A, Act::Write(6_000));
    net.pass(ms(100));
    while net.act(End::B, Act::Read(10_000)) {}
    net.act(End::A, Act::Close);
    net.pass(ms(60));
    net.act(End::B, Act::Close);
    net.pass(ms(300_000));
    net.ladder
}

fn snapshot(name: &str, picture: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, picture));
}

fn usual() -> Way {
    Way::Arrives(vec![ms(10)])
}

#[test]
fn a_loss_and_its_repair_are_to_be_seen() {
    let ladder = transfer(|number, _| if number == 5 { Way::Lost } else { usual() });
    snapshot("ladder-loss", &ladder.to_string());
}

#[test]
fn what_is_overtaken_doubled_or_delayed_is_to_be_seen() {
    let ladder = transfer(|number, _| match number {
        4 => Way::Arrives(vec![ms(14)]),
        6 => Way::Arrives(vec![ms(10), ms(22)]),
        _ => usual(),
    });
    snapshot("ladder-reorder", &ladder.to_string());
}

#[test]
fn a_narrow_picture_keeps_everything() {
    let ladder = transfer(|number, _| if number == 5 { Way::Lost } else { usual() });
    let picture = ladder.display(Look { width: 80, colour: false });
    assert!(picture.lines().all(|line| line.chars().count() <= 80), "{picture}");
    snapshot("ladder-narrow", &picture);
}
