use super::*;
use crate::drill::{RunOptions, Verdict, run};
use crate::ladder::{Call, Returned};
use crate::tcp::{Ecn, SegmentMeta, Timestamps};
use crate::{SeqNumber, TcpFlags};
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

#[test]
fn echoes_of_what_was_never_sent_are_reckoned() {
    // A listener answers an acknowledgment with a reset, timestamps or not.
    let mut ladder = ladder();
    ladder.call(NOW, End::B, Call::Listen, Returned::Done(0));
    ladder.state(NOW, End::B, State::Listen);
    let mut ack = segment(TcpFlags::ACK, 5, 77);
    ack.options.timestamps = Some(Timestamps { val: 3, ecr: 4 });
    ladder.delivered_segment(NOW, End::A, &ack, &[]);
    let reset = ack.reset_in_answer().unwrap();
    ladder.delivered_segment(NOW, End::B, &reset, &[]);
    let written = from_ladder(&ladder, End::B, &Profile::library());
    assert!(written.text.contains("--tcp_ts_ecr_scaled"), "{written}");
    assert!(written.text.contains("< . 5:5(0) ack 77 win 1000 <nop,nop,TS val 3 ecr 4>"), "{written}");
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
