use super::*;
use crate::host::SingleConfig;
use std::net::SocketAddr;
use std::vec;

const MS: Duration = Duration::from_millis(1);

/// Two users on a wire without delay.
struct Talk {
    now: Instant,
    ends: [(Single, App); 2],
}

impl Talk {
    fn new(a: AppConfig, b: AppConfig) -> Self {
        let sockets: [SocketAddr; 2] = ["192.0.2.1:1000", "192.0.2.2:2000"].map(|text| text.parse().unwrap());
        let config = SingleConfig::default();
        let now = Instant::ZERO;
        let caller = Single::connect(&config, [1; 32], sockets[0], sockets[1], now).unwrap();
        let callee = Single::listen(&config, [2; 32], sockets[1]).unwrap();
        let patterns = [Pattern::new(1), Pattern::new(2)];
        let a = App::new(a, patterns[0], patterns[1], Prng::new(1));
        let b = App::new(b, patterns[1], patterns[0], Prng::new(2));
        let mut talk = Self { now, ends: [(caller, a), (callee, b)] };
        talk.settle();
        talk
    }

    /// Everything that can happen now.
    fn settle(&mut self) {
        let mut packet = vec![0; 1_500];
        loop {
            let mut quiet = true;
            for from in [0, 1] {
                let (single, app) = &mut self.ends[from];
                while app.run(self.now, single).is_some() {}
                while let Some(len) = self.ends[from].0.poll_transmit(self.now, &mut packet) {
                    self.ends[1 - from].0.handle_packet(self.now, &packet[..len]);
                    quiet = false;
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.next().filter(|at| *at <= end) {
            self.now = at;
            for (single, _) in &mut self.ends {
                single.handle_timeout(at);
            }
            self.settle();
        }
        self.now = end;
    }

    fn next(&self) -> Option<Instant> {
        let each = self.ends.iter().flat_map(|(single, app)| {
            [single.poll_timeout(), app.poll_timeout(single, self.now)].into_iter().flatten()
        });
        each.min()
    }

    fn read(&self) -> [u64; 2] {
        [0, 1].map(|end| {
            let app = &self.ends[end].1;
            assert_eq!(app.fault(), None);
            app.read()
        })
    }

    fn states(&self) -> [State; 2] {
        [0, 1].map(|end| self.ends[end].0.state())
    }
}

fn sender(octets: u64, ending: Ending) -> AppConfig {
    AppConfig { sends: Sends::Octets(octets), ending, ..AppConfig::default() }
}

#[test]
fn who_sends_and_closes_is_read_to_the_end() {
    let talk = Talk::new(sender(100_000, Ending::CloseWhenSent), AppConfig::default());
    assert_eq!(talk.read(), [0, 100_000]);
    assert_eq!(talk.states(), [State::TimeWait, State::Closed]);
}

#[test]
fn who_has_nothing_to_send_waits_for_the_answer_to_its_call_before_it_closes() {
    let talk = Talk::new(sender(0, Ending::CloseWhenSent), AppConfig::default());
    assert_eq!(talk.states(), [State::TimeWait, State::Closed]);
}

#[test]
fn a_half_close_reads_on_until_the_peer_has_closed() {
    let echo = AppConfig { sends: Sends::Echo, ..AppConfig::default() };
    let talk = Talk::new(sender(5_000, Ending::ShutdownWhenSent), echo);
    assert_eq!(talk.read(), [5_000, 5_000]);
    assert_eq!(talk.states(), [State::TimeWait, State::Closed]);
}

#[test]
fn each_request_waits_for_the_response_to_the_last() {
    let client = Sends::Requests { count: 3, request: 100, response: 2_000 };
    let client = AppConfig { sends: client, ending: Ending::ShutdownWhenSent, ..AppConfig::default() };
    let server = Sends::Responses { request: 100, response: 2_000 };
    let server = AppConfig { sends: server, ..AppConfig::default() };
    let mut talk = Talk::new(client, server);
    // Nagle, and the acknowledgments that it waits for.
    talk.wait(1_000 * MS);
    assert_eq!(talk.read(), [6_000, 300]);
    assert_eq!(client.sends.allowed(0), 100);
    assert_eq!(client.sends.allowed(1_999), 100);
    assert_eq!(client.sends.allowed(2_000), 200);
    assert_eq!(client.sends.allowed(60_000), 300);
    assert_eq!(server.sends.allowed(199), 2_000);
}

#[test]
fn requests_without_a_response_do_not_wait() {
    let client = Sends::Requests { count: 3, request: 100, response: 0 };
    assert_eq!(client.allowed(0), 300);
    assert_eq!(Sends::Responses { request: 0, response: 5 }.allowed(9), 0);
}

#[test]
fn a_reader_may_close_first() {
    let reader = AppConfig { ending: Ending::CloseAfterReading(7_000), ..AppConfig::default() };
    let talk = Talk::new(sender(7_000, Ending::CloseAfterPeer), reader);
    assert_eq!(talk.read(), [0, 7_000]);
    assert_eq!(talk.states(), [State::Closed, State::TimeWait]);
}

#[test]
fn who_aborts_resets_the_peer() {
    let mut config = sender(7_000, Ending::AbortAfter(7_000));
    config.writes = Pace::Steady { octets: 3_500, pause: 10 * MS };
    let mut talk = Talk::new(config, AppConfig::default());
    assert_eq!(talk.states(), [State::Established; 2]);
    talk.wait(10 * MS);
    assert_eq!(talk.states(), [State::Closed; 2]);
}

#[test]
fn a_steady_writer_rests_between_pieces() {
    let mut config = sender(1_000, Ending::CloseWhenSent);
    config.writes = Pace::Steady { octets: 100, pause: 10 * MS };
    let mut talk = Talk::new(config, AppConfig::default());
    // A user thinks in calls, whatever the network does with them.
    let sent = |talk: &Talk| talk.ends[0].1.sent();
    assert_eq!(sent(&talk), 100);
    talk.wait(10 * MS);
    assert_eq!(sent(&talk), 200);
    talk.wait(79 * MS);
    assert_eq!(sent(&talk), 900);
    assert_eq!(talk.states(), [State::Established; 2]);
    talk.wait(1 * MS);
    assert_eq!(sent(&talk), 1_000);
    talk.wait(500 * MS);
    assert_eq!(talk.read(), [0, 1_000]);
    assert_eq!(talk.states(), [State::TimeWait, State::Closed]);
}

#[test]
fn a_steady_reader_rests_between_pieces_and_reads_the_end_too() {
    let config = AppConfig { reads: Pace::Steady { octets: 250, pause: 10 * MS }, ..AppConfig::default() };
    let mut talk = Talk::new(sender(1_000, Ending::CloseWhenSent), config);
    assert_eq!(talk.read(), [0, 250]);
    talk.wait(29 * MS);
    assert_eq!(talk.read(), [0, 750]);
    talk.wait(1 * MS);
    assert_eq!(talk.read(), [0, 1_000]);
    assert!(!talk.ends[1].1.peer_is_done());
    talk.wait(10 * MS);
    assert!(talk.ends[1].1.peer_is_done());
    assert_eq!(talk.states(), [State::TimeWait, State::Closed]);
}

#[test]
fn a_random_user_takes_its_time_and_gets_there() {
    let pace = Pace::Random { octets: 700, chance: Probability::percent(50), pause: 20 * MS };
    let mut config = sender(50_000, Ending::CloseWhenSent);
    config.writes = pace;
    let mut talk = Talk::new(config, AppConfig { reads: pace, ..AppConfig::default() });
    assert!(talk.read()[1] < 50_000);
    talk.wait(10_000 * MS);
    assert_eq!(talk.read(), [0, 50_000]);
    assert_eq!(talk.states(), [State::TimeWait, State::Closed]);
}

#[test]
fn what_differs_from_what_was_sent_is_a_fault() {
    let mut talk = Talk::new(AppConfig::default(), AppConfig::default());
    let [(caller, _), _] = &mut talk.ends;
    caller.send(Instant::ZERO, &[0; 20]).unwrap();
    talk.settle();
    assert!(matches!(talk.ends[1].1.fault(), Some(Fault::WrongOctet { offset: 0..20, found: 0, .. })));
}
