//! Where two records part.

use crate::answer::Answer;
use crate::packet::FIN;
use crate::run::{Arriving, Held, Played, Record, state_name};
use crate::script::Step;
use crate::stack::Library;
use tcpstate::State;

/// Two stacks answered one step differently, and had answered all steps before in the same way.
#[derive(Clone, Debug)]
pub struct Difference {
    pub other: Library,
    /// Which step; `None` is before the first.
    pub at: Option<usize>,
    pub step: Option<Step>,
    /// The state before, in which both were as far as it can be seen.
    pub before: Option<State>,
    pub arriving: Option<Arriving>,
    pub ours: Answer,
    pub theirs: Answer,
    /// How far each has acknowledged the peer after it.
    pub told: (Option<i64>, Option<i64>),
    /// The right edge of the window that the other one has told.
    pub their_edge: Option<i64>,
    /// They are as far as each other again, and may be compared further.
    pub rejoined: bool,
    /// Ours has been in TIME-WAIT before.
    pub waited_out: bool,
    /// Milliseconds since the first step.
    pub elapsed: u64,
    /// One of the two has sent something again before.
    pub repeated: bool,
    /// The segment was not the same for both: it was to lie at the edge of the window, and they have told different ones.
    pub strayed: bool,
    /// What our sender waits for after the step.
    pub held: Option<Held>,
    /// The segments that came earlier in the run, each with the state in which it came.
    pub history: Vec<(Option<State>, Arriving)>,
}

/// One part of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Syn,
    Reset,
    New,
    Again,
    Fin,
    Ack,
    Bare,
    Shut,
    Urgent,
    Call,
    State,
    Wrong,
}

impl Difference {
    /// In which parts the answers differ.
    pub fn parts(&self) -> Vec<Part> {
        parts(&self.ours, &self.theirs, self.step.as_ref())
    }
}

/// A state that one of the two cannot show is no difference: netstack3 has none before a connection is accepted. And a
/// closed connection and a listener are the same to a peer.
fn states_differ(ours: Option<State>, theirs: Option<State>) -> bool {
    let listens = |state: State| matches!(state, State::Listen | State::Closed);
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => ours != theirs && !(listens(ours) && listens(theirs)),
        (None, None) => false,
        (None, Some(other)) | (Some(other), None) => !(listens(other) || other == State::SynReceived),
    }
}

fn parts(ours: &Answer, theirs: &Answer, step: Option<&Step>) -> Vec<Part> {
    let waited = matches!(step, Some(Step::Wait(_)));
    let differ = [
        (Part::Syn, ours.syn != theirs.syn),
        (Part::Reset, ours.reset != theirs.reset),
        (Part::New, ours.new != theirs.new),
        (Part::Again, ours.again != theirs.again),
        (Part::Fin, ours.fin != theirs.fin),
        (Part::Ack, ours.ack != theirs.ack),
        // Whether an acknowledgment goes alone or with octets is a matter of moments.
        (Part::Bare, ours.bare != theirs.bare && !waited),
        (Part::Shut, ours.shut.is_some() && theirs.shut.is_some() && ours.shut != theirs.shut),
        (Part::Urgent, ours.urgent != theirs.urgent),
        (Part::Call, ours.call != theirs.call),
        (Part::State, states_differ(ours.state, theirs.state)),
        (Part::Wrong, !ours.wrong.is_empty() || !theirs.wrong.is_empty()),
    ];
    differ.into_iter().filter(|(_, differ)| *differ).map(|(part, _)| part).collect()
}

/// The differences of two records, in order, up to the first after which the two are not as far as each other.
pub fn differences(other: Library, ours: &Record, theirs: &Record) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut history = Vec::new();
    let mut before = ours.opening.state;
    if !parts(&ours.opening, &theirs.opening, None).is_empty() {
        found.push(Difference {
            other,
            at: None,
            step: None,
            before: None,
            arriving: None,
            ours: ours.opening.clone(),
            theirs: theirs.opening.clone(),
            told: (None, None),
            their_edge: None,
            rejoined: false,
            waited_out: false,
            elapsed: 0,
            repeated: false,
            strayed: false,
            held: None,
            history: Vec::new(),
        });
        return found;
    }
    let (mut elapsed, mut repeated, mut waited_out) = (0, false, false);
    for (at, (our, their)) in ours.played.iter().zip(&theirs.played).enumerate() {
        elapsed += if let Step::Wait(millis) = our.step { u64::from(millis) + 1 } else { 1 };
        let strayed = places(our) != places(their);
        if strayed || !parts(&our.answer, &their.answer, Some(&our.step)).is_empty() {
            let mut difference = difference(other, at, before, our, their, &history);
            (difference.elapsed, difference.repeated) = (elapsed, repeated);
            (difference.strayed, difference.waited_out) = (strayed, waited_out);
            difference.rejoined &= !strayed;
            let rejoined = difference.rejoined;
            found.push(difference);
            if !rejoined {
                return found;
            }
        }
        // A SYN, or SYN,ACK, that goes again leaves one segment for the initial window.
        repeated |= our.answer.syn.is_some() && our.arriving.is_none();
        if let Some(arriving) = our.arriving.clone() {
            history.push((before, arriving));
        }
        before = our.answer.state.or(their.answer.state);
        repeated |= [&our.answer, &their.answer].iter().any(|answer| answer.again);
        waited_out |= our.answer.state == Some(State::TimeWait);
    }
    found
}

/// The numbers of the segment of this step.
fn places(played: &Played) -> Option<(i64, Option<i64>)> {
    played.arriving.as_ref().map(|arriving| (arriving.seq, arriving.ack))
}

fn difference(
    other: Library,
    at: usize,
    before: Option<State>,
    our: &Played,
    their: &Played,
    history: &[(Option<State>, Arriving)],
) -> Difference {
    let same_state = !states_differ(our.answer.state, their.answer.state);
    Difference {
        other,
        at: Some(at),
        step: Some(our.step.clone()),
        before,
        arriving: our.arriving.clone(),
        ours: our.answer.clone(),
        theirs: their.answer.clone(),
        told: (our.position.2, their.position.2),
        their_edge: their.arriving.as_ref().and_then(|arriving| arriving.edge),
        rejoined: same_state && our.position == their.position && !keeps_differ(our, their),
        waited_out: false,
        elapsed: 0,
        repeated: false,
        strayed: false,
        held: our.held,
        history: history.to_vec(),
    }
}

/// Octets or a FIN behind a gap that one has answered, and the other not: only one of them may have kept it.
fn keeps_differ(our: &Played, their: &Played) -> bool {
    let carries = |a: &Arriving| (a.len > 0 || a.flags & FIN != 0) && a.lies() == "inside";
    our.arriving.as_ref().is_some_and(carries) && our.answer.ack.is_some() != their.answer.ack.is_some()
}

/// A word for where a number lies.
fn lies(seq: i64, end: i64, rcv_nxt: Option<i64>, edge: Option<i64>) -> &'static str {
    let (Some(next), Some(edge)) = (rcv_nxt, edge) else { return "unknown" };
    match () {
        () if seq == next => "next",
        () if end <= next && seq < next => "old",
        () if seq < next => "overlap",
        () if seq < edge => "inside",
        () if seq == edge => "edge",
        () => "above",
    }
}

/// What an acknowledgment is worth.
fn acks(arriving: &Arriving) -> &'static str {
    match arriving.ack {
        None => "none",
        Some(ack) if ack > arriving.snd_max => "future",
        Some(ack) if ack == arriving.snd_max && ack == arriving.snd_una => "same",
        Some(ack) if ack == arriving.snd_max => "all",
        Some(ack) if ack > arriving.snd_una => "some",
        Some(ack) if ack == arriving.snd_una => "una",
        Some(_) => "old",
    }
}

impl Arriving {
    pub fn lies(&self) -> &'static str {
        let control = i64::from(self.flags & 1 != 0) + i64::from(self.flags & 2 != 0);
        lies(self.seq, self.seq + self.len + control, self.rcv_nxt, self.edge)
    }

    pub fn acks(&self) -> &'static str {
        acks(self)
    }
}

/// A difference in one line, without its numbers: the same for all that differ in the same way.
pub fn signature(difference: &Difference) -> String {
    let what = match (&difference.step, &difference.arriving) {
        (_, Some(arriving)) => {
            let flags: String = crate::script::LETTERS
                .iter()
                .filter(|(bit, _)| arriving.flags & bit & !8 != 0)
                .map(|(_, letter)| letter)
                .collect();
            let data = if arriving.len > 0 { "+data" } else { "" };
            let gap = if arriving.gap { " gap" } else { "" };
            let damaged = if arriving.damaged { " damaged" } else { "" };
            let options = match arriving.options {
                crate::script::Options::None => String::new(),
                crate::script::Options::Mss(_) => " Mss".into(),
                options => format!(" {options:?}"),
            };
            let (lies, acks) = (arriving.lies(), arriving.acks());
            format!("[{flags}{data} {lies} ack {acks}{gap}{damaged}{options}]")
        }
        (Some(Step::Wait(millis)), _) => format!("wait {millis}"),
        (Some(step), _) => step.to_string().split('=').next().unwrap_or_default().to_string(),
        (None, _) => "opening".into(),
    };
    let sides = difference.parts().into_iter().map(|part| {
        let show = |answer: &Answer| match part {
            Part::Syn => format!("{:?}", answer.syn.map(|ack| ack.is_some())),
            Part::Reset => format!("{:?}", answer.reset.map(|reset| reset.ack.is_some())),
            Part::New => format!("{}", !answer.new.is_empty()),
            Part::Again => answer.again.to_string(),
            Part::Fin => answer.fin.is_some().to_string(),
            Part::Ack => answer.ack.is_some().to_string(),
            Part::Bare => answer.bare.to_string(),
            Part::Shut => format!("{:?}", answer.shut),
            Part::Urgent => answer.urgent.to_string(),
            Part::Call => match &answer.call {
                Some(crate::stack::Call::Read(_)) => "Read".into(),
                Some(crate::stack::Call::Took(_)) => "Took".into(),
                other => format!("{other:?}"),
            },
            Part::State => state_name(answer.state),
            Part::Wrong => answer.wrong.first().cloned().unwrap_or_default(),
        };
        format!("{part:?}: {} | {}", show(&difference.ours), show(&difference.theirs))
    });
    let sides: Vec<String> = sides.collect();
    let rejoined = if difference.rejoined { " ~" } else { "" };
    format!(
        "{} {} {what} -> {}{rejoined}",
        difference.other.name(),
        state_name(difference.before),
        sides.join("; ")
    )
}
