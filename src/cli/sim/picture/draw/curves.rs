//! The panels below: what was in flight, how long it took, how fast it went, and what held it back.

use crate::cli::sim::picture::axis::Quantity;
use crate::cli::sim::picture::curve::Curve;
use crate::cli::sim::picture::marks::Marks;
use crate::cli::sim::picture::panel::{self, LEFT, Panel, Sample};
use crate::cli::sim::picture::story::Story;
use crate::cli::sim::picture::svg::{Path, Svg};
use crate::cli::sim::picture::{Facts, Span};

/// Samples of one path.
const STROKES: usize = 1_000;
/// What may hold sending back, in the order of [`Story::held`].
const HELD: [&str; 3] = ["cwnd", "peer", "user"];

pub(super) fn window_top(story: &Story, facts: &Facts) -> u64 {
    let most = story.cwnd.most().max(story.pipe.most());
    // A line that explains something is worth some room.
    let worth = |line: u64| if line <= most.saturating_mul(2) { line } else { 0 };
    let full = facts.bdp.map_or(0, |bdp| bdp + facts.queue);
    let top = most.max(worth(story.ssthresh.most())).max(worth(full));
    top + top / 10 + 1
}

pub(super) fn rate_top(rates: &[(u64, u64)], facts: &Facts) -> u64 {
    let most = rates.iter().map(|(_, rate)| *rate).max().unwrap_or_default();
    let top = most.max(facts.rate.filter(|rate| *rate <= most.saturating_mul(3)).unwrap_or_default());
    top + top / 8 + 1
}

pub(super) fn trip_top(story: &Story, facts: &Facts) -> u64 {
    let most = story.srtt.most().max(story.trips.range().map_or(0, |(_, most)| most)).max(facts.base_rtt);
    let worth = |line: u64| if line <= most.saturating_mul(3) { line } else { 0 };
    let top = most.max(worth(story.rto.most())).max(worth(facts.base_rtt + facts.queue_time()));
    top + top / 8 + 1
}

/// What was delivered in equal parts of the time, in bits per second, with the end of each part.
pub(super) fn rates(story: &Story, facts: &Facts, time: Span) -> Vec<(u64, u64)> {
    let whole = time.to - time.from;
    // Whole round trips: a window that comes in one burst would beat with anything else.
    let trip = facts.base_rtt.max(1);
    let part =
        (whole / 160).div_ceil(trip).max(1).saturating_mul(trip).max(whole / 160).clamp(1, whole.max(1));
    let mut before = story.delivered.at(time.from).unwrap_or_default();
    let mut rates = Vec::new();
    for end in (1..=whole.div_ceil(part)).map(|count| (time.from + count * part).min(time.to)) {
        let now = story.delivered.at(end).unwrap_or_default();
        let took = (end - rates.last().map_or(time.from, |(end, _)| *end)).max(1);
        let bits = u128::from(now.saturating_sub(before)) * 8_000_000_000 / u128::from(took);
        rates.push((end, u64::try_from(bits).unwrap_or(u64::MAX)));
        before = now;
    }
    rates
}

pub(super) fn draw_window(svg: &mut Svg, panel: &Panel, story: &Story, facts: &Facts) {
    panel.axes(svg, Quantity::SIZE, false);
    svg.open(r#"clip-path="url(#panel1)""#);
    panel.curve(svg, "ssthresh", &story.ssthresh, |value| value);
    panel.curve(svg, "cwnd", &story.cwnd, |value| value);
    panel.curve(svg, "pipe", &story.pipe, |value| value);
    if let Some(bdp) = facts.bdp {
        panel.levels(svg, &[(bdp, "bandwidth × delay"), (bdp + facts.queue, "and a full queue")]);
    }
    svg.close();
    let entries = vec![
        (Sample::Line, "cwnd", "cwnd".to_string()),
        (Sample::Line, "ssthresh", lined(panel, "ssthresh", &story.ssthresh, Quantity::SIZE)),
        (Sample::Line, "pipe", "pipe".to_string()),
    ];
    panel::legend(svg, panel, "In flight", &panel::rows("In flight", entries));
}

pub(super) fn draw_trip(svg: &mut Svg, panel: &Panel, story: &Story, facts: &Facts) {
    panel.axes(svg, Quantity::TIME, false);
    svg.open(r#"clip-path="url(#panel2)""#);
    panel.curve(svg, "rto", &story.rto, |value| value);
    samples(svg, panel, &story.trips);
    panel.curve(svg, "srtt", &story.srtt, |value| value);
    let full = facts.base_rtt + facts.queue_time();
    panel.levels(svg, &[(facts.base_rtt, "path"), (full, "path and a full queue")]);
    svg.close();
    let entries = vec![
        (Sample::Line, "srtt", "SRTT".to_string()),
        (Sample::Stroke, "trips", "measured".to_string()),
        (Sample::Line, "rto", lined(panel, "RTO", &story.rto, Quantity::TIME)),
    ];
    panel::legend(svg, panel, "Round trip", &panel::rows("Round trip", entries));
}

/// A dot for each, and a stroke for several.
fn samples(svg: &mut Svg, panel: &Panel, marks: &Marks) {
    for some in marks.list().chunks(STROKES) {
        let mut path = Path::default();
        for mark in some {
            path.move_to(panel.x(mark.from), panel.y(mark.low));
            path.line_to(panel.x(mark.to), panel.y(mark.high) - 0.01);
        }
        svg.path("trips", &path);
    }
}

/// The name of a line, and its values if they are not in the picture.
fn lined(panel: &Panel, name: &str, curve: &Curve, quantity: Quantity) -> String {
    match curve.range() {
        None => format!("{name} (none)"),
        Some((low, high)) if low > panel.high && low == high => {
            format!("{name} (above: {})", quantity.tell(low))
        }
        Some((low, high)) if low > panel.high => {
            format!("{name} (above: {} to {})", quantity.tell(low), quantity.tell(high))
        }
        _ => name.to_string(),
    }
}

pub(super) fn draw_rate(svg: &mut Svg, panel: &Panel, rates: &[(u64, u64)], facts: &Facts) {
    panel.axes(svg, Quantity::RATE, false);
    svg.open(r#"clip-path="url(#panel3)""#);
    let mut path = Path::default();
    path.move_to(LEFT, panel.bottom());
    for (end, rate) in rates {
        path.up_to(panel.y(*rate)).across_to(panel.x(*end));
    }
    path.up_to(panel.bottom());
    svg.path("rate", &path);
    if let Some(rate) = facts.rate {
        panel.levels(svg, &[(rate, "link")]);
    }
    svg.close();
    let part = rates.first().map_or(0, |(end, _)| end - panel.time.from);
    let mut words = format!("delivered, in steps of {}", Quantity::TIME.tell(part));
    if let Some(rate) = facts.rate.filter(|rate| *rate > panel.high) {
        words.push_str(&format!(" (the link is far above: {})", Quantity::RATE.tell(rate)));
    }
    panel::legend(svg, panel, "Rate", &panel::rows("Rate", vec![(Sample::Line, "srtt", words)]));
}

/// For each part of the time, how much of it something held sending back.
pub(super) fn draw_held(svg: &mut Svg, panel: &Panel, story: &Story, rates: &[(u64, u64)]) {
    panel.frame(svg, true);
    let row = panel.height / HELD.len() as f64;
    let mut bottom = panel.top;
    for (curve, name) in story.held.iter().zip(HELD) {
        bottom += row;
        svg.text("number right", LEFT - 7.0, bottom - row / 2.0 + 4.0, name);
        let (mut path, mut begin) = (Path::default(), panel.time.from);
        let mut before = curve.along(begin).unwrap_or_default();
        for &(end, _) in rates {
            let now = curve.along(end).unwrap_or(before);
            let share = now.saturating_sub(before) as f64 / end.saturating_sub(begin).max(1) as f64;
            if share > 0.005 {
                path.move_to(panel.x(begin), bottom).up_to(bottom - share.min(1.0) * (row - 2.0));
                path.across_to(panel.x(end)).up_to(bottom).then("z");
            }
            (begin, before) = (end, now);
        }
        svg.path("held", &path);
    }
    panel::legend(svg, panel, "Held back", &[]);
}
