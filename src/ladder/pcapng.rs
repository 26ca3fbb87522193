//! The capture of a ladder: what is not on the wire stands in the comments.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use std::io;

use super::{End, Entry, Ladder, Packet, Returned, What};
use crate::capture::{PcapngWriter, WriteFault};
use crate::wire::LinkType;

/// The length of an option is a 16-bit number; a comment is cut to less than that.
const MOST: usize = 16_000;

impl Ladder {
    /// Writes the packets as pcapng, raw IP packets with their times, each once and where it was sent.
    ///
    /// The comment of a packet says what has happened since the packet before (calls, timers, arrivals, changes of
    /// states, notes), in which states both ends are, and what will become of it. What happens after the last packet
    /// stands in its comment too. A ladder without any packet gives a capture without any.
    ///
    /// # Errors
    ///
    /// [`WriteFault`] when the output fails.
    pub fn write_pcapng<W: io::Write>(&self, output: W) -> Result<W, WriteFault> {
        let link = LinkType::RawIp.dlt();
        let mut writer = PcapngWriter::new(output, &[link])?;
        let mut frames = self.frames();
        for (packet, comment) in &mut frames {
            if comment.len() > MOST {
                let end = comment.floor_char_boundary(MOST);
                comment.truncate(end);
                comment.push('…');
            }
            let len = u32::try_from(packet.octets.len()).unwrap_or(u32::MAX);
            writer.write_frame(packet.sent, link, &packet.octets, len, Some(comment.trim_end()))?;
        }
        writer.finish()
    }

    /// Each packet with its comment.
    fn frames(&self) -> Vec<(&Packet, String)> {
        let mut frames: Vec<(&Packet, String)> = Vec::new();
        let mut since = String::new();
        let mut states = [None; 2];
        for entry in self.entries() {
            match &entry.what {
                What::Sent(id) => {
                    let Some(packet) = self.packet(*id) else { continue };
                    let mut comment = core::mem::take(&mut since);
                    let fate = fate(packet);
                    let sends = if packet.forged { "has not sent this: it is forged" } else { "sends" };
                    let _ = writeln!(comment, "{} {sends}{fate}", name(packet.from));
                    frames.push((packet, comment));
                }
                What::State { end, to, .. } => {
                    if let Some(state) = states.get_mut(end.index()) {
                        *state = Some(*to);
                    }
                    // What a packet does to the state of its sender is told with it.
                    let place = match frames.last_mut() {
                        Some((packet, comment)) if since.is_empty() && packet.from == *end => comment,
                        _ => &mut since,
                    };
                    let _ = writeln!(place, "{} is {to} now", name(*end));
                }
                _ => tell(&mut since, self, entry),
            }
            if let (What::Sent(_), Some((_, comment))) = (&entry.what, frames.last_mut())
                && let [Some(a), Some(b)] = states
            {
                let _ = writeln!(comment, "A {a}, B {b}");
            }
        }
        if let Some((_, comment)) = frames.last_mut()
            && !since.is_empty()
        {
            let _ = write!(comment, "after it:\n{since}");
        }
        frames
    }
}

fn tell(out: &mut String, ladder: &Ladder, entry: &Entry) {
    let packet = |id| ladder.packet(id);
    let _ = match &entry.what {
        What::Sent(_) | What::State { .. } => Ok(()),
        What::Arrived(id) => match packet(*id) {
            Some(arrived) => writeln!(out, "frame {} arrives at {}", id.number(), name(arrived.from.peer())),
            None => Ok(()),
        },
        What::Lost(id) => writeln!(out, "frame {} is lost", id.number()),
        What::Refused { packet: id, why } => writeln!(out, "frame {} is refused: {why}", id.number()),
        What::Call { end, call, returned } => {
            let result = match returned {
                Returned::Done(done) => format!("{done}"),
                Returned::Failed(why) => why.clone(),
            };
            writeln!(out, "{} calls {call} = {result}", name(*end))
        }
        What::Timer { end, name: timer } => {
            let colon = if timer.is_empty() { "" } else { ": " };
            writeln!(out, "{}: timer{colon}{timer}", name(*end))
        }
        What::Note { end, text } => match end {
            Some(end) => writeln!(out, "{}: {text}", name(*end)),
            None => writeln!(out, "{text}"),
        },
    };
}

const fn name(end: End) -> &'static str {
    match end {
        End::A => "A",
        End::B => "B",
    }
}

/// What becomes of a packet, in words behind "sends".
fn fate(packet: &Packet) -> String {
    let fate = &packet.fate;
    let ways: Vec<String> =
        (fate.arrivals.iter()).map(|at| crate::ladder::look::short_span(at.since(packet.sent))).collect();
    match (ways.as_slice(), fate.losses) {
        ([], 0) => "; it is still on its way at the end".into(),
        ([], _) => "; it is lost".into(),
        ([way], 0) => format!("; it arrives after {way}"),
        (ways, 0) => format!("; it arrives {} times, after {}", ways.len(), ways.join(", ")),
        (ways, lost) => format!("; it arrives after {}, and {lost} of its copies are lost", ways.join(", ")),
    }
}
