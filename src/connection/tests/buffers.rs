//! How the sizes of both buffers follow the traffic.

use super::*;

impl Pipe {
    /// All that a window allows is sent at once.
    fn unpaced() -> Self {
        let mut config = ConnectionConfig::default();
        config.tcp.pacing = false;
        let mut pipe = Self::with(&config);
        pipe.settle();
        pipe
    }

    /// All that the client may send takes 20 ms to the server, which reads it; the answers take 20 ms as well.
    fn flight(&mut self) -> Vec<Segment> {
        let flight: Vec<_> = core::iter::from_fn(|| self.poll(CLIENT)).collect();
        self.now = self.now + Duration::from_millis(20);
        let mut answers = vec![];
        for segment in &flight {
            self.deliver(SERVER, segment);
            self.read_all(SERVER);
            answers.extend(core::iter::from_fn(|| self.poll(SERVER)));
        }
        self.now = self.now + Duration::from_millis(20);
        answers
    }
}

/// The user has heard that there is no room. What the congestion window allows grows with an acknowledgment, and with
/// that very acknowledgment he hears that there is some: he need not ask.
#[test]
fn a_user_who_waits_for_room_hears_of_every_step_of_the_limit() {
    for by_reference in [false, true] {
        let mut pipe = Pipe::unpaced();
        let (mut sent, mut steps) = (0, 0);
        let mut may_send = true;
        while pipe.ends[CLIENT].send_capacity() < 1 << 20 {
            while may_send {
                let data = stream(sent, 50_000);
                let taken = if by_reference {
                    pipe.ends[CLIENT].send_bytes(pipe.now, data.into()).unwrap()
                } else {
                    pipe.send(CLIENT, &data)
                };
                (sent, may_send) = (sent + taken, taken == 50_000);
            }
            let answers = pipe.flight();
            assert!(!answers.is_empty(), "the window is open, and the user still waits");
            for answer in &answers {
                let (room, limit) = (pipe.ends[CLIENT].send_room(), pipe.ends[CLIENT].send_capacity());
                may_send |= pipe.deliver(CLIENT, answer).verdict.notices.writable;
                assert!(
                    may_send || pipe.ends[CLIENT].send_room() <= room,
                    "there is room, and nobody was told"
                );
                steps += usize::from(pipe.ends[CLIENT].send_capacity() > limit);
            }
        }
        assert!(steps > 5, "{steps}");
    }
}

/// Grown to megabytes, both buffers are as at the beginning after a silence, and so is what a stalled peer could make
/// them hold.
#[test]
fn buffers_that_have_grown_go_back_when_nothing_comes() {
    let mut pipe = Pipe::unpaced();
    let mut sent = 0;
    while pipe.ends[CLIENT].send_capacity() < 2 << 20
        || pipe.ends[SERVER].tcb().info(pipe.now).receive_buffer < 2 << 20
    {
        loop {
            match pipe.send(CLIENT, &stream(sent, 100_000)) {
                0 => break,
                taken => sent += taken,
            }
        }
        for answer in pipe.flight() {
            pipe.deliver(CLIENT, &answer);
        }
        assert!(sent < 1 << 26, "they do not grow");
    }
    while pipe.settle() > 0 || pipe.ends[CLIENT].unacknowledged() > 0 {
        pipe.read_all(SERVER);
        pipe.wait();
    }
    while pipe.wait() {
        pipe.settle();
    }
    assert_eq!(pipe.ends[CLIENT].send_capacity(), 64 << 10);
    assert_eq!(pipe.ends.each_ref().map(Connection::memory), [0, 0]);
    assert_eq!(pipe.ends.each_ref().map(Connection::poll_timeout), [None, None]);
    // Nobody polls for the window: it goes back when something comes again.
    pipe.now = pipe.now + Duration::from_secs(6);
    pipe.send(CLIENT, b"again");
    pipe.settle();
    pipe.read_all(SERVER);
    assert_eq!(pipe.ends[SERVER].tcb().info(pipe.now).receive_buffer, 64 << 10);
}

/// A peer that sends single octets with gaps between them makes us hold no more than a part of the window that it was
/// given, lists included.
#[test]
fn octets_apart_take_memory_in_proportion_to_the_window() {
    for (window, most) in [(64 << 10, 20 << 10), (1 << 20, 256 << 10), (16 << 20, 4 << 20)] {
        for by_reference in [false, true] {
            let mut config = ConnectionConfig::default();
            (config.tcp.receive_window, config.tcp.receive_window_max) = (window, 0);
            let mut pipe = Pipe::with(&config);
            pipe.by_reference = by_reference;
            pipe.settle();
            pipe.send(CLIENT, b"0");
            let mut segment = pipe.poll(CLIENT).unwrap();
            let first = segment.meta.seq;
            for number in 1..20_000_u32.min(window / 2) {
                segment.meta.seq = first + 2 * number;
                pipe.deliver(SERVER, &segment);
            }
            let memory = pipe.ends[SERVER].memory();
            assert!(memory > 5_000 && memory <= most, "{memory} octets of {window}");
        }
    }
}
