//! From an input on which a target breaks to what a person can look at, and a machine run again: a ladder, a capture with
//! comments, and scripts of the packetdrill language.
//!
//! | target | capture | script |
//! |---|---|---|
//! | `tcb_ops` | the machine (A) and what is made up for it (B) | of A |
//! | `pair`, `host` | both hosts, all connections | of both ends, of the connection at which it broke |
//! | `packet` | the packet | what a listener does with it, if it is a segment of TCP |
//! | `options` | a SYN with these options | what a listener does with it |
//! | `capture`, `replay` | the input is one | none |
//! | `drill` | the packets of the script | the input is one |

mod tape;

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use tcpstate::drill::{Profile, RunOptions, Traced, Verdict, from_ladder, parse, run as run_script};
use tcpstate::ladder::{Call, End, Ladder, Returned};
use tcpstate::wire::{IpProtocol, LinkType, TcpRepr};
use tcpstate::{Instant, State, TcpFlags};

use crate::packet::LINK_TYPES;
use crate::record::Recorder;
pub use tape::Tape;

/// What there is of an input.
#[derive(Clone, Debug, Default)]
pub struct Reproduced {
    /// What broke, and where; `None` if nothing did.
    pub broke: Option<String>,
    /// What happened, to be looked at.
    pub picture: Option<String>,
    /// Files, by what is to stand behind the input's name: `.pcapng`, `-a.pkt`.
    pub files: Vec<(&'static str, Vec<u8>)>,
    /// What there is not, and why; what a script lacks.
    pub notes: Vec<String>,
}

thread_local! {
    /// What the last panic of this thread said, while somebody wants to know.
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
    static LISTENS: Cell<bool> = const { Cell::new(false) };
}

/// Panics that somebody waits for are kept, and all others told as usual.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !LISTENS.get() {
                return usual(info);
            }
            let message = info.payload_as_str().unwrap_or("a panic without words");
            let place = info.location().map(|at| format!(" ({}:{})", at.file(), at.line()));
            let said = format!("{message}{}", place.unwrap_or_default());
            SAID.with_borrow_mut(|last| *last = Some(said));
        }));
    });
}

/// Runs something that may panic, and says what it said then.
pub fn broken_by(run: impl FnOnce()) -> Option<String> {
    listen();
    let before = LISTENS.replace(true);
    let broke = catch_unwind(AssertUnwindSafe(run)).is_err();
    LISTENS.set(before);
    broke.then(|| SAID.take().unwrap_or_else(|| "a panic".into()))
}

/// Runs an input of a target, and tells what happened; `None` if there is no such target. It breaks on purpose after so
/// many entries, if that is asked for: to try what comes of it.
pub fn reproduce(target: &str, input: &[u8], break_after: Option<usize>) -> Option<Reproduced> {
    let mut tape = Tape::new(break_after);
    let mut known = true;
    let broke = broken_by(|| known = crate::run(target, input, &mut tape as &mut dyn Recorder).is_some());
    if !known {
        return None;
    }
    let mut made = Reproduced { broke, ..Reproduced::default() };
    match target {
        "tcb_ops" | "pair" | "host" => of_tape(&mut made, target, &tape),
        "packet" => of_packet(&mut made, input),
        "options" => of_options(&mut made, input),
        "drill" => of_script(&mut made, input),
        _ => {
            let is_new = input.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]);
            made.files.push((if is_new { ".pcapng" } else { ".pcap" }, input.to_vec()));
            made.notes
                .push("no script: the input is a capture, of which `tcpstate replay` tells more".into());
        }
    }
    Some(made)
}

fn of_tape(made: &mut Reproduced, target: &str, tape: &Tape) {
    let broke = made.broke.as_deref();
    let ladder = tape.ladder(broke);
    made.picture = Some(ladder.to_string());
    capture(made, &ladder);
    let ends: &[(End, &'static str)] =
        if target == "tcb_ops" { &[(End::A, ".pkt")] } else { &[(End::A, "-a.pkt"), (End::B, "-b.pkt")] };
    let (focus, others) = tape.focus(made.broke.as_deref());
    if others > 0 {
        made.notes.push(format!("the scripts are of one connection; others in the capture: {others}"));
    }
    for &(end, name) in ends {
        script(made, target, &focus, (end, name), &tape.profile(end), &tape.unsayable(end));
    }
}

fn capture(made: &mut Reproduced, ladder: &Ladder) {
    if ladder.packets().is_empty() {
        made.notes.push("no capture: there was no packet".into());
        return;
    }
    match ladder.write_pcapng(Vec::new()) {
        Ok(octets) => made.files.push((".pcapng", octets)),
        Err(error) => made.notes.push(format!("no capture: {error}")),
    }
}

fn script(
    made: &mut Reproduced,
    target: &str,
    ladder: &Ladder,
    (end, name): (End, &'static str),
    profile: &Profile,
    unsayable: &[String],
) {
    let written = from_ladder(ladder, end, profile);
    let base = Profile::from_name(profile.name).unwrap_or_else(|_| Profile::library());
    let mut text = String::new();
    let broke = made.broke.as_deref().unwrap_or("nothing");
    let broke: Vec<&str> = broke.split_whitespace().collect();
    let _ = writeln!(text, "// From an input of the fuzz target {target}. What broke: {}", broke.join(" "));
    if made.broke.is_some() {
        text.push_str("// The last lines are what was wrong: put there what should be.\n");
    }
    for what in unsayable {
        let _ = writeln!(text, "// A script cannot say: {what}");
    }
    text.push_str(&written.text);
    let mut does_the_same = false;
    let said = match parse(&text, &[]) {
        Err(error) => format!("is no script: {error}"),
        Ok(script) => match run_script(&script, &RunOptions::new(base)).verdict {
            Verdict::Pass => {
                does_the_same = true;
                "does the same again".into()
            }
            Verdict::Fail(failure) => {
                format!("does not do the same again, line {}: {}", failure.line, failure.message)
            }
            Verdict::Unsupported(failure) => format!("asks for what there is not: {failure}"),
        },
    };
    made.notes.push(format!("{name}: {said}"));
    if !does_the_same {
        made.notes.extend(unsayable.iter().map(|what| format!("{name}: a script cannot say: {what}")));
    }
    // Which settings they are stands in the script.
    let settings = written.left_out.iter().filter(|what| what.what.starts_with("the setting ")).count();
    if settings > 0 {
        made.notes.push(format!("{name}: not in it: {settings} settings"));
    }
    let others = written.left_out.iter().filter(|what| !what.what.starts_with("the setting "));
    made.notes.extend(others.map(|what| format!("{name}: not in it: {what}")));
    made.files.push((name, text.into_bytes()));
}

/// The ends of what is no connection.
fn ends() -> [SocketAddr; 2] {
    [([192, 0, 2, 1], 40_000).into(), ([192, 0, 2, 2], 8080).into()]
}

/// A listener to which this comes.
fn arrives(ends: [SocketAddr; 2], octets: &[u8], broke: Option<&str>) -> Ladder {
    let mut ladder = Ladder::new(ends);
    let now = Instant::ZERO;
    ladder.state(now, End::B, State::Listen);
    ladder.call(now, End::B, Call::Listen, Returned::Done(0));
    ladder.delivered(now, End::A, octets.to_vec());
    if let Some(broke) = broke {
        ladder.note(now, None, format!("broke: {broke}"));
    }
    ladder
}

fn of_packet(made: &mut Reproduced, input: &[u8]) {
    let Some((&[link, _], octets)) = input.split_first_chunk::<2>() else {
        made.notes.push("no capture: the input is too short for a packet".into());
        return;
    };
    let link = LINK_TYPES[usize::from(link) % LINK_TYPES.len()];
    let mut writer = match tcpstate::capture::PcapngWriter::new(Vec::new(), &[link.dlt()]) {
        Ok(writer) => writer,
        Err(error) => {
            made.notes.push(format!("no capture: {error}"));
            return;
        }
    };
    let len = u32::try_from(octets.len()).unwrap_or(u32::MAX);
    let broke = made.broke.as_deref().map(|broke| format!("broke: {broke}"));
    let written = writer.write_frame(Instant::ZERO, link.dlt(), octets, len, broke.as_deref());
    match written.and_then(|()| writer.finish()) {
        Ok(octets) => made.files.push((".pcapng", octets)),
        Err(error) => made.notes.push(format!("no capture: {error}")),
    }
    match crate::craft::segment(octets).filter(|_| link == LinkType::RawIp) {
        Some((from, to, _)) => {
            let ladder = arrives([from, to], octets, made.broke.as_deref());
            made.picture = Some(ladder.to_string());
            script(made, "packet", &ladder, (End::B, ".pkt"), &Profile::library(), &[]);
        }
        None => made.notes.push("no script: it is no segment of TCP right behind an IP header".into()),
    }
}

fn of_options(made: &mut Reproduced, input: &[u8]) {
    let octets = input.get(1..).unwrap_or_default();
    let octets = &octets[..octets.len().min(40) / 4 * 4];
    let [a, b] = ends();
    let repr = TcpRepr {
        src_port: a.port(),
        dst_port: b.port(),
        flags: TcpFlags::SYN,
        window: 1_000,
        options: octets,
        ..TcpRepr::default()
    };
    let mut segment = vec![0; 60];
    let len = repr.emit(&mut segment, a.ip(), b.ip(), []).expect("there is room for 40 octets of options");
    let packet = crate::craft::ip(a.ip(), b.ip(), IpProtocol::TCP, &segment[..len]);
    let ladder = arrives(ends(), &packet, made.broke.as_deref());
    made.picture = Some(ladder.to_string());
    capture(made, &ladder);
    script(made, "options", &ladder, (End::B, ".pkt"), &Profile::library(), &[]);
}

fn of_script(made: &mut Reproduced, input: &[u8]) {
    made.files.push((".pkt", input.to_vec()));
    let Some(script) = std::str::from_utf8(input).ok().and_then(|text| parse(text, &[]).ok()) else {
        made.notes.push("no capture: the input is no script".into());
        return;
    };
    let mut ladder = Ladder::new(ends());
    let broke = broken_by(|| {
        let outcome = run_script(&script, &RunOptions { profile: Profile::library(), record: true });
        for entry in outcome.trace {
            match entry.what {
                Traced::Packet { direction, octets, .. } => {
                    let from = match direction {
                        tcpstate::drill::script::Direction::Out => End::A,
                        tcpstate::drill::script::Direction::In => End::B,
                    };
                    ladder.delivered(entry.at, from, octets);
                }
                Traced::Call { text, result } => {
                    ladder.note(entry.at, Some(End::A), format!("{text} = {result}"));
                }
                Traced::Note(text) => ladder.note(entry.at, Some(End::A), text),
                _ => {}
            }
        }
    });
    if let Some(broke) = broke.as_deref().or(made.broke.as_deref()) {
        ladder.note(Instant::ZERO, None, format!("broke: {broke}"));
    }
    made.picture = Some(ladder.to_string());
    capture(made, &ladder);
}

#[cfg(test)]
mod tests;
