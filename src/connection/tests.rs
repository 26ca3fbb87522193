use super::*;
use crate::tcp::DropReason;
use crate::{EcnCodepoint, SeqNumber, TcpFlags};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

mod buffers;
mod owner;
mod strangers;

const CLIENT: usize = 0;
const SERVER: usize = 1;

/// Octets that tell their place in the stream.
fn stream(from: usize, len: usize) -> Vec<u8> {
    (from..from + len).map(|at| (at % 251) as u8).collect()
}

fn secrets(iss: u32) -> Unpredictable {
    Unpredictable { iss: SeqNumber::new(iss), timestamp_offset: iss }
}

/// A segment on its way.
#[derive(Clone, Debug)]
struct Segment {
    meta: SegmentMeta,
    octets: Vec<u8>,
}

/// Two connections and what one has sent and the other not received.
struct Pipe {
    ends: [Connection; 2],
    now: Instant,
    /// Payload goes in by reference.
    by_reference: bool,
    /// The resets with which closed sockets answer, by their sender.
    resets: [Option<SegmentMeta>; 2],
}

impl Pipe {
    fn new() -> Self {
        Self::with(&ConnectionConfig::default())
    }

    fn with(config: &ConnectionConfig) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        let mut server = Connection::listen(config);
        // Both streams pass the end of sequence space.
        server.prepare(secrets(u32::MAX - 50_000));
        let client = Connection::connect(config, secrets(u32::MAX - 70_000), now);
        Self { ends: [client, server], now, by_reference: false, resets: [None; 2] }
    }

    fn connected() -> Self {
        let mut pipe = Self::new();
        pipe.settle();
        assert_eq!(pipe.states(), [State::Established, State::Established]);
        pipe
    }

    fn states(&self) -> [State; 2] {
        self.ends.each_ref().map(Connection::state)
    }

    fn poll(&mut self, end: usize) -> Option<Segment> {
        if let Some(meta) = self.resets[end].take() {
            return Some(Segment { meta, octets: vec![] });
        }
        let plan = self.ends[end].poll_segment(self.now)?;
        let octets: Vec<u8> = self.ends[end].payload(&plan).flatten().copied().collect();
        assert_eq!(octets.len(), plan.meta.len as usize, "as many octets as the plan says");
        Some(Segment { meta: plan.meta, octets })
    }

    fn deliver(&mut self, to: usize, segment: &Segment) -> Arrival {
        let payload = if self.by_reference {
            let octets = Bytes::from(segment.octets.clone());
            Payload::Bytes { pinned: octets.len() + 60, octets }
        } else {
            Payload::Slice(&segment.octets)
        };
        let arrival = self.ends[to].on_segment(self.now, &segment.meta, payload);
        if arrival.verdict.refused == Some(DropReason::Closed) {
            self.resets[to] = segment.meta.reset_in_answer();
        }
        arrival
    }

    /// Carries segments until neither has more to send; says how many there were.
    fn settle(&mut self) -> usize {
        let mut carried = 0;
        loop {
            let before = carried;
            for from in [CLIENT, SERVER] {
                while let Some(segment) = self.poll(from) {
                    self.deliver(1 - from, &segment);
                    carried += 1;
                }
            }
            if carried == before {
                return carried;
            }
        }
    }

    /// Lets the next deadline come.
    fn wait(&mut self) -> bool {
        let next = self.ends.iter().filter_map(Connection::poll_timeout).min();
        if let Some(next) = next {
            self.now = self.now.max(next);
            for end in &mut self.ends {
                end.on_timeout(next);
            }
        }
        next.is_some()
    }

    fn send(&mut self, end: usize, data: &[u8]) -> usize {
        self.ends[end].send(self.now, data).unwrap()
    }

    fn recv(&mut self, end: usize) -> Received {
        self.ends[end].recv(self.now, usize::MAX)
    }

    fn read_all(&mut self, end: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while let Received::Data(octets) = self.recv(end) {
            all.extend_from_slice(&octets);
        }
        all
    }
}

#[test]
fn octets_that_wait_for_a_gap_are_given_up_when_the_peer_resets() {
    let mut pipe = Pipe::connected();
    pipe.send(CLIENT, &stream(0, 4_000));
    let lost = pipe.poll(CLIENT).unwrap();
    let late = pipe.poll(CLIENT).unwrap();
    pipe.deliver(SERVER, &late);
    assert!(pipe.ends[SERVER].memory() > 0);
    let meta = SegmentMeta { seq: lost.meta.seq, flags: TcpFlags::RST, ..SegmentMeta::default() };
    pipe.deliver(SERVER, &Segment { meta, octets: vec![] });
    assert_eq!(pipe.recv(SERVER), Received::Closed(CloseReason::Reset));
    assert_eq!(pipe.ends[SERVER].memory(), 0);
}

#[test]
fn a_megabyte_each_way_arrives_octet_by_octet_the_same() {
    for by_reference in [false, true] {
        let mut pipe = Pipe::new();
        pipe.by_reference = by_reference;
        let data = [Bytes::from(stream(3, 1 << 20)), Bytes::from(stream(7, 1 << 20))];
        let mut sent = [0, 0];
        let mut heard = [vec![], vec![]];
        while heard[0].len() < data[1].len() || heard[1].len() < data[0].len() {
            for end in [CLIENT, SERVER] {
                let (now, rest) = (pipe.now, data[end].slice(sent[end]..));
                sent[end] += if by_reference {
                    pipe.ends[end].send_bytes(now, rest).unwrap()
                } else {
                    pipe.ends[end].send(now, &rest).unwrap()
                };
            }
            if pipe.settle() == 0 {
                assert!(pipe.wait(), "neither has anything to do, and not everything has arrived");
            }
            for end in [CLIENT, SERVER] {
                heard[end].extend(pipe.read_all(end));
            }
        }
        assert!(heard[0] == data[1] && heard[1] == data[0]);
        assert_eq!(pipe.ends[CLIENT].tcb().retransmitted() + pipe.ends[SERVER].tcb().retransmitted(), 0);
    }
}

#[test]
fn after_the_peers_fin_this_side_can_still_send() {
    for closes in [CLIENT, SERVER] {
        let (mut pipe, sends) = (Pipe::connected(), 1 - closes);
        pipe.send(closes, b"last words");
        pipe.ends[closes].shutdown(pipe.now).unwrap();
        pipe.settle();
        assert_eq!(pipe.recv(sends), Received::Data("last words".into()));
        assert_eq!(pipe.recv(sends), Received::Eof);
        pipe.send(sends, &stream(0, 40_000));
        pipe.ends[sends].shutdown(pipe.now).unwrap();
        while pipe.ends[sends].close_reason().is_none() {
            // The last of an odd number of segments is acknowledged after a while.
            assert!(pipe.settle() > 0 || pipe.wait());
        }
        assert_eq!(pipe.read_all(closes), stream(0, 40_000));
        assert_eq!(pipe.recv(closes), Received::Eof);
        assert_eq!(pipe.ends[sends].close_reason(), Some(CloseReason::Closed));
        assert_eq!(pipe.ends[closes].state(), State::TimeWait);
        while pipe.wait() {}
        assert_eq!(pipe.ends[closes].close_reason(), Some(CloseReason::Closed));
        assert_eq!(pipe.recv(closes), Received::Eof, "an orderly end stays one");
    }
}

#[test]
fn what_came_before_the_fin_is_read_after_it() {
    let mut pipe = Pipe::connected();
    pipe.send(CLIENT, b"unread");
    pipe.ends[CLIENT].shutdown(pipe.now).unwrap();
    pipe.settle();
    pipe.ends[SERVER].shutdown(pipe.now).unwrap();
    pipe.settle();
    assert_eq!(pipe.ends[SERVER].state(), State::Closed);
    assert_eq!(pipe.ends[SERVER].recv(pipe.now, 2), Received::Data("un".into()));
    let mut out = [0; 10];
    assert_eq!(pipe.ends[SERVER].recv_slice(pipe.now, &mut out), Received::Data(4));
    assert_eq!(pipe.ends[SERVER].recv_slice(pipe.now, &mut out), Received::Eof);
    assert_eq!(pipe.ends[SERVER].memory(), 0);
}

#[test]
fn a_close_with_unread_octets_resets_the_peer() {
    let mut pipe = Pipe::connected();
    pipe.send(CLIENT, b"nobody reads this");
    pipe.send(SERVER, b"read me");
    pipe.settle();
    pipe.ends[SERVER].close(pipe.now).unwrap();
    assert_eq!(pipe.ends[SERVER].close_reason(), Some(CloseReason::Discarded));
    let reset = pipe.poll(SERVER).unwrap();
    assert!(reset.meta.flags.contains(TcpFlags::RST));
    pipe.deliver(CLIENT, &reset);
    assert_eq!(pipe.ends[CLIENT].close_reason(), Some(CloseReason::Reset));
    assert_eq!(pipe.recv(CLIENT), Received::Data("read me".into()), "what came in order can be read");
    assert_eq!(pipe.recv(CLIENT), Received::Closed(CloseReason::Reset));
    assert_eq!(pipe.recv(SERVER), Received::Closed(CloseReason::Discarded));
    assert!(pipe.ends.iter().all(|end| end.memory() <= LITTLE));
}

#[test]
fn octets_after_a_close_reset_the_peer() {
    let mut pipe = Pipe::connected();
    pipe.ends[SERVER].close(pipe.now).unwrap();
    pipe.settle();
    assert_eq!(pipe.recv(SERVER), Received::NotReading);
    pipe.send(CLIENT, b"too late");
    pipe.settle();
    assert_eq!(pipe.ends[SERVER].close_reason(), Some(CloseReason::Discarded));
    assert_eq!(pipe.ends[CLIENT].close_reason(), Some(CloseReason::Reset));
    assert_eq!(pipe.recv(CLIENT), Received::Eof, "the peer had said all it had to say");
    assert!(pipe.ends.iter().all(|end| end.memory() <= LITTLE));
}

#[test]
fn an_abort_forgets_everything_and_tells_the_peer() {
    let mut pipe = Pipe::connected();
    pipe.send(CLIENT, &stream(0, 9000));
    let lost: Vec<_> = core::iter::from_fn(|| pipe.poll(CLIENT)).collect();
    pipe.send(SERVER, b"unread");
    pipe.settle();
    pipe.ends[CLIENT].abort(pipe.now).unwrap();
    assert!(!lost.is_empty());
    assert!(pipe.ends[CLIENT].memory() <= LITTLE);
    assert_eq!(pipe.recv(CLIENT), Received::Closed(CloseReason::Aborted));
    pipe.settle();
    assert_eq!(pipe.ends[SERVER].close_reason(), Some(CloseReason::Reset));
    assert_eq!(pipe.recv(SERVER), Received::Closed(CloseReason::Reset));
    assert!(pipe.ends[SERVER].memory() <= LITTLE);
}

#[test]
fn a_full_buffer_takes_nothing_and_has_room_again_after_an_acknowledgment() {
    let mut config = ConnectionConfig::default();
    (config.send_buffer, config.send_buffer_max) = (256 << 10, 0);
    let mut pipe = Pipe::with(&config);
    pipe.settle();
    let mut sent = 0;
    loop {
        match pipe.send(CLIENT, &stream(sent, 10_000)) {
            0 => break,
            taken => sent += taken,
        }
    }
    assert!(sent > 250 << 10 && pipe.ends[CLIENT].memory() <= 257 << 10, "{sent}");
    let segment = pipe.poll(CLIENT).unwrap();
    pipe.deliver(SERVER, &segment);
    pipe.settle();
    assert!(pipe.ends[CLIENT].send_room() > 0);
    let mut heard = pipe.read_all(SERVER);
    while heard.len() < sent {
        pipe.settle();
        heard.extend(pipe.read_all(SERVER));
    }
    assert!(heard == stream(0, sent));
}

#[test]
fn after_a_shutdown_nothing_more_is_taken() {
    let mut pipe = Pipe::connected();
    pipe.ends[CLIENT].shutdown(pipe.now).unwrap();
    for data in [b"".as_slice(), b"more"] {
        assert_eq!(pipe.ends[CLIENT].send(pipe.now, data), Err(SendError::Closing));
    }
    assert_eq!(pipe.ends[CLIENT].shutdown(pipe.now), Err(CommandError::Closing));
    assert_eq!(pipe.ends[CLIENT].unacknowledged(), 0);
    pipe.ends[CLIENT].abort(pipe.now).unwrap();
    for data in [Bytes::new(), Bytes::from_static(b"more")] {
        assert_eq!(pipe.ends[CLIENT].send_bytes(pipe.now, data), Err(SendError::Closed));
    }
}

#[test]
fn bytes_are_sent_and_received_without_copying() {
    let mut pipe = Pipe::connected();
    let data = Bytes::from(stream(0, 1000));
    pipe.ends[CLIENT].send_bytes(pipe.now, data.clone()).unwrap();
    let plan = pipe.ends[CLIENT].poll_segment(pipe.now).unwrap();
    let pieces: Vec<&[u8]> = pipe.ends[CLIENT].payload(&plan).collect();
    assert_eq!((pieces.len(), pieces[0].as_ptr()), (1, data.as_ptr()));

    let packet = Bytes::from([vec![0; 52], pieces[0].to_vec()].concat());
    let payload = Payload::Bytes { octets: packet.slice(52..), pinned: packet.len() };
    pipe.ends[SERVER].on_segment(pipe.now, &plan.meta, payload);
    let Received::Data(read) = pipe.recv(SERVER) else { panic!("nothing to read") };
    assert_eq!((read.as_ptr(), &read), (packet[52..].as_ptr(), &data));
}

#[test]
fn octets_on_a_syn_are_readable_once_the_handshake_is_done() {
    let mut pipe = Pipe::new();
    let mut syn = pipe.poll(CLIENT).unwrap();
    syn.octets = b"early".to_vec();
    let arrival = pipe.deliver(SERVER, &syn);
    assert_eq!(arrival.verdict.store.map(|placed| placed.len), Some(5));
    assert_eq!(pipe.recv(SERVER), Received::Empty);
    let answer = pipe.poll(SERVER).unwrap();
    let acked = answer.meta.ack;
    let ack = SegmentMeta {
        seq: if acked == syn.meta.seq + 1 { acked } else { syn.meta.seq + 6 },
        ack: answer.meta.seq + 1,
        flags: TcpFlags::ACK,
        window: 1000,
        ..syn.meta
    };
    pipe.deliver(SERVER, &Segment { meta: ack, octets: vec![] });
    assert_eq!(pipe.ends[SERVER].state(), State::Established);
    assert_eq!(pipe.recv(SERVER), Received::Data("early".into()));
}

#[test]
fn a_listener_that_goes_back_to_listen_begins_anew() {
    let mut pipe = Pipe::new();
    let mut syn = pipe.poll(CLIENT).unwrap();
    syn.octets = b"from the first".to_vec();
    pipe.deliver(SERVER, &syn);
    pipe.send(SERVER, b"for the first");
    let reset = SegmentMeta { seq: syn.meta.seq + 1, flags: TcpFlags::RST, ..SegmentMeta::default() };
    pipe.deliver(SERVER, &Segment { meta: reset, octets: vec![] });
    assert_eq!(pipe.ends[SERVER].state(), State::Listen);
    assert_eq!((pipe.ends[SERVER].memory(), pipe.ends[SERVER].unacknowledged()), (0, 0));

    let config = ConnectionConfig::default();
    pipe.ends[SERVER].prepare(secrets(77));
    pipe.ends[CLIENT] = Connection::connect(&config, secrets(99), pipe.now);
    pipe.send(CLIENT, b"from the second");
    pipe.settle();
    pipe.send(SERVER, b"for the second");
    pipe.settle();
    assert_eq!(pipe.recv(SERVER), Received::Data("from the second".into()));
    assert_eq!(pipe.recv(CLIENT), Received::Data("for the second".into()));
}

#[test]
fn a_send_in_listen_opens_actively() {
    let mut server = Connection::listen(&ConnectionConfig::default());
    server.prepare(secrets(5));
    assert_eq!(server.send(Instant::ZERO, b"hello"), Ok(5));
    assert_eq!(server.state(), State::SynSent);
    assert_eq!(server.poll_segment(Instant::ZERO).unwrap().meta.flags, TcpFlags::SYN);
}

#[test]
fn a_second_copy_that_differs_is_counted_and_not_believed() {
    let mut pipe = Pipe::connected();
    pipe.send(CLIENT, &stream(0, 4000));
    let segments: Vec<_> = core::iter::from_fn(|| pipe.poll(CLIENT)).collect();
    assert_eq!(pipe.deliver(SERVER, &segments[1]).conflict, 0);
    let mut forged = segments[1].clone();
    forged.octets[7..10].fill(0xff);
    // Together with the octet before them, so that it is not refused as a duplicate.
    forged.octets.insert(0, *segments[0].octets.last().unwrap());
    forged.meta.seq = forged.meta.seq - 1;
    let arrival = pipe.deliver(SERVER, &forged);
    assert_eq!((arrival.conflict, arrival.verdict.refused), (3, None));
    pipe.deliver(SERVER, &segments[0]);
    pipe.settle();
    assert_eq!(pipe.read_all(SERVER), stream(0, 4000));
}

#[test]
fn the_length_of_a_segment_is_that_of_its_octets() {
    let mut pipe = Pipe::connected();
    pipe.send(CLIENT, b"1234");
    let mut segment = pipe.poll(CLIENT).unwrap();
    segment.meta.len = 4000;
    let arrival = pipe.deliver(SERVER, &segment);
    assert_eq!(arrival.verdict.readable_to, 4);
    assert_eq!(pipe.read_all(SERVER), b"1234");
}

#[test]
fn nothing_is_held_by_a_connection_that_has_nothing_to_do() {
    let mut pipe = Pipe::connected();
    while pipe.wait() {}
    assert_eq!(pipe.ends.each_ref().map(Connection::memory), [0, 0]);
    let mut heard = 0;
    for at in 0..100 {
        pipe.send(CLIENT, &stream(at * 20_000, 20_000));
        pipe.settle();
        heard += pipe.read_all(SERVER).len();
    }
    while heard < 100 * 20_000 {
        pipe.settle();
        heard += pipe.read_all(SERVER).len();
    }
    assert!(pipe.ends[SERVER].memory() > 0, "a fast stream keeps a chunk ready");
    for _ in 0..5 {
        pipe.settle();
        pipe.wait();
    }
    assert_eq!(pipe.ends.each_ref().map(Connection::memory), [0, 0]);
    assert_eq!(pipe.ends.each_ref().map(Connection::poll_timeout), [None, None]);
}

#[test]
fn to_ask_for_nothing_takes_nothing() {
    let mut pipe = Pipe::connected();
    pipe.send(CLIENT, b"something");
    pipe.settle();
    assert_eq!(pipe.ends[SERVER].recv(pipe.now, 0), Received::Empty);
    assert_eq!(pipe.ends[SERVER].recv_slice(pipe.now, &mut []), Received::Empty);
    assert_eq!(pipe.ends[SERVER].unread(), 9);
}

/// What a connection may hold at rest that has lost something, or at the end has still to tell the peer of it.
const LITTLE: usize = 512;

/// What a hostile network does to one segment.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Deliver,
    Lose,
    Repeat,
    /// Deliver behind the next ones.
    Hold,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// At every moment what was read is a beginning of what was sent; in the end it is all of it.
    #[test]
    fn over_a_network_that_loses_repeats_and_reorders_everything_arrives_in_order(
        fates in prop::collection::vec(
            prop_oneof![
                6 => Just(Fate::Deliver), 1 => Just(Fate::Lose),
                1 => Just(Fate::Repeat), 2 => Just(Fate::Hold),
            ],
            0..300,
        ),
        sizes in prop::collection::vec((0_usize..3000, 0_usize..3000, any::<bool>()), 1..30),
        window in prop_oneof![Just(1000_u32), Just(20_000), Just(256 << 10)],
        by_reference in any::<bool>(),
    ) {
        let mut config = ConnectionConfig::default();
        config.tcp.receive_window = window;
        config.send_buffer = 16 << 10;
        let mut pipe = Pipe::with(&config);
        pipe.by_reference = by_reference;
        let (mut fates, mut sizes) = (fates.into_iter(), sizes.into_iter());
        let (mut sent, mut heard) = ([0, 0], [0, 0]);
        let mut held: [Vec<Segment>; 2] = [vec![], vec![]];
        for _ in 0..5000 {
            for (end, len) in sizes.next().map_or([0, 0], |(a, b, _)| [a, b]).into_iter().enumerate() {
                let data = stream(sent[end], len);
                sent[end] += if by_reference {
                    pipe.ends[end].send_bytes(pipe.now, data.into()).unwrap()
                } else {
                    pipe.send(end, &data)
                };
            }
            let mut quiet = true;
            for from in [CLIENT, SERVER] {
                while let Some(segment) = pipe.poll(from) {
                    quiet = false;
                    let times = match fates.next().unwrap_or(Fate::Deliver) {
                        Fate::Deliver => 1,
                        Fate::Lose => 0,
                        Fate::Repeat => 2,
                        Fate::Hold => {
                            held[from].push(segment);
                            continue;
                        }
                    };
                    for _ in 0..times {
                        prop_assert_eq!(pipe.deliver(1 - from, &segment).conflict, 0);
                    }
                }
                for segment in core::mem::take(&mut held[from]) {
                    quiet = false;
                    prop_assert_eq!(pipe.deliver(1 - from, &segment).conflict, 0);
                }
                let octets = pipe.read_all(1 - from);
                prop_assert_eq!(&octets, &stream(heard[1 - from], octets.len()));
                heard[1 - from] += octets.len();
                prop_assert!(heard[1 - from] <= sent[from]);
            }
            if quiet && sizes.len() == 0 && !pipe.wait() {
                break;
            }
        }
        prop_assert_eq!([heard[1], heard[0]], sent);
        prop_assert!(pipe.ends.iter().all(|end| end.memory() <= LITTLE));
    }
}

#[test]
fn octets_that_were_acknowledged_are_not_there_to_be_sent() {
    let mut pipe = Pipe::connected();
    pipe.send(CLIENT, b"hello");
    let now = pipe.now;
    let plan = pipe.ends[CLIENT].poll_segment(now).unwrap();
    assert!(pipe.ends[CLIENT].has_octets(&plan));
    pipe.deliver(SERVER, &Segment { meta: plan.meta, octets: b"hello".to_vec() });
    for _ in 0..3 {
        pipe.settle();
        pipe.wait();
    }
    assert_eq!(pipe.states()[CLIENT], State::Established);
    assert!(!pipe.ends[CLIENT].has_octets(&plan));
}

/// Until a peer has acknowledged our SYN nobody can read what came with its own.
#[test]
fn a_connection_that_ends_in_its_handshake_holds_nothing_that_came_with_the_syn() {
    let mut pipe = Pipe::new();
    let their_syn = SegmentMeta { flags: TcpFlags::SYN, window: 1000, len: 1000, ..SegmentMeta::default() };
    pipe.deliver(CLIENT, &Segment { meta: their_syn, octets: stream(0, 1000) });
    assert_eq!(pipe.states()[CLIENT], State::SynReceived);
    assert!(pipe.ends[CLIENT].memory() >= 1000);
    let seq = pipe.ends[CLIENT].tcb().rcv_nxt();
    let reset = SegmentMeta { seq, flags: TcpFlags::RST, ..SegmentMeta::default() };
    pipe.deliver(CLIENT, &Segment { meta: reset, octets: vec![] });
    assert_eq!((pipe.states()[CLIENT], pipe.ends[CLIENT].unread()), (State::Closed, 0));
    assert!(pipe.ends[CLIENT].memory() <= LITTLE, "{} octets", pipe.ends[CLIENT].memory());
}
