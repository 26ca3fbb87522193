use super::*;
use crate::tcp::{SegmentOptions, Timestamps};
use crate::wire::{ChecksumStatus, IpPacket, TcpSegment};
use crate::{SeqNumber, TcpFlags};
use std::string::ToString;
use std::vec;

const AT: Instant = Instant::from_nanos(1_000_000_000);

fn ladder() -> Ladder {
    Ladder::new(["192.0.2.1:49152".parse().unwrap(), "192.0.2.2:80".parse().unwrap()])
}

fn later(millis: u64) -> Instant {
    AT + core::time::Duration::from_millis(millis)
}

fn segment(seq: u32, len: u32) -> SegmentMeta {
    let (flags, seq) = (TcpFlags::ACK, SeqNumber::new(seq));
    SegmentMeta { seq, ack: SeqNumber::new(500), flags, window: 100, len, ..SegmentMeta::default() }
}

/// The lines below the heading.
fn lines(ladder: &Ladder, width: usize) -> Vec<String> {
    let picture = ladder.display(Look { width, colour: false });
    assert!(picture.lines().all(|line| line.chars().count() <= width), "{picture}");
    let (_, below) = picture.split_once("\n\n").unwrap();
    below.lines().skip(1).map(|line| line.trim().to_string()).collect()
}

#[test]
fn a_segment_becomes_a_packet_that_is_read_as_it_was() {
    let timestamps = Some(Timestamps { val: 3, ecr: 4 });
    let options = SegmentOptions { timestamps, ..SegmentOptions::default() };
    let meta = SegmentMeta { options, ..segment(7, 5) };
    for ends in [["192.0.2.1:1", "192.0.2.2:2"], ["[2001:db8::1]:1", "[2001:db8::2]:2"]] {
        let [from, to]: [SocketAddr; 2] = ends.map(|end| end.parse().unwrap());
        let octets = packet_of(from, to, &meta, b"abc").unwrap();
        let ip = IpPacket::parse(&octets, octets.len()).unwrap();
        let segment = TcpSegment::parse(ip.payload, ip.payload_len).unwrap();
        assert_eq!(segment.checksum_status(ip.src, ip.dst), ChecksumStatus::Good);
        assert_eq!((segment.seq, segment.payload), (meta.seq, &b"abc\0\0"[..]));
        assert_eq!(segment.options.timestamps(), Some((3, 4)));
    }
}

#[test]
fn a_segment_that_no_packet_can_carry_is_told_and_not_left_out() {
    let mut ladder = ladder();
    ladder.delivered_segment(AT, End::A, &segment(1, 70_000), &[]);
    let lines = lines(&ladder, 100).join("\n");
    assert!(lines.contains("a segment that no packet can carry"), "{lines}");
    assert!(lines.contains("no packet ─"), "{lines}");
}

#[test]
fn what_is_on_its_way_for_nothing_but_itself_takes_one_line() {
    let mut ladder = ladder();
    let first = ladder.sent_segment(AT, End::A, &segment(1, 0), &[]);
    ladder.arrived(later(20), first);
    let second = ladder.sent_segment(later(30), End::B, &segment(500, 0), &[]);
    ladder.lost(later(30), second);
    assert_eq!(
        lines(&ladder, 100),
        [
            "0.000000                │── ACK seq 1 ack 1 win 100 ──────────────────── 20.0 ms ▶│",
            "0.030000                │            x─────────────── ACK seq 1 ack 500 win 100 ──│",
        ]
    );
}

#[test]
fn a_packet_that_something_happens_to_meanwhile_takes_two() {
    let mut ladder = ladder();
    let packets = [1, 2].map(|seq| ladder.sent_segment(AT, End::A, &segment(seq, 1), &[]));
    let [first, second] = packets;
    for (at, packet) in [(10, second), (11, first), (12, second)] {
        ladder.arrived(later(at), packet);
    }
    ladder.refused(second, "duplicate");
    assert_eq!(
        lines(&ladder, 100),
        [
            "0.000000                │── ACK seq 1 ack 1 win 100 len 1 ── #1                   │",
            "0.000000                │── #2 ACK seq 2 ack 1 win 100 len 1 ─────────── 10.0 ms ▶│",
            "0.011000                │                    #1 late: ACK seq 1 len 1 ── 11.0 ms ▶│",
            "0.012000                │                   #2 again: ACK seq 2 len 1 ── 12.0 ms ▶│",
            "0.012000                │                                      refused: duplicate ┤",
        ]
    );
}

#[test]
fn states_stand_where_they_change() {
    let mut ladder = ladder();
    ladder.state(AT, End::A, State::Closed);
    ladder.state(AT, End::B, State::Listen);
    ladder.state(AT, End::B, State::Listen);
    ladder.call(AT, End::A, Call::Connect, Returned::Done(0));
    let syn = SegmentMeta { flags: TcpFlags::SYN, ..segment(9, 0) };
    let syn = ladder.sent_segment(AT, End::A, &syn, &[]);
    ladder.state(AT, End::A, State::SynSent);
    ladder.arrived(later(5), syn);
    ladder.state(later(5), End::B, State::SynReceived);
    ladder.timer(later(9), End::A, "retransmission");
    ladder.state(later(10), End::A, State::Closed);
    let lines = lines(&ladder, 80);
    let told: Vec<Vec<&str>> = lines
        .iter()
        .map(|line| line.split_whitespace().filter(|word| word.len() > 3 && word.is_ascii()).collect())
        .collect();
    assert_eq!(
        told,
        [
            vec!["CLOSED", "LISTEN"],
            vec!["0.000000", "connect"],
            vec!["0.000000", "SYN-SENT", "SYN-RECEIVED"],
            vec!["0.009000", "timer:", "retransmission"],
            vec!["0.010000", "CLOSED"],
        ],
        "{lines:#?}"
    );
}

#[test]
fn every_width_is_kept_and_nothing_is_lost() {
    let mut ladder = ladder();
    ladder.note(
        AT,
        None,
        "a note about both with awordthatislongerthanthelinebetweentherailsiswideofthesetwoends",
    );
    for end in [End::A, End::B] {
        let call = Call::Other("set something to a value that takes more than a line of the picture".into());
        ladder.call(AT, end, call, Returned::Failed("it is not known to anybody".into()));
        let packet = ladder.sent_segment(AT, end, &segment(4_000_000_000, 65_000), &[]);
        ladder.note(AT, Some(end), "between");
        ladder.arrived(later(1_234_567), packet);
    }
    for width in [80, 100, 160] {
        let text: String = lines(&ladder, width).concat();
        for word in ["#1", "#2", "anybody", "between", "twoends"] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
    // Narrower than all that has to be there: then it is wider than it should be, and all of it is there.
    assert!(ladder.display(Look { width: 0, colour: true }).contains("anybody"));
}

#[test]
fn packets_of_other_connections_say_which() {
    let mut ladder = ladder();
    let [a, b]: [SocketAddr; 2] = ["192.0.2.1:7", "192.0.2.2:80"].map(|end| end.parse().unwrap());
    ladder.delivered(AT, End::A, packet_of(a, b, &segment(9, 0), &[]).unwrap());
    ladder.delivered(AT, End::B, packet_of(b, a, &segment(500, 0), &[]).unwrap());
    ladder.delivered(AT, End::B, vec![0xff; 9]);
    let lines = lines(&ladder, 120).join("\n");
    assert!(
        lines.contains("7 > 80: ACK seq 1 ack 1") && lines.contains("80 > 7: ACK seq 1 ack 492"),
        "{lines}"
    );
    assert!(lines.contains("9 octets: "), "{lines}");
}

#[test]
fn a_forged_packet_says_so() {
    let mut ladder = ladder();
    let octets = packet_of(ladder.socket(End::B), ladder.socket(End::A), &segment(1, 0), &[]).unwrap();
    ladder.forged(AT, End::B, octets);
    assert!(lines(&ladder, 100).concat().contains("─ forged: ACK seq 1 ack 1 win 100 ──│"), "{ladder}");
}

#[test]
fn a_packet_is_found_by_its_octets_the_first_on_its_way_before_all_others() {
    let mut ladder = ladder();
    let octets = |number: u8| vec![number; 20];
    let [first, second, third] = [1, 1, 2].map(|number| ladder.sent(AT, End::A, octets(number)));
    assert_eq!(ladder.find(End::A, &octets(1)), Some(first));
    ladder.arrived(AT, first);
    assert_eq!(ladder.find(End::A, &octets(1)), Some(second));
    ladder.lost(AT, second);
    assert_eq!(ladder.find(End::A, &octets(1)), Some(second));
    assert_eq!(ladder.find(End::A, &octets(2)), Some(third));
    assert_eq!(ladder.find(End::B, &octets(2)), None);
}

#[cfg(feature = "pcap")]
#[test]
fn a_capture_has_each_packet_once_with_all_that_is_not_on_the_wire() {
    use crate::capture::CaptureReader;
    let mut ladder = ladder();
    ladder.state(AT, End::A, State::Closed);
    ladder.state(AT, End::B, State::Listen);
    ladder.call(AT, End::A, Call::Connect, Returned::Done(0));
    let syn = SegmentMeta { flags: TcpFlags::SYN, ..segment(9, 0) };
    let syn = ladder.sent_segment(AT, End::A, &syn, &[]);
    ladder.state(AT, End::A, State::SynSent);
    ladder.arrived(later(5), syn);
    ladder.refused(syn, "above_window");
    let reset = ladder.sent_segment(later(5), End::B, &segment(500, 0), &[]);
    ladder.lost(later(5), reset);
    ladder.note(later(6), None, "what broke");
    let file = ladder.write_pcapng(Vec::new()).unwrap();
    let text = String::from_utf8_lossy(&file);
    for told in [
        "A calls connect = 0\nA sends; it arrives after 5.0 ms\nA CLOSED, B LISTEN\nA is SYN-SENT now",
        "frame 1 arrives at B\nframe 1 is refused: above_window\nB sends; it is lost\nA SYN-SENT, B LISTEN\nafter it:\n\
         frame 2 is lost\nwhat broke",
    ] {
        assert!(text.contains(told), "{text}");
    }
    let mut reader = CaptureReader::new(&file[..]).unwrap();
    let mut times = vec![];
    while let Some(frame) = reader.next_frame().unwrap() {
        times.push(frame.time);
    }
    assert_eq!(times, [AT, later(5)]);
}
