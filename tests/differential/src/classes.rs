//! What a difference is: the first rule that recognises it names its class. `docs/differences.md` says of each class what
//! the RFCs want, and who does it.

use crate::answer::Answer;
use crate::compare::{Difference, Part};
use crate::packet::{FIN, RST, SYN};
use crate::run::{Arriving, Held};
use crate::script::{Options, Step, WINDOW};
use crate::stack::Call;
use tcpstate::State;

/// A kind of difference.
pub struct Class {
    pub name: &'static str,
    is: fn(&Difference) -> bool,
}

/// The class of a difference; `None`: nobody has looked at such a one yet.
pub fn classify(difference: &Difference) -> Option<&'static Class> {
    CLASSES.iter().find(|class| (class.is)(difference))
}

/// All names, each once, in the order of the rules.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = Vec::new();
    for class in CLASSES {
        if !names.contains(&class.name) {
            names.push(class.name);
        }
    }
    names
}

/// In the order in which they are tried; several may share a name.
pub const CLASSES: &[Class] = &[
    Class { name: "panic", is: |d| d.theirs.wrong.iter().any(|wrong| wrong.starts_with("panic")) },
    Class { name: "window-edge", is: |d| d.strayed || reaches_over(d) },
    Class {
        name: "combined-flags",
        is: |d| goes_astray(d) && came(d, |_, a| (a.flags & (SYN | FIN | RST)).count_ones() > 1),
    },
    Class {
        name: "malformed-options",
        is: |d| opening_differs(d) && came(d, |_, a| a.flags & SYN != 0 && is_malformed(a)),
    },
    // The other's window has moved with its user's reading, and it has not told that yet.
    Class {
        name: "window-edge",
        is: |d| reset(d, &["above", "edge"]) && one_ended(d) && segment(d, |a| a.edge > Some(a.seq - 20_000)),
    },
    Class { name: "combined-flags", is: |d| segment(d, |a| (a.flags & (SYN | FIN | RST)).count_ones() > 1) },
    Class { name: "malformed-options", is: |d| segment(d, is_malformed) },
    // Calls.
    Class {
        name: "send-before-handshake",
        is: |d| matches!(d.step, Some(Step::Send(_))) && is_opening(d) && only(d, &[Part::Call]),
    },
    Class { name: "unread-octets-when-over", is: unread_when_over },
    Class { name: "call-result", is: |d| only(d, &[Part::Call]) && !moves_octets(d) },
    Class {
        name: "reset-when-given-up",
        is: |d| gives_up(d) && only(d, &[Part::Reset, Part::Call, Part::Again, Part::Ack]),
    },
    Class {
        name: "abort-in-time-wait",
        is: |d| {
            before(d, &[State::Closed]) && d.waited_out && d.ours.reset.is_none() && d.theirs.reset.is_some()
        },
    },
    // The handshake.
    Class {
        name: "syn-sent-unacceptable-ack",
        is: |d| before(d, &[State::SynSent]) && only(d, &[Part::Reset]),
    },
    Class {
        name: "syn-received-reset-in-window",
        is: |d| before(d, &[State::SynReceived]) && reset(d, &["inside", "edge"]),
    },
    Class {
        name: "syn-received-new-syn",
        is: |d| before(d, &[State::SynReceived]) && flag(d, SYN) && listens(d.ours.state),
    },
    Class {
        name: "syn-received-order-of-checks",
        is: |d| before(d, &[State::SynReceived]) && !lies(d, &["next", "inside"]) && d.theirs.reset.is_some(),
    },
    Class {
        name: "simultaneous-syn-ack",
        is: |d| {
            before(d, &[State::SynReceived]) && flag(d, SYN) && segment(d, |a| a.seq == 0 && a.ack.is_some())
        },
    },
    Class { name: "syn-sent-reset", is: |d| before(d, &[State::SynSent]) && flag(d, RST) },
    Class {
        name: "syn-octets",
        is: |d| before(d, &[State::SynSent]) && flag(d, SYN) && segment(d, |a| a.len > 0),
    },
    Class {
        name: "close-in-syn-received",
        is: |d| before(d, &[State::SynReceived]) && matches!(d.step, Some(Step::Shutdown)),
    },
    Class { name: "close-in-syn-received", is: |d| before(d, &[State::FinWait1]) && has(d, Part::Syn) },
    // netstack3 does not show half-open connections: what was done to them is seen later.
    Class {
        name: "syn-received-reset-in-window",
        is: |d| opening_differs(d) && came(d, |state, a| is(state, State::SynReceived) && a.flags & RST != 0),
    },
    Class {
        name: "syn-received-new-syn",
        is: |d| opening_differs(d) && came(d, |state, a| is(state, State::SynReceived) && a.flags & SYN != 0),
    },
    // Resets and SYNs.
    Class {
        name: "reset-behind-fin",
        is: |d| {
            fin_came(d)
                && d.theirs.reset.is_some()
                && d.ours.reset.is_none()
                && segment(d, |a| !["next", "old"].contains(&a.lies()) || a.len > 0)
        },
    },
    Class { name: "reset-in-window", is: |d| reset(d, &["inside", "edge"]) && one_ended(d) },
    Class { name: "reset-overlaps", is: |d| reset(d, &["overlap", "old"]) && one_ended(d) },
    Class { name: "time-wait-reset", is: |d| before(d, &[State::TimeWait]) && flag(d, RST) },
    Class {
        name: "syn-in-window",
        is: |d| flag(d, SYN) && d.theirs.reset.is_some() && closed(d.theirs.state) && !closed(d.ours.state),
    },
    Class { name: "syn-challenge", is: |d| flag(d, SYN) && answers_only(d) },
    Class { name: "syn-trimmed", is: |d| flag(d, SYN) && lies(d, &["overlap"]) && !d.rejoined },
    Class { name: "reset-challenge", is: |d| flag(d, RST) && answers_only(d) },
    Class { name: "reset-numbers", is: |d| only(d, &[Part::Reset, Part::Again, Part::Ack]) && both_reset(d) },
    // Acknowledgments.
    Class { name: "future-ack-takes-text", is: |d| acks(d, &["future"]) && takes_text(d) && !d.rejoined },
    Class { name: "future-ack-answer", is: |d| acks(d, &["future"]) && answers_only(d) },
    Class {
        name: "old-ack-drops-segment",
        is: |d| acks(d, &["old"]) && takes_text(d) && d.told.0 > d.told.1,
    },
    Class { name: "too-old-ack", is: |d| acks(d, &["old"]) && takes_text(d) },
    Class { name: "old-ack-answer", is: |d| acks(d, &["old"]) && answers_only(d) },
    Class {
        name: "ack-at-edge",
        is: |d| {
            segment(d, |a| a.lies() == "edge" && a.len == 0 && a.flags & (SYN | RST) == 0)
                && !listens(d.ours.state)
                && !answers_only(d)
        },
    },
    Class { name: "time-wait-answer", is: |d| before(d, &[State::TimeWait]) && answers_only(d) },
    Class { name: "no-ack-answer", is: |d| acks(d, &["none"]) && answers_only(d) },
    Class {
        name: "ack-of-old-segment",
        is: |d| {
            lies(d, &["old"])
                && acks(d, &["all", "some", "same"])
                && (has(d, Part::State) || has(d, Part::New))
        },
    },
    // Text and FIN.
    Class {
        name: "contradicted-fin",
        is: |d| flag(d, FIN) && segment(d, |a| a.gap) && !d.rejoined && takes_text(d),
    },
    Class { name: "window-update", is: |d| matches!(d.step, Some(Step::Receive(_))) && answers_only(d) },
    Class { name: "text-behind-fin", is: |d| fin_came(d) && flag(d, 0) && has(d, Part::Ack) && !d.rejoined },
    Class { name: "fin-behind-known-octets", is: |d| flag(d, FIN) && lies(d, &["overlap"]) && !d.rejoined },
    Class { name: "fin-answer", is: |d| flag(d, FIN) && answers_only(d) },
    Class {
        name: "outside-window-answer",
        is: |d| lies(d, &["old", "overlap", "edge", "above", "unknown"]) && answers_only(d),
    },
    Class { name: "last-ack-answer", is: |d| before(d, &[State::LastAck]) && answers_only(d) },
    Class {
        name: "last-ack-ends-early",
        is: |d| {
            before(d, &[State::LastAck])
                && closed(d.ours.state)
                && only(d, &[Part::State, Part::Ack, Part::Bare, Part::Again])
        },
    },
    Class {
        name: "time-wait-reuse",
        is: |d| before(d, &[State::TimeWait]) && flag(d, SYN) && has(d, Part::Syn),
    },
    Class {
        name: "unread-octets-when-over",
        is: |d| matches!(d.step, Some(Step::Receive(_))) && has(d, Part::Wrong) && fin_or_over(d),
    },
    Class {
        name: "syn-octets",
        is: |d| came(d, |_, a| a.flags & SYN != 0 && a.len > 0) && has(d, Part::Ack) && !d.rejoined,
    },
    Class {
        name: "early-fin",
        is: |d| d.told.0 > d.told.1 && came(d, |_, a| a.flags & FIN != 0 && a.lies() == "inside"),
    },
    Class { name: "contradicted-fin", is: |d| contradicts(d) && !d.rejoined },
    // The sender.
    Class { name: "acknowledged-alone", is: |d| only(d, &[Part::Bare]) && d.rejoined },
    Class {
        name: "time-wait-length",
        is: |d| {
            before(d, &[State::TimeWait]) && matches!(d.step, Some(Step::Wait(_))) && only(d, &[Part::State])
        },
    },
    Class {
        name: "retransmission-time",
        is: |d| {
            has(d, Part::Again)
                && only(d, &[Part::Again, Part::Ack, Part::Bare, Part::Shut, Part::Call])
                && (!has(d, Part::Call) || !moves_octets(d))
        },
    },
    Class {
        name: "syn-retransmission-time",
        is: |d| {
            has(d, Part::Syn) && only(d, &[Part::Syn, Part::Ack, Part::Shut]) && d.rejoined && !flag(d, SYN)
        },
    },
    Class {
        name: "syn-again",
        is: |d| {
            before(d, &[State::SynReceived]) && flag(d, SYN) && d.ours.syn.is_some() && d.theirs.syn.is_none()
        },
    },
    Class {
        name: "syn-received-order-of-checks",
        is: |d| before(d, &[State::SynReceived]) && flag(d, SYN) && d.theirs.reset.is_some(),
    },
    Class {
        name: "syn-received-given-up",
        is: |d| {
            d.elapsed > 60_000
                && (before(d, &[State::SynReceived]) && has(d, Part::State) || opening_differs(d))
        },
    },
    Class { name: "peers-window", is: |d| sends(d) && came(d, |_, a| a.window < WINDOW) },
    Class { name: "peers-window", is: |d| sends(d) && segment(d, |a| a.window < WINDOW) },
    Class { name: "congestion-window", is: |d| sends(d) && (d.held == Some(Held::Congestion) || d.repeated) },
    Class { name: "initial-window", is: |d| sends(d) && last(&d.ours) > last(&d.theirs) },
    Class {
        name: "crossing-fins",
        is: |d| flag(d, FIN) && fin_came_to(d.ours.state) && is(d.theirs.state, State::Closing),
    },
    Class {
        name: "closing-with-fin",
        is: |d| before(d, &[State::Closing]) && flag(d, FIN) && acks(d, &["all"]),
    },
    Class {
        name: "overlapping-octets",
        is: |d| only(d, &[Part::Call]) && both_read(d) && came(d, |_, a| a.forged),
    },
    Class { name: "closed-window", is: |d| only(d, &[Part::Shut]) },
    Class {
        name: "octets-kept-by-one",
        is: |d| came(d, |_, a| ["old", "future"].contains(&a.acks()) && a.lies() == "inside"),
    },
];

fn parts(d: &Difference) -> Vec<Part> {
    d.parts()
}

fn only(d: &Difference, allowed: &[Part]) -> bool {
    parts(d).iter().all(|part| allowed.contains(part))
}

fn segment(d: &Difference, is: impl Fn(&Arriving) -> bool) -> bool {
    d.arriving.as_ref().is_some_and(is)
}

/// It carries this flag, and neither of the other two; 0: none of them.
fn flag(d: &Difference, wanted: u8) -> bool {
    segment(d, |a| a.flags & (SYN | FIN | RST) == wanted)
}

fn lies(d: &Difference, places: &[&str]) -> bool {
    segment(d, |a| places.contains(&a.lies()))
}

fn acks(d: &Difference, kinds: &[&str]) -> bool {
    segment(d, |a| kinds.contains(&a.acks()))
}

fn reset(d: &Difference, places: &[&str]) -> bool {
    flag(d, RST) && lies(d, places)
}

fn before(d: &Difference, states: &[State]) -> bool {
    d.before.is_some_and(|state| states.contains(&state))
}

fn is_opening(d: &Difference) -> bool {
    before(d, &[State::SynSent, State::SynReceived])
}

fn fin_came(d: &Difference) -> bool {
    before(d, &[State::CloseWait, State::Closing, State::LastAck, State::TimeWait])
}

/// An acknowledgment that one has sent and the other has not, and nothing else.
fn answers_only(d: &Difference) -> bool {
    only(d, &[Part::Ack, Part::Bare]) && has(d, Part::Bare)
}

fn one_ended(d: &Difference) -> bool {
    let over = |state| closed(state) || listens(state);
    over(d.ours.state) != over(d.theirs.state)
}

/// One has taken octets, or the FIN, and the other has not.
fn takes_text(d: &Difference) -> bool {
    segment(d, |a| a.len > 0 || a.flags & FIN != 0) && d.told.0 != d.told.1
}

/// Where the last of the new octets ends.
fn last(answer: &Answer) -> i64 {
    answer.new.last().map_or(0, |range| range.1)
}

fn is_malformed(arriving: &Arriving) -> bool {
    matches!(arriving.options, Options::LengthZero | Options::TooLong)
}

/// The segment reaches over the edge of our window, and the other one has told a larger one.
fn reaches_over(d: &Difference) -> bool {
    segment(d, |a| a.edge < Some(a.seq + a.len.max(1)) && d.their_edge > a.edge && a.edge.is_some())
}

/// One of the two has gone on to another connection.
fn goes_astray(d: &Difference) -> bool {
    opening_differs(d) || d.ours.call.is_some() != d.theirs.call.is_some()
}

fn moves_octets(d: &Difference) -> bool {
    [&d.ours, &d.theirs].iter().any(|answer| matches!(answer.call, Some(Call::Read(_) | Call::Took(_))))
}

fn unread_when_over(d: &Difference) -> bool {
    let reads = |call: &Option<Call>| matches!(call, Some(Call::Read(_)));
    only(d, &[Part::Call])
        && before(d, &[State::Closed, State::TimeWait])
        && reads(&d.ours.call) != reads(&d.theirs.call)
}

fn has(d: &Difference, part: Part) -> bool {
    parts(d).contains(&part)
}

fn closed(state: Option<State>) -> bool {
    // netstack3 does not show what comes after a connection that has been accepted and is over.
    matches!(state, None | Some(State::Closed))
}

fn listens(state: Option<State>) -> bool {
    matches!(state, Some(State::Listen | State::Closed))
}

fn fin_came_to(state: Option<State>) -> bool {
    matches!(state, Some(State::CloseWait | State::LastAck))
}

fn is(state: Option<State>, wanted: State) -> bool {
    state == Some(wanted)
}

/// Such a segment came earlier, in this state.
fn came(d: &Difference, is: impl Fn(Option<State>, &Arriving) -> bool) -> bool {
    d.history.iter().any(|(state, arriving)| is(*state, arriving))
}

/// One is in the handshake, or has just left it, where the other one is not.
fn opening_differs(d: &Difference) -> bool {
    before(d, &[State::SynReceived, State::Listen, State::Closed])
        && (d.ours.reset.is_some() != d.theirs.reset.is_some()
            || d.ours.syn != d.theirs.syn
            || d.ours.state.is_none() != d.theirs.state.is_none())
}

/// A FIN came whose place other octets say is not the end of the stream.
fn contradicts(d: &Difference) -> bool {
    segment(d, |a| a.flags & FIN != 0 && a.gap) || came(d, |_, a| a.flags & FIN != 0 && a.lies() == "inside")
}

/// It is about what is sent for the first time.
fn sends(d: &Difference) -> bool {
    has(d, Part::New) || has(d, Part::Fin)
}

fn fin_or_over(d: &Difference) -> bool {
    fin_came(d) || before(d, &[State::Closed])
}

fn gives_up(d: &Difference) -> bool {
    matches!(d.step, Some(Step::Shutdown | Step::Abort))
}

fn both_read(d: &Difference) -> bool {
    [&d.ours, &d.theirs].iter().all(|answer| matches!(answer.call, Some(Call::Read(_))))
}

fn both_reset(d: &Difference) -> bool {
    d.ours.reset.is_some() && d.theirs.reset.is_some()
}
