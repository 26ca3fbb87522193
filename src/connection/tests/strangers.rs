//! What a peer that keeps to no rule, and a user who keeps to none either, may do: machine and buffers speak of the same
//! octets all the time.

use super::*;
use crate::SeqNumber;
use crate::tcp::{
    AckPolicy, CongestionAlgorithm, Dialect, Ecn, Keepalive, LossDetection, MtuProbing, RtoRule,
    SegmentOptions, SmallSegments, TcpConfig, Timestamps, WindowProbe, WindowRules,
};

/// A segment of a stranger who knows the numbers, more or less.
#[derive(Clone, Debug)]
struct Forged {
    /// Distance from what is expected, or from the SYN that has come.
    seq: i32,
    from_syn: bool,
    /// Distance from SND.NXT, or from SND.UNA.
    ack: i32,
    from_una: bool,
    flags: u16,
    window: u16,
    urgent: u16,
    len: usize,
    /// Distance from TS.Recent, so far as it is known, and of what is echoed from our clock.
    timestamps: Option<(i32, i32)>,
    /// Distances from SND.UNA.
    sack: Vec<(i32, u16)>,
    /// Those of a SYN.
    mss: Option<u16>,
    window_scale: Option<u8>,
    sack_permitted: bool,
    cookie: bool,
}

#[derive(Clone, Debug)]
enum Deed {
    Segment(Forged),
    /// The other end says what it has to say, and hears the answers.
    Carry,
    /// The other end's next segment arrives.
    Hear,
    Send(usize, u8, bool),
    Recv(usize, bool),
    Shutdown,
    Close,
    Abort,
    Open,
    OpenEarly,
    Cookie(bool),
    Error(bool, i32),
    PathMtu(u32, i32),
    Configure(usize, u32),
    Set(usize),
    SendBuffer(usize),
    Forget,
    Poll(usize),
    Wait,
    Pass(u64),
}

fn near() -> impl Strategy<Value = i32> {
    prop_oneof![6 => Just(0), 3 => -10_i32..10, 2 => -3000_i32..3000, 1 => any::<i32>()]
}

fn forged() -> impl Strategy<Value = Forged> {
    let flags = prop_oneof![
        8 => Just(TcpFlags::ACK.bits()), 3 => Just(TcpFlags::SYN.bits()), 1 => Just(TcpFlags::RST.bits()),
        2 => Just((TcpFlags::SYN | TcpFlags::ACK).bits()),
        1 => Just((TcpFlags::SYN | TcpFlags::FIN).bits()),
        2 => Just((TcpFlags::FIN | TcpFlags::ACK).bits()), 1 => 0_u16..0x200
    ];
    let window = prop_oneof![Just(0_u16), Just(1000), Just(65_535), any::<u16>()];
    let urgent = prop_oneof![Just(0_u16), 0..20_u16, any::<u16>()];
    let len = || prop_oneof![Just(0_usize), 1_usize..20, 1_usize..3000];
    let timestamps = proptest::option::of((near(), near()));
    let sack = prop::collection::vec((-10_i32..9000, 0_u16..3000), 0..4);
    let numbers = (near(), proptest::bool::weighted(0.2), near(), proptest::bool::weighted(0.3));
    let mss = proptest::option::of(prop_oneof![Just(0_u16), 1..2000_u16, any::<u16>()]);
    let options = (mss, proptest::option::of(0_u8..16), any::<bool>(), proptest::bool::weighted(0.2));
    (numbers, (flags, window, urgent, len()), timestamps, prop_oneof![2 => Just(vec![]), 1 => sack], options)
        .prop_map(|(numbers, (flags, window, urgent, len), timestamps, sack, options)| {
            let (seq, from_syn, ack, from_una) = numbers;
            let (mss, window_scale, sack_permitted, cookie) = options;
            Forged {
                seq,
                from_syn,
                ack,
                from_una,
                flags,
                window,
                urgent,
                len,
                timestamps,
                sack,
                mss,
                window_scale,
                sack_permitted,
                cookie,
            }
        })
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let end = prop_oneof![6 => Just(Deed::Shutdown), 2 => Just(Deed::Close), 1 => Just(Deed::Abort)];
    let rare = prop_oneof![
        1 => Just(Deed::Open),
        3 => Just(Deed::OpenEarly),
        1 => any::<bool>().prop_map(Deed::Cookie),
        1 => (any::<bool>(), near()).prop_map(|(hard, seq)| Deed::Error(hard, seq)),
        2 => (0..2000_u32, near()).prop_map(|(mtu, seq)| Deed::PathMtu(mtu, seq)),
        3 => (0..16_usize, any::<u32>()).prop_map(|(what, to)| Deed::Configure(what, to)),
        2 => (0..10_usize).prop_map(Deed::Set),
        1 => (0_usize..9000).prop_map(Deed::SendBuffer),
        2 => Just(Deed::Forget),
    ];
    let deed = prop_oneof![
        12 => forged().prop_map(Deed::Segment),
        2 => Just(Deed::Carry),
        2 => Just(Deed::Hear),
        3 => (1_usize..20_000, 0_u8..8, any::<bool>()).prop_map(|(len, flags, by)| Deed::Send(len, flags, by)),
        3 => (0_usize..5000, any::<bool>()).prop_map(|(max, copy)| Deed::Recv(max, copy)),
        1 => end,
        4 => rare,
        5 => prop_oneof![Just(1), Just(100)].prop_map(Deed::Poll),
        3 => Just(Deed::Wait),
        1 => prop_oneof![0..2_000_u64, 0..100_000_000_u64].prop_map(Deed::Pass),
    ];
    prop::collection::vec(deed, 0..150)
}

fn settings() -> impl Strategy<Value = TcpConfig> {
    let window = prop_oneof![3 => Just(8_u32 << 10), 1 => 1..5_u32, 2 => 1..9000_u32];
    let dialect =
        prop_oneof![2 => Just(Dialect::Rfc), 1 => Just(Dialect::FreeBsd), 1 => Just(Dialect::Linux)];
    let kernel = any::<[bool; 5]>();
    let ranges = prop_oneof![2 => Just(u16::MAX), 1 => 0..4_u16];
    (window, dialect, any::<[bool; 14]>(), kernel, ranges, prop_oneof![Just(1460_u16), 1..2000_u16]).prop_map(
        |(window, dialect, on, kernel, ranges, mss)| {
            let mut tcp = TcpConfig::default();
            (tcp.receive_window, tcp.receive_window_max) = (window, 0);
            (tcp.dialect, tcp.max_ranges, tcp.mss) = (dialect, ranges, mss);
            [tcp.timestamps, tcp.sack, tcp.window_scaling, tcp.fast_open, tcp.pacing, tcp.nagle, ..] = on;
            tcp.fast_open_unproven = on[6];
            tcp.insecure_syn = on[7] && on[8];
            tcp.insecure_reset = on[7] && on[9];
            tcp.tolerate_missing_timestamps = on[10];
            tcp.rfc1337 = on[11];
            if on[12] {
                tcp.ecn = Ecn::Request;
            }
            if on[13] {
                tcp.mtu_probing = MtuProbing::Always;
            }
            if kernel[0] {
                (tcp.window_rules, tcp.rto_rule) = (WindowRules::Linux, RtoRule::Linux);
            }
            if kernel[1] {
                tcp.ack_policy = AckPolicy::Quick;
            }
            if kernel[2] {
                tcp.loss_detection = LossDetection::Sack;
            }
            if kernel[3] {
                (tcp.congestion, tcp.window_probe) = (CongestionAlgorithm::NewReno, WindowProbe::Empty);
            }
            if kernel[4] {
                tcp.small_segments = SmallSegments::Minshall;
            }
            tcp
        },
    )
}

/// Whatever place in the stream it is.
fn octet(at: i64) -> u8 {
    at.rem_euclid(251) as u8
}

/// One end of the pipe, and those who torment it.
struct Scene {
    pipe: Pipe,
    end: usize,
    cookie: Cookie,
}

impl Scene {
    fn tcb(&self) -> &Tcb {
        self.pipe.ends[self.end].tcb()
    }

    /// The number of the first octet of the peer's stream.
    fn first(&self) -> SeqNumber {
        let tcb = self.tcb();
        tcb.rcv_nxt() - tcb.readable_to() as u32 - u32::from(tcb.peer_has_closed())
    }

    fn forge(&self, forged: &Forged) -> Segment {
        let tcb = self.tcb();
        let flags = TcpFlags::from_bits(forged.flags);
        let from = if forged.from_syn { self.first() - 1 } else { tcb.rcv_nxt() };
        let to = if forged.from_una { tcb.snd_una() } else { tcb.snd_nxt() };
        let seq = from + forged.seq.cast_unsigned();
        let mut options = SegmentOptions {
            mss: forged.mss,
            window_scale: forged.window_scale,
            sack_permitted: forged.sack_permitted,
            ..SegmentOptions::default()
        };
        options.timestamps = forged.timestamps.map(|(val, ecr)| {
            let clock = (self.pipe.now.as_nanos() / 1_000_000) as u32;
            let ours = clock.wrapping_add(OFFSETS[self.end]);
            let theirs = clock.wrapping_add(OFFSETS[1 - self.end]);
            Timestamps {
                val: theirs.wrapping_add(val.cast_unsigned()),
                ecr: ours.wrapping_add(ecr.cast_unsigned()),
            }
        });
        for &(left, len) in &forged.sack {
            let left = tcb.snd_una() + left.cast_unsigned();
            options.sack.push(left, left + u32::from(len));
        }
        if forged.cookie {
            options.fast_open = Some(self.cookie);
        }
        let meta = SegmentMeta {
            seq,
            ack: to + forged.ack.cast_unsigned(),
            flags,
            window: forged.window,
            urgent: forged.urgent,
            len: forged.len as u32,
            ecn: EcnCodepoint::from_bits(forged.window as u8),
            options,
        };
        Segment { octets: self.octets(&meta), meta }
    }

    /// What stands at the place of a segment, whoever speaks: so nothing that is read may be anything else.
    fn octets(&self, meta: &SegmentMeta) -> Vec<u8> {
        let opening = matches!(self.tcb().state(), State::Listen | State::SynSent);
        let syn = u32::from(meta.flags.contains(TcpFlags::SYN));
        let from = if opening { 0 } else { i64::from((meta.seq + syn).distance_from(self.first())) };
        (from..from + i64::from(meta.len)).map(octet).collect()
    }

    fn send(&mut self, len: usize, flags: u8, by_reference: bool) {
        let flags = SendFlags { push: flags & 1 > 0, more: flags & 2 > 0, urgent: flags & 4 > 0 };
        let from = self.tcb().queued_to() as i64;
        let data: Vec<u8> = (0..len as i64).map(|at| octet(from + at)).collect();
        let (end, now) = (&mut self.pipe.ends[self.end], self.pipe.now);
        if by_reference {
            _ = end.send_bytes_with(now, data.into(), flags);
        } else {
            _ = end.send_with(now, &data, flags);
        }
    }

    fn recv(&mut self, max: usize, copy: bool) {
        let at = self.tcb().consumed_to() as i64;
        let (end, now) = (&mut self.pipe.ends[self.end], self.pipe.now);
        let mut out = vec![0; max];
        let peeked = end.peek(0, &mut out);
        assert!(out[..peeked].iter().zip(at..).all(|(&got, at)| got == octet(at)), "peeked");
        let got = if copy {
            match end.recv_slice(now, &mut out) {
                Received::Data(len) => out[..len].to_vec(),
                _ => return,
            }
        } else {
            match end.recv(now, max) {
                Received::Data(octets) => octets.to_vec(),
                _ => return,
            }
        };
        assert!(got.iter().zip(at..).all(|(&got, at)| got == octet(at)), "read");
    }

    fn poll(&mut self) -> Option<Segment> {
        let (end, now) = (&mut self.pipe.ends[self.end], self.pipe.now);
        if self.pipe.resets[self.end].is_some() {
            return self.pipe.poll(self.end);
        }
        let plan = end.poll_segment(now)?;
        let octets: Vec<u8> = end.payload(&plan).flatten().copied().collect();
        assert_eq!(octets.len(), plan.meta.len as usize, "as many octets as the plan says");
        assert!(
            octets.iter().zip(plan.offset as i64..).all(|(&got, at)| got == octet(at)),
            "what was queued there"
        );
        Some(Segment { meta: plan.meta, octets })
    }

    fn deliver(&mut self, segment: &Segment) {
        let arrival = self.pipe.deliver(self.end, segment);
        assert_eq!(arrival.conflict, 0);
    }

    fn command(&mut self, deed: &Deed) {
        let (una, now) = (self.tcb().snd_una(), self.pipe.now);
        let quoted = |at: i32| una + at.cast_unsigned();
        let empty = Cookie::new(b"").unwrap();
        let end = &mut self.pipe.ends[self.end];
        match *deed {
            Deed::Shutdown => _ = end.shutdown(now),
            Deed::Close => _ = end.close(now),
            Deed::Abort => _ = end.abort(now),
            Deed::Open => _ = end.open(now),
            Deed::OpenEarly => _ = end.open_early(),
            Deed::Cookie(asks) => _ = end.set_cookie(now, if asks { empty } else { self.cookie }),
            Deed::Error(hard, at) => {
                _ = end.network_error(now, NetworkError { hard, code: 1, seq: quoted(at) });
            }
            Deed::PathMtu(mtu, at) => _ = end.path_mtu(now, PathMtu { mtu, seq: quoted(at) }),
            Deed::Configure(what, to) => _ = end.configure(now, |tcp| configure(tcp, what, to)),
            Deed::Set(what) => set(end, now, what),
            Deed::SendBuffer(most) => end.set_send_buffer(most, 0),
            Deed::Forget => _ = end.forget_out_of_order(now),
            _ => {}
        }
    }

    /// The other end's next segment arrives, if it has one.
    fn hear(&mut self) -> bool {
        let Some(Segment { meta, .. }) = self.pipe.poll(1 - self.end) else { return false };
        self.deliver(&Segment { octets: self.octets(&meta), meta });
        true
    }

    fn carry(&mut self) {
        for _ in 0..400 {
            let ours = self.poll();
            if let Some(segment) = &ours {
                self.pipe.deliver(1 - self.end, segment);
            }
            if !self.hear() && ours.is_none() {
                break;
            }
        }
    }

    fn act(&mut self, deed: &Deed) {
        match *deed {
            Deed::Segment(ref forged) => self.deliver(&self.forge(forged)),
            Deed::Carry => self.carry(),
            Deed::Hear => _ = self.hear(),
            Deed::Send(len, flags, by_reference) => self.send(len, flags, by_reference),
            Deed::Recv(max, copy) => self.recv(max, copy),
            Deed::Poll(most) => {
                for _ in 0..most {
                    if self.poll().is_none() {
                        break;
                    }
                }
            }
            Deed::Wait => {
                let next = self.pipe.ends.iter().filter_map(Connection::poll_timeout).min();
                self.pipe.now = next.map_or(self.pipe.now, |next| self.pipe.now.max(next));
                let now = self.pipe.now;
                for end in &mut self.pipe.ends {
                    end.on_timeout(now);
                    let next = end.poll_timeout();
                    assert!(next.is_none_or(|at| at > now), "a deadline that was served is still there");
                }
            }
            Deed::Pass(micros) => self.pipe.now = self.pipe.now + Duration::from_micros(micros),
            _ => self.command(deed),
        }
    }
}

fn configure(tcp: &mut TcpConfig, what: usize, to: u32) {
    match what {
        0..4 => tcp.receive_window = to % (8 << 10),
        4 => tcp.receive_window = to % 4,
        5 => tcp.nagle = to & 1 > 0,
        6 => tcp.max_ranges = (to % 5) as u16,
        7 => tcp.pacing = to & 1 > 0,
        8 => {
            tcp.congestion =
                if to & 1 > 0 { CongestionAlgorithm::Cubic } else { CongestionAlgorithm::NewReno }
        }
        9 => tcp.ack_policy = if to & 1 > 0 { AckPolicy::Quick } else { AckPolicy::EverySecond },
        10 => tcp.loss_detection = if to & 1 > 0 { LossDetection::Rack } else { LossDetection::Sack },
        11 => tcp.window_rules = if to & 1 > 0 { WindowRules::Linux } else { WindowRules::Rfc },
        12 => tcp.rto_rule = if to & 1 > 0 { RtoRule::Linux } else { RtoRule::Rfc6298 },
        13 => tcp.dialect = [Dialect::Rfc, Dialect::FreeBsd, Dialect::Linux][to as usize % 3],
        14 => tcp.window_probe = if to & 1 > 0 { WindowProbe::Octet } else { WindowProbe::Empty },
        _ => tcp.time_wait = Duration::from_millis(u64::from(to % 2)),
    }
}

fn set(end: &mut Connection, now: Instant, what: usize) {
    let done = match what {
        0 => end.set_nagle(now, false),
        1 => end.set_nagle(now, true),
        2 => end.flush(now),
        3 => end.set_keepalive(now, Some(Keepalive::default())),
        4 => end.set_keepalive(now, None),
        5 => end.set_user_timeout(now, Some(Duration::from_secs(3))),
        6 => end.set_user_timeout(now, None),
        7 => end.set_r2(now, Duration::from_secs(1)),
        8 => end.set_ack_delay(now, Duration::ZERO),
        _ => end.set_quick_ack(now, true),
    };
    done.ok();
}

const OFFSETS: [u32; 2] = [u32::MAX - 70_000, u32::MAX - 50_000];

proptest! {
    /// Machine and buffers are compared after every call, every segment has the octets that its plan says, and the user
    /// reads what stands in the peer's stream.
    #[test]
    fn nothing_a_stranger_or_a_user_does_parts_the_machine_from_its_buffers(
        tcp in settings(),
        deeds in deeds(),
        established in any::<bool>(),
        passive in any::<bool>(),
        by_reference in any::<bool>(),
    ) {
        let mut config = ConnectionConfig { tcp, ..ConnectionConfig::default() };
        (config.send_buffer, config.send_buffer_max) = (8 << 10, 0);
        let mut pipe = Pipe::with(&config);
        pipe.by_reference = by_reference;
        if established {
            pipe.settle();
        }
        let end = usize::from(passive);
        let mut scene = Scene { pipe, end, cookie: Cookie::new(b"12345678").unwrap() };
        for deed in &deeds {
            scene.act(deed);
            // Twice the window, a chunk, and the limit of the send buffer.
            let memory = scene.pipe.ends[end].memory();
            prop_assert!(memory < 40 << 10, "{memory} octets");
        }
        scene.pipe.ends[end].abort(scene.pipe.now).ok();
        prop_assert!(scene.pipe.ends[end].memory() <= LITTLE);
    }
}
