//! Rows as one sees them from outside.

use core::fmt;

use super::Passive;
use crate::host::FiveTuple;
use crate::{Instant, State};

/// A connection of which only a row is kept: half-open, or in TIME-WAIT. `Display` writes what `ss` would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowView {
    /// Which flow.
    pub tuple: FiveTuple,
    /// SYN-RECEIVED or TIME-WAIT.
    pub state: State,
    /// When something happens by itself: the SYN,ACK goes again, or the row leaves.
    pub deadline: Option<Instant>,
}

/// `SYN-RECEIVED 10.0.0.1:80 10.0.0.2:5000`.
impl fmt::Display for RowView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.state, self.tuple.local(), self.tuple.remote())
    }
}

impl Passive {
    /// All rows, in a fixed order: those that are half-open first.
    pub(crate) fn rows(&self) -> impl Iterator<Item = RowView> {
        let half_open = self.half_open.iter().map(|(row, deadline)| RowView {
            tuple: row.tuple,
            state: row.half.state(),
            deadline,
        });
        let time_wait = self.time_wait.iter().map(|(tuple, wait, due)| RowView {
            tuple,
            state: wait.state(),
            deadline: Some(due),
        });
        half_open.chain(time_wait)
    }
}
