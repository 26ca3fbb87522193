//! What is wanted of a row, and which rows have it.

use super::peer::Peer;
use super::row::{Cell, Row};
use std::collections::BTreeMap;

/// Of the link, where nothing is lost by chance and the buffer is no smaller than [`FULL_BUFFER`].
const FULL: f64 = 0.9;
/// Percent of the bandwidth-delay product.
const FULL_BUFFER: u32 = 50;
/// Of the reference, where something is lost and nothing reordered.
const OF_REFERENCE: f64 = 0.8;
/// Of the best peer, everywhere.
const OF_BEST: f64 = 0.98;
/// Who gets more than this many times the reference answers loss less than it should: it is named, and not matched.
const GREED: f64 = 1.1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Goal {
    /// The link is full where nothing prevents it.
    Full,
    /// As much as the response function gives.
    Reference,
    /// No peer does better.
    Best,
}

impl Goal {
    pub(crate) const ALL: [Self; 3] = [Self::Full, Self::Reference, Self::Best];

    fn key(self) -> &'static str {
        match self {
            Self::Full => "full_link",
            Self::Reference => "reference",
            Self::Best => "best_peer",
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Full => "90 % of the link, at loss 0 with a buffer of at least 0.5 BDP",
            Self::Reference => "0.8 of the reference, in lossy cells without reordering",
            Self::Best => "98 % of the best peer, in every cell",
        }
    }

    /// The share that is wanted in a cell; `None` where the goal says nothing.
    fn wanted(self, row: &Row, best: f64) -> Option<f64> {
        let Cell { loss, reorder, buffer, .. } = row.cell;
        match self {
            Self::Full => (loss == 0 && buffer >= FULL_BUFFER).then_some(FULL),
            Self::Reference => (loss > 0 && !reorder).then_some(OF_REFERENCE * row.reference),
            Self::Best => Some(OF_BEST * best),
        }
    }
}

/// A row that misses a goal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Miss {
    pub(crate) row: Row,
    pub(crate) wanted: f64,
    /// Who has most in that cell.
    pub(crate) best: Row,
}

impl Miss {
    /// Whether the best peer takes more than its share: RFC 9438's response function would give it less.
    pub(crate) fn greedy(&self) -> bool {
        self.best.cell.loss > 0 && self.best.share > GREED * self.best.reference
    }
}

/// All rows, by cell.
#[derive(Debug, Default)]
pub(crate) struct Results {
    cells: BTreeMap<Cell, Vec<Row>>,
}

impl Results {
    pub(crate) fn new(rows: impl IntoIterator<Item = Row>) -> Self {
        let mut results = Self::default();
        for row in rows {
            results.cells.entry(row.cell).or_default().push(row);
        }
        results
    }

    pub(crate) fn cells(&self) -> impl Iterator<Item = (&Cell, &[Row])> {
        self.cells.iter().map(|(cell, rows)| (cell, rows.as_slice()))
    }

    pub(crate) fn peers(&self) -> Vec<Peer> {
        let has = |peer: &Peer| self.cells.values().flatten().any(|row| row.peer == *peer);
        Peer::ALL.into_iter().filter(has).collect()
    }

    pub(crate) fn best(rows: &[Row]) -> Option<&Row> {
        rows.iter().max_by(|one, other| one.share.total_cmp(&other.share))
    }

    /// In how many cells a goal says something about a peer, and where it is missed.
    pub(crate) fn judge(&self, peer: Peer, goal: Goal) -> (usize, Vec<Miss>) {
        let mut count = 0;
        let mut misses = Vec::new();
        for rows in self.cells.values() {
            let (Some(row), Some(best)) = (rows.iter().find(|row| row.peer == peer), Self::best(rows)) else {
                continue;
            };
            if let Some(wanted) = goal.wanted(row, best.share) {
                count += 1;
                if row.share < wanted {
                    misses.push(Miss { row: *row, wanted, best: *best });
                }
            }
        }
        (count, misses)
    }

    /// For each peer and goal, in how many cells it counts, in how many it is met, and in how many of the others the
    /// best peer is [greedy](Miss::greedy).
    pub(crate) fn summary(&self) -> String {
        let goal = |peer, goal: Goal| {
            let (cells, misses) = self.judge(peer, goal);
            let (key, met, greedy) = (goal.key(), cells - misses.len(), greedy(goal, &misses));
            format!("\"{key}\":{{\"cells\":{cells},\"met\":{met},\"best_is_greedy\":{greedy}}}")
        };
        let peer = |peer: Peer| {
            let goals: Vec<String> = Goal::ALL.into_iter().map(|each| goal(peer, each)).collect();
            format!("\"{}\":{{{}}}", peer.name(), goals.join(","))
        };
        let (cells, peers) =
            (self.cells.len(), self.peers().into_iter().map(peer).collect::<Vec<_>>().join(","));
        format!("{{\"bench\":\"goodput\",\"summary\":{{\"cells\":{cells},\"peers\":{{{peers}}}}}}}")
    }
}

/// Misses that are named and not mended, because the best peer takes too much.
pub(crate) fn greedy(goal: Goal, misses: &[Miss]) -> usize {
    misses.iter().filter(|miss| goal == Goal::Best && miss.greedy()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(peer: Peer, loss: u32, reorder: bool, share: f64) -> Row {
        let cell = Cell { rtt_ms: 20, mbit_s: 10, loss, reorder, buffer: 50 };
        Row { cell, peer, share, retransmitted: 0.0, reference: 0.5 }
    }

    #[test]
    fn each_goal_speaks_of_its_cells_only() {
        let (lossless, lossy, reordering) = ((0, false), (10_000_000, false), (10_000_000, true));
        for ((loss, reorder), goals) in [
            (lossless, vec![Goal::Full, Goal::Best]),
            (lossy, vec![Goal::Reference, Goal::Best]),
            (reordering, vec![Goal::Best]),
        ] {
            let results = Results::new([row(Peer::Tcpstate, loss, reorder, 1.0)]);
            let about = |goal: &Goal| results.judge(Peer::Tcpstate, *goal).0 == 1;
            assert_eq!(Goal::ALL.into_iter().filter(about).collect::<Vec<_>>(), goals);
        }
    }

    #[test]
    fn what_is_missed_is_told_with_the_one_that_did_better() {
        let rows =
            [row(Peer::Tcpstate, 10_000_000, false, 0.39), row(Peer::Pktkit, 10_000_000, false, 0.395)];
        let results = Results::new(rows);
        let (_, misses) = results.judge(Peer::Tcpstate, Goal::Reference);
        assert_eq!((misses.len(), misses[0].wanted), (1, 0.4));
        assert_eq!(results.judge(Peer::Tcpstate, Goal::Best).1.len(), 0, "within 2 %");
        let results = Results::new([rows[0], Row { share: 0.8, ..rows[1] }]);
        let (_, misses) = results.judge(Peer::Tcpstate, Goal::Best);
        assert_eq!((misses[0].best.peer, misses[0].greedy()), (Peer::Pktkit, true));
        let summary = concat!(
            r#"{"bench":"goodput","summary":{"cells":1,"peers":{"#,
            r#""tcpstate":{"full_link":{"cells":0,"met":0,"best_is_greedy":0},"reference":{"cells":1,"met":0,"#,
            r#""best_is_greedy":0},"best_peer":{"cells":1,"met":0,"best_is_greedy":1}},"#,
            r#""pktkit":{"full_link":{"cells":0,"met":0,"best_is_greedy":0},"reference":{"cells":1,"met":1,"#,
            r#""best_is_greedy":0},"best_peer":{"cells":1,"met":1,"best_is_greedy":0}}}}}"#
        );
        assert_eq!(results.summary(), summary);
        assert!(serde_json::from_str::<serde_json::Value>(summary).is_ok());
    }
}
