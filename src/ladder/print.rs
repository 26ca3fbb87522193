//! The picture of a ladder.

mod rung;

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::look::{short_span, wrap};
use super::{End, Ladder, Look, Paint};
use crate::{Instant, State};
use rung::{Arrow, Leg, Middle, Rung, rungs};

/// Columns of a time, of a state, and of what stands between them and the rails.
const TIME: usize = 11;
const STATE: usize = 12;
const BESIDE: usize = TIME + 2 + STATE + 2 + 1 + 1 + 2 + STATE;
/// Columns between the rails at least, however narrow the look.
const LEAST_MIDDLE: usize = 30;

const LEGEND: &str = "seq and ack count from each end's first number; win is in octets. The time on an arrow is how \
                      long the packet took. #7 is packet 7, which arrives further down; x is where one is lost.";

pub(super) fn picture(ladder: &Ladder, look: Look) -> String {
    let mut out = String::new();
    let title = format!("A {}  ⇄  B {}", ladder.socket(End::A), ladder.socket(End::B));
    let _ = writeln!(out, "{}", look.paint(Paint::Heading, title));
    let mut legend = String::new();
    wrap(&mut legend, look.width, 0, LEGEND.split(' '));
    let _ = writeln!(out, "{}\n", look.paint(Paint::Faint, legend.trim_end()));
    out.push_str(&rest(ladder, 0, look));
    out
}

/// What comes after so many entries.
pub(super) fn rest(ladder: &Ladder, past: usize, look: Look) -> String {
    let start = ladder.entries().first().map_or(Instant::ZERO, |entry| entry.at);
    let middle = look.width.saturating_sub(BESIDE).max(LEAST_MIDDLE);
    let draw = Draw { look, middle, start };
    let mut out = String::new();
    let names = draw.line("time", ["A", "B"], ['│'; 2], &" ".repeat(middle));
    let _ = writeln!(out, "{}", look.paint(Paint::Heading, names));
    for rung in rungs(ladder, past) {
        draw.rung(&mut out, &rung);
    }
    let waiting: Vec<String> = (ladder.packets().iter().enumerate())
        .filter(|(_, packet)| packet.fate.is_in_flight())
        .map(|(place, _)| format!("#{}", place + 1))
        .collect();
    if !waiting.is_empty() {
        let text = format!("still on the way: {}", waiting.join(", "));
        wrap(&mut out, look.width, TIME + 2, text.split(' '));
    }
    if ladder.left_out() > 0 {
        let _ = writeln!(out, "… and {} entries that there was no room for", ladder.left_out());
    }
    out
}

/// How lines are drawn.
#[derive(Clone, Copy, Debug)]
struct Draw {
    look: Look,
    /// Columns between the rails.
    middle: usize,
    start: Instant,
}

/// What a line has between the rails, and what the rails are made of there.
#[derive(Clone, Debug)]
struct Between {
    rails: [char; 2],
    text: String,
}

impl Draw {
    fn rung(&self, out: &mut String, rung: &Rung) {
        let (lines, paint) = match &rung.middle {
            Middle::Arrow(arrow) => (self.arrow(arrow), arrow.paint()),
            Middle::Beside { end, text, paint } => (self.beside(*end, text), Some(*paint)),
            Middle::Bare => (vec![Between { rails: ['│'; 2], text: " ".repeat(self.middle) }], None),
        };
        for (place, line) in lines.iter().enumerate() {
            let first = place == 0;
            let since = rung.at.since(self.start);
            let time = match rung.timed && first {
                true => format!("{:>4}.{:06}", since.as_secs(), since.subsec_micros()),
                false => String::new(),
            };
            let states = rung.states.map(|state| state.filter(|_| first).map_or("", State::name));
            let text = match paint {
                Some(paint) => self.look.paint(paint, &line.text),
                None => line.text.clone(),
            };
            let _ = writeln!(out, "{}", self.line(&time, states, line.rails, &text));
        }
    }

    /// One line: the time, the states that have changed, and what is between the rails.
    fn line(&self, time: &str, states: [&str; 2], rails: [char; 2], middle: &str) -> String {
        let [a, b] = states;
        let padded = format!("{a:<STATE$}");
        let [a, b] = [padded.as_str(), b].map(|name| match name.trim().len() > 1 {
            true => self.look.paint(Paint::Changed, name),
            false => name.to_string(),
        });
        let [left, right] = rails;
        format!("{time:>TIME$}  {a}  {left}{middle}{right}  {b}").trim_end().to_string()
    }

    /// Words that stand at one of the rails, or between them.
    fn beside(&self, end: Option<End>, text: &str) -> Vec<Between> {
        let room = self.middle - 2;
        let lines = fold(text, room, room).into_iter().enumerate();
        let drawn = lines.map(|(place, line)| {
            let tick = place == 0;
            match end {
                Some(End::B) => Between {
                    rails: ['│', if tick { '┤' } else { '│' }],
                    text: format!(" {line:>room$} "),
                },
                Some(End::A) => Between {
                    rails: [if tick { '├' } else { '│' }, '│'],
                    text: format!(" {line:<room$} "),
                },
                None => Between { rails: ['│'; 2], text: format!(" {line:^room$} ") },
            }
        });
        drawn.collect()
    }

    /// The arrow, and below it what did not fit on it.
    fn arrow(&self, arrow: &Arrow) -> Vec<Between> {
        let number = format!("#{}", arrow.packet.number());
        let numbered = if arrow.numbered { number.as_str() } else { "" };
        // From the sender to the receiver: what stands before the line, and what stands at its end.
        let (begin, end) = match arrow.leg {
            Leg::Whole { .. } | Leg::LostAtOnce if !arrow.numbered => ("──".to_string(), String::new()),
            Leg::Whole { .. } | Leg::LostAtOnce => (format!("── {numbered}"), String::new()),
            Leg::Leaves => ("──".to_string(), numbered.to_string()),
            Leg::Comes { .. } | Leg::LostLater => (numbered.to_string(), String::new()),
        };
        let (begin_len, end_len) = (columns(&begin), columns(&end));
        let way = match arrow.leg {
            Leg::Whole { way } | Leg::Comes { way } if !way.is_zero() => short_span(way),
            _ => String::new(),
        };
        let head = if matches!(arrow.leg, Leg::Leaves) { 0 } else { 1 };
        // Blanks around the text and before the end, and a line of two columns at least.
        let blanks = 2 + usize::from(end_len > 0) + if way.is_empty() { 0 } else { 2 };
        let taken = begin_len + end_len + columns(&way) + head + blanks + 2;
        let room = self.middle.saturating_sub(taken);
        let mut text = fold(&arrow.text, room, self.middle - 4).into_iter();
        let first = text.next().unwrap_or_default();
        let free = room.saturating_sub(columns(&first));
        let (before, line, behind) = arrow.leg.spread(self.middle, room, free);
        let mut pieces = vec![" ".repeat(before), begin, " ".into(), first, " ".into(), "─".repeat(line)];
        if !way.is_empty() {
            pieces.extend([" ".into(), way, " ".into()]);
        }
        match arrow.leg {
            Leg::Whole { .. } | Leg::Comes { .. } => {
                pieces.push(if arrow.from == End::A { "▶" } else { "◀" }.into());
            }
            Leg::LostAtOnce | Leg::LostLater => pieces.push("x".into()),
            Leg::Leaves => pieces.extend([" ".into(), end]),
        }
        pieces.push(" ".repeat(behind));
        if arrow.from == End::B {
            pieces.reverse();
            // What was written from the sender on reads from left to right all the same.
            for piece in &mut pieces {
                if let Some(number) = piece.strip_prefix("── #") {
                    *piece = format!("#{number} ──");
                }
            }
        }
        let mut lines = vec![Between { rails: ['│'; 2], text: pieces.concat() }];
        let room = self.middle - 4;
        lines.extend(text.map(|more| {
            let text = match arrow.from {
                End::A => format!("   {more:<room$} "),
                End::B => format!(" {more:>room$}   "),
            };
            Between { rails: ['│'; 2], text }
        }));
        lines
    }
}

fn columns(text: &str) -> usize {
    text.chars().count()
}

/// Words in lines of at most these columns: the first, and all others. A name and its number stay together, and so do
/// options, if they fit into a line at all. A word that is longer than a line is cut up. If the first word does not fit
/// into the first line, that is empty.
fn fold(text: &str, first: usize, others: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let (mut room, others) = (first, others.max(1));
    for word in words(text, others) {
        let (breaks, word) = match word.strip_prefix('\n') {
            Some(word) => (true, word),
            None => (false, word.as_str()),
        };
        let line = lines.last_mut().map_or(0, |line| columns(line));
        let gap = usize::from(line > 0);
        if !breaks && line + gap + columns(word) <= room {
            if let Some(last) = lines.last_mut() {
                last.push_str(if gap > 0 { " " } else { "" });
                last.push_str(word);
            }
            continue;
        }
        room = others;
        let mut letters = word.chars().peekable();
        while letters.peek().is_some() {
            lines.push(letters.by_ref().take(room).collect());
        }
    }
    lines
}

/// What is not to be taken apart.
fn words(text: &str, most: usize) -> Vec<String> {
    let (header, options) = match text.split_once(" <") {
        Some((header, options)) => (header, Some(format!("<{options}"))),
        None => (text, None),
    };
    let mut words: Vec<String> = Vec::new();
    for word in header.split_whitespace() {
        match words.last_mut() {
            Some(name) if ["seq", "ack", "win", "len", "urg"].contains(&name.as_str()) => {
                name.push(' ');
                name.push_str(word);
            }
            _ => words.push(word.to_string()),
        }
    }
    match options {
        Some(options) if columns(&options) <= most => words.push(options),
        // They begin on a line of their own then.
        Some(options) => {
            let pieces = options.split_inclusive(", ").map(str::trim).enumerate();
            words.extend(
                pieces.map(|(place, piece)| format!("{}{piece}", if place == 0 { "\n" } else { "" })),
            );
        }
        None => {}
    }
    words
}
