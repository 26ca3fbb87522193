use super::*;
use crate::drill::{RunOptions, Verdict, run};
use crate::ladder::{Call, Returned};
use crate::tcp::{Ecn, SegmentMeta, Timestamps};
use crate::wire::{Icmpv4Message, Ipv4Repr};
use crate::{SeqNumber, TcpFlags};
use core::net::Ipv4Addr;
use std::string::ToString;
use std::vec;

const NOW: Instant = Instant::from_nanos(7_000_000_123);

fn ladder() -> Ladder {
    Ladder::new(["192.0.2.1:49152".parse().unwrap(), "192.0.2.2:80".parse().unwrap()])
}

fn segment(flags: TcpFlags, seq: u32, ack: u32) -> SegmentMeta {
    let (seq, ack) = (SeqNumber::new(seq), SeqNumber::new(ack));
    SegmentMeta { seq, ack, flags, window: 1000, ..SegmentMeta::default() }
}

fn passes(written: &Written) -> bool {
    run(&written.script, &RunOptions::new(Profile::library())).verdict == Verdict::Pass
}

fn left_out(written: &Written) -> Vec<String> {
    let told: Vec<String> = written.left_out.iter().map(ToString::to_string).collect();
    // The text says the same.
    for what in &written.left_out {
        assert!(written.text.contains(&format!("not expressible: {}", what.what)), "{written}");
    }
    told
}

#[test]
fn of_nothing_comes_a_script_that_does_nothing() {
    let written = from_ladder(&ladder(), End::A, &Profile::library());
    assert!(passes(&written) && written.left_out.is_empty(), "{written}");
    assert!(written.text.ends_with("%{ pass }%\n"), "{written}");
}

#[test]
fn the_script_and_its_text_are_the_same() {
    let mut ladder = ladder();
    ladder.call(NOW, End::B, Call::Listen, Returned::Done(0));
    ladder.state(NOW, End::B, State::Listen);
    let written = from_ladder(&ladder, End::B, &Profile::library());
    assert_eq!(parse(&written.to_string(), &[]).as_ref(), Ok(&written.script));
    assert!(written.text.contains("\n0.000000123 listen(3, 1) = 0\n"), "{written}");
    assert!(written.text.contains("assert tcpi_state == TCP_LISTEN"), "{written}");
    assert!(passes(&written), "{written}");
}

#[test]
fn calls_that_sockets_do_not_have_are_named() {
    let mut ladder = ladder();
    ladder.call(NOW, End::A, Call::Connect, Returned::Done(0));
    ladder.state(NOW, End::A, State::SynSent);
    ladder.call(NOW, End::A, Call::Write(5), Returned::Done(5));
    ladder.call(NOW, End::A, Call::Other("keepalive 3 ms".into()), Returned::Done(0));
    ladder.call(NOW, End::A, Call::Connect, Returned::Done(0));
    ladder.call(NOW, End::A, Call::Read(9), Returned::Failed("nothing there".into()));
    let written = from_ladder(&ladder, End::A, &Profile::library());
    let told = ["write 5, in SYN-SENT", "keepalive 3 ms", "a second opening"];
    assert_eq!(left_out(&written), told.map(|what| format!("0.000000123: {what}")));
    assert!(written.text.contains("// read 9: nothing there"), "{written}");
}

#[test]
fn packets_that_scripts_do_not_have_are_named() {
    let mut ladder = ladder();
    let [a, b, c]: [SocketAddr; 3] =
        ["192.0.2.1:49152", "192.0.2.2:80", "192.0.2.3:80"].map(|socket| socket.parse().unwrap());
    let syn = segment(TcpFlags::SYN, 1, 0);
    let mut octets = crate::ladder::packet_of(b, a, &syn, &[]).unwrap();
    ladder.delivered(NOW, End::B, crate::ladder::packet_of(c, a, &syn, &[]).unwrap());
    *octets.last_mut().unwrap() ^= 1;
    ladder.delivered(NOW, End::B, octets);
    ladder.delivered(NOW, End::B, vec![]);
    let written = from_ladder(&ladder, End::A, &Profile::library());
    assert_eq!(
        left_out(&written),
        [
            "0.000000123: packet 1 that arrives: it goes from 192.0.2.3:80 to 192.0.2.1:49152",
            "0.000000123: packet 2 that arrives: its checksum is wrong",
            "0.000000123: packet 3 that arrives: the IP packet is empty",
        ]
    );
}

#[test]
fn a_deadline_that_was_not_first_is_named() {
    let mut ladder = ladder();
    ladder.call(NOW, End::A, Call::Connect, Returned::Done(0));
    ladder.timer(NOW, End::B, "");
    assert_eq!(left_out(&from_ladder(&ladder, End::A, &Profile::library())), [""; 0]);
    ladder.timer(NOW, End::A, "");
    ladder.timer(NOW, End::A, "");
    let written = from_ladder(&ladder, End::A, &Profile::library());
    assert_eq!(left_out(&written).len(), 1, "{written}");
}

#[test]
fn several_connections_name_their_ports() {
    let mut ladder = ladder();
    for port in [5000, 5001] {
        let [a, b]: [SocketAddr; 2] = [([192, 0, 2, 1], port).into(), ([192, 0, 2, 2], 80).into()];
        let syn = segment(TcpFlags::SYN, 9, 0);
        ladder.delivered(NOW, End::A, crate::ladder::packet_of(a, b, &syn, &[]).unwrap());
        let reset = syn.reset_in_answer().unwrap();
        ladder.delivered(NOW, End::B, crate::ladder::packet_of(b, a, &reset, &[]).unwrap());
    }
    let written = from_ladder(&ladder, End::B, &Profile::library());
    assert!(passes(&written) && written.left_out.is_empty(), "{written}");
    assert!(written.text.contains("< [5001 > 80] S 9:9(0)"), "{written}");
}

/// A SYN and a listener that answers it with what it has, and then an acknowledgment for each of these echoes.
fn echoing(is_answered: bool, echoes: &[u32]) -> Written {
    let mut ladder = ladder();
    ladder.call(NOW, End::B, Call::Listen, Returned::Done(0));
    ladder.state(NOW, End::B, State::Listen);
    let mut syn = segment(TcpFlags::SYN, 4, 0);
    syn.options.timestamps = Some(Timestamps { val: 3, ecr: 0 });
    if is_answered {
        ladder.delivered_segment(NOW, End::A, &syn, &[]);
        let mut answer = segment(TcpFlags::SYN | TcpFlags::ACK, 76, 5);
        answer.options.timestamps = Some(Timestamps { val: 1_000, ecr: 3 });
        ladder.delivered_segment(NOW, End::B, &answer, &[]);
    }
    for &ecr in echoes {
        let mut ack = segment(TcpFlags::ACK, 5, 77);
        ack.options.timestamps = Some(Timestamps { val: 3, ecr });
        ladder.delivered_segment(NOW, End::A, &ack, &[]);
        if !is_answered {
            // A listener answers an acknowledgment with a reset, timestamps or not.
            ladder.delivered_segment(NOW, End::B, &ack.reset_in_answer().unwrap(), &[]);
        }
    }
    from_ladder(&ladder, End::B, &Profile::library())
}

#[test]
fn echoes_of_what_was_never_sent_are_reckoned() {
    let written = echoing(true, &[1_000, 998]);
    assert!(written.text.contains("--tcp_ts_ecr_scaled"), "{written}");
    assert!(written.text.contains("ack 1 win 1000 <nop,nop,TS val 3 ecr 98>"), "{written}");
    // Zero is no number that was reckoned.
    let written = echoing(true, &[0, 998]);
    assert!(written.text.contains("<nop,nop,gen-8 0000000300000000>") && left_out(&written).is_empty());
    let written = echoing(true, &[0, 1_000]);
    assert!(written.text.contains("<nop,nop,TS val 3 ecr 0>"), "{written}");
    assert!(!written.text.contains("--tcp_ts_ecr_scaled"), "{written}");
}

#[test]
fn echoes_to_who_has_sent_none_are_what_they_are() {
    let written = echoing(false, &[4, 0]);
    assert!(!written.text.contains("--tcp_ts_ecr_scaled"), "{written}");
    assert!(
        written.text.contains("< . 5:5(0) ack 77 win 1000 <nop,nop,gen-8 0000000300000004>"),
        "{written}"
    );
    assert!(passes(&written) && left_out(&written).is_empty(), "{written}");
}

#[test]
fn errors_about_segments_of_ours_are_lines() {
    let mut ladder = ladder();
    let [a, b] = ladder.ends();
    let [from, to] = [1, 2].map(|last| Ipv4Addr::new(192, 0, 2, last));
    let segments = [segment(TcpFlags::SYN, 4, 0), SegmentMeta { len: 7, ..segment(TcpFlags::ACK, 5, 0) }];
    for (at, quoted) in [(a, b), (b, a)].into_iter().zip(segments) {
        let quote = crate::ladder::packet_of(at.0, at.1, &quoted, &[]).unwrap();
        let mut message = vec![0; 8 + quote.len()];
        Icmpv4Message::FragmentationNeeded { mtu: 1_000, quote: &quote }.emit(&mut message).unwrap();
        let mut packet = vec![0; 20];
        let len = message.len();
        Ipv4Repr { payload_len: len, ..Ipv4Repr::new(to, from, IpProtocol::ICMP) }.emit(&mut packet).unwrap();
        packet.extend(message);
        if at.0 == a {
            ladder.call(NOW, End::A, Call::Connect, Returned::Done(0));
            ladder.delivered_segment(NOW, End::A, &quoted, &[]);
        }
        ladder.forged(NOW, End::B, packet);
    }
    let written = from_ladder(&ladder, End::A, &Profile::library());
    assert!(written.text.contains("< icmp unreachable frag_needed mtu 1000 [0:0(0)]\n"), "{written}");
    assert_eq!(left_out(&written), ["0.000000123: packet 3 that arrives: it is no segment of TCP"]);
}

#[test]
fn options_of_sockets_are_set_where_one_is_made() {
    let mut profile = Profile::library();
    let tcp = &mut profile.host.connection.tcp;
    (tcp.nagle, tcp.mss_limit, tcp.pacing, tcp.mss) = (false, 1000, false, 60);
    let mut ladder = ladder();
    ladder.call(NOW, End::B, Call::Listen, Returned::Done(0));
    ladder.state(NOW, End::B, State::Listen);
    let written = from_ladder(&ladder, End::B, &profile);
    for part in [
        "IPPROTO_TCP) = 3\n0.000000123 setsockopt(3, IPPROTO_TCP, TCP_NODELAY, [1], 4) = 0\n",
        "setsockopt(3, IPPROTO_TCP, TCP_MAXSEG, [1000], 4) = 0\n",
        "net.core.default_qdisc=pfifo_fast",
    ] {
        assert!(written.text.contains(part), "no {part}: {written}");
    }
    // There is no network for so small packets.
    assert_eq!(left_out(&written), ["the setting connection.tcp.mss: 60 instead of 1460"]);
    assert!(passes(&written), "{written}");
}

#[test]
fn what_a_sysctl_of_freebsd_sets_is_set() {
    let mut profile = Profile::freebsd();
    let tcp = &mut profile.host.connection.tcp;
    (tcp.timestamps, tcp.sack, tcp.keepalive, tcp.plain_syn_after) = (false, false, None, Some(3));
    (tcp.receive_window, tcp.receive_window_max, tcp.ack_delay) = (9_000, 9_000, Duration::ZERO);
    let written = from_ladder(&ladder(), End::A, &profile);
    assert!(left_out(&written).is_empty(), "{written}");
    for part in
        ["rfc1323=2", "sack.enable=0", "always_keepalive=0", "recvspace=9000", "rexmit_drop_options=1"]
    {
        assert!(written.text.contains(&format!(" net.inet.tcp.{part}")), "no {part}: {written}");
    }
    let verdict = run(&written.script, &RunOptions::new(Profile::freebsd())).verdict;
    assert_eq!(verdict, Verdict::Pass, "{written}");
}

#[test]
fn what_a_sysctl_sets_is_set_and_all_else_is_named() {
    let mut profile = Profile::library();
    let tcp = &mut profile.host.connection.tcp;
    (tcp.timestamps, tcp.sack, tcp.ecn, tcp.mss) = (false, false, Ecn::Request, 500);
    tcp.initial_rto = Duration::from_secs(2);
    (tcp.receive_window, tcp.receive_window_max) = (1000, 5000);
    let written = from_ladder(&ladder(), End::A, &profile);
    assert_eq!(left_out(&written), ["the setting connection.tcp.initial_rto: 2s instead of 1s"]);
    let line = "`sysctl -q net.ipv4.tcp_timestamps=0 net.ipv4.tcp_sack=0 net.ipv4.tcp_ecn=1 \
                \"net.ipv4.tcp_rmem=4096 2000 5000\"`";
    assert!(written.text.contains(line) && written.text.contains("--mtu=540"), "{written}");
    assert!(passes(&written), "{written}");
    assert!(from_ladder(&ladder(), End::A, &Profile::linux()).left_out.is_empty());
}
