//! What the scripts about loss recovery share: connections whose round trip takes 100 ms, and flights on them.

use std::time::Duration;

use tcpstate::tcp::TcpConfig;

use super::script::{Script, Stage, our_syn, plain_but};
use super::words::Seg;

/// SACK and nothing else; NewReno, whose halves are round numbers.
pub(super) fn sacking() -> TcpConfig {
    plain_but(|config| {
        config.sack = true;
    })
}

/// [`sacking`] with timestamps, and 1,000 octets in a segment all the same.
pub(super) fn stamped() -> TcpConfig {
    let mut config = sacking();
    config.timestamps = true;
    config.mss = 1_012;
    config
}

/// An open connection at 100 ms: the SYN,ACK took so long. So SRTT is 100 ms, the shortest round trip too, RTTVAR 50 ms,
/// and the RTO the least there is: a second.
pub(super) fn opened(stage: Stage, config: &TcpConfig) -> Script {
    opened_after(stage, config, span!(100 ms))
}

/// An open connection whose SYN,ACK took so long.
pub(super) fn opened_after(stage: Stage, config: &TcpConfig, rtt: Duration) -> Script {
    let mut s = stage.connect(config);
    s.expect(&our_syn(config));
    s.advance(rtt, &[]);
    let mut reply = seg!(SYN, seq: 0, ack: 1, mss: config.mss);
    if config.window_scaling {
        reply = reply.wscale(0);
    }
    reply = if config.sack { reply.sack_ok() } else { reply };
    reply = if config.timestamps { reply.ts((0, 0)) } else { reply };
    s.send(&reply);
    let ack = s.poll().expect("the SYN,ACK is acknowledged");
    assert_eq!((ack.seq, ack.ack, ack.len), (1, Some(1), 0));
    s.window = ack.win.expect("polled segments have windows");
    s.told();
    s
}

/// Of a connection opened at 100 ms, ten segments of 1,000 octets leave at once; `more` octets wait behind them.
pub(super) fn ten_in_flight(stage: Stage, config: &TcpConfig, more: u32) -> Script {
    in_flight(stage, config, 10, more)
}

/// The same with so many segments.
pub(super) fn in_flight(stage: Stage, config: &TcpConfig, segments: u32, more: u32) -> Script {
    assert!(segments <= 10 && (more == 0 || segments == 10), "the initial window holds back what waits");
    let mut s = opened(stage, config);
    call!(s, queue segments * 1_000 + more);
    let sent = s.burst();
    assert_eq!(places(&sent), (0..segments).map(|k| i64::from(k) * 1_000 + 1).collect::<Vec<_>>());
    s
}

/// Where these segments begin.
pub(super) fn places(segments: &[Seg]) -> Vec<i64> {
    segments.iter().map(|seg| seg.seq).collect()
}

/// An acknowledgment of the peer with at most one SACK block.
pub(super) fn ack(ack: i64, block: Option<(i64, i64)>) -> Seg {
    let seg = seg!(seq: 1, ack: ack);
    match block {
        Some(block) => seg.sack([block]),
        None => seg,
    }
}

/// The peer acknowledges up to `una` and reports everything from `from` up to `to`; what is sent then, by its place.
pub(super) fn report(s: &mut Script, una: i64, (from, to): (i64, i64)) -> Vec<i64> {
    s.send(&ack(una, Some((from, to))));
    places(&s.burst())
}

/// The peer acknowledges up to `una`; what is sent then, by its place.
pub(super) fn acknowledge(s: &mut Script, una: i64) -> Vec<i64> {
    s.send(&ack(una, None));
    places(&s.burst())
}

/// What is sent within `span`, and when, counted in milliseconds since the script began.
pub(super) fn within(s: &mut Script, span: Duration) -> Vec<(i64, i64)> {
    let from = s.ms();
    s.pass(span).into_iter().map(|(at, seg)| (from + at.as_millis() as i64, seg.seq)).collect()
}
