//! Things that happened to ranges of the stream at moments.

use super::Span;

/// One of them, or several that are too close to be told apart: `low` at `from` up to `high` at `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) low: u64,
    pub(super) high: u64,
    /// How many are in it.
    pub(super) count: u64,
}

/// At most `most` marks: when there are more, those become one that are close in time and in the stream.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    list: Vec<Mark>,
    span: Span,
    most: usize,
    count: u64,
}

impl Marks {
    /// Ever coarser halvings of the picture: 2^14 columns are ten to a pixel.
    const FINEST: u32 = 14;

    pub(super) const fn new(span: Span, most: usize) -> Self {
        Self { list: Vec::new(), span, most, count: 0 }
    }

    /// Something happened at a moment. Calls are in order of time.
    pub(super) fn push(&mut self, at: u64, low: u64, high: u64) {
        if at < self.span.from || at > self.span.to {
            return;
        }
        self.count += 1;
        self.list.push(Mark { from: at, to: at, low, high, count: 1 });
        if self.list.len() > self.most {
            self.thin();
        }
    }

    fn thin(&mut self) {
        let extent = |pick: fn(&Mark) -> (u64, u64)| {
            let least = self.list.iter().map(|mark| pick(mark).0).min().unwrap_or_default();
            let most = self.list.iter().map(|mark| pick(mark).1).max().unwrap_or_default();
            most - least
        };
        let (time, octets) = (extent(|mark| (mark.from, mark.to)), extent(|mark| (mark.low, mark.high)));
        for bits in (0..=Self::FINEST).rev() {
            self.merge(time >> bits, octets >> bits);
            // Room for a while.
            if self.list.len() <= self.most / 4 * 3 {
                break;
            }
        }
        self.list.sort_by_key(|mark| (mark.from, mark.low));
    }

    /// Makes one of those that begin in the same `grain` nanoseconds and are at most `reach` octets apart.
    fn merge(&mut self, grain: u64, reach: u64) {
        let column = |mark: &Mark| mark.from / grain.max(1);
        self.list.sort_by_key(|mark| (column(mark), mark.low, mark.from));
        self.list.dedup_by(|next, mark| {
            let one = column(mark) == column(next) && next.low <= mark.high.saturating_add(reach);
            if one {
                mark.from = mark.from.min(next.from);
                mark.to = mark.to.max(next.to);
                mark.high = mark.high.max(next.high);
                mark.count += next.count;
            }
            one
        });
    }

    pub(super) fn list(&self) -> &[Mark] {
        &self.list
    }

    /// How many things happened, drawn each by itself or not.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// The least and the most octet that any of them is about.
    pub(super) fn range(&self) -> Option<(u64, u64)> {
        let least = self.list.iter().map(|mark| mark.low).min()?;
        Some((least, self.list.iter().map(|mark| mark.high).max()?))
    }
}

#[cfg(test)]
mod tests;
