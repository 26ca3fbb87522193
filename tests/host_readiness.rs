//! Readiness, rule by rule, with packets made by hand: when an event rises, what it holds, and when none comes.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

#[path = "common/hosts.rs"]
mod hosts;

use std::time::Duration;

use hosts::{ACK, FIN_ACK, NOW, PSH, Peer, RST, Seg, at, events, host, listen, ready, segments, sent};
use tcpstate::Instant;
use tcpstate::connection::{Received, SendError};
use tcpstate::host::{ConnId, Event, Host, HostConfig, ListenConfig, ListenerId, Readiness};
use tcpstate::tcp::CloseReason;

/// A host that listens on port 80, and a peer who has connected; the event of that is polled.
struct Scene {
    host: Host,
    listener: ListenerId,
    peer: Peer,
    id: ConnId,
}

fn scene() -> Scene {
    scene_with(|_| ())
}

fn scene_with(change: impl FnOnce(&mut HostConfig)) -> Scene {
    let mut host = host(1, change);
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let mut peer = Peer::new(at(2, 5_000), at(1, 80));
    let id = peer.connect(&mut host, NOW, listener);
    // That somebody waited is not told any more: nobody does.
    assert_eq!(ready(&mut host, id), Readiness::CONNECTED);
    sent(&mut host, NOW);
    Scene { host, listener, peer, id }
}

impl Scene {
    /// Octets from the peer, in order.
    fn arrive(&mut self, octets: &[u8]) {
        self.peer.send(&mut self.host, NOW, ACK, octets);
    }

    fn ready(&mut self) -> Readiness {
        ready(&mut self.host, self.id)
    }

    fn recv(&mut self, max: usize) -> Received {
        self.host.connection(self.id).expect("it is there").recv(NOW, max)
    }

    /// Reads until there is nothing.
    fn drain(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Received::Data(octets) = self.recv(usize::MAX) {
            all.extend_from_slice(&octets);
        }
        all
    }

    /// The peer acknowledges everything, as it comes.
    fn acknowledge_all(&mut self) {
        while !self.peer.take(&mut self.host, NOW).is_empty() {
            self.peer.send(&mut self.host, NOW, ACK, &[]);
        }
    }

    fn send(&mut self, octets: &[u8]) -> Result<usize, SendError> {
        self.host.connection(self.id).expect("it is there").send(NOW, octets)
    }
}

#[test]
fn the_first_octets_are_told_without_a_read_before() {
    let mut scene = scene();
    scene.arrive(b"hello");
    assert_eq!(scene.ready(), Readiness::READABLE);
}

#[test]
fn readable_rises_again_only_after_a_read_that_answered_empty() {
    let mut scene = scene();
    scene.arrive(b"one");
    assert_eq!(scene.ready(), Readiness::READABLE);
    scene.arrive(b"two");
    assert_eq!(scene.ready(), Readiness::NONE, "nobody has read");
    assert_eq!(scene.recv(3), Received::Data("one".into()));
    scene.arrive(b"three");
    assert_eq!(scene.ready(), Readiness::NONE, "the reader was not told that there is nothing");
    assert_eq!(scene.drain(), b"twothree");
    assert_eq!(scene.recv(1), Received::Empty);
    assert_eq!(scene.ready(), Readiness::NONE, "there is nothing");
    scene.arrive(b"four");
    assert_eq!(scene.ready(), Readiness::READABLE);
}

#[test]
fn a_reader_who_copies_is_told_like_one_who_does_not() {
    let mut scene = scene();
    scene.arrive(b"one");
    assert_eq!(scene.ready(), Readiness::READABLE);
    let mut out = [0; 10];
    let mut connection = scene.host.connection(scene.id).expect("it is there");
    assert_eq!(connection.recv_slice(NOW, &mut out), Received::Data(3));
    assert_eq!(connection.recv_slice(NOW, &mut out), Received::Empty);
    scene.arrive(b"two");
    assert_eq!(scene.ready(), Readiness::READABLE);
}

#[test]
fn who_asks_for_no_octets_is_not_told_to_wait() {
    let mut scene = scene();
    scene.arrive(b"one");
    assert_eq!(scene.ready(), Readiness::READABLE);
    assert_eq!(scene.recv(0), Received::Empty);
    scene.arrive(b"two");
    assert_eq!(scene.ready(), Readiness::NONE, "there was something to read all the time");
}

#[test]
fn what_was_read_before_the_event_was_polled_is_not_told_any_more() {
    let mut scene = scene();
    scene.arrive(b"one");
    assert_eq!(scene.drain(), b"one");
    assert_eq!(scene.ready(), Readiness::NONE);
    scene.arrive(b"two");
    assert_eq!(scene.ready(), Readiness::READABLE);
}

#[test]
fn octets_behind_a_gap_are_told_when_it_is_filled() {
    let mut scene = scene();
    let behind = Seg { seq: scene.peer.seq + 3, ..scene.peer.seg(ACK, b"two") };
    scene.host.handle_packet(NOW, &behind.packet()[..]);
    assert_eq!(scene.ready(), Readiness::NONE);
    scene.arrive(b"one");
    assert_eq!(scene.ready(), Readiness::READABLE);
    assert_eq!(scene.drain(), b"onetwo");
}

#[test]
fn duplicates_and_window_updates_wake_nobody() {
    let mut scene = scene();
    scene.arrive(b"one");
    assert_eq!(scene.ready(), Readiness::READABLE);
    assert_eq!(scene.drain(), b"one");
    let again = Seg { seq: scene.peer.seq - 3, ..scene.peer.seg(ACK, b"one") };
    scene.host.handle_packet(NOW, &again.packet()[..]);
    scene.peer.window = 30_000;
    scene.arrive(b"");
    assert_eq!(scene.ready(), Readiness::NONE);
}

#[test]
fn bits_merge_in_one_event_until_it_is_polled() {
    let mut host = host(1, |_| ());
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let mut peer = Peer::new(at(2, 5_000), at(1, 80));
    peer.call(&mut host, NOW);
    peer.send(&mut host, NOW, ACK | PSH, b"hello");
    peer.send(&mut host, NOW, FIN_ACK, &[]);
    assert_eq!(events(&mut host), [Event::Incoming { listener }]);
    let id = host.accept(listener).expect("it waits");
    host.connection(id).expect("it is there").set_tag(7);
    let all = Readiness::CONNECTED | Readiness::READABLE | Readiness::PEER_CLOSED;
    assert_eq!(events(&mut host), [Event::Connection { id, tag: 7, ready: all }]);
}

#[test]
fn a_bit_that_rises_after_the_poll_comes_in_another_event() {
    let mut scene = scene();
    scene.arrive(b"one");
    assert_eq!(scene.ready(), Readiness::READABLE);
    scene.peer.send(&mut scene.host, NOW, FIN_ACK, &[]);
    assert_eq!(scene.ready(), Readiness::PEER_CLOSED, "and not READABLE: there is still something to read");
    assert_eq!(scene.drain(), b"one");
    assert_eq!(scene.recv(1), Received::Eof);
    assert_eq!(scene.ready(), Readiness::NONE);
}

#[test]
fn the_end_of_the_stream_wakes_a_reader_who_waits() {
    let mut scene = scene();
    assert_eq!(scene.recv(1), Received::Empty);
    scene.peer.send(&mut scene.host, NOW, FIN_ACK, &[]);
    assert_eq!(scene.ready(), Readiness::READABLE | Readiness::PEER_CLOSED);
    assert_eq!(scene.recv(1), Received::Eof);
    // Half-closed: sending goes on (RFC 9293 §3.6).
    assert_eq!(scene.send(b"still here"), Ok(10));
    assert_eq!(
        segments(&mut scene.host, NOW).last().map(|seg| seg.payload.clone()),
        Some(b"still here".to_vec())
    );
}

#[test]
fn each_connection_has_one_place_in_the_queue_however_much_happens() {
    let mut scene = scene();
    let mut other = Peer::new(at(3, 5_000), at(1, 80));
    let second = other.connect(&mut scene.host, NOW, scene.listener);
    events(&mut scene.host);
    let before = scene.host.memory();
    for _ in 0..200 {
        scene.arrive(b"x");
        other.send(&mut scene.host, NOW, ACK, b"y");
        assert_eq!(scene.recv(9), Received::Data("x".into()));
        assert_eq!(scene.recv(9), Received::Empty);
    }
    scene.arrive(b"x");
    let ids: Vec<_> = events(&mut scene.host).iter().filter_map(subject).collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert!(ids.contains(&scene.id) && ids.contains(&second));
    assert!(scene.host.memory() < before + 4_096, "the queue has grown");
}

fn subject(event: &Event) -> Option<ConnId> {
    if let Event::Connection { id, .. } = event { Some(*id) } else { None }
}

/// A connection with a send buffer of 12 KiB that stays as it is, full.
fn full() -> (Scene, usize) {
    let mut scene = scene_with(|config| {
        (config.connection.send_buffer, config.connection.send_buffer_max) = (12 << 10, 0);
        config.connection.tcp.pacing = false;
    });
    let taken = scene.send(&[7; 100_000]).expect("it is open");
    assert!(taken < 100_000, "that is more than the buffer has");
    (scene, taken)
}

#[test]
fn a_short_write_is_told_of_room_when_a_third_of_the_buffer_is_free() {
    let (mut scene, taken) = full();
    let mut told_at = None;
    // One octet of room after the other would be a flood of events.
    for acked in (100..=taken).step_by(100) {
        scene.peer.take(&mut scene.host, NOW);
        scene.peer.acknowledge(&mut scene.host, NOW, acked);
        let room = scene.host.connection(scene.id).expect("it is there").send_room();
        let ready = scene.ready();
        let is_new = room >= 4 << 10 && told_at.is_none();
        let right = if is_new { Readiness::WRITABLE } else { Readiness::NONE };
        assert_eq!(ready, right, "{room} of 12 KiB are free");
        told_at = told_at.or(is_new.then_some(acked));
    }
    assert!(told_at.is_some_and(|at| at < taken * 2 / 3), "told at {told_at:?} of {taken}");
}

#[test]
fn a_write_of_which_all_was_taken_is_told_nothing() {
    let mut scene = scene();
    assert_eq!(scene.send(&[7; 1_000]), Ok(1_000));
    scene.peer.take(&mut scene.host, NOW);
    scene.peer.acknowledge(&mut scene.host, NOW, 1_000);
    assert_eq!(scene.ready(), Readiness::NONE);
}

#[test]
fn writable_comes_once_for_each_short_write() {
    let (mut scene, _) = full();
    for _ in 0..3 {
        scene.acknowledge_all();
        assert_eq!(scene.ready(), Readiness::WRITABLE);
        assert!(scene.send(&[7; 100_000]).is_ok_and(|taken| taken < 100_000));
        assert_eq!(scene.ready(), Readiness::NONE);
    }
}

#[test]
fn a_reset_wakes_reader_and_writer_and_what_had_come_can_be_read() {
    let (mut scene, _) = full();
    scene.arrive(b"the last words");
    assert_eq!(scene.ready(), Readiness::READABLE);
    scene.peer.send(&mut scene.host, NOW, RST, &[]);
    assert_eq!(scene.ready(), Readiness::CLOSED | Readiness::WRITABLE, "the reader knows");
    assert_eq!(scene.send(b"x"), Err(SendError::Closed));
    assert_eq!(scene.drain(), b"the last words");
    assert_eq!(scene.recv(1), Received::Closed(CloseReason::Reset));
    let reason = scene.host.connection(scene.id).expect("until it is released").close_reason();
    assert_eq!(reason, Some(CloseReason::Reset));
    assert_eq!(scene.ready(), Readiness::NONE);
}

#[test]
fn an_id_lives_until_it_is_released_and_then_names_nothing() {
    let mut scene = scene();
    scene.arrive(b"unread");
    scene.peer.send(&mut scene.host, NOW, RST, &[]);
    let later = NOW + Duration::from_secs(86_400);
    scene.host.handle_timeout(later);
    assert_eq!(scene.host.len(), 1);
    assert_eq!(scene.recv(100), Received::Data("unread".into()));
    scene.host.release(later, scene.id);
    assert!(scene.host.connection(scene.id).is_none());
    assert_eq!(scene.host.len(), 0);
    assert_eq!(events(&mut scene.host), [], "nor is anything told of it");
    // The next connection gets its place, and another id.
    let mut other = Peer::new(at(3, 5_000), at(1, 80));
    let next = other.connect(&mut scene.host, later, scene.listener);
    assert_ne!(next, scene.id);
    assert!(scene.host.connection(scene.id).is_none());
    scene.host.release(later, scene.id);
    assert!(scene.host.connection(next).is_some(), "a stale id releases nobody");
}

#[test]
fn a_clean_end_is_told_step_by_step() {
    let mut scene = scene();
    scene.host.connection(scene.id).expect("it is there").shutdown(NOW).expect("it is open");
    let fin = scene.peer.take(&mut scene.host, NOW);
    assert_eq!(fin.last().map(|seg| seg.flags), Some(FIN_ACK));
    assert_eq!(scene.ready(), Readiness::NONE);
    scene.peer.send(&mut scene.host, NOW, ACK, &[]);
    assert_eq!(scene.ready(), Readiness::SENT_ALL);
    scene.arrive(b"not yet");
    assert_eq!(scene.ready(), Readiness::READABLE);
    assert_eq!(scene.drain(), b"not yet");
    scene.peer.send(&mut scene.host, NOW, FIN_ACK, &[]);
    sent(&mut scene.host, NOW);
    let all = Readiness::READABLE | Readiness::PEER_CLOSED | Readiness::CLOSED;
    assert_eq!(scene.ready(), all);
    assert_eq!(scene.recv(1), Received::Eof);
    let reason = scene.host.connection(scene.id).expect("it is there").close_reason();
    assert_eq!(reason, Some(CloseReason::Closed));
    assert_eq!(scene.ready(), Readiness::NONE);
}

#[test]
fn trouble_is_told_at_r1_and_the_end_at_r2() {
    let mut scene = scene();
    assert_eq!(scene.send(b"hello"), Ok(5));
    sent(&mut scene.host, NOW);
    let (mut expiries, mut told) = (0, Vec::new());
    while let Some(at) = scene.host.poll_timeout() {
        scene.host.handle_timeout(at);
        expiries += usize::from(!sent(&mut scene.host, at).is_empty());
        let ready = scene.ready();
        if !ready.is_empty() {
            told.push((expiries, ready, at));
        }
        assert!(expiries < 100, "it is never given up");
    }
    let [(at, trouble, _), (_, end, when)] = told[..] else { panic!("{told:?}") };
    // R1 is three retransmissions (RFC 9293 SHLD-10); a tail loss probe may come before them (RFC 8985 §7.2).
    assert!((3..=4).contains(&at), "{told:?}");
    assert_eq!((trouble, end), (Readiness::TROUBLE, Readiness::READABLE | Readiness::CLOSED));
    assert!(when >= NOW + Duration::from_secs(100), "R2 is at least 100 s (SHLD-11)");
    let reason = scene.host.connection(scene.id).expect("it is there").close_reason();
    assert_eq!(reason, Some(CloseReason::RetransmissionsExhausted));
}

// RFC 9293 SHLD-20
#[test]
fn who_does_not_want_to_hear_of_trouble_hears_of_the_end_only() {
    for reports in [true, false] {
        let mut host = host(1, |config| config.connection.tcp.error_reports = reports);
        let id = host.connect(NOW, at(2, 80)).expect("there is room");
        sent(&mut host, NOW);
        let mut told = Readiness::NONE;
        while let Some(at) = host.poll_timeout() {
            host.handle_timeout(at);
            sent(&mut host, at);
            while let Some(event) = host.poll_event() {
                let Event::Connection { ready, .. } = event else { panic!("{event:?}") };
                assert!(!ready.intersects(told), "{ready:?} again");
                told |= ready;
            }
        }
        assert_eq!(told.contains(Readiness::TROUBLE), reports, "{told:?}");
        assert!(told.contains(Readiness::CLOSED), "{told:?}");
        let reason = host.connection(id).expect("it is there").close_reason();
        assert_eq!(reason, Some(CloseReason::RetransmissionsExhausted));
    }
}

#[test]
fn who_waits_to_be_accepted_is_told_of_once_until_nobody_waits() {
    let mut host = host(1, |_| ());
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let incoming = Event::Incoming { listener };
    let call = |host: &mut Host, last: u8| Peer::new(at(last, 5_000), at(1, 80)).call(host, NOW);
    call(&mut host, 2);
    call(&mut host, 3);
    assert_eq!(events(&mut host), [incoming]);
    call(&mut host, 4);
    assert_eq!(events(&mut host), [], "the owner knows, and has not been told that nobody waits");
    let accepted = std::iter::from_fn(|| host.accept(listener)).count();
    assert_eq!(accepted, 3);
    events(&mut host);
    call(&mut host, 5);
    assert_eq!(events(&mut host), [incoming]);
}

#[test]
fn of_too_many_that_are_over_the_first_is_released_by_force() {
    let mut host = host(1, |config| config.limits.unreleased = 2);
    let listener = listen(&mut host, 80, &ListenConfig::default());
    let ids: Vec<_> = (2..5)
        .map(|last| {
            let mut peer = Peer::new(at(last, 5_000), at(1, 80));
            let id = peer.connect(&mut host, NOW, listener);
            peer.send(&mut host, NOW, RST, &[]);
            id
        })
        .collect();
    assert!(host.connection(ids[0]).is_none(), "its user has had the longest time");
    assert!(host.connection(ids[1]).is_some() && host.connection(ids[2]).is_some());
    assert_eq!((host.len(), host.stats().released_by_force), (2, 1));
    let told: Vec<_> = events(&mut host).iter().filter_map(subject).collect();
    assert_eq!(told, ids[1..], "nobody hears of an id that is stale");
}

#[test]
fn a_failed_call_is_told_with_its_reason() {
    let mut host = host(1, |_| ());
    let id = host.connect(NOW, at(2, 80)).expect("there are ports");
    let syn = segments(&mut host, NOW).remove(0);
    let refusal = Seg::new(syn.dst, syn.src, 0, syn.seq + 1, RST | ACK);
    host.handle_packet(NOW, &refusal.packet()[..]);
    assert_eq!(ready(&mut host, id), Readiness::READABLE | Readiness::CLOSED);
    let mut connection = host.connection(id).expect("until it is released");
    assert_eq!(connection.close_reason(), Some(CloseReason::Refused));
    assert_eq!(connection.recv(NOW, 1), Received::Closed(CloseReason::Refused));
}

#[test]
fn a_deadline_is_exact_and_too_early_a_call_does_nothing() {
    let mut scene = scene();
    scene.arrive(b"x");
    assert_eq!(scene.ready(), Readiness::READABLE);
    // A single short segment may wait for company: 40 ms (RFC 9293 §3.8.6.3).
    assert_eq!(segments(&mut scene.host, NOW), []);
    let due = scene.host.poll_timeout().expect("an acknowledgment waits");
    assert_eq!(due, NOW + Duration::from_millis(40));
    let early = Instant::from_nanos(due.as_nanos() - 1);
    scene.host.handle_timeout(early);
    assert_eq!(segments(&mut scene.host, early), []);
    assert_eq!(scene.host.poll_timeout(), Some(due));
    scene.host.handle_timeout(due);
    assert_eq!(segments(&mut scene.host, due).len(), 1);
    assert!(scene.host.poll_timeout().is_none_or(|next| next > due));
}

#[test]
fn a_deadline_that_moves_away_is_heard_of_where_it_is_now() {
    let mut scene = scene();
    scene.arrive(b"question");
    segments(&mut scene.host, NOW);
    let delayed = NOW + Duration::from_millis(40);
    assert_eq!(scene.host.poll_timeout(), Some(delayed), "the acknowledgment waits for company");
    let later = NOW + Duration::from_millis(5);
    let mut connection = scene.host.connection(scene.id).expect("it is there");
    assert_eq!(connection.send(later, b"answer"), Ok(6));
    assert_eq!(segments(&mut scene.host, later).len(), 1, "it goes with the answer");
    let true_deadline = scene.host.connections(later).find_map(|view| view.deadline);
    assert!(true_deadline.is_some_and(|at| at > delayed), "{true_deadline:?}");
    assert_eq!(scene.host.poll_timeout(), true_deadline);
}
