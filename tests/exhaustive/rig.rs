//! A machine in each state, brought there by a conversation, and what an onlooker knows of it.

use std::collections::BTreeSet;
use std::time::Duration;

use tcpstate::tcp::{Command, Queue, SegmentMeta, Tcb, TcpConfig, Timestamps, Unpredictable};
use tcpstate::{Instant, SeqNumber, State, TcpFlags};

use crate::model::{Known, Segment};

const ACK: TcpFlags = TcpFlags::ACK;
const FIN_ACK: TcpFlags = TcpFlags::FIN.union(TcpFlags::ACK);

/// The receive buffer, and the windows that the peer gives before and in the segment under test.
pub(crate) const ROOM: u32 = 4;
pub(crate) const PEER_WINDOW: u16 = 3;
pub(crate) const NEW_WINDOW: u16 = 2;

/// A state, and what in it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    SynReceivedPassive,
    SynReceivedActive,
    /// Nothing is outstanding.
    EstablishedQuiet,
    /// Two octets are.
    Established,
    /// The second octet of the window has arrived, the first has not.
    EstablishedWithGap,
    /// The peer has taken back the window that the second of our two octets was sent in.
    EstablishedShrunk,
    FinWait1,
    FinWait1LetGo,
    FinWait2,
    FinWait2LetGo,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
    TimeWaitWithResets,
}

impl Scene {
    pub(crate) const ALL: [Self; 15] = [
        Self::SynReceivedPassive,
        Self::SynReceivedActive,
        Self::EstablishedQuiet,
        Self::Established,
        Self::EstablishedWithGap,
        Self::EstablishedShrunk,
        Self::FinWait1,
        Self::FinWait1LetGo,
        Self::FinWait2,
        Self::FinWait2LetGo,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
        Self::TimeWaitWithResets,
    ];

    /// The receive windows that it can have: what is left of the buffer when the segment under test comes.
    pub(crate) fn windows(self) -> std::ops::RangeInclusive<u32> {
        match self {
            Self::SynReceivedPassive | Self::SynReceivedActive => 1..=ROOM,
            Self::EstablishedWithGap => 2..=ROOM,
            // Who has let go has read everything.
            Self::FinWait1LetGo | Self::FinWait2LetGo => ROOM..=ROOM,
            // The peer's FIN has taken one.
            Self::CloseWait | Self::Closing | Self::LastAck | Self::TimeWait | Self::TimeWaitWithResets => {
                0..=ROOM - 1
            }
            _ => 0..=ROOM,
        }
    }
}

/// A machine, and what is known of it from outside.
#[derive(Clone)]
pub(crate) struct Rig {
    pub(crate) tcb: Tcb,
    pub(crate) known: Known,
    pub(crate) config: TcpConfig,
    pub(crate) iss: u32,
    /// TSval of all that the peer sends, where timestamps are in use.
    stamp: Option<u32>,
}

/// No time passes: no timer has a part in it.
pub(crate) const NOW: Instant = Instant::from_nanos(1_000_000_000_000);

pub(crate) fn config(scene: Scene, window: u32) -> TcpConfig {
    let half_open = matches!(scene, Scene::SynReceivedPassive | Scene::SynReceivedActive);
    let mut config = TcpConfig::default();
    (config.receive_window, config.receive_window_max) = (if half_open { window } else { ROOM }, 0);
    (config.window_scaling, config.timestamps, config.sack) = (false, false, false);
    (config.nagle, config.ack_delay) = (false, Duration::ZERO);
    config.rfc1337 = scene != Scene::TimeWaitWithResets;
    config
}

pub(crate) fn meta(seg: &Segment) -> SegmentMeta {
    SegmentMeta {
        seq: SeqNumber::new(seg.seq),
        ack: SeqNumber::new(seg.ack),
        flags: seg.flags,
        window: seg.window,
        len: seg.len,
        ..SegmentMeta::default()
    }
}

/// The same with a timestamp.
pub(crate) fn stamped(seg: &Segment, stamp: Option<u32>) -> SegmentMeta {
    let mut meta = meta(seg);
    meta.options.timestamps = stamp.map(|val| Timestamps { val, ecr: 0 });
    meta
}

impl Rig {
    /// The scene with `window` octets left, with these initial numbers.
    pub(crate) fn new(scene: Scene, window: u32, iss: u32, irs: u32) -> Self {
        Self::stamped(scene, window, (iss, irs), None)
    }

    /// The same with timestamps: the peer's last was `stamp`.
    pub(crate) fn stamped(scene: Scene, window: u32, (iss, irs): (u32, u32), stamp: Option<u32>) -> Self {
        let mut config = config(scene, window);
        config.timestamps = stamp.is_some();
        let secrets = Unpredictable { iss: SeqNumber::new(iss), timestamp_offset: 0 };
        let passive = scene == Scene::SynReceivedPassive;
        let mut tcb = if passive { Tcb::listen(config) } else { Tcb::connect(config, secrets, NOW) };
        tcb.prepare(secrets);
        let window_before = config.receive_window;
        let known = Known {
            state: if passive { State::Listen } else { State::SynSent },
            passive,
            let_go: false,
            rfc1337: config.rfc1337,
            irs,
            una: iss,
            sent: 1,
            our_fin: false,
            snd_wnd: u32::from(PEER_WINDOW),
            max_wnd: u32::from(PEER_WINDOW),
            wl1: irs,
            nxt: irs.wrapping_add(1),
            wnd: window_before,
            held: BTreeSet::new(),
            fin: None,
            peer_fin: false,
        };
        let mut rig = Self { tcb, known, config, iss, stamp };
        rig.poll();
        rig.play(scene, window);
        rig.check();
        rig
    }

    /// Takes and drops what is to be sent.
    fn poll(&mut self) {
        while self.tcb.poll_segment(NOW).is_some() {}
    }

    /// The peer sends from `seq`, and acknowledges `ack`.
    fn hear(&mut self, seq: u32, ack: u32, len: u32, flags: TcpFlags) {
        self.hear_segment(&Segment { seq, ack, len, flags, window: PEER_WINDOW });
    }

    fn hear_segment(&mut self, seg: &Segment) {
        self.tcb.on_segment(NOW, &stamped(seg, self.stamp));
        self.poll();
    }

    fn call(&mut self, command: Command) {
        self.tcb.on_command(NOW, command).expect("the call is legal here");
        self.poll();
    }

    fn play(&mut self, scene: Scene, window: u32) {
        let irs = self.known.irs;
        if matches!(scene, Scene::SynReceivedPassive | Scene::SynReceivedActive) {
            self.hear(irs, 0, 0, TcpFlags::SYN);
            self.known.state = State::SynReceived;
            return;
        }
        self.hear(irs, self.iss.wrapping_add(1), 0, TcpFlags::SYN | ACK);
        (self.known.una, self.known.sent) = (self.iss.wrapping_add(1), 0);
        self.known.state = State::Established;
        let fin = u32::from(scene.windows() == (0..=ROOM - 1));
        self.fill(ROOM - fin - window);
        match scene {
            Scene::EstablishedQuiet => {}
            Scene::Established => self.say(2),
            Scene::EstablishedWithGap => {
                self.say(2);
                let second = self.known.nxt.wrapping_add(1);
                self.hear(second, self.known.una, 1, ACK);
                self.known.wl1 = second;
                self.known.held.insert(second);
            }
            Scene::EstablishedShrunk => {
                self.say(2);
                let seg = Segment { seq: self.known.nxt, ack: self.known.una, len: 0, flags: ACK, window: 1 };
                self.hear_segment(&seg);
                (self.known.wl1, self.known.snd_wnd) = (self.known.nxt, 1);
            }
            Scene::FinWait1 | Scene::FinWait1LetGo => {
                self.say(1);
                self.close(scene == Scene::FinWait1LetGo, State::FinWait1);
            }
            Scene::FinWait2 | Scene::FinWait2LetGo => {
                self.close(scene == Scene::FinWait2LetGo, State::FinWait1);
                self.acked(State::FinWait2);
            }
            Scene::CloseWait => {
                self.say(2);
                self.fin(State::CloseWait);
            }
            Scene::Closing => {
                self.close(false, State::FinWait1);
                self.fin(State::Closing);
            }
            Scene::LastAck => {
                self.fin(State::CloseWait);
                self.say(1);
                self.close(false, State::LastAck);
            }
            Scene::TimeWait | Scene::TimeWaitWithResets => {
                self.close(false, State::FinWait1);
                self.acked(State::FinWait2);
                self.fin(State::TimeWait);
            }
            Scene::SynReceivedPassive | Scene::SynReceivedActive => {}
        }
    }

    /// Octets that the user does not read: the window is smaller by them.
    fn fill(&mut self, octets: u32) {
        if octets > 0 {
            self.hear(self.known.nxt, self.known.una, octets, ACK);
            self.known.wl1 = self.known.nxt;
            self.known.nxt = self.known.nxt.wrapping_add(octets);
            self.known.wnd -= octets;
        }
    }

    fn say(&mut self, octets: u32) {
        self.call(Command::Queue(Queue { len: octets, ..Queue::default() }));
        self.known.sent += octets;
    }

    fn close(&mut self, lets_go: bool, state: State) {
        self.call(if lets_go { Command::Close } else { Command::Shutdown });
        (self.known.our_fin, self.known.let_go, self.known.state) = (true, lets_go, state);
        self.known.sent += 1;
    }

    /// The peer acknowledges everything.
    fn acked(&mut self, state: State) {
        let all = self.known.una.wrapping_add(self.known.sent);
        self.hear(self.known.nxt, all, 0, ACK);
        (self.known.una, self.known.sent, self.known.state) = (all, 0, state);
        self.known.wl1 = self.known.nxt;
    }

    fn fin(&mut self, state: State) {
        self.hear(self.known.nxt, self.known.una, 0, FIN_ACK);
        (self.known.wl1, self.known.fin) = (self.known.nxt, Some(self.known.nxt));
        self.known.nxt = self.known.nxt.wrapping_add(1);
        self.known.wnd -= 1;
        (self.known.peer_fin, self.known.state) = (true, state);
    }

    /// The machine is where the conversation should have led it.
    fn check(&self) {
        let (tcb, known) = (&self.tcb, &self.known);
        let found =
            (tcb.state(), tcb.snd_una().get(), tcb.snd_max().get(), tcb.rcv_nxt().get(), tcb.rcv_wnd());
        let max = known.una.wrapping_add(known.sent);
        assert_eq!(found, (known.state, known.una, max, known.nxt, known.wnd), "{known:?}");
        assert_eq!(tcb.snd_wnd(), known.snd_wnd);
    }
}
