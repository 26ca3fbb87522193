use super::*;
use crate::sim::{Ending, Sends};
use core::time::Duration;
use std::vec;
use std::vec::Vec;

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

fn endpoint(change: impl FnOnce(&mut EndpointConfig)) -> Endpoint {
    let mut config = EndpointConfig::new("192.0.2.1:1000".parse().unwrap());
    config.remote = Some("192.0.2.2:2000".parse().unwrap());
    change(&mut config);
    Endpoint::new(config, Pattern::new(1), Pattern::new(2), Prng::new(1)).unwrap()
}

fn listener() -> Endpoint {
    let config = EndpointConfig::new("192.0.2.2:2000".parse().unwrap());
    Endpoint::new(config, Pattern::new(2), Pattern::new(1), Prng::new(2)).unwrap()
}

fn packets(endpoint: &mut Endpoint, now: Instant) -> Vec<Vec<u8>> {
    let mut out = vec![0; 1_500];
    let mut packets = Vec::new();
    while let Some(len) = endpoint.poll_transmit(now, &mut out) {
        packets.push(out[..len].to_vec());
    }
    packets
}

fn changes(endpoint: &mut Endpoint) -> Vec<(Event, State, State)> {
    core::iter::from_fn(|| endpoint.poll_change())
        .map(|Change { event, from, to }| (event, from, to))
        .collect()
}

#[test]
fn it_opens_when_its_time_has_come() {
    let mut a = endpoint(|config| config.opens_at = at(50));
    assert_eq!(a.poll_timeout(), Some(at(50)));
    a.handle_timeout(at(49));
    assert_eq!((a.state(), packets(&mut a, at(49)).len()), (State::Closed, 0));
    a.handle_timeout(at(50));
    assert_eq!(changes(&mut a), [(Event::ActiveOpen, State::Closed, State::SynSent)]);
    assert_eq!(packets(&mut a, at(50)).len(), 1);

    let mut b = listener();
    b.handle_timeout(at(0));
    assert_eq!(changes(&mut b), [(Event::PassiveOpen, State::Closed, State::Listen)]);
    assert_eq!(b.poll_timeout(), None, "a listener waits for ever");
}

#[test]
fn what_comes_too_early_is_counted_and_not_answered() {
    let mut a = endpoint(|_| {});
    a.handle_timeout(at(0));
    let syn = packets(&mut a, at(0)).remove(0);
    let mut b = listener();
    b.handle_packet(at(1), &syn);
    assert!(packets(&mut b, at(1)).is_empty());
    assert_eq!(b.stats().too_early, 1);
}

#[test]
fn every_change_is_told_with_the_state_before_it() {
    let (mut a, mut b) = (
        endpoint(|config| {
            config.app.sends = Sends::Octets(10);
            config.app.ending = Ending::CloseWhenSent;
        }),
        listener(),
    );
    a.handle_timeout(at(0));
    b.handle_timeout(at(0));
    for _ in 0..10 {
        packets(&mut a, at(0)).iter().for_each(|packet| b.handle_packet(at(0), packet));
        packets(&mut b, at(0)).iter().for_each(|packet| a.handle_packet(at(0), packet));
    }
    let told = changes(&mut a);
    assert_eq!(
        told,
        [
            (Event::ActiveOpen, State::Closed, State::SynSent),
            (Event::SynAck, State::SynSent, State::Established),
            (Event::Close, State::Established, State::FinWait1),
            (Event::AckOfFin, State::FinWait1, State::FinWait2),
            (Event::Fin, State::FinWait2, State::TimeWait),
        ]
    );
    assert!(told.iter().chain(&changes(&mut b)).all(|(event, from, to)| from.on(*event) == Some(*to)));
    assert_eq!(
        (b.state(), b.close_reason(), b.closed_at()),
        (State::Closed, Some(CloseReason::Closed), Some(at(0)))
    );
    assert_eq!(b.app().read(), 10);
    assert_eq!(
        (a.stats().packets_sent, a.stats().packets_received),
        (b.stats().packets_received, b.stats().packets_sent)
    );
}

#[test]
fn packets_that_cannot_be_believed_are_counted_by_reason() {
    let (mut a, mut b) = (endpoint(|_| {}), listener());
    a.handle_timeout(at(0));
    b.handle_timeout(at(0));
    let mut syn = packets(&mut a, at(0)).remove(0);
    *syn.last_mut().unwrap() ^= 1;
    b.handle_packet(at(0), &syn);
    b.handle_packet(at(0), &[]);
    assert_eq!(b.stats().ignored.values().sum::<u64>(), 2);
    assert_eq!(b.stats().ignored.get(&IgnoreReason::TcpChecksum), Some(&1));
    assert_eq!(b.state(), State::Listen);
}

#[test]
fn a_configuration_that_does_not_do_is_refused_at_once() {
    let mut config = EndpointConfig::new("192.0.2.1:0".parse().unwrap());
    config.opens_at = at(1_000);
    assert!(Endpoint::new(config, Pattern::new(1), Pattern::new(2), Prng::new(1)).is_err());
}
