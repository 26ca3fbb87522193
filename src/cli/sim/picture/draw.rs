//! The picture: panels below each other, over one time axis.

mod curves;
mod sequence;

use super::axis::Quantity;
use super::panel::{self, LEFT, Panel, RIGHT};
use super::story::Story;
use super::svg::{Path, Svg};
use super::{Facts, Span};
use tcpstate::tcp::RecoveryPhase;

const WIDTH: f64 = 1_280.0;
/// From the lower edge of a panel to the upper edge of the next one: room for numbers and a legend.
const BETWEEN: f64 = 48.0;
/// Letters of the command in one line.
const LETTERS: usize = 158;

/// The colours of Okabe and Ito, which also those can tell apart who see fewer colours. Nothing is told by colour
/// alone: signs and dashes differ too.
const STYLE: &str = "
text{font-family:sans-serif;font-size:12px;fill:#333}
.title{font-size:18px;font-weight:bold;fill:#111}
.command{font-family:monospace;font-size:12px;fill:#555}
.name{font-weight:bold;fill:#111}
.number{font-size:11px;fill:#555}
.level-name{font-size:11px;fill:#555;paint-order:stroke;stroke:#fff;stroke-width:3px}
.right{text-anchor:end}
.middle{text-anchor:middle}
.page{fill:#fff}
.edge{fill:none;stroke:#999}
svg{fill:none}
.grid{stroke:#e4e4e4}
.level{stroke:#888;stroke-dasharray:2 3}
.first{stroke:#0072b2;stroke-width:1.5}
.again{stroke:#d55e00;stroke-width:2.6}
.lost{stroke:#000;stroke-width:1.5}
.sacked{stroke:#cc79a7;stroke-width:2}
.twice{fill:#e69f00;stroke:#7a5200;stroke-width:.7}
.acked{stroke:#009e73;stroke-width:1.2}
.edge-of-window{stroke:#777;stroke-width:1.2;stroke-dasharray:6 3}
.timeout{stroke:#d55e00;stroke-width:1.2;stroke-dasharray:4 2}
.probe{stroke:#0072b2;stroke-width:1.2;stroke-dasharray:1 3}
.undone{stroke:#009e73;stroke-width:1.4;stroke-dasharray:8 2 2 2}
.cwr{fill:#56b4e9;fill-opacity:.3}
.recovery{fill:#f0e442;fill-opacity:.35}
.loss{fill:url(#hatch)}
.cwnd{stroke:#0072b2;stroke-width:2.6}
.srtt{stroke:#0072b2;stroke-width:1.5}
.ssthresh{stroke:#d55e00;stroke-width:1.3;stroke-dasharray:6 3}
.pipe{stroke:#009e73;stroke-width:1}
.trips{stroke:#56b4e9;stroke-width:2;stroke-linecap:round}
.rto{stroke:#d55e00;stroke-width:1.3;stroke-dasharray:6 3}
.held{fill:#555}
.rate{fill:#56b4e9;fill-opacity:.35;stroke:#0072b2;stroke-width:1.3}
";

const HATCH: &str = r##"<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" fill="#d55e00" fill-opacity=".12"/><path d="M0 0V6" stroke="#d55e00" stroke-opacity=".35" stroke-width="2"/></pattern>"##;

const ABOUT: &str = "A time-sequence graph of one direction of a simulated TCP connection. Below it, over the same time: \
the congestion window, the round-trip time, the rate of delivery, and what held sending back.";

/// Phases that are not the usual one, their classes, and how they are called.
const PHASES: [(RecoveryPhase, &str, &str); 3] = [
    (RecoveryPhase::Recovery, "recovery", "recovery"),
    (RecoveryPhase::Cwr, "cwr", "asked for less (ECN)"),
    (RecoveryPhase::Loss, "loss", "after a timeout"),
];

/// Draws all of it.
pub(super) fn draw(story: &Story, facts: &Facts) -> String {
    let time = Span { from: facts.span.from, to: end(story, facts.span) };
    let place = |top: f64, height: f64, (low, high): (u64, u64)| {
        let high = high.max(low + 1);
        Panel { top, height, time, low, high, room: 0.0 }
    };
    let command = wrapped(&facts.command);
    let top = 68.0 + 17.0 * (facts.lines.len() + command.len()) as f64;
    let mut stream = place(top, 430.0, sequence::range(story, time));
    let names = panel::rows("Sequence", sequence::legend(&stream, story));
    stream.room = 9.0;
    stream.top += panel::ROW * names.len().saturating_sub(1) as f64;
    let window = place(stream.bottom() + BETWEEN, 200.0, (0, curves::window_top(story, facts)));
    let trip = place(window.bottom() + BETWEEN, 130.0, (0, curves::trip_top(story, facts)));
    let rates = curves::rates(story, facts, time);
    let rate = place(trip.bottom() + BETWEEN, 110.0, (0, curves::rate_top(&rates, facts)));
    let held = place(rate.bottom() + BETWEEN, 48.0, (0, 3));
    let panels = [&stream, &window, &trip, &rate, &held];
    let height = held.bottom() + 32.0;
    let mut svg = Svg::new(WIDTH, height, &facts.title, ABOUT, STYLE);
    svg.define(HATCH);
    svg.define(&clips(&panels));
    svg.rect("page", 0.0, 0.0, WIDTH, height);
    header(&mut svg, facts, &command);
    for (number, panel) in panels.into_iter().enumerate() {
        svg.open(&format!(r#"clip-path="url(#panel{number})""#));
        shade(&mut svg, panel, story, number == 0);
        svg.close();
    }
    sequence::draw(&mut svg, &stream, story);
    panel::legend(&mut svg, &stream, "Sequence", &names);
    curves::draw_window(&mut svg, &window, story, facts);
    curves::draw_trip(&mut svg, &trip, story, facts);
    curves::draw_rate(&mut svg, &rate, &rates, facts);
    curves::draw_held(&mut svg, &held, story, &rates);
    svg.finish()
}

fn header(svg: &mut Svg, facts: &Facts, command: &[String]) {
    svg.text("title", LEFT, 30.0, &facts.title);
    let mut y = 34.0;
    for (class, lines) in [("words", facts.lines.as_slice()), ("command", command)] {
        for line in lines {
            y += 17.0;
            svg.text(class, LEFT, y, line);
        }
    }
}

/// Words in lines that fit the picture.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        if let Some(line) = lines.last_mut() {
            if line.is_empty() || line.len() + 1 + word.len() <= LETTERS {
                line.push_str(if line.is_empty() { "" } else { " " });
                line.push_str(word);
            } else {
                lines.push(format!("    {word}"));
            }
        }
    }
    lines
}

/// What lies outside of a panel is not drawn.
fn clips(panels: &[&Panel]) -> String {
    let clip = |(number, panel): (usize, &&Panel)| {
        let (top, width, height) = (panel.top, RIGHT - LEFT, panel.height);
        format!(
            r#"<clipPath id="panel{number}"><rect x="{LEFT}" y="{top}" width="{width}" height="{height}"/></clipPath>"#
        )
    };
    panels.iter().enumerate().map(clip).collect()
}

/// The end of the time axis: a little after the last thing that happened.
fn end(story: &Story, span: Span) -> u64 {
    let last = story.end.min(span.to).max(span.from);
    let room = if last == span.to { 0 } else { (last - span.from) / 50 };
    last.saturating_add(room).max(span.from.saturating_add(1_000))
}

/// The background says what kind of time it was; in the first panel each piece tells its time.
fn shade(svg: &mut Svg, panel: &Panel, story: &Story, tips: bool) {
    for (phase, class, words) in PHASES {
        svg.open(&format!(r#"class="{class}""#));
        let mut all = Path::default();
        let list = story.phases.list(story.end.min(panel.time.to));
        for (from, to, _) in list.filter(|(.., each)| *each == phase) {
            let x = panel.x(from);
            let mut piece = Path::default();
            let path = if tips { &mut piece } else { &mut all };
            path.move_to(x, panel.top).across_to(panel.x(to).max(x + 0.8)).up_to(panel.bottom());
            path.across_to(x).then("z");
            if tips {
                svg.told(&piece, &format!("{words}: {}", between(from, to)));
            }
        }
        svg.path(class, &all);
        svg.close();
    }
}

fn between(from: u64, to: u64) -> String {
    let time = |at| Quantity::TIME.exactly(at);
    if from == to { time(from) } else { format!("{} to {}", time(from), time(to)) }
}
