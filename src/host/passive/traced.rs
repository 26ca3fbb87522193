//! What a subscriber hears of rows.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::testing::*;
use super::{ListenConfig, SynCookies};

/// The fields of each event, in one line.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() != "message" && field.name() != "flow" {
            write!(self.0, "{value:?} ").unwrap();
        }
    }
}

impl Subscriber for Ear {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn every_change_of_a_row_is_an_event() {
    let ear = Ear::default();
    tracing::subscriber::with_default(ear.clone(), || {
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
    let syn = "\"rcv SYN\" \"LISTEN\" \"SYN-RECEIVED\" ";
    let evicted = "\"rcv RST (passive open)\" \"SYN-RECEIVED\" \"LISTEN\" ";
    let unheard = "\"ABORT\" \"SYN-RECEIVED\" \"CLOSED\" ";
    assert_eq!(*ear.0.lock().unwrap(), [syn, evicted, syn, unheard, syn]);
}
