//! What RFC 9293 §3.10.7.4 and RFC 5961 make of a segment, octet by octet: windows and segments are sets of numbers, and
//! the only question is whether a number is in a set. No number is ever less than another.

use std::collections::BTreeSet;

use tcpstate::tcp::CloseReason;
use tcpstate::{State, TcpFlags};

/// What an onlooker knows of one end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) state: State,
    /// SYN-RECEIVED after a passive open.
    pub(crate) passive: bool,
    /// The user reads no more.
    pub(crate) let_go: bool,
    /// Resets do not end TIME-WAIT (RFC 1337).
    pub(crate) rfc1337: bool,
    pub(crate) irs: u32,
    /// SND.UNA, and the numbers from there on that were sent: SYN, octets, FIN.
    pub(crate) una: u32,
    pub(crate) sent: u32,
    /// The last of them is our FIN.
    pub(crate) our_fin: bool,
    /// SND.WND, MAX.SND.WND, SND.WL1.
    pub(crate) snd_wnd: u32,
    pub(crate) max_wnd: u32,
    pub(crate) wl1: u32,
    /// RCV.NXT and RCV.WND.
    pub(crate) nxt: u32,
    pub(crate) wnd: u32,
    /// What has arrived beyond a gap.
    pub(crate) held: BTreeSet<u32>,
    /// The number of the peer's FIN, which may have come before what is missing.
    pub(crate) fin: Option<u32>,
    /// It has been taken: it is the number before RCV.NXT.
    pub(crate) peer_fin: bool,
}

/// A segment without options.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) len: u32,
    pub(crate) flags: TcpFlags,
    pub(crate) window: u16,
}

/// What one number of a segment stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Octet {
    Syn,
    Text,
    Fin,
}

/// `count` numbers from `first` on.
fn numbers(first: u32, count: u32) -> impl Iterator<Item = u32> + Clone {
    (0..count).map(move |step| first.wrapping_add(step))
}

impl Segment {
    pub(crate) fn has(&self, flag: TcpFlags) -> bool {
        self.flags.contains(flag)
    }

    /// Its numbers in order: SEG.LEN of them.
    fn octets(&self) -> Vec<(u32, Octet)> {
        let syn = self.has(TcpFlags::SYN).then_some(Octet::Syn);
        let fin = self.has(TcpFlags::FIN).then_some(Octet::Fin);
        let text = (0..self.len).map(|_| Octet::Text);
        let octets = syn.into_iter().chain(text).chain(fin);
        (0..).map(|step| self.seq.wrapping_add(step)).zip(octets).collect()
    }
}

/// A segment that is sent: its control bits, and its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) control: TcpFlags,
    pub(crate) seq: u32,
    pub(crate) ack: Option<u32>,
}

/// What a segment leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) state: State,
    pub(crate) closed: Option<CloseReason>,
    /// SND.UNA, SND.WND and RCV.NXT; nothing of them is left in CLOSED and LISTEN.
    pub(crate) variables: Option<(u32, u32, u32)>,
    /// Numbers beyond a gap that have arrived.
    pub(crate) held: BTreeSet<u32>,
    /// Numbers of octets that arrive for the first time.
    pub(crate) fresh: BTreeSet<u32>,
    pub(crate) sent: Option<Sent>,
}

/// How the fifth check ends.
enum Acked {
    Counts,
    /// The segment is dropped, and answered or not.
    Dropped,
}

/// A judgment in the making.
struct Judge<'a> {
    seg: &'a Segment,
    was: &'a Known,
    k: Known,
    closed: Option<CloseReason>,
    fresh: BTreeSet<u32>,
    sent: Option<Sent>,
    /// It has passed the fifth check.
    passed: bool,
}

/// Whether the acknowledgment of `seg` counts.
pub(crate) fn passes_fifth_check(known: &Known, seg: &Segment) -> bool {
    let mut judge = Judge::new(known, seg);
    judge.checks();
    judge.passed
}

/// What the RFCs make of `seg`.
pub(crate) fn judge(known: &Known, seg: &Segment) -> Outcome {
    judge_and_know(known, seg).0
}

/// The same, and what is known afterwards.
pub(crate) fn judge_and_know(known: &Known, seg: &Segment) -> (Outcome, Known) {
    let mut judge = Judge::new(known, seg);
    judge.checks();
    let Judge { k, closed, fresh, sent, .. } = judge;
    let open = !matches!(k.state, State::Closed | State::Listen);
    let outcome = Outcome {
        state: k.state,
        closed,
        variables: open.then_some((k.una, k.snd_wnd, k.nxt)),
        held: if open { k.held.clone() } else { BTreeSet::new() },
        fresh,
        sent,
    };
    (outcome, k)
}

impl<'a> Judge<'a> {
    fn new(known: &'a Known, seg: &'a Segment) -> Self {
        let fresh = BTreeSet::new();
        Self { seg, was: known, k: known.clone(), closed: None, fresh, sent: None, passed: false }
    }

    fn window(&self) -> impl Iterator<Item = u32> + Clone {
        numbers(self.was.nxt, self.was.wnd)
    }

    fn in_window(&self, number: u32) -> bool {
        self.window().any(|other| other == number)
    }

    /// <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>. A peer whose window has shrunk would not take SND.NXT: then it stands at
    /// the right edge.
    fn acknowledge(&mut self) {
        let ahead = self.k.sent.min(self.k.snd_wnd);
        let ahead = if self.k.state == State::SynReceived { self.k.sent } else { ahead };
        let seq = self.k.una.wrapping_add(ahead);
        self.sent = Some(Sent { control: TcpFlags::ACK, seq, ack: Some(self.k.nxt) });
    }

    fn end(&mut self, reason: CloseReason) {
        (self.k.state, self.closed) = (State::Closed, Some(reason));
    }

    /// §3.10.7.4, in its order.
    fn checks(&mut self) {
        let seg = self.seg;
        if seg.has(TcpFlags::RST) {
            return self.reset();
        }
        let at_syn = self.k.state == State::SynReceived && seg.has(TcpFlags::SYN) && seg.seq == self.k.irs;
        if at_syn && !seg.has(TcpFlags::ACK) {
            // The peer has not heard our SYN,ACK.
            let (una, nxt) = (self.k.una, self.k.nxt);
            self.sent = Some(Sent { control: TcpFlags::SYN | TcpFlags::ACK, seq: una, ack: Some(nxt) });
            return;
        }
        // Figure 7: the SYN,ACK of a simultaneous open has the number of the SYN that came before.
        let crossed = at_syn && self.acknowledged().is_some_and(|count| count > 0);
        if crossed {
            return self.fifth_to_eighth();
        }
        if !self.is_acceptable() {
            return self.not_acceptable();
        }
        if seg.has(TcpFlags::SYN) {
            if self.k.state == State::SynReceived && self.k.passive {
                self.k.state = State::Listen;
            } else {
                self.acknowledge(); // RFC 5961 §4.2
            }
            return;
        }
        self.fifth_to_eighth();
    }

    /// RFC 5961 §3.2, and in TIME-WAIT RFC 1337.
    fn reset(&mut self) {
        let exact = self.seg.seq == self.k.nxt;
        if !exact && !self.in_window(self.seg.seq) || self.k.state == State::TimeWait && self.k.rfc1337 {
            return;
        }
        match self.k.state {
            _ if !exact => self.acknowledge(),
            State::SynReceived if self.k.passive => self.k.state = State::Listen,
            State::SynReceived => self.end(CloseReason::Refused),
            State::TimeWait => self.end(CloseReason::Closed),
            _ => self.end(CloseReason::Reset),
        }
    }

    /// Table 6: the first number of the segment is in the window, or its last one. A segment without numbers may stand
    /// behind the window too: there stands a peer that has filled it.
    fn is_acceptable(&self) -> bool {
        let octets = self.seg.octets();
        let edge = self.k.nxt.wrapping_add(self.k.wnd);
        match (octets.first(), octets.last()) {
            (Some(first), Some(last)) => self.in_window(first.0) || self.in_window(last.0),
            _ => self.in_window(self.seg.seq) || self.seg.seq == edge,
        }
    }

    /// What is not acceptable is answered; of two sorts of segments the acknowledgment counts all the same.
    fn not_acceptable(&mut self) {
        let (seg, state) = (self.seg, self.k.state);
        let before = self.k.nxt.wrapping_sub(1);
        let plain = seg.has(TcpFlags::ACK) && !seg.has(TcpFlags::SYN);
        // "If the RCV.WND is zero .. special allowance should be made to accept valid ACKs."
        let closed_window = self.k.wnd == 0 && seg.seq == self.k.nxt && !seg.has(TcpFlags::SYN);
        // What a peer probes with stands one before RCV.NXT once it was taken.
        let open = !matches!(state, State::SynReceived | State::TimeWait);
        let probe = plain && open && seg.seq == before && seg.octets().len() <= 1;
        if closed_window || probe {
            if let Acked::Dropped = self.fifth() {
                return;
            }
            if self.k.state == State::Closed {
                return;
            }
        }
        self.acknowledge();
    }

    /// How many numbers SEG.ACK acknowledges for the first time; `None` if they were never sent, or are too old to be
    /// believed (RFC 5961 §5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT).
    fn acknowledged(&self) -> Option<u32> {
        let old =
            numbers(self.k.una.wrapping_sub(self.k.max_wnd), self.k.max_wnd).any(|old| old == self.seg.ack);
        let new = (0..=self.k.sent).find(|&count| self.k.una.wrapping_add(count) == self.seg.ack);
        if old { Some(0) } else { new }
    }

    /// The acknowledgment, and what it changes.
    fn fifth(&mut self) -> Acked {
        let seg = self.seg;
        if !seg.has(TcpFlags::ACK) {
            return Acked::Dropped;
        }
        let count = self.acknowledged();
        let mut owed = false;
        if self.k.state == State::SynReceived {
            if count.is_none_or(|count| count == 0) {
                self.sent = Some(Sent { control: TcpFlags::RST, seq: seg.ack, ack: None });
                return Acked::Dropped;
            }
            self.k.state = State::Established;
            // What came with the SYN has waited for this.
            owed = !self.k.held.is_empty() || self.k.fin == Some(self.k.nxt);
        }
        let Some(count) = count else {
            self.acknowledge();
            return Acked::Dropped;
        };
        self.passed = true;
        let current = count > 0 || seg.ack == self.k.una;
        self.k.una = self.k.una.wrapping_add(count);
        self.k.sent -= count;
        if current && self.sets_window() {
            self.k.snd_wnd = u32::from(seg.window);
            self.k.max_wnd = self.k.max_wnd.max(self.k.snd_wnd);
            self.k.wl1 = seg.seq;
        }
        if owed {
            self.settle();
            self.acknowledge();
        }
        if self.k.our_fin && self.k.sent == 0 && count > 0 {
            match self.k.state {
                State::FinWait1 => self.k.state = State::FinWait2,
                State::Closing => self.k.state = State::TimeWait,
                State::LastAck => self.end(CloseReason::Closed),
                _ => {}
            }
        }
        Acked::Counts
    }

    /// SND.WL1 =< SEG.SEQ: not one of the numbers before SND.WL1. What SND.WL2 guards against has not passed the fifth
    /// check. The acknowledgment of our SYN sets the window in any case.
    fn sets_window(&self) -> bool {
        let older = numbers(self.k.wl1.wrapping_sub(64), 64).any(|older| older == self.seg.seq);
        !older || self.was.state == State::SynReceived
    }

    fn fifth_to_eighth(&mut self) {
        if let Acked::Dropped = self.fifth() {
            return;
        }
        if self.k.state == State::Closed {
            return;
        }
        let octets: Vec<_> =
            self.seg.octets().into_iter().filter(|&(_, octet)| octet != Octet::Syn).collect();
        if octets.is_empty() {
            return;
        }
        if self.k.peer_fin {
            return self.acknowledge();
        }
        // Nothing can follow a FIN: if something does, one that has come early was none.
        if let Some(fin) = self.k.fin {
            let behind: Vec<u32> = numbers(fin, 64).collect();
            let doubts = |&(number, octet): &(u32, Octet)| {
                behind.contains(&number) && (octet == Octet::Text || number != fin)
            };
            self.k.fin = self.k.fin.filter(|_| !octets.iter().any(doubts));
        }
        let read: Vec<u32> = numbers(self.k.nxt.wrapping_sub(64), 64).collect();
        let beyond = |&(number, octet): &(u32, Octet)| octet == Octet::Text && !read.contains(&number);
        if self.k.let_go && octets.iter().any(beyond) {
            let (control, seq) = (TcpFlags::RST | TcpFlags::ACK, self.k.una.wrapping_add(self.k.sent));
            self.sent = Some(Sent { control, seq, ack: Some(self.k.nxt) });
            return self.end(CloseReason::Discarded);
        }
        self.text_and_fin(&octets);
        self.acknowledge();
    }

    fn text_and_fin(&mut self, octets: &[(u32, Octet)]) {
        let mut fin = None;
        for &(number, octet) in octets {
            if !self.in_window(number) {
                continue;
            }
            if octet == Octet::Fin {
                fin = Some(number);
            } else if self.k.held.insert(number) {
                self.fresh.insert(number);
            }
        }
        self.read_on();
        let ahead: Vec<u32> = numbers(self.k.nxt, 64).collect();
        if let Some(fin) = fin.filter(|fin| ahead.contains(fin)) {
            let is_last = !numbers(fin, 64).any(|behind| self.k.held.contains(&behind));
            if fin == self.k.nxt {
                // It counts, and what is kept from behind it is not the peer's.
                self.k.fin = Some(fin);
                self.k.held.clear();
            } else if is_last && self.k.fin.is_none() {
                self.k.fin = Some(fin);
            }
        }
        self.settle();
    }

    /// RCV.NXT moves over what is there.
    fn read_on(&mut self) {
        while self.k.held.remove(&self.k.nxt) {
            (self.k.nxt, self.k.wnd) = (self.k.nxt.wrapping_add(1), self.k.wnd - 1);
        }
    }

    /// RCV.NXT moves over what is there, and over the FIN.
    fn settle(&mut self) {
        self.read_on();
        if self.k.fin == Some(self.k.nxt) {
            (self.k.nxt, self.k.wnd) = (self.k.nxt.wrapping_add(1), self.k.wnd - 1);
            self.k.peer_fin = true;
            self.k.state = match self.k.state {
                State::Established => State::CloseWait,
                State::FinWait1 => State::Closing,
                _ => State::TimeWait,
            };
        }
    }
}
