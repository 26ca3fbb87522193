//! All 512 choices of control bits in every state: what SYN, FIN, RST and ACK decide the other five do not change, where
//! neither ECN nor urgent data are in use.

use tcpstate::tcp::{Command, Tcb, Unpredictable};
use tcpstate::{SeqNumber, TcpFlags};

use crate::all_seen;
use crate::model::{Known, Outcome, Segment};
use crate::rig::{self, NEW_WINDOW, NOW, Rig, Scene};
use crate::{opening, windows};

/// The bits that decide.
const DECIDING: TcpFlags = TcpFlags::FIN.union(TcpFlags::SYN).union(TcpFlags::RST).union(TcpFlags::ACK);

/// Compares all choices of bits on segments of a few shapes; how many there were.
fn compare(known: &Known, observe: impl Fn(&Segment) -> Outcome) -> u64 {
    let mut seen = 0;
    for place in [-1, 0, 1] {
        for len in [0, 2] {
            for acked in [0, 1] {
                let seq = known.nxt.wrapping_add_signed(place);
                let ack = known.una.wrapping_add(acked);
                let segment =
                    |bits| Segment { seq, ack, len, flags: TcpFlags::from_bits(bits), window: NEW_WINDOW };
                let plain: Vec<Outcome> =
                    (0..0x20).map(|bits| observe(&segment(bits & DECIDING.bits()))).collect();
                for bits in 0..0x200 {
                    let found = observe(&segment(bits));
                    assert_eq!(
                        found,
                        plain[usize::from(bits & DECIDING.bits())],
                        "{known:?}\n{:?}",
                        segment(bits)
                    );
                    seen += 1;
                }
            }
        }
    }
    seen
}

/// As many segments [`compare`] looks at.
const SEGMENTS: u64 = 3 * 2 * 2 * 0x200;

#[test]
fn control_bits_that_decide_nothing_change_nothing_in_any_state() {
    let (iss, irs) = (u32::MAX, 7);
    let mut seen = 0;
    for scene in Scene::ALL {
        let window = *scene.windows().start();
        let rig = Rig::new(scene, window, iss, irs);
        seen += compare(&rig.known, |seg| windows::observe(rig.tcb.clone(), &rig.known, seg));
    }
    let secrets = Unpredictable { iss: SeqNumber::new(iss), timestamp_offset: 0 };
    let config = rig::config(Scene::SynReceivedActive, 2);
    let mut listening = Tcb::listen(config);
    listening.prepare(secrets);
    let mut calling = Tcb::connect(config, secrets, NOW);
    assert!(calling.poll_segment(NOW).is_some());
    let mut closed = calling.clone();
    closed.on_command(NOW, Command::Abort).expect("it is open");
    let known = Rig::new(Scene::SynReceivedActive, 2, iss, irs).known;
    for tcb in [closed, listening, calling] {
        seen += compare(&known, |seg| opening::observe(tcb.clone(), seg));
    }
    all_seen(seen, (15 + 3) * SEGMENTS);
}
