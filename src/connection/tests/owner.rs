//! What the owner of many connections does with one: makes it from a machine, asks little of it often, and takes memory
//! back.

use super::*;
use crate::tcp::state::Event;

const NOW: Instant = Instant::from_nanos(1_000_000_000);

#[test]
fn a_connection_is_made_around_a_machine_that_was_opened_elsewhere() {
    let config = SharedConfig::from(&ConnectionConfig::default());
    let now = NOW;
    let mut client = Connection::connect(&config, secrets(5), now);
    let mut machine = Tcb::listen(Arc::clone(config.tcp()));
    machine.prepare(secrets(7));
    machine.on_segment(now, &client.poll_segment(now).unwrap().meta);
    client.on_segment(now, &machine.poll_segment(now).unwrap().meta, Payload::Slice(&[]));
    machine.on_segment(now, &client.poll_segment(now).unwrap().meta);
    assert_eq!(machine.state(), State::Established);

    let mut server = Connection::from_tcb(&config, machine, now);
    client.send(now, b"question").unwrap();
    let plan = client.poll_segment(now).unwrap();
    server.on_segment(now, &plan.meta, Payload::Slice(b"question"));
    assert_eq!(server.recv(now, 100), Received::Data("question".into()));
    assert_eq!(server.send(now, b"answer"), Ok(6));
    // What the handshake took is given back like everything else.
    let mut pipe = Pipe::new();
    (pipe.ends, pipe.now) = ([client, server], now);
    pipe.settle();
    assert_eq!(pipe.recv(CLIENT), Received::Data("answer".into()));
    while pipe.wait() {
        pipe.settle();
    }
    assert_eq!(pipe.ends.each_ref().map(Connection::memory), [0, 0]);
}

#[test]
fn choices_are_shared_until_one_connection_changes_one() {
    let config = SharedConfig::from(&ConnectionConfig::default());
    let now = Instant::ZERO;
    let mut ends = [1, 2].map(|iss| Connection::connect(&config, secrets(iss), now));
    assert_eq!(Arc::strong_count(config.tcp()), 3);
    ends[0].set_nagle(now, false).unwrap();
    assert_eq!(Arc::strong_count(config.tcp()), 2);
    assert_eq!(ends.each_ref().map(|end| end.tcb().config().nagle), [false, true]);
    assert!(config.tcp().nagle);
}

// RFC 2018 §8: a receiver may forget what it has reported.
// RFC 2018-15
#[test]
fn what_is_out_of_order_can_be_forgotten_and_is_stored_when_it_comes_again() {
    let mut pipe = Pipe::connected();
    pipe.send(CLIENT, &stream(0, 5 * 1_448));
    let segments: Vec<_> = core::iter::from_fn(|| pipe.poll(CLIENT)).collect();
    assert_eq!(segments.len(), 5);
    for segment in &segments[2..] {
        pipe.deliver(SERVER, segment);
    }
    assert_eq!(pipe.poll(SERVER).unwrap().meta.options.sack.len(), 1);
    let (before, edge) = (pipe.ends[SERVER].memory(), right_edge(&pipe.ends[SERVER]));
    let freed = pipe.ends[SERVER].forget_out_of_order(NOW);
    assert!(freed > 3 * 1_448 && pipe.ends[SERVER].memory() == before - freed, "{freed} of {before}");
    assert_eq!(pipe.ends[SERVER].forget_out_of_order(NOW), 0, "there is no more");
    assert_eq!(right_edge(&pipe.ends[SERVER]), edge);

    // What comes again is stored, and only that is reported.
    pipe.deliver(SERVER, &segments[3]);
    let sack = pipe.poll(SERVER).unwrap().meta.options.sack;
    let first = segments[3].meta.seq;
    assert_eq!(sack.as_slice(), [(first, first + 1_448)]);
    pipe.deliver(SERVER, &segments[0]);
    assert_eq!(pipe.read_all(SERVER), stream(0, 1_448));
    for at in [1, 2, 4] {
        pipe.deliver(SERVER, &segments[at]);
    }
    assert_eq!(pipe.read_all(SERVER), stream(1_448, 4 * 1_448));
}

fn right_edge(end: &Connection) -> crate::SeqNumber {
    end.tcb().rcv_nxt() + end.tcb().rcv_wnd()
}

#[test]
fn octets_that_came_with_a_syn_are_not_out_of_order_and_not_forgotten() {
    let mut pipe = Pipe::new();
    let mut syn = pipe.poll(CLIENT).unwrap();
    syn.octets = b"early".to_vec();
    pipe.deliver(SERVER, &syn);
    assert_eq!(pipe.ends[SERVER].forget_out_of_order(NOW), 0);
}

// RFC 2018-12
#[test]
fn a_sender_of_sacked_octets_that_were_forgotten_delivers_them_all_the_same() {
    let mut pipe = Pipe::connected();
    let data = stream(0, 20 * 1_448);
    assert_eq!(pipe.send(CLIENT, &data), data.len());
    let lost = pipe.poll(CLIENT).unwrap();
    assert_eq!(lost.meta.len, 1_448);
    let mut heard = Vec::new();
    for _ in 0..60 {
        pipe.ends[SERVER].forget_out_of_order(NOW);
        pipe.settle();
        heard.extend(pipe.read_all(SERVER));
        pipe.wait();
    }
    assert!(heard == data, "{} octets", heard.len());
}

#[test]
fn whoever_has_nothing_to_send_gives_no_segment_and_stays_as_it_is() {
    let mut pipe = Pipe::connected();
    let mut idle = 0;
    for turn in 0..200 {
        let end = turn % 2;
        match turn % 7 {
            0 => drop(pipe.ends[end].send(pipe.now, &stream(0, 3_000))),
            3 => drop(pipe.read_all(end)),
            6 => drop(pipe.wait()),
            _ => {}
        }
        for end in [CLIENT, SERVER] {
            if !pipe.ends[end].has_something_to_send() {
                let before = pipe.ends[end].tcb().clone();
                assert!(pipe.ends[end].poll_segment(pipe.now).is_none());
                assert!(before == *pipe.ends[end].tcb());
                idle += 1;
            } else if let Some(segment) = pipe.poll(end) {
                pipe.deliver(1 - end, &segment);
            }
        }
    }
    assert!(idle > 50, "{idle}");
}

#[test]
fn a_third_of_the_send_buffer_is_free_again_when_so_much_is_acknowledged() {
    let mut config = ConnectionConfig::default();
    (config.send_buffer, config.send_buffer_max) = (48 << 10, 0);
    let mut pipe = Pipe::with(&config);
    pipe.settle();
    assert!(pipe.ends[CLIENT].send_has_a_third_free());
    while pipe.send(CLIENT, &stream(0, 8 << 10)) > 0 {}
    assert!(!pipe.ends[CLIENT].send_has_a_third_free());
    let mut acked = 0;
    while !pipe.ends[CLIENT].send_has_a_third_free() {
        let before = pipe.ends[CLIENT].unacknowledged();
        let segment = pipe.poll(CLIENT).or_else(|| pipe.wait().then(|| pipe.poll(CLIENT)).flatten());
        let Some(segment) = segment else { continue };
        pipe.deliver(SERVER, &segment);
        pipe.read_all(SERVER);
        while let Some(ack) = pipe.poll(SERVER) {
            pipe.deliver(CLIENT, &ack);
        }
        acked += before - pipe.ends[CLIENT].unacknowledged();
    }
    assert!((14 << 10..=28 << 10).contains(&acked), "{acked} octets");
    assert!(pipe.ends[CLIENT].send_room() > 0);
}

// RFC 9293 §3.10.2: SEND in LISTEN is an active open.
#[test]
fn a_send_that_opens_a_listener_is_told_with_the_syn() {
    let mut listener = Connection::listen(&ConnectionConfig::default());
    listener.prepare(secrets(9));
    assert_eq!(listener.send(Instant::ZERO, b"first"), Ok(5));
    assert_eq!(listener.state(), State::SynSent);
    let syn = listener.poll_segment(Instant::ZERO).unwrap();
    assert!(syn.notices.transitions.iter().eq([(Event::Send, State::SynSent)]));

    // Or sooner, by whatever tells something first.
    let mut listener = Connection::listen(&ConnectionConfig::default());
    listener.prepare(secrets(9));
    assert_eq!(listener.send(Instant::ZERO, b"first"), Ok(5));
    let told = listener.abort(Instant::ZERO).unwrap();
    let steps = [(Event::Send, State::SynSent), (Event::Abort, State::Closed)];
    assert!(told.transitions.iter().eq(steps), "{told:?}");
}

// RFC 7413 §4.2: one round trip less.
#[test]
fn a_request_with_the_syn_is_answered_before_the_handshake_is_done() {
    let mut config = ConnectionConfig::default();
    config.tcp.fast_open = true;
    let config = SharedConfig::from(&config);
    let cookie = crate::tcp::Cookie::new(b"12345678").unwrap();
    let mut client = Connection::connect(&config, secrets(5), NOW);
    client.set_cookie(NOW, cookie).unwrap();
    client.send(NOW, b"question").unwrap();
    let mut server = Connection::listen(&config);
    server.prepare(secrets(7));
    let mut pipe = Pipe::new();
    let syn = client.poll_segment(NOW).unwrap();
    let octets: Vec<u8> = client.payload(&syn).flatten().copied().collect();
    assert_eq!((octets.as_slice(), syn.meta.options.fast_open), (&b"question"[..], Some(cookie)));
    server.on_segment(NOW, &syn.meta, Payload::Slice(&octets));
    assert_eq!(server.recv(NOW, 100), Received::Empty);
    assert!(server.open_early());
    assert_eq!(server.recv(NOW, 100), Received::Data("question".into()));
    assert_eq!(server.send(NOW, b"answer"), Ok(6));
    assert_eq!(server.state(), State::SynReceived);
    (pipe.ends, pipe.now) = ([client, server], NOW);
    let answers: Vec<_> = core::iter::from_fn(|| pipe.poll(SERVER)).collect();
    assert_eq!(answers.len(), 2, "SYN,ACK and answer");
    for segment in &answers {
        pipe.deliver(CLIENT, segment);
    }
    assert_eq!(pipe.recv(CLIENT), Received::Data("answer".into()));
    assert_eq!(pipe.ends[CLIENT].unacknowledged(), 0);
    pipe.settle();
    assert_eq!(pipe.states(), [State::Established; 2]);

    // A server that has lost its secret takes only the SYN, and gets the question again.
    let mut client = Connection::connect(&config, secrets(5), NOW);
    client.set_cookie(NOW, cookie).unwrap();
    client.send(NOW, b"question").unwrap();
    let mut server = Connection::listen(&config);
    server.prepare(secrets(7));
    (pipe.ends, pipe.now) = ([client, server], NOW);
    let syn = pipe.poll(CLIENT).unwrap();
    pipe.deliver(SERVER, &Segment { meta: SegmentMeta { len: 0, ..syn.meta }, octets: vec![] });
    pipe.settle();
    assert_eq!(pipe.recv(SERVER), Received::Data("question".into()));
}
