//! A transfer is stopped in mid-flight, and then goes on twice: a connection is a value, and so is all that is under
//! way. `clone()` is all that it takes.
//!
//! ```sh
//! cargo run --features sim --example time_travel
//! ```
//!
//! In the one future the next packet arrives; in the other it is lost, and the sender has to find out. Everything before
//! is the same, to the octet.

#![allow(clippy::indexing_slicing, reason = "an example may fail by panicking")]

use std::error::Error;
use std::time::Duration;

use tcpstate::connection::Received;
use tcpstate::host::{Single, SingleConfig};
use tcpstate::ladder::{Call, End, Ladder, Look, PacketId, Returned};
use tcpstate::{Instant, State};

/// From one end to the other.
const WAY: Duration = Duration::from_millis(10);

/// How long the futures are.
const SPAN: Duration = Duration::from_millis(300);

/// Two ends, the packets between them, and the notes that are taken: all of it.
#[derive(Clone, Debug)]
struct World {
    now: Instant,
    ends: [Single; 2],
    /// What is under way, the oldest first: when it arrives, where, and which.
    wire: Vec<(Instant, End, PacketId)>,
    /// How many of the next packets are lost.
    to_lose: usize,
    ladder: Ladder,
}

impl World {
    fn new() -> Result<Self, Box<dyn Error>> {
        let (a, b) = ("192.0.2.1:49152".parse()?, "192.0.2.2:80".parse()?);
        let (config, now) = (SingleConfig::default(), Instant::ZERO);
        let ends = [Single::connect(&config, [1; 32], a, b, now)?, Single::listen(&config, [2; 32], b)?];
        let mut ladder = Ladder::new([a, b]);
        ladder.state(now, End::A, State::Closed);
        ladder.state(now, End::B, State::Listen);
        ladder.call(now, End::A, Call::Connect, Returned::Done(0));
        Ok(Self { now, ends, wire: Vec::new(), to_lose: 0, ladder })
    }

    /// Whoever has something to read reads it, and closes when there is no more; whatever the ends have to send goes out.
    fn settle(&mut self) {
        for end in [End::A, End::B] {
            let (single, mut packet) = (&mut self.ends[end.index()], [0; 1500]);
            self.ladder.state(self.now, end, single.state());
            loop {
                match single.recv(self.now, usize::MAX) {
                    Received::Data(octets) => {
                        let len = octets.len();
                        self.ladder.call(self.now, end, Call::Read(len), Returned::Done(len));
                    }
                    Received::Eof if single.state() == State::CloseWait => {
                        self.ladder.call(self.now, end, Call::Close, Returned::Done(0));
                        let _ = single.close(self.now);
                        break;
                    }
                    _ => break,
                }
            }
            while let Some(len) = single.poll_transmit(self.now, &mut packet) {
                let id = self.ladder.sent(self.now, end, packet[..len].to_vec());
                self.wire.push((self.now + WAY, end.peer(), id));
                self.ladder.state(self.now, end, single.state());
            }
        }
    }

    /// The next thing that happens until then, a deadline or an arrival, happens; `false` if nothing does.
    fn step(&mut self, end: Instant) -> bool {
        let deadline = |end: End| self.ends[end.index()].poll_timeout().map(|at| (at, end));
        let timer = [End::A, End::B].into_iter().filter_map(deadline).min();
        let arrival = self.wire.first().map(|&(at, ..)| at);
        let Some(at) = timer.map(|(at, _)| at).into_iter().chain(arrival).min().filter(|&at| at <= end)
        else {
            return false;
        };
        self.now = at;
        if let Some((_, end)) = timer.filter(|&(deadline, _)| deadline == at) {
            self.ladder.timer(at, end, "");
            self.ends[end.index()].handle_timeout(at);
        } else {
            let (_, to, id) = self.wire.remove(0);
            if self.to_lose > 0 {
                self.to_lose -= 1;
                self.ladder.lost(at, id);
            } else if let Some(octets) = self.ladder.packet(id).map(|packet| packet.octets.clone()) {
                self.ladder.arrived(at, id);
                self.ends[to.index()].handle_packet(at, &octets);
            }
        }
        self.settle();
        true
    }

    fn run_until(&mut self, end: Instant) {
        while self.step(end) {}
    }

    /// A's user sends, and has no more to say.
    fn send(&mut self, len: usize) -> Result<(), Box<dyn Error>> {
        let sent = self.ends[0].send(self.now, &vec![b'x'; len])?;
        self.ladder.call(self.now, End::A, Call::Write(len), Returned::Done(sent));
        self.ends[0].shutdown(self.now)?;
        self.ladder.call(self.now, End::A, Call::Shutdown, Returned::Done(0));
        self.settle();
        Ok(())
    }
}

/// The world when the transfer is in mid-flight, and what becomes of it if the next packet arrives, and if it is lost.
fn fork() -> Result<[World; 3], Box<dyn Error>> {
    let mut world = World::new()?;
    world.settle();
    world.run_until(Instant::ZERO + Duration::from_millis(30));
    world.send(5_000)?;

    let [mut arrives, mut lost] = [world.clone(), world.clone()];
    lost.to_lose = 1;
    for future in [&mut arrives, &mut lost] {
        future.run_until(Instant::ZERO + SPAN);
    }
    Ok([world, arrives, lost])
}

fn main() -> Result<(), Box<dyn Error>> {
    let look = Look::default();
    let [now, arrives, lost] = fork()?;
    let past = now.ladder.entries().len();
    println!("THE PAST, which both futures share\n\n{}", now.ladder.display(look));
    println!("A FUTURE in which all arrives\n\n{}", arrives.ladder.display_after(past, look));
    println!("A FUTURE in which the next packet is lost\n\n{}", lost.ladder.display_after(past, look));
    Ok(())
}

#[test]
fn the_past_is_the_same_and_the_same_future_comes_twice() -> Result<(), Box<dyn Error>> {
    let [now, arrives, lost] = fork()?;
    let past = now.ladder.entries().len();
    for future in [&arrives, &lost] {
        assert_eq!(future.ladder.entries()[..past], *now.ladder.entries());
    }
    assert_ne!(arrives.ladder, lost.ladder);
    // The same future comes of the same snapshot as often as one likes, to the octet.
    let mut again = now.clone();
    again.run_until(Instant::ZERO + SPAN);
    assert_eq!(again.ladder, arrives.ladder);
    again = now;
    again.to_lose = 1;
    again.run_until(Instant::ZERO + SPAN);
    assert_eq!(again.ladder, lost.ladder);
    Ok(())
}

#[test]
fn the_loss_is_repaired_and_all_octets_arrive_in_both_futures() -> Result<(), Box<dyn Error>> {
    let [_, arrives, lost] = fork()?;
    for future in [arrives, lost] {
        let read = |entry: &tcpstate::ladder::Entry| match &entry.what {
            tcpstate::ladder::What::Call { end: End::B, call: Call::Read(len), .. } => *len,
            _ => 0,
        };
        assert_eq!(future.ladder.entries().iter().map(read).sum::<usize>(), 5_000);
    }
    Ok(())
}
