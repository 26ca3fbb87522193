//! The states of a connection and every transition between them, as one table (RFC 9293 §3.3.2, Figure 5).
//!
//! Nothing else in this crate changes a state: [`State::on`] looks the pair of state and event up in
//! [`TRANSITIONS`], and code that drives a connection raises events. Programs that print socket tables know
//! some of the states under other names: SYN_SEND is [`State::SynSent`], SYN_RECV is
//! [`State::SynReceived`], FIN_WAIT1 and FIN_WAIT2 are [`State::FinWait1`] and [`State::FinWait2`].
//!
//! ```
//! use tcpstate::{Event, State};
//!
//! // The three-way handshake, as the side that listens sees it, and a close by the other side.
//! let mut state = State::Closed;
//! for event in [Event::PassiveOpen, Event::Syn, Event::AckOfSyn, Event::Fin, Event::Close, Event::AckOfFin] {
//!     state = state.on(event).expect("the table knows each of these");
//! }
//! assert_eq!(state, State::Closed);
//! assert_eq!(State::Listen.on(Event::Fin), None); // nothing to finish: not legal, so nothing happens
//! ```

use core::fmt;

mod diagram;

/// A state of a connection (RFC 9293 §3.3.2). `Display` prints the RFC's name: `SYN-SENT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "SCREAMING-KEBAB-CASE"))]
pub enum State {
    /// No connection at all: a state that stands for the absence of one.
    Closed,
    /// Waiting for any peer's connection request (a passive open).
    Listen,
    /// A SYN has been sent and not yet answered. Also known as `SYN_SEND`.
    SynSent,
    /// SYNs have crossed both ways; our own still waits for its acknowledgment. Also known as `SYN_RECV`.
    SynReceived,
    /// The connection is open: data flows both ways.
    Established,
    /// We have closed: our FIN is on its way and not yet acknowledged. The peer may still send.
    #[cfg_attr(feature = "serde", serde(rename = "FIN-WAIT-1"))]
    FinWait1,
    /// Our FIN is acknowledged; the peer has not closed and may still send (a half-closed connection).
    #[cfg_attr(feature = "serde", serde(rename = "FIN-WAIT-2"))]
    FinWait2,
    /// The peer has closed; our user has not, and may still send.
    CloseWait,
    /// Both have closed at the same time: FINs crossed, and ours waits for its acknowledgment.
    Closing,
    /// The peer closed first, then we did: our FIN waits for its acknowledgment.
    LastAck,
    /// All is said; we stay for 2·MSL in case the last acknowledgment was lost.
    TimeWait,
}

impl State {
    /// Every state, in the order of RFC 9293 §3.3.2 with CLOSED first.
    pub const ALL: [Self; 11] = [
        Self::Closed,
        Self::Listen,
        Self::SynSent,
        Self::SynReceived,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
    ];

    /// The RFC's name of the state, as in `SYN-RECEIVED`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
        }
    }

    /// Whether both ends know each other's sequence numbers: every state from ESTABLISHED on
    /// (RFC 9293 §3.5.2 calls these the synchronized states).
    #[must_use]
    pub const fn is_synchronized(self) -> bool {
        !matches!(self, Self::Closed | Self::Listen | Self::SynSent | Self::SynReceived)
    }

    /// Whether the user may still hand over data to send.
    #[must_use]
    pub const fn may_send(self) -> bool {
        matches!(self, Self::Established | Self::CloseWait)
    }

    /// Whether our FIN has been sent, acknowledged or not.
    #[must_use]
    pub const fn has_sent_fin(self) -> bool {
        matches!(self, Self::FinWait1 | Self::FinWait2 | Self::Closing | Self::LastAck | Self::TimeWait)
    }

    /// Whether the peer's FIN has arrived.
    #[must_use]
    pub const fn has_received_fin(self) -> bool {
        matches!(self, Self::CloseWait | Self::Closing | Self::LastAck | Self::TimeWait)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Something that may move a connection to another state: a call of its user, what a segment brought, or a
/// timer. One segment can raise several, in the order of RFC 9293 §3.10.7.4: acknowledgment before FIN.
///
/// Whoever raises an event has checked that it counts: that the segment is acceptable, the acknowledgment
/// covers what it must, the reset is in order (RFC 5961).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Event {
    /// The user calls a passive OPEN: wait for a peer (§3.10.1).
    PassiveOpen,
    /// The user calls an active OPEN: call a peer (§3.10.1).
    ActiveOpen,
    /// The user calls SEND on a listening connection whose peer is specified (§3.10.2).
    Send,
    /// The user has no more to send: CLOSE (§3.10.4).
    Close,
    /// The user gives the connection up: ABORT (§3.10.5).
    Abort,
    /// A SYN arrives that acknowledges nothing of ours. In TIME-WAIT: one that may reopen (§3.6.1, MAY-2).
    Syn,
    /// A SYN arrives that acknowledges ours.
    SynAck,
    /// Our SYN is acknowledged by a segment that carries no new SYN.
    AckOfSyn,
    /// A FIN arrives and everything before it has arrived too.
    Fin,
    /// Our FIN is acknowledged.
    AckOfFin,
    /// A reset that counts arrives.
    Rst,
    /// In SYN-RECEIVED after a passive open: a reset, or a new SYN inside the window, ends the attempt and
    /// the listener goes on (§3.10.7.4; note 1 of Figure 5).
    BackToListen,
    /// The user timeout passes, or the retransmissions are used up (§3.10.8).
    UserTimeout,
    /// TIME-WAIT has lasted 2·MSL (§3.10.8).
    TimeWaitTimeout,
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 14] = [
        Self::PassiveOpen,
        Self::ActiveOpen,
        Self::Send,
        Self::Close,
        Self::Abort,
        Self::Syn,
        Self::SynAck,
        Self::AckOfSyn,
        Self::Fin,
        Self::AckOfFin,
        Self::Rst,
        Self::BackToListen,
        Self::UserTimeout,
        Self::TimeWaitTimeout,
    ];

    /// The event in the words of Figure 5, as in `rcv ACK of FIN`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PassiveOpen => "passive OPEN",
            Self::ActiveOpen => "active OPEN",
            Self::Send => "SEND",
            Self::Close => "CLOSE",
            Self::Abort => "ABORT",
            Self::Syn => "rcv SYN",
            Self::SynAck => "rcv SYN,ACK",
            Self::AckOfSyn => "rcv ACK of SYN",
            Self::Fin => "rcv FIN",
            Self::AckOfFin => "rcv ACK of FIN",
            Self::Rst => "rcv RST",
            Self::BackToListen => "rcv RST (passive open)",
            Self::UserTimeout => "user timeout",
            Self::TimeWaitTimeout => "2MSL timeout",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Transition {
    /// The state before.
    pub from: State,
    /// What happens.
    pub event: Event,
    /// The state after; the same as `from` where the RFC says "remain".
    pub to: State,
    /// What is sent on the way, in the words of Figure 5; empty when nothing has to be.
    pub sends: &'static str,
}

/// Writes the rows once and makes both forms of them: the list that diagrams and tests walk, and the `match`
/// behind [`State::on`]. A pair that stood in two rows would be an unreachable arm: the build warns of it.
macro_rules! transitions {
    ($( $from:ident { $( $event:ident => $to:ident $(/ $sends:literal)? ),+ $(,)? } )+) => {
        /// Every legal transition, state by state: Figure 5 of RFC 9293 and what the text of §3.10 adds.
        pub const TRANSITIONS: &[Transition] = &[$($(
            Transition {
                from: State::$from,
                event: Event::$event,
                to: State::$to,
                sends: concat!($($sends)?),
            },
        )+)+];

        impl State {
            /// The state after `event`; `None` if the event is not legal here, and then the state stays as
            /// it is. Where the RFC says "remain" (a repeated FIN), the answer is the same state again.
            // RFC 1122-1
            #[must_use]
            pub const fn on(self, event: Event) -> Option<Self> {
                match (self, event) {
                    $($( (Self::$from, Event::$event) => Some(Self::$to), )+)+
                    _ => None,
                }
            }
        }
    };
}

transitions! {
    Closed {
        PassiveOpen => Listen,
        ActiveOpen => SynSent / "SYN",
    }
    Listen {
        ActiveOpen => SynSent / "SYN",
        Send => SynSent / "SYN",
        Close => Closed,
        Abort => Closed,
        Syn => SynReceived / "SYN,ACK",
        UserTimeout => Closed,
    }
    SynSent {
        Close => Closed,
        Abort => Closed,
        Syn => SynReceived / "SYN,ACK",
        SynAck => Established / "ACK",
        Rst => Closed,
        UserTimeout => Closed,
    }
    SynReceived {
        Close => FinWait1 / "FIN",
        Abort => Closed / "RST",
        AckOfSyn => Established,
        Fin => CloseWait / "ACK",
        Rst => Closed,
        BackToListen => Listen,
        UserTimeout => Closed,
    }
    Established {
        Close => FinWait1 / "FIN",
        Abort => Closed / "RST",
        Fin => CloseWait / "ACK",
        Rst => Closed,
        UserTimeout => Closed,
    }
    FinWait1 {
        Abort => Closed / "RST",
        Fin => Closing / "ACK",
        AckOfFin => FinWait2,
        Rst => Closed,
        UserTimeout => Closed,
    }
    FinWait2 {
        Abort => Closed / "RST",
        Fin => TimeWait / "ACK",
        Rst => Closed,
        UserTimeout => Closed,
    }
    CloseWait {
        Close => LastAck / "FIN",
        Abort => Closed / "RST",
        Fin => CloseWait / "ACK",
        Rst => Closed,
        UserTimeout => Closed,
    }
    Closing {
        Abort => Closed,
        Fin => Closing / "ACK",
        AckOfFin => TimeWait,
        Rst => Closed,
        UserTimeout => Closed,
    }
    LastAck {
        Abort => Closed,
        Fin => LastAck / "ACK",
        AckOfFin => Closed,
        Rst => Closed,
        UserTimeout => Closed,
    }
    TimeWait {
        Abort => Closed,
        Syn => SynReceived / "SYN,ACK",
        Fin => TimeWait / "ACK",
        Rst => Closed,
        UserTimeout => Closed,
        TimeWaitTimeout => Closed,
    }
}

#[cfg(test)]
mod tests;
