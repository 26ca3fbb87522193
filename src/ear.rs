//! For tests: what a subscriber hears.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// The fields of each event, in one line.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
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

/// What is heard of `run`, which is called twice: a line for each event of the second time.
///
/// Whoever comes first to a place where an event is raised settles for the whole process whether anybody wants to hear of it,
/// and as long as there is one subscriber in all, he asks that of his own thread only: another test's thread may say no for us.
/// So there are two subscribers, and when all places were come to, everybody is asked again.
pub(crate) fn hear(mut run: impl FnMut()) -> Vec<String> {
    let (ear, second) = (Ear::default(), Dispatch::new(Ear::default()));
    tracing::subscriber::with_default(ear.clone(), || {
        run();
        tracing::callsite::rebuild_interest_cache();
        ear.0.lock().unwrap().clear();
        run();
    });
    drop(second);
    core::mem::take(&mut *ear.0.lock().unwrap())
}
