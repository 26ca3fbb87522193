//! A segment in the words of a report: numbers that count from each end's first, windows in octets.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use super::End;
use crate::wire::{TcpOption, TcpOptions, TcpSegment};
use crate::{SeqNumber, TcpFlags};

/// What the numbers of a connection count from, learned from the segments that are told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers {
    /// What relative sequence numbers count from.
    base: [Option<SeqNumber>; 2],
    /// The window scale that each end's SYN offered; it holds if both did (RFC 7323 §2.2).
    scale: [Option<u8>; 2],
}

impl Numbers {
    /// Counting from these, as far as they are known.
    #[cfg(feature = "pcap")]
    pub(crate) const fn from_first(base: [Option<SeqNumber>; 2]) -> Self {
        Self { base, scale: [None, None] }
    }

    /// The segment in short: `PSH,ACK seq 1 ack 1 win 502 len 148 <TS>`.
    pub(crate) fn segment(&mut self, from: End, segment: &TcpSegment<'_>) -> String {
        let (own, peer) = (from.index(), from.peer().index());
        let syn = segment.flags.contains(TcpFlags::SYN);
        let mut text = self.place(from, segment);
        if segment.flags.contains(TcpFlags::ACK) {
            let ack = self.relative(peer, segment.ack, segment.ack - 1, segment.flags);
            let _ = write!(text, " ack {ack}");
        }
        if syn {
            *self.scale.get_mut(own).unwrap_or(&mut None) = segment.options.window_scale();
        }
        let agreed = self.scale.iter().all(Option::is_some) && !syn;
        let shift = self.scale.get(own).copied().flatten().filter(|_| agreed).unwrap_or(0);
        let _ = write!(text, " win {}", u64::from(segment.window) << shift.min(14));
        if segment.payload_len > 0 {
            let _ = write!(text, " len {}", segment.payload_len);
        }
        if segment.flags.contains(TcpFlags::URG) {
            let _ = write!(text, " urg {}", segment.urgent);
        }
        let options = self.options(peer, syn, &segment.options);
        if !options.is_empty() {
            let _ = write!(text, " <{options}>");
        }
        text
    }

    /// What the segment is, and where it begins: `PSH,ACK seq 1`.
    fn place(&mut self, from: End, segment: &TcpSegment<'_>) -> String {
        let syn = segment.flags.contains(TcpFlags::SYN);
        let first = if syn { segment.seq } else { segment.seq - 1 };
        format!("{} seq {}", segment.flags, self.relative(from.index(), segment.seq, first, segment.flags))
    }

    fn relative(&mut self, end: usize, number: SeqNumber, first: SeqNumber, flags: TcpFlags) -> u32 {
        match self.base.get_mut(end) {
            // A reset without a connection has a number from nowhere: nothing counts from it.
            Some(base) if flags.contains(TcpFlags::RST) => number - base.unwrap_or(SeqNumber::new(0)),
            Some(base) => number - *base.get_or_insert(first),
            None => number.get(),
        }
    }

    /// Options in short: what a reader follows in full, what only fills up not at all.
    fn options(&self, peer: usize, syn: bool, options: &TcpOptions<'_>) -> String {
        let mut shown: Vec<String> = Vec::new();
        for option in options.iter() {
            match option {
                Ok(TcpOption::Nop | TcpOption::EndOfList) => {}
                // Their values would fill every line and tell little.
                Ok(TcpOption::Timestamps { .. }) if !syn => shown.push("TS".to_string()),
                Ok(TcpOption::Sack(blocks)) => {
                    let base = self.base.get(peer).copied().flatten().unwrap_or_default();
                    let edges: Vec<String> = blocks
                        .iter()
                        .map(|(left, right)| format!("{}:{}", left - base, right - base))
                        .collect();
                    shown.push(format!("sack {}", edges.join(" ")));
                }
                Ok(option) => shown.push(option.to_string()),
                Err(error) => shown.push(format!("bad option: {error}")),
            }
        }
        shown.join(", ")
    }
}

/// What it is and where it stands, of what was told in full before: `PSH,ACK seq 1 len 148`, `ACK seq 1 ack 149`.
pub(super) fn short(told: &str) -> String {
    let (header, _) = told.split_once(" <").unwrap_or((told, ""));
    let mut words = header.split(' ');
    let mut short: Vec<&str> = words.by_ref().take(3).collect();
    let rest: Vec<&str> = words.collect();
    let named = |name: &str| rest.windows(2).find(|pair| pair.first() == Some(&name));
    short.extend(named("len").or_else(|| named("ack")).into_iter().flatten());
    short.join(" ")
}
