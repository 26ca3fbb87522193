//! The picture of a transfer: what was sent when, and how the sender came to send it then.

mod axis;
mod curve;
mod draw;
mod marks;
mod panel;
mod phases;
mod sacked;
mod story;
mod svg;

use super::{Lines, SimArgs, cannot_write, create, report};
use crate::cli::Failure;
use axis::Quantity;
use std::io::Write;
use std::path::Path;
use story::Story;
use tcpstate::sim::{Happened, Pair, SentFrame};

/// A time from one moment to another, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: u64,
    to: u64,
}

/// What the picture says in words, and what it compares with.
#[derive(Clone, Debug)]
struct Facts {
    title: String,
    lines: Vec<String>,
    command: String,
    span: Span,
    /// What the link carries, in bits per second.
    rate: Option<u64>,
    /// There and back through empty queues, in nanoseconds.
    base_rtt: u64,
    /// What the link carries in that time, in octets.
    bdp: Option<u64>,
    /// Octets that may wait for the link.
    queue: u64,
}

impl Facts {
    /// How long a full queue takes, in nanoseconds.
    fn queue_time(&self) -> u64 {
        let nanos = self.rate.map_or(0, |rate| u128::from(self.queue) * 8_000_000_000 / u128::from(rate));
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

/// A picture on its way to a file.
pub(super) struct Picture {
    output: Lines,
    sender: usize,
    span: Span,
    story: Story,
}

impl Picture {
    pub(super) fn create(path: &Path, args: &SimArgs, pair: &Pair) -> Result<Self, Failure> {
        // The direction in which something is sent; the one from `a` when that is both.
        let sender = usize::from(args.bytes == 0 && args.back > 0);
        let [a, b] = pair.ids();
        let (from, to) = args.svg_span();
        let span = Span { from, to };
        let story = Story::new(if sender == 0 { a } else { b }, span);
        Ok(Self { output: create(path)?, sender, span, story })
    }

    pub(super) fn frame(&mut self, frame: &SentFrame) {
        self.story.frame(frame);
    }

    pub(super) fn step(&mut self, pair: &Pair, happened: Happened) {
        self.story.step(pair, happened);
    }

    pub(super) fn finish(self, args: &SimArgs, pair: &Pair, problem: Option<&str>) -> Result<(), Failure> {
        let facts = self.facts(args, pair, problem);
        let picture = draw::draw(&self.story, &facts);
        let (path, mut output) = self.output;
        let written = output.write_all(picture.as_bytes()).and_then(|()| output.flush());
        written.map_err(|error| cannot_write(&path, &error))
    }

    fn facts(&self, args: &SimArgs, pair: &Pair, problem: Option<&str>) -> Facts {
        let link = args.link();
        let rate = link.rate.map(std::num::NonZeroU64::get);
        let base_rtt = u64::try_from(2 * link.delay.as_nanos()).unwrap_or(u64::MAX);
        let bdp = rate.map(|rate| {
            let octets = u128::from(rate) * u128::from(base_rtt) / 8_000_000_000;
            u64::try_from(octets).unwrap_or(u64::MAX)
        });
        let queue = if rate.is_some() { link.queue } else { 0 };
        let mut facts = Facts {
            title: self.title(pair),
            lines: Vec::new(),
            command: args.command_line(),
            span: self.span,
            rate,
            base_rtt,
            bdp,
            queue,
        };
        facts.lines.push(self.counts(pair));
        facts.lines.push(facts.path());
        let Span { from, to } = self.span;
        if (from, to) != (0, u64::MAX) {
            let end = Quantity::TIME.exactly(to.min(self.story.end));
            facts.lines.push(format!("drawn here: {} to {end}", Quantity::TIME.exactly(from)));
        }
        facts.lines.extend(problem.map(|problem| format!("The transfer was not completed: {problem}.")));
        facts
    }

    /// Who sends how much to whom, and how fast it arrives.
    fn title(&self, pair: &Pair) -> String {
        let [a, b] = pair.ends();
        let (names, reader) = if self.sender == 0 { ("a → b", b) } else { ("b → a", a) };
        let read = reader.app().read();
        let took = reader.app().last_read().map_or(0, |at| at.as_nanos());
        let goodput = u128::from(read) * 8_000_000_000 / u128::from(took.max(1));
        let mut title = format!("{names}: {}", Quantity::SIZE.tell(read));
        if read > 0 && took > 0 {
            let rate = report::bits(u64::try_from(goodput).unwrap_or(u64::MAX));
            title.push_str(&format!(" in {}: goodput {rate}", Quantity::TIME.tell(took)));
            let [there, back] = pair.links().map(|link| link.config().rate);
            if let Some(rate) = if self.sender == 0 { there } else { back } {
                let share = goodput as f64 / rate.get() as f64 * 100.0;
                title.push_str(&format!(", {share:.1} % of the link"));
            }
        }
        title
    }

    fn counts(&self, pair: &Pair) -> String {
        let [a, b] = pair.ends();
        let stats = if self.sender == 0 { a.stats() } else { b.stats() };
        let mut counts = vec![
            format!("{} packets", report::grouped(stats.packets_sent)),
            format!("{} retransmissions", report::grouped(stats.retransmissions)),
        ];
        let mut count = |count: u64, words: &str| {
            if count > 0 {
                counts.push(format!("{} {words}", report::grouped(count)));
            }
        };
        let [there, back] = pair.links().map(|link| link.stats());
        let (link, other) = if self.sender == 0 { (there, back) } else { (back, there) };
        count(link.dropped_queue, "dropped by a full queue");
        count(link.dropped_loss + link.dropped_burst, "lost by chance");
        count(link.dropped_mtu, "too large");
        count(link.corrupted, "damaged");
        count(link.held_back, "held back");
        count(link.duplicated, "doubled");
        count(other.dropped() + other.corrupted, "of the other end lost");
        let expired = self.story.expired();
        count(expired.into(), if expired == 1 { "timeout" } else { "timeouts" });
        counts.join(", ")
    }
}

impl Facts {
    /// The path, in the numbers that the lines of the picture stand for.
    fn path(&self) -> String {
        let trip = format!("round trip of the path {}", Quantity::TIME.tell(self.base_rtt));
        let (Some(rate), Some(bdp)) = (self.rate, self.bdp) else { return trip };
        let queue =
            format!("queue {} ({})", Quantity::SIZE.tell(self.queue), Quantity::TIME.tell(self.queue_time()));
        let share = match bdp {
            0 => String::new(),
            _ => format!(", {:.2} times that", self.queue as f64 / bdp as f64),
        };
        format!(
            "{trip}, link {}, bandwidth × delay {}, {queue}{share}",
            Quantity::RATE.tell(rate),
            Quantity::SIZE.tell(bdp)
        )
    }
}
