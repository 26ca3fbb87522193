//! The states, and the lines that bring a connection into them.

use std::fmt::Write as _;

use tcpstate::State;

use crate::oracle::Ground;

/// The right edge of our window, which octets that are read do not move before there are enough of them (RFC 9293
/// §3.8.6.2.2), and the window that the peer offers.
const OUR_EDGE: i64 = 65_536;
const PEER_WINDOW: i64 = 2_500;
/// Octets that the peer has sent, and those of ours that are outstanding where the state has any.
const HEARD: i64 = 200;
const OUTSTANDING: i64 = 500;

/// A state, and how it was come by where that makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    Closed,
    Listen,
    SynSent,
    SynReceived,
    SynReceivedCrossed,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
}

impl Scene {
    pub(crate) const ALL: [Self; 12] = [
        Self::Closed,
        Self::Listen,
        Self::SynSent,
        Self::SynReceived,
        Self::SynReceivedCrossed,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
    ];

    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Listen => "listen",
            Self::SynSent => "syn-sent",
            Self::SynReceived => "syn-received",
            Self::SynReceivedCrossed => "syn-received-crossed",
            Self::Established => "established",
            Self::FinWait1 => "fin-wait-1",
            Self::FinWait2 => "fin-wait-2",
            Self::CloseWait => "close-wait",
            Self::Closing => "closing",
            Self::LastAck => "last-ack",
            Self::TimeWait => "time-wait",
        }
    }

    pub(crate) fn state(self) -> State {
        match self {
            Self::Closed => State::Closed,
            Self::Listen => State::Listen,
            Self::SynSent => State::SynSent,
            Self::SynReceived | Self::SynReceivedCrossed => State::SynReceived,
            Self::Established => State::Established,
            Self::FinWait1 => State::FinWait1,
            Self::FinWait2 => State::FinWait2,
            Self::CloseWait => State::CloseWait,
            Self::Closing => State::Closing,
            Self::LastAck => State::LastAck,
            Self::TimeWait => State::TimeWait,
        }
    }

    /// Whether the script opens the connection itself, and has no listener.
    pub(crate) fn opens(self) -> bool {
        matches!(self, Self::SynSent | Self::SynReceivedCrossed)
    }

    /// What has gone by when the segment under test comes.
    pub(crate) fn edges(self) -> Edges {
        let (una, max) = match self {
            Self::Closed | Self::Listen => (0, 0),
            Self::SynSent | Self::SynReceived | Self::SynReceivedCrossed => (0, 1),
            Self::Established | Self::CloseWait => (1, 1 + OUTSTANDING),
            Self::FinWait1 | Self::Closing | Self::LastAck => (1, 2 + OUTSTANDING),
            Self::FinWait2 | Self::TimeWait => (2 + OUTSTANDING, 2 + OUTSTANDING),
        };
        let rcv = match self {
            Self::Closed | Self::Listen | Self::SynSent => 0,
            Self::SynReceived | Self::SynReceivedCrossed => 1,
            Self::Established | Self::FinWait1 | Self::FinWait2 => 1 + HEARD,
            Self::CloseWait | Self::Closing | Self::LastAck | Self::TimeWait => 2 + HEARD,
        };
        Edges { una, max, rcv }
    }

    /// What the oracle may know.
    pub(crate) fn ground(self) -> Ground {
        let state = self.state();
        let Edges { una, max, rcv } = self.edges();
        let fin =
            state.is_synchronized() && i64::from(state == State::CloseWait) == 0 && max != 1 + OUTSTANDING;
        let past_fin = i64::from(rcv == 2 + HEARD);
        Ground {
            state,
            passive: self == Self::SynReceived,
            outstanding: max - una,
            our_syn: matches!(state, State::SynSent | State::SynReceived),
            our_fin: fin && max > una,
            stale: PEER_WINDOW,
            window: OUR_EDGE - rcv,
            heard: u64::try_from(rcv - 1 - past_fin).unwrap_or(0),
            acked: u64::try_from(una - 1 - i64::from(fin && max == una)).unwrap_or(0),
            let_go: false,
            timestamps: false,
            sack: false,
            rfc1337: true,
            wl1: -1,
            wl2: 0,
            snd_wnd: PEER_WINDOW,
            offered: i64::from(crate::rig::TEST_WINDOW),
        }
    }

    /// The lines before the first case.
    pub(crate) fn head(self) -> &'static str {
        if self == Self::Closed || self.opens() {
            return "";
        }
        "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n\
         +0 bind(3, ..., ...) = 0\n\
         +0 listen(3, 100) = 0\n"
    }

    /// The lines that bring the connection from this port of the peer, whose socket is to be `fd`, into the state.
    pub(crate) fn lines(self, port: u16, fd: u32, mss: u16) -> String {
        let peer = format!("< [{port} > 8080]");
        let ours = format!("> [8080 > {port}]");
        match self {
            Self::Closed | Self::Listen => String::new(),
            Self::SynSent | Self::SynReceivedCrossed => {
                let crossed = format!(
                    "+0 < [8080 > {port}] S 0:0(0) win {PEER_WINDOW} <mss 1000>\n\
                     +0 > [{port} > 8080] S. 0:0(0) ack 1 win 65535 <mss {mss}>\n"
                );
                format!(
                    "+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = {fd}\n\
                     +0 fcntl({fd}, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n\
                     +0 connect({fd}, ..., ...) = -1 EINPROGRESS (Operation now in progress)\n\
                     +0 > [{port} > 8080] S 0:0(0) win 65535 <...>\n\
                     {}",
                    if self == Self::SynSent { "" } else { &crossed }
                )
            }
            Self::SynReceived => opening(&peer, &ours, mss),
            _ => {
                let mut lines = opening(&peer, &ours, mss);
                let _ = write!(
                    lines,
                    "+0 {peer} P. 1:201(200) ack 1 win {PEER_WINDOW}\n\
                     +0 accept(3, ..., ...) = {fd}\n\
                     +0 read({fd}, ..., 200) = 200\n\
                     +0 write({fd}, ..., {OUTSTANDING}) = {OUTSTANDING}\n\
                     +0 {ours} P. 1:501(500) ack 201 win 65335\n"
                );
                self.closing(&peer, &ours, fd, &mut lines);
                lines
            }
        }
    }

    /// The lines from ESTABLISHED on.
    fn closing(self, peer: &str, ours: &str, fd: u32, lines: &mut String) {
        let fin = |seq: i64| format!("+0 {ours} F. {seq}:{seq}(0)");
        let shutdown = format!("+0 shutdown({fd}, SHUT_WR) = 0\n");
        let _ = match self {
            Self::FinWait1 | Self::FinWait2 | Self::Closing | Self::TimeWait => {
                writeln!(lines, "{shutdown}{} ack 201 win 65335", fin(501))
            }
            Self::CloseWait | Self::LastAck => write!(
                lines,
                "+0 {peer} F. 201:201(0) ack 1 win {PEER_WINDOW}\n\
                 +0 {ours} . 501:501(0) ack 202 win 65334\n"
            ),
            _ => Ok(()),
        };
        let _ = match self {
            Self::FinWait2 => writeln!(lines, "+0 {peer} . 201:201(0) ack 502 win {PEER_WINDOW}"),
            Self::Closing => write!(
                lines,
                "+0 {peer} F. 201:201(0) ack 1 win {PEER_WINDOW}\n\
                 +0 {ours} . 502:502(0) ack 202 win 65334\n"
            ),
            Self::TimeWait => write!(
                lines,
                "+0 {peer} F. 201:201(0) ack 502 win {PEER_WINDOW}\n\
                 +0 {ours} . 502:502(0) ack 202 win 65334\n"
            ),
            Self::LastAck => writeln!(lines, "{shutdown}{} ack 202 win 65334", fin(501)),
            _ => Ok(()),
        };
    }
}

fn opening(peer: &str, ours: &str, mss: u16) -> String {
    format!(
        "+0 {peer} S 0:0(0) win {PEER_WINDOW} <mss 1000>\n\
         +0 {ours} S. 0:0(0) ack 1 win 65535 <mss {mss}>\n"
    )
}

/// SND.UNA, SND.MAX and RCV.NXT in the numbers of a script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edges {
    pub(crate) una: i64,
    pub(crate) max: i64,
    pub(crate) rcv: i64,
}
