//! A quantity that changes at moments and holds in between.

use super::Span;

/// What it did in a short time: for one change, all four values are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) at: u64,
    /// What it was at first, and in the end; `None`: it had no value.
    pub(super) first: Option<u64>,
    pub(super) last: Option<u64>,
    /// The least and the most.
    pub(super) range: Option<(u64, u64)>,
}

/// At most [`MOST`](Self::MOST) points: when there are more, neighbours in time become one, which keeps the extremes.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    points: Vec<Point>,
    span: Span,
    /// Points in the same so many nanoseconds are one.
    grain: u64,
}

impl Curve {
    /// More than there are columns of pixels.
    pub(super) const MOST: usize = 4_096;

    pub(super) const fn new(span: Span) -> Self {
        Self { points: Vec::new(), span, grain: 1 }
    }

    /// From `at` on it is `value`. Calls are in order of time.
    pub(super) fn set(&mut self, at: u64, value: Option<u64>) {
        // What it was before the span is what it is when the span begins.
        let at = at.max(self.span.from);
        if at > self.span.to {
            return;
        }
        match self.points.last() {
            Some(last) if last.last == value => {}
            None if value.is_none() => {}
            _ => self.push(at, value),
        }
    }

    /// It kept its value until `from`, and grew evenly to this one until `to`: for [`along`](Self::along).
    pub(super) fn grow(&mut self, from: u64, to: u64, value: u64) {
        if let Some(last) = self.points.last().and_then(|last| last.last)
            && last != value
            && self.span.from < from
            && from <= self.span.to
        {
            self.push(from, Some(last));
        }
        self.set(to, Some(value));
    }

    fn push(&mut self, at: u64, value: Option<u64>) {
        let range = value.map(|value| (value, value));
        let point = Point { at, first: value, last: value, range };
        match self.points.last_mut() {
            Some(last) if at == self.span.from => *last = point,
            Some(last) if last.at / self.grain == at / self.grain => last.absorb(point),
            _ => self.points.push(point),
        }
        while self.points.len() > Self::MOST {
            self.grain *= 2;
            self.thin();
        }
    }

    fn thin(&mut self) {
        let grain = self.grain;
        self.points.dedup_by(|next, point| {
            let one = point.at / grain == next.at / grain;
            if one {
                point.absorb(*next);
            }
            one
        });
    }

    pub(super) fn points(&self) -> &[Point] {
        &self.points
    }

    /// The value at a moment.
    pub(super) fn at(&self, at: u64) -> Option<u64> {
        let after = self.points.partition_point(|point| point.at <= at);
        self.points.get(after.checked_sub(1)?)?.last
    }

    /// The value at a moment, when it grows evenly between its points.
    pub(super) fn along(&self, at: u64) -> Option<u64> {
        let after = self.points.partition_point(|point| point.at <= at);
        let point = self.points.get(after.checked_sub(1)?)?;
        let before = point.last?;
        let Some(next) = self.points.get(after) else { return Some(before) };
        let way = u128::from(next.first?.saturating_sub(before)) * u128::from(at - point.at);
        let part = way / u128::from((next.at - point.at).max(1));
        Some(before.saturating_add(u64::try_from(part).unwrap_or(u64::MAX)))
    }

    /// The least and the most that it ever was.
    pub(super) fn range(&self) -> Option<(u64, u64)> {
        self.points.iter().fold(None, |all, point| merged(all, point.range))
    }

    pub(super) fn most(&self) -> u64 {
        self.range().map_or(0, |(_, most)| most)
    }
}

impl Point {
    fn absorb(&mut self, later: Self) {
        self.last = later.last;
        self.range = merged(self.range, later.range);
    }
}

fn merged(one: Option<(u64, u64)>, other: Option<(u64, u64)>) -> Option<(u64, u64)> {
    match (one, other) {
        (Some((low, high)), Some((least, most))) => Some((low.min(least), high.max(most))),
        _ => one.or(other),
    }
}

#[cfg(test)]
mod tests;
