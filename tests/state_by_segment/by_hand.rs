//! The delicate cells once more, each reasoned by itself from the sentence beside it. Nothing here asks the
//! oracle: a mistake that it shares with the machine is caught here.
//!
//! Numbers are written as distances from where RCV.NXT (`at`) and SND.UNA (`ack`) are before the first
//! segment of a test; 200 octets have been heard, 300 are acknowledged, 500 are outstanding.

#[path = "by_hand/data.rs"]
mod data;
#[path = "by_hand/opening.rs"]
mod opening;
#[path = "by_hand/resets.rs"]
mod resets;

use tcpstate::tcp::{SegmentMeta, Verdict};
use tcpstate::{Event, SeqNumber, State, TcpFlags};

use crate::answer::Sent;
use crate::cell::{Kind, Stamp};
use crate::compare::as_sent;
use crate::rig::{Offer, Rig, Scene, World, drain, moved};

const SYN: TcpFlags = TcpFlags::SYN;
const ACK: TcpFlags = TcpFlags::ACK;
const FIN: TcpFlags = TcpFlags::FIN;
const RST: TcpFlags = TcpFlags::RST;
const URG: TcpFlags = TcpFlags::URG;

/// Both sides wrap: the outstanding octets and the window lie across 2^32.
const WORLD: World = World {
    iss: u32::MAX - 550,
    irs: u32::MAX - 250,
    offset: 0,
    clock: 0,
    we_open: false,
    offer: Offer::NoTimestamps,
};

/// The synchronized states in which a reset that counts is an error for the user.
const OPEN: [Scene; 4] = [Scene::Established, Scene::FinWait1, Scene::FinWait2, Scene::CloseWait];
/// Every state from SYN-RECEIVED on.
const ALL: [Scene; 9] = [
    Scene::SynReceivedPassive,
    Scene::SynReceivedActive,
    Scene::Established,
    Scene::FinWait1,
    Scene::FinWait2,
    Scene::CloseWait,
    Scene::Closing,
    Scene::LastAck,
    Scene::TimeWaitWithResets,
];

fn at(scene: Scene) -> Rig {
    Rig::new(scene, WORLD)
}

/// What a segment did.
struct Seen {
    verdict: Verdict,
    state: State,
    transitions: Vec<(Event, State)>,
    /// What was sent at once.
    sent: Vec<Sent>,
}

/// A segment arrives at the machine of the rig, and what is due goes out.
fn arrives(rig: &mut Rig, control: TcpFlags, at: i64, ack: i64, text: u32) -> Seen {
    let kind = if control.contains(SYN) { Kind::Syn } else { Kind::Bare };
    let options = rig.meta(&kind.segment(0, Some(0), Stamp::Newer)).options;
    let meta = SegmentMeta {
        seq: moved(rig.rcv, at),
        ack: if control.contains(ACK) { moved(rig.una, ack) } else { SeqNumber::new(0) },
        flags: control,
        window: 10_000,
        urgent: if control.contains(URG) { 50 } else { 0 },
        len: text,
        options,
        ..SegmentMeta::default()
    };
    arrives_as(rig, &meta)
}

fn arrives_as(rig: &mut Rig, meta: &SegmentMeta) -> Seen {
    let verdict = rig.tcb.on_segment(rig.now, meta);
    let plans = drain(&mut rig.tcb, rig.now);
    let sent = plans.iter().map(|plan| as_sent(rig, plan)).collect();
    let transitions = verdict.notices.transitions.iter().collect();
    Seen { verdict, state: rig.tcb.state(), transitions, sent }
}

/// <SEQ=SND.UNA+seq><ACK=RCV.NXT+ack><CTL=ACK>
fn ack(seq: i64, ack: i64) -> Vec<Sent> {
    vec![Sent { control: ACK, seq, ack: Some(ack), text: 0, echo: None, sack: Vec::new() }]
}

/// <SEQ=SND.UNA+seq><CTL=RST>
fn reset(seq: i64) -> Vec<Sent> {
    vec![Sent { control: RST, seq, ack: None, text: 0, echo: None, sack: Vec::new() }]
}

/// What is outstanding, as the scenes have it.
fn outstanding(rig: &Rig) -> i64 {
    i64::from(rig.max - rig.una)
}
