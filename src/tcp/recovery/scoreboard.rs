//! The scoreboard of a connection: the [`Records`] while something is under way, and nothing but a count while it
//! rests.

use alloc::boxed::Box;
use core::ops::{Deref, Range};
use core::time::Duration;

use super::record::{Delivery, Record};
use super::records::Records;
use crate::Instant;
use crate::tcp::fingerprint::{Fold, Folder};

/// [`Records`] that take memory from the first segment that is sent until the connection [rests](Self::rest).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::tcp) struct Scoreboard {
    records: Option<Box<Records>>,
    /// While there are none: how many transmissions there have been.
    past: u64,
}

impl Fold for Scoreboard {
    fn fold(&self, into: &mut Folder) {
        // How many transmissions there were before is left out, as it is where there are records.
        let Self { records: _, past: _ } = self;
        Records::fold(self, into);
    }
}

static NONE: Records = Records::new();

impl Deref for Scoreboard {
    type Target = Records;

    #[inline]
    fn deref(&self) -> &Records {
        self.records.as_deref().unwrap_or(&NONE)
    }
}

impl Scoreboard {
    /// Nothing was ever sent.
    pub(in crate::tcp) const fn new() -> Self {
        Self { records: None, past: 0 }
    }

    /// For what is sent now.
    #[inline]
    pub(in crate::tcp) fn make(&mut self) -> &mut Records {
        let past = self.past;
        self.records.get_or_insert_with(|| Box::new(Records::after(past)))
    }

    /// For what changes something that is under way: where nothing is, there is nothing to change.
    #[inline]
    pub(in crate::tcp) fn if_any(&mut self) -> Option<&mut Records> {
        self.records.as_deref_mut()
    }

    /// Gives back memory that is held for what is to come.
    pub(in crate::tcp) fn rest(&mut self) {
        if let Some(records) = self.records.take_if(|records| records.len() == 0) {
            self.past = records.transmissions();
        }
    }

    /// Forgets everything and gives the memory back.
    pub(in crate::tcp) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Octets of memory held.
    #[inline]
    pub(in crate::tcp) fn memory(&self) -> usize {
        self.records.as_ref().map_or(0, |records| size_of::<Records>() + records.memory())
    }

    /// [`Records::acked_to`].
    #[inline]
    pub(in crate::tcp) fn acked_to(
        &mut self,
        position: u64,
        news: &mut Delivery,
        genuine: impl Fn(&Record) -> bool,
    ) {
        if let Some(records) = self.if_any() {
            records.acked_to(position, news, genuine);
        }
    }

    /// [`Records::sack`].
    pub(in crate::tcp) fn sack(
        &mut self,
        block: Range<u64>,
        news: &mut Delivery,
        genuine: impl Fn(&Record) -> bool,
    ) {
        if let Some(records) = self.if_any() {
            records.sack(block, news, genuine);
        }
    }

    /// [`Records::expire`].
    pub(in crate::tcp) fn expire(
        &mut self,
        now: Instant,
        newest: u64,
        patience: Duration,
    ) -> (bool, Option<Instant>) {
        self.if_any().map_or((false, None), |records| records.expire(now, newest, patience))
    }

    /// [`Records::lose_first`].
    pub(in crate::tcp) fn lose_first(&mut self) -> bool {
        self.if_any().is_some_and(Records::lose_first)
    }

    /// [`Records::lose_where`].
    pub(in crate::tcp) fn lose_where(&mut self, gone: impl Fn(&Record) -> bool) {
        if let Some(records) = self.if_any() {
            records.lose_where(gone);
        }
    }

    /// [`Records::cut_lost`].
    pub(in crate::tcp) fn cut_lost(&mut self, room: u32, joined: bool) {
        if let Some(records) = self.if_any() {
            records.cut_lost(room, joined);
        }
    }

    /// [`Records::nothing_is_lost`].
    pub(in crate::tcp) fn nothing_is_lost(&mut self) {
        if let Some(records) = self.if_any() {
            records.nothing_is_lost();
        }
    }

    /// [`Records::forget_sacks`].
    pub(in crate::tcp) fn forget_sacks(&mut self) {
        if let Some(records) = self.if_any() {
            records.forget_sacks();
        }
    }

    /// [`Records::next_lost`].
    pub(in crate::tcp) fn next_lost(&mut self, room: u64) -> Option<Range<u64>> {
        self.if_any()?.next_lost(room)
    }

    /// [`Records::end_of_probes`].
    pub(in crate::tcp) fn end_of_probes(&mut self) {
        if let Some(records) = self.if_any() {
            records.end_of_probes();
        }
    }
}
