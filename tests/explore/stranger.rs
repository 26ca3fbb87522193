//! A third party who can forge the addresses of both ends, and does not know their sequence numbers (RFC 5961 §1): the worst of
//! what it could hit upon, but for the one number that ends a connection.

use tcpstate::tcp::{SegmentMeta, Tcb};
use tcpstate::{SeqNumber, State, TcpFlags};

use super::world::End;

/// What is forged. Far is far from all that is in use: half of half a circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Forgery {
    /// A reset one behind the number that would count,
    ResetInside,
    /// where nothing is expected any more, or not yet.
    ResetBelow,
    ResetAtEdge,
    /// A reset that acknowledges what was never sent.
    ResetOfUnsent,
    /// A SYN where the next octet is expected, and far away.
    SynInside,
    SynFar,
    /// An octet that fits, with an acknowledgment of what was never sent, or of something from long ago.
    OctetOfUnsent,
    OctetOfOld,
    /// The same with a FIN.
    FinOfUnsent,
    FinOfOld,
}

impl Forgery {
    const ALL: [Self; 10] = [
        Self::ResetInside,
        Self::ResetBelow,
        Self::ResetAtEdge,
        Self::ResetOfUnsent,
        Self::SynInside,
        Self::SynFar,
        Self::OctetOfUnsent,
        Self::OctetOfOld,
        Self::FinOfUnsent,
        Self::FinOfOld,
    ];
}

const FAR: u32 = 1 << 30;

/// What may be forged against `end` now: what RFC 9293 and RFC 5961 promise that it survives. A SYN before there is a
/// connection is another caller, and one in SYN-RECEIVED may end a passive open.
pub fn choices(end: &End) -> impl Iterator<Item = Forgery> + '_ {
    let known = end.tcb.iter().filter(|tcb| !matches!(tcb.state(), State::Closed | State::Listen));
    known.flat_map(|tcb| Forgery::ALL.into_iter().filter(|forgery| may_be_tried(tcb, *forgery)))
}

fn may_be_tried(tcb: &Tcb, forgery: Forgery) -> bool {
    let no_peer = tcb.state() == State::SynSent;
    match forgery {
        Forgery::ResetInside => no_peer || tcb.rcv_wnd() > 1,
        Forgery::ResetAtEdge => !no_peer && tcb.rcv_wnd() > 0,
        // What would stand at the only number that counts if nothing is sent.
        Forgery::ResetOfUnsent => no_peer,
        Forgery::SynInside => tcb.state().is_synchronized(),
        Forgery::SynFar => !no_peer,
        _ => true,
    }
}

/// The segment; none where there is no machine.
pub fn segment(end: &End, forgery: Forgery) -> Option<SegmentMeta> {
    let tcb = end.tcb.as_ref()?;
    let (next, edge) = (tcb.rcv_nxt(), tcb.rcv_nxt() + tcb.rcv_wnd());
    let (unsent, old) = (tcb.snd_max() + 1, tcb.snd_una() - FAR);
    let (rst, syn, fin, ack) = (TcpFlags::RST, TcpFlags::SYN, TcpFlags::FIN, TcpFlags::ACK);
    let (seq, acked, flags, len): (SeqNumber, SeqNumber, TcpFlags, u32) = match forgery {
        Forgery::ResetInside => (next + 1, SeqNumber::new(0), rst, 0),
        Forgery::ResetBelow => (next - 1, SeqNumber::new(0), rst, 0),
        Forgery::ResetAtEdge => (edge, SeqNumber::new(0), rst, 0),
        Forgery::ResetOfUnsent => (next, unsent, rst | ack, 0),
        Forgery::SynInside => (next, SeqNumber::new(0), syn, 0),
        Forgery::SynFar => (next + FAR, SeqNumber::new(0), syn, 0),
        Forgery::OctetOfUnsent => (next, unsent, ack, 1),
        Forgery::OctetOfOld => (next, old, ack, 1),
        Forgery::FinOfUnsent => (next, unsent, fin | ack, 0),
        Forgery::FinOfOld => (next, old, fin | ack, 0),
    };
    Some(SegmentMeta { seq, ack: acked, flags, len, window: 1, ..SegmentMeta::default() })
}
