//! A machine that a conversation has brought into a state, and what an observer on the wire knows of it.
//!
//! The edges and windows are counted from the segments that went by, never asked of the machine: the oracle
//! must not learn from the one whom it judges.

use std::time::Duration;

use tcpstate::tcp::{
    Command, Queue, SegmentMeta, SegmentOptions, SegmentPlan, Tcb, TcpConfig, Timestamps, Unpredictable,
};
use tcpstate::{Instant, SeqNumber, State, TcpFlags};

use crate::cell::Segment;
use crate::oracle::Ground;

/// How long an acknowledgment waits for company (the default of `TcpConfig::ack_delay`).
pub(crate) const ACK_DELAY: Duration = Duration::from_millis(40);
/// 2·MSL (the default of `TcpConfig::time_wait`).
pub(crate) const TWO_MSL: Duration = Duration::from_secs(240);
/// The window field of the peer's SYN, of what it sent since, and of the segment under test.
const SYN_WINDOW: u16 = 20_000;
const WINDOW: u16 = 10_000;
pub(crate) const TEST_WINDOW: u16 = 9_000;
/// The window scale that the peer offers.
const PEER_SHIFT: u8 = 2;
/// Octets that have gone by before the segment under test comes: heard, sent and acknowledged, outstanding.
const HEARD: u32 = 200;
const SAID: u32 = 300;
pub(crate) const OUTSTANDING: u32 = 500;

/// Which options the two ends offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// Both offer everything that is on by default.
    Everything,
    /// Our side offers no timestamps.
    NoTimestamps,
    /// The peer's SYN has no option at all: the defaults of IPv4.
    PeerPlain,
    /// Our side offers only its MSS; the peer offers everything all the same.
    WePlain,
}

impl Offer {
    pub(crate) const ALL: [Self; 4] = [Self::Everything, Self::NoTimestamps, Self::PeerPlain, Self::WePlain];
}

/// Where on the circle of numbers the two ends begin, who opens, and with which options.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    pub(crate) iss: u32,
    pub(crate) irs: u32,
    /// Our timestamp offset, and the peer's first TSval.
    pub(crate) offset: u32,
    pub(crate) clock: u32,
    pub(crate) we_open: bool,
    pub(crate) offer: Offer,
}

/// A state, and what in it matters for the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    Closed,
    Listen,
    SynSent,
    SynReceivedPassive,
    SynReceivedActive,
    Established,
    EstablishedSmallWindow,
    EstablishedClosedWindow,
    FinWait1,
    FinWait1ClosedWindow,
    FinWait1LetGo,
    FinWait2,
    FinWait2ClosedWindow,
    FinWait2LetGo,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
    TimeWaitWithResets,
}

impl Scene {
    pub(crate) const ALL: [Self; 19] = [
        Self::Closed,
        Self::Listen,
        Self::SynSent,
        Self::SynReceivedPassive,
        Self::SynReceivedActive,
        Self::Established,
        Self::EstablishedSmallWindow,
        Self::EstablishedClosedWindow,
        Self::FinWait1,
        Self::FinWait1ClosedWindow,
        Self::FinWait1LetGo,
        Self::FinWait2,
        Self::FinWait2ClosedWindow,
        Self::FinWait2LetGo,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
        Self::TimeWaitWithResets,
    ];

    /// The heading of its section.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceivedPassive => "SYN-RECEIVED after a passive open",
            Self::SynReceivedActive => "SYN-RECEIVED after an active open (SYNs crossed)",
            Self::Established => "ESTABLISHED",
            Self::EstablishedSmallWindow => "ESTABLISHED, our window has 50 octets",
            Self::EstablishedClosedWindow => "ESTABLISHED, our window is closed",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait1ClosedWindow => "FIN-WAIT-1, our window is closed",
            Self::FinWait1LetGo => "FIN-WAIT-1, the user reads no more",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::FinWait2ClosedWindow => "FIN-WAIT-2, our window is closed",
            Self::FinWait2LetGo => "FIN-WAIT-2, the user reads no more",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
            Self::TimeWaitWithResets => "TIME-WAIT, without RFC 1337",
        }
    }

    pub(crate) fn state(self) -> State {
        match self {
            Self::Closed => State::Closed,
            Self::Listen => State::Listen,
            Self::SynSent => State::SynSent,
            Self::SynReceivedPassive | Self::SynReceivedActive => State::SynReceived,
            Self::Established | Self::EstablishedSmallWindow | Self::EstablishedClosedWindow => {
                State::Established
            }
            Self::FinWait1 | Self::FinWait1ClosedWindow | Self::FinWait1LetGo => State::FinWait1,
            Self::FinWait2 | Self::FinWait2ClosedWindow | Self::FinWait2LetGo => State::FinWait2,
            Self::CloseWait => State::CloseWait,
            Self::Closing => State::Closing,
            Self::LastAck => State::LastAck,
            Self::TimeWait | Self::TimeWaitWithResets => State::TimeWait,
        }
    }

    /// What is left of the receive window, where the scene wants it small.
    fn room(self) -> Option<i64> {
        match self {
            Self::EstablishedSmallWindow => Some(50),
            Self::EstablishedClosedWindow | Self::FinWait1ClosedWindow | Self::FinWait2ClosedWindow => {
                Some(0)
            }
            _ => None,
        }
    }

    fn user_has_let_go(self) -> bool {
        matches!(self, Self::FinWait1LetGo | Self::FinWait2LetGo)
    }
}

/// A machine in a state, with what the wire has shown of it.
#[derive(Clone)]
pub(crate) struct Rig {
    pub(crate) tcb: Tcb,
    pub(crate) now: Instant,
    pub(crate) config: TcpConfig,
    pub(crate) world: World,
    scene: Scene,
    /// SND.UNA: what the peer has acknowledged. SND.MAX: the number after the last that was sent.
    pub(crate) una: SeqNumber,
    pub(crate) max: SeqNumber,
    /// RCV.NXT: the number after the last that the peer sent.
    pub(crate) rcv: SeqNumber,
    /// The right edge of the receive window as last advertised.
    edge: Option<SeqNumber>,
    /// What our SYN advertised before there was an edge.
    syn_window: u16,
    /// TS.Recent.
    pub(crate) recent: u32,
    our_fin: bool,
    heard: u64,
    acked: u64,
    wl1: SeqNumber,
    wl2: SeqNumber,
    snd_wnd: i64,
    max_wnd: i64,
}

impl Rig {
    /// The machine in `scene`.
    pub(crate) fn new(scene: Scene, world: World) -> Self {
        let mut rig = Self::with(scene, world, |_| ());
        rig.play();
        // A timer that the segment under test starts differs from those that ran before.
        rig.pass(Duration::from_millis(5));
        assert_eq!(rig.tcb.state(), scene.state(), "the conversation leads to {}", scene.name());
        rig
    }

    /// A machine that has not begun: LISTEN, or SYN-SENT with the SYN unsent.
    pub(crate) fn with(scene: Scene, world: World, choose: impl FnOnce(&mut TcpConfig)) -> Self {
        let mut config = TcpConfig::default();
        config.timestamps = matches!(world.offer, Offer::Everything | Offer::PeerPlain);
        config.window_scaling = world.offer != Offer::WePlain;
        config.sack = world.offer != Offer::WePlain;
        config.rfc1337 = scene != Scene::TimeWaitWithResets;
        if scene.room().is_some() {
            (config.receive_window, config.receive_window_max) = (1000, 0);
        }
        choose(&mut config);
        let now = Instant::from_epoch(Duration::from_secs(1000));
        let iss = SeqNumber::new(world.iss);
        let secrets = Unpredictable { iss, timestamp_offset: world.offset };
        let we_open = match scene {
            Scene::Closed | Scene::SynSent | Scene::SynReceivedActive => true,
            Scene::Listen | Scene::SynReceivedPassive => false,
            _ => world.we_open,
        };
        let tcb = if we_open {
            Tcb::connect(config, secrets, now)
        } else {
            let mut tcb = Tcb::listen(config);
            tcb.prepare(secrets);
            tcb
        };
        let rcv = SeqNumber::new(world.irs);
        Self {
            tcb,
            now,
            config,
            world,
            scene,
            una: iss,
            max: iss,
            rcv,
            edge: None,
            syn_window: u16::try_from(config.receive_window).unwrap_or(u16::MAX),
            recent: world.clock,
            our_fin: false,
            heard: 0,
            acked: 0,
            wl1: rcv,
            wl2: iss,
            snd_wnd: 0,
            max_wnd: 0,
        }
    }

    fn play(&mut self) {
        match self.scene {
            Scene::Listen => return,
            Scene::Closed => {
                self.drain();
                self.command(Command::Close);
                return;
            }
            Scene::SynSent => return self.drain(),
            Scene::SynReceivedPassive => return self.hear(TcpFlags::SYN, 0),
            Scene::SynReceivedActive => {
                self.drain();
                return self.hear(TcpFlags::SYN, 0);
            }
            _ => self.talk(),
        }
        let state = self.scene.state();
        if matches!(state, State::CloseWait | State::LastAck) {
            self.say(OUTSTANDING);
            self.hear(TcpFlags::FIN | TcpFlags::ACK, 0);
            if state == State::LastAck {
                self.close();
            }
            return;
        }
        self.queue(OUTSTANDING);
        if state == State::Established {
            return self.drain();
        }
        self.close();
        if matches!(state, State::FinWait2 | State::TimeWait) {
            self.hear_ack_of_all();
        }
        if matches!(state, State::Closing | State::TimeWait) {
            self.hear(TcpFlags::FIN | TcpFlags::ACK, 0);
        }
    }

    /// Opens the connection and exchanges some octets, all of them acknowledged. The user reads them, but for
    /// those with which the peer fills the window where the scene wants it so.
    pub(crate) fn talk(&mut self) {
        self.open();
        self.hear(TcpFlags::ACK, HEARD);
        self.command(Command::Consumed(HEARD));
        self.pass(ACK_DELAY);
        self.say(SAID);
        self.hear_ack_of_all();
        if let Some(room) = self.scene.room() {
            let octets = u32::try_from(self.window() - room).expect("there is room");
            self.hear(TcpFlags::ACK, octets);
            self.pass(ACK_DELAY);
        }
    }

    /// The handshake.
    pub(crate) fn open(&mut self) {
        self.drain();
        if self.tcb.state() == State::SynSent {
            self.peer_acknowledges_all();
            self.hear(TcpFlags::SYN | TcpFlags::ACK, 0);
        } else {
            self.hear(TcpFlags::SYN, 0);
            self.hear_ack_of_all();
        }
        assert_eq!(self.tcb.state(), State::Established, "the handshake opens the connection");
    }

    /// The peer sends what comes next in its stream; what the machine answers goes by.
    pub(crate) fn hear(&mut self, control: TcpFlags, text: u32) {
        self.recent = self.recent.wrapping_add(7);
        let window = if control.contains(TcpFlags::SYN) { SYN_WINDOW } else { WINDOW };
        let meta = SegmentMeta {
            seq: self.rcv,
            ack: if control.contains(TcpFlags::ACK) { self.una } else { SeqNumber::default() },
            flags: control,
            window,
            len: text,
            options: self.peer_options(control, Some(0)),
            ..SegmentMeta::default()
        };
        let verdict = self.tcb.on_segment(self.now, &meta);
        assert_eq!(verdict.refused, None, "the peer in the rig sends nothing to refuse: {meta:?}");
        let shift = if control.contains(TcpFlags::SYN) { 0 } else { self.peer_shift() };
        self.snd_wnd = i64::from(window) << shift;
        self.max_wnd = self.max_wnd.max(self.snd_wnd);
        (self.wl1, self.wl2) = (meta.seq, self.una);
        self.rcv = meta.end_seq();
        self.heard += u64::from(text);
        if self.edge.is_none() {
            self.edge = Some(self.rcv + u32::from(self.syn_window));
        }
        self.drain();
    }

    /// The peer acknowledges all that was sent, with nothing else in the segment.
    pub(crate) fn hear_ack_of_all(&mut self) {
        self.peer_acknowledges_all();
        self.hear(TcpFlags::ACK, 0);
    }

    fn peer_acknowledges_all(&mut self) {
        let fresh = u64::from(self.max - self.una);
        let syn = u64::from(self.una == SeqNumber::new(self.world.iss) && fresh > 0);
        self.acked += fresh - syn - u64::from(self.our_fin && fresh > 0);
        self.our_fin = false;
        self.una = self.max;
    }

    /// The user queues octets, and they are sent.
    pub(crate) fn say(&mut self, octets: u32) {
        self.queue(octets);
        self.drain();
    }

    pub(crate) fn queue(&mut self, octets: u32) {
        self.command(Command::Queue(Queue { len: octets, ..Queue::default() }));
    }

    pub(crate) fn command(&mut self, command: Command) {
        let done = self.tcb.on_command(self.now, command);
        assert!(done.is_ok(), "{command:?} is legal here: {done:?}");
    }

    fn close(&mut self) {
        let let_go = self.scene.user_has_let_go();
        self.command(if let_go { Command::Close } else { Command::Shutdown });
        self.drain();
    }

    /// Time passes, and whatever was due is sent.
    pub(crate) fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
        self.tcb.on_timeout(self.now);
        self.drain();
    }

    /// Lets everything out that the machine wants to send.
    pub(crate) fn drain(&mut self) {
        for plan in drain(&mut self.tcb, self.now) {
            let meta = plan.meta;
            self.max = self.max.latest(meta.end_seq());
            self.our_fin |= meta.flags.contains(TcpFlags::FIN);
            if meta.flags.contains(TcpFlags::ACK) {
                let scale = if meta.flags.contains(TcpFlags::SYN) { 0 } else { self.our_shift() };
                let edge = meta.ack + (u32::from(meta.window) << scale);
                self.edge = Some(self.edge.map_or(edge, |old| old.latest(edge)));
            }
        }
    }

    /// RCV.WND: what was advertised.
    pub(crate) fn window(&self) -> i64 {
        let edge = self.edge.map_or(i64::from(self.syn_window), |edge| i64::from(edge - self.rcv));
        assert!(edge < 1 << 30, "the window is no debt");
        edge
    }

    fn scaled(&self) -> bool {
        matches!(self.world.offer, Offer::Everything | Offer::NoTimestamps)
    }

    /// The shift of the windows that we advertise: the smallest with which the buffer fits 16 bits.
    pub(crate) fn our_shift(&self) -> u8 {
        let fits = (0..=14)
            .find(|shift| self.config.receive_window.max(self.config.receive_window_max) >> shift <= 0xffff);
        if self.scaled() { fits.expect("14 is enough for a gigabyte") } else { 0 }
    }

    fn peer_shift(&self) -> u8 {
        if self.scaled() { PEER_SHIFT } else { 0 }
    }

    /// Our TSval at this moment.
    pub(crate) fn clock(&self) -> u32 {
        let millis = self.now.as_nanos() / 1_000_000;
        u32::try_from(millis).expect("the test runs in the first 49 days").wrapping_add(self.world.offset)
    }

    /// The options of a segment from the peer whose TSval is `ticks` after TS.Recent.
    fn peer_options(&self, control: TcpFlags, ticks: Option<i64>) -> SegmentOptions {
        let syn = control.contains(TcpFlags::SYN);
        let offers = syn && self.world.offer != Offer::PeerPlain;
        let stamped = self.world.offer == Offer::Everything || (offers && !self.config.timestamps);
        let ecr = if control.contains(TcpFlags::ACK) { self.clock() } else { 0 };
        SegmentOptions {
            mss: offers.then_some(1400),
            window_scale: offers.then_some(PEER_SHIFT),
            sack_permitted: offers,
            timestamps: ticks.filter(|_| stamped).map(|ticks| Timestamps {
                val: self.recent.wrapping_add(u32::try_from(ticks.rem_euclid(1 << 32)).unwrap_or(0)),
                ecr,
            }),
            ..SegmentOptions::default()
        }
    }

    /// The segment under test as it comes from the wire.
    pub(crate) fn meta(&self, segment: &Segment) -> SegmentMeta {
        let bits = [
            (segment.syn, TcpFlags::SYN),
            (segment.fin, TcpFlags::FIN),
            (segment.rst, TcpFlags::RST),
            (segment.urg, TcpFlags::URG),
            (segment.ack.is_some(), TcpFlags::ACK),
        ];
        let flags = bits.into_iter().filter(|(set, _)| *set).fold(TcpFlags::NONE, |all, (_, bit)| all | bit);
        SegmentMeta {
            seq: moved(self.rcv, segment.at),
            ack: segment.ack.map_or(SeqNumber::default(), |ack| moved(self.una, ack)),
            flags,
            window: TEST_WINDOW,
            urgent: if segment.urg { u16::try_from(segment.text).unwrap_or(u16::MAX) } else { 0 },
            len: segment.text,
            options: self.peer_options(flags, segment.stamp.ticks()),
            ..SegmentMeta::default()
        }
    }

    /// What the oracle may know.
    pub(crate) fn ground(&self) -> Ground {
        let state = self.scene.state();
        Ground {
            state,
            passive: self.scene == Scene::SynReceivedPassive,
            outstanding: i64::from(self.max - self.una),
            our_syn: matches!(state, State::SynSent | State::SynReceived),
            our_fin: self.our_fin,
            stale: self.max_wnd,
            window: self.window(),
            heard: self.heard,
            acked: self.acked,
            let_go: self.scene.user_has_let_go(),
            timestamps: self.world.offer == Offer::Everything,
            sack: self.scaled(),
            rfc1337: self.config.rfc1337,
            wl1: i64::from(self.wl1.distance_from(self.rcv)),
            wl2: i64::from(self.wl2.distance_from(self.una)),
            snd_wnd: self.snd_wnd,
            offered: i64::from(TEST_WINDOW) << self.peer_shift(),
        }
    }
}

/// Everything that the machine wants to send at `now`, in order.
pub(crate) fn drain(tcb: &mut Tcb, now: Instant) -> Vec<SegmentPlan> {
    let sent: Vec<_> = std::iter::from_fn(|| tcb.poll_segment(now)).take(50).collect();
    assert!(sent.len() < 50, "a machine comes to rest");
    sent
}

/// `from` moved by a signed distance.
pub(crate) fn moved(from: SeqNumber, by: i64) -> SeqNumber {
    from + u32::try_from(by.rem_euclid(1 << 32)).expect("a remainder of 2^32 fits")
}
