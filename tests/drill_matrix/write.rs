//! A script with all cases of a state and a kind of segment.

use std::fmt::Write as _;

use tcpstate::{State, TcpFlags};

use crate::answer::{Answer, Sent};
use crate::cell::{Acked, Kind, Place, Segment, Stamp};
use crate::oracle;
use crate::rig::TEST_WINDOW;
use crate::scene::{Edges, Scene};

/// How far behind RCV.NXT the octet of a probe lies: outside of any window without scaling.
const PROBE: i64 = 100_000;
/// A SYN behind RCV.NXT is one of a new connection. That is allowed, not asked (RFC 9293 §3.6.1, MAY-2), and this library
/// does it; at RCV.NXT itself it would be allowed too.
const BEGINS_AGAIN: &str = "RFC 9293 §3.10.7.4, fourth, TIME-WAIT: as in LISTEN (RFC 1122 §4.2.2.13)";
/// Numbers for the states that know none of the peer's yet.
const ANYWHERE: [i64; 2] = [0, 70_000];

/// The script.
pub(crate) fn script(scene: Scene, kind: Kind, v6: bool) -> String {
    let mut text = format!(
        "// {} and {}, with and without ACK.\n\
         // Written by tests/drill_matrix.rs from its reading of RFC 9293 section 3.10.7: do not edit.\n",
        scene.state(),
        kind.name(false)
    );
    if v6 {
        text.push_str("--ip_version=ipv6\n");
    }
    text.push_str(scene.head());
    let mut port = 40_000;
    for (place, at) in places(scene, kind) {
        for (acked, ack) in acks(scene) {
            if !is_told(place, acked, ack) {
                continue;
            }
            port += 1;
            let segment = kind.segment(at, ack, Stamp::Missing);
            let mut case = Case {
                scene,
                port,
                fd: if scene.opens() { 3 } else { 4 },
                mss: if v6 { 1440 } else { 1460 },
                base: scene.edges(),
            };
            let (answer, rule) = if begins_again(scene, &segment) {
                case.base = Edges { una: 0, max: 0, rcv: 0 };
                (oracle::answer(&Scene::Listen.ground(), &Segment { at: 0, ..segment }).0, BEGINS_AGAIN)
            } else {
                // Where the segment begins the connection, the script counts from it.
                if matches!(scene, Scene::Listen | Scene::SynSent) {
                    case.base.rcv -= at;
                }
                oracle::answer(&scene.ground(), &segment)
            };
            let _ = write!(text, "\n// {}, acknowledges: {}. {rule}\n", place.name(), acked.name());
            let lines = case.lines(&segment, &answer);
            // The cases before have come to rest. A script begins at 0.
            let begun = text.contains("\n0 ") || text.contains("\n+");
            text.push_str(&lines.replacen("+0 ", if begun { "+1 " } else { "0 " }, 1));
        }
    }
    text
}

/// Below, across the left edge, at it, inside, across the right edge and above.
fn places(scene: Scene, kind: Kind) -> Vec<(Place, i64)> {
    if matches!(scene.state(), State::Closed | State::Listen | State::SynSent) {
        return ANYWHERE.map(|at| (Place::Anywhere, at)).to_vec();
    }
    let len = kind.segment(0, None, Stamp::Missing).len();
    let wanted = [
        Place::JustBelow,
        Place::HalfNew,
        Place::AtLeftEdge,
        Place::Inside,
        Place::OverRightEdge,
        Place::AtRightEdge,
    ];
    let mut places = Place::all(len, scene.ground().window);
    places.retain(|(place, _)| wanted.contains(place));
    places.sort_by_key(|(_, at)| *at);
    places
}

/// Nothing, too little, nothing new, everything, and too much.
fn acks(scene: Scene) -> Vec<(Acked, Option<i64>)> {
    let ground = scene.ground();
    if matches!(scene, Scene::Closed | Scene::Listen) {
        return vec![(Acked::None, None), (Acked::Future, Some(1))];
    }
    let wanted = [Acked::None, Acked::TooOld, Acked::Una, Acked::All, Acked::Future];
    let mut acks = Acked::all(ground.outstanding, ground.our_fin, ground.stale);
    acks.retain(|(acked, _)| wanted.contains(acked));
    acks
}

/// Whether the scripts have this case. What an acknowledgment is good for is looked at after where the segment lies, so
/// all of them are there for segments within the window only.
fn is_told(place: Place, acked: Acked, ack: Option<i64>) -> bool {
    let good = matches!(acked, Acked::Una | Acked::All);
    match place {
        Place::Anywhere | Place::AtLeftEdge | Place::Inside => true,
        Place::HalfNew | Place::OverRightEdge => good || ack.is_none(),
        _ => acked != Acked::TooOld,
    }
}

/// A number as the circle has it.
fn number(number: i64) -> u32 {
    u32::try_from(number.rem_euclid(1 << 32)).expect("a remainder of 2^32 fits")
}

fn letters(flags: TcpFlags) -> String {
    let letters = [(TcpFlags::SYN, 'S'), (TcpFlags::FIN, 'F'), (TcpFlags::RST, 'R'), (TcpFlags::ACK, '.')];
    let letters: String =
        letters.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, letter)| letter).collect();
    if letters.is_empty() { "-".to_owned() } else { letters }
}

/// Whether the segment begins a new connection under the name of one in TIME-WAIT.
fn begins_again(scene: Scene, segment: &Segment) -> bool {
    scene == Scene::TimeWait && segment.syn && !segment.rst && segment.ack.is_none() && segment.at > 0
}

/// One case: a connection and a segment.
struct Case {
    scene: Scene,
    port: u16,
    fd: u32,
    mss: u16,
    /// What the answer counts from.
    base: Edges,
}

impl Case {
    /// `< [40001 > 8080]`, or the other way round where the script opens the connection.
    fn peer(&self) -> String {
        if self.scene.opens() {
            format!("< [8080 > {}]", self.port)
        } else {
            format!("< [{} > 8080]", self.port)
        }
    }

    fn ours(&self) -> String {
        if self.scene.opens() {
            format!("> [{} > 8080]", self.port)
        } else {
            format!("> [8080 > {}]", self.port)
        }
    }

    fn lines(&self, segment: &Segment, answer: &Answer) -> String {
        let mut text = self.scene.lines(self.port, self.fd, self.mss);
        // All but a connection's first line come a moment after what they follow.
        let at = if text.is_empty() { "+0" } else { "+.01" };
        let _ = writeln!(text, "{at} {}", self.arrives(segment));
        if self.scene == Scene::Closed
            && let Some(reset) = reset_of_nobody(segment)
        {
            let _ = writeln!(text, "+0 {} {reset}", self.ours());
        }
        for sent in &answer.replies {
            let _ = writeln!(text, "+0 {}", self.sent(sent));
        }
        for sent in &answer.later {
            let _ = writeln!(text, "+.04 {}", self.sent(sent));
        }
        if let Some(name) = self.name_of(answer.state) {
            let _ = writeln!(text, "+0 %{{ assert tcpi_state == {name} }}%");
        }
        if matches!(self.scene, Scene::Established | Scene::FinWait1 | Scene::FinWait2) {
            let _ = writeln!(text, "+0 recv({}, ..., 1000, MSG_DONTWAIT) = {}", self.fd, received(answer));
        }
        self.probe(answer, &mut text);
        text
    }

    /// What `TCP_INFO` says of the state, where there is a socket to ask.
    fn name_of(&self, state: State) -> Option<&'static str> {
        if matches!(self.scene, Scene::Closed | Scene::Listen | Scene::SynReceived) || self.base.max == 0 {
            return None;
        }
        Some(match state {
            State::Closed | State::TimeWait => "TCP_CLOSE",
            State::Listen => "TCP_LISTEN",
            State::SynSent => "TCP_SYN_SENT",
            State::SynReceived => "TCP_SYN_RECV",
            State::Established => "TCP_ESTABLISHED",
            State::FinWait1 => "TCP_FIN_WAIT1",
            State::FinWait2 => "TCP_FIN_WAIT2",
            State::CloseWait => "TCP_CLOSE_WAIT",
            State::Closing => "TCP_CLOSING",
            State::LastAck => "TCP_LAST_ACK",
        })
    }

    /// The segment under test.
    fn arrives(&self, segment: &Segment) -> String {
        let Edges { una, rcv, .. } = self.scene.edges();
        let bits = [
            (segment.syn, TcpFlags::SYN),
            (segment.fin, TcpFlags::FIN),
            (segment.rst, TcpFlags::RST),
            (segment.ack.is_some(), TcpFlags::ACK),
        ];
        let flags = bits.into_iter().filter(|(set, _)| *set).fold(TcpFlags::NONE, |all, (_, bit)| all | bit);
        let (first, len) = (rcv + segment.at, segment.text);
        let end = number(first + i64::from(len));
        let mut text = format!("{} {} {}:{end}({len})", self.peer(), letters(flags), number(first));
        if let Some(ack) = segment.ack {
            let _ = write!(text, " ack {}", number(una + ack));
        }
        let _ = write!(text, " win {TEST_WINDOW}{}", if segment.syn { " <mss 1000>" } else { "" });
        text
    }

    /// A segment that the oracle expects.
    fn sent(&self, sent: &Sent) -> String {
        let Edges { una, rcv, .. } = self.base;
        let seq = number(una + sent.seq);
        let mut text = format!("{} {} {seq}:{seq}({})", self.ours(), letters(sent.control), sent.text);
        if let Some(ack) = sent.ack {
            let _ = write!(text, " ack {}", number(rcv + ack));
        }
        if sent.control.contains(TcpFlags::SYN) {
            let _ = write!(text, " <mss {}>", self.mss);
        }
        text
    }

    /// A segment whose answer tells the state and the numbers, and the end of the connection.
    fn probe(&self, answer: &Answer, text: &mut String) {
        let (peer, ours) = (self.peer(), self.ours());
        let _ = match (answer.state, answer.variables) {
            (State::Closed, _) if self.scene == Scene::Closed => {
                write!(text, "+.01 {peer} S 0:0(0) win 2000 <mss 1000>\n+0 {ours} R. 0:0(0) ack 1\n")
            }
            (State::Listen, _) if self.scene == Scene::Listen => write!(
                text,
                "+.01 {peer} S 0:0(0) win 2000 <mss 1000>\n\
                 +0 {ours} S. 0:0(0) ack 1 <mss {}>\n\
                 +0 {peer} R 1:1(0) win 0\n",
                self.mss
            ),
            (State::SynSent, _) => write!(
                text,
                "+.01 {peer} S. 0:0(0) ack 1 win 2000 <mss 1000>\n\
                 +0 {ours} . 1:1(0) ack 1\n\
                 +0 {peer} R 1:1(0) win 0\n"
            ),
            (_, None) => write!(text, "+.01 {peer} . 9:9(0) ack 7 win 2000\n+0 {ours} R 7:7(0)\n"),
            (_, Some(variables)) => {
                let una = self.base.una;
                let nxt = self.base.rcv + variables.nxt;
                let (probe, max) = (nxt + PROBE, number(una + variables.max));
                write!(
                    text,
                    "+.01 {peer} . {probe}:{}(1) ack {} win 2000\n\
                     +0 {ours} . {max}:{max}(0) ack {}\n\
                     +0 {peer} R {}:{}(0) win 0\n",
                    probe + 1,
                    number(una + variables.una),
                    number(nxt),
                    number(nxt),
                    number(nxt)
                )
            }
        };
        if !matches!(self.scene, Scene::Closed | Scene::Listen | Scene::SynReceived) {
            let _ = writeln!(text, "+0 close({}) = 0", self.fd);
        }
    }
}

/// What the user gets who asks for octets where all others are read already.
fn received(answer: &Answer) -> String {
    match (answer.told.closed, answer.store) {
        (Some(_), _) => "-1 ECONNRESET (Connection reset by peer)".to_owned(),
        (None, Some((_, _, len))) if answer.told.readable => len.to_string(),
        _ if answer.told.peer_closed => "0".to_owned(),
        _ => "-1 EAGAIN (Resource temporarily unavailable)".to_owned(),
    }
}

/// What RFC 9293 §3.10.7.1 answers where there is no connection.
fn reset_of_nobody(segment: &Segment) -> Option<String> {
    match segment.ack {
        _ if segment.rst => None,
        Some(ack) => Some(format!("R {0}:{0}(0)", number(ack))),
        // A script counts from a SYN that came.
        None if segment.syn => Some(format!("R. 0:0(0) ack {}", segment.len())),
        None => Some(format!("R. 0:0(0) ack {}", number(segment.at + segment.len()))),
    }
}
