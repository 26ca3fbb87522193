//! Results as a person reads them.

use super::goals::{self, Goal, Results};
use super::peer::Peer;
use std::fmt::Write as _;

/// A line for each cell, with the share of each peer and, in brackets, what it sent again; `*` marks the best one.
pub(crate) fn cells(results: &Results) -> String {
    let peers = results.peers();
    let mut text =
        "Share of the link, and in brackets what was sent again; * is the best; reference: RFC 9438 §5\n"
            .to_owned();
    let _ = write!(
        text,
        "{:>4} {:>6} {:>6} {:>7} {:>6} {:>9}",
        "ms", "Mbit/s", "loss", "reorder", "buffer", "reference"
    );
    for peer in &peers {
        // Writing to a string cannot fail.
        let _ = write!(text, " {:>17}", peer.name());
    }
    text.push('\n');
    for (cell, rows) in results.cells() {
        let reference = rows.first().map_or(1.0, |row| row.reference);
        let _ = write!(
            text,
            "{:>4} {:>6} {:>6} {:>7} {:>6} {:>9}",
            cell.rtt_ms,
            cell.mbit_s,
            format!("{}%", cell.loss() * 100.0),
            if cell.reorder { "5%" } else { "-" },
            cell.buffer_bdp(),
            percent(reference),
        );
        let best = Results::best(rows).map(|row| row.peer);
        for peer in &peers {
            let row = rows.iter().find(|row| row.peer == *peer);
            let shown = row.map_or_else(String::new, |row| {
                let mark = if best == Some(*peer) { "*" } else { "" };
                format!("{mark}{} ({})", percent(row.share), percent(row.retransmitted))
            });
            let _ = write!(text, " {shown:>17}");
        }
        text.push('\n');
    }
    text
}

/// Three digits that count.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        10.0.. => format!("{percent:.1}%"),
        1.0..10.0 => format!("{percent:.2}%"),
        _ => format!("{percent:.3}%"),
    }
}

/// How many goals each peer meets.
pub(crate) fn scores(results: &Results) -> String {
    let mut text = String::new();
    for goal in Goal::ALL {
        let _ = writeln!(text, "{}:", goal.words());
        for peer in results.peers() {
            let (cells, misses) = results.judge(peer, goal);
            let named = match goals::greedy(goal, &misses) {
                0 => String::new(),
                count => format!("; in {count} of the others the best is far above the reference"),
            };
            let _ = writeln!(text, "  {:<9} {:>3} of {cells}{named}", peer.name(), cells - misses.len());
        }
    }
    text
}

/// Every cell that a peer misses, by goal.
pub(crate) fn misses(results: &Results, peer: Peer) -> String {
    let mut text = String::new();
    for goal in Goal::ALL {
        let (cells, misses) = results.judge(peer, goal);
        let _ = writeln!(text, "{}, {}: missed in {} of {cells}", peer.name(), goal.words(), misses.len());
        for miss in misses {
            let greed = if miss.greedy() { ", far above the reference" } else { "" };
            let _ = writeln!(
                text,
                "  {}: {} of {} (sent again: {}); {} has {} (sent again: {}{greed})",
                miss.row.cell,
                percent(miss.row.share),
                percent(miss.wanted),
                percent(miss.row.retransmitted),
                miss.best.peer.name(),
                percent(miss.best.share),
                percent(miss.best.retransmitted),
            );
        }
    }
    text
}

/// In how many cells each peer is the best one.
pub(crate) fn winners(results: &Results) -> String {
    let mut text = "Best in a cell:\n".to_owned();
    for peer in results.peers() {
        let wins =
            results.cells().filter(|(_, rows)| Results::best(rows).is_some_and(|row| row.peer == peer));
        let _ = writeln!(text, "  {:<9} {:>3}", peer.name(), wins.count());
    }
    text
}
