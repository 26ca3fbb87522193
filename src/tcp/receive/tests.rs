use super::*;

fn rcv() -> ReceiveVars {
    ReceiveVars::new(&TcpConfig { receive_window: 10_000, ..TcpConfig::default() })
}

/// RFC 9293 §3.8.6, SHLD-14: what the SYN has offered counts from then on.
#[test]
fn the_window_of_a_syn_is_offered() {
    let mut rcv = rcv();
    assert_eq!((rcv.syn_window(), rcv.wnd()), (10_000, 10_000));
    rcv.tuning.window = 4_000;
    assert_eq!((rcv.syn_window(), rcv.wnd()), (10_000, 10_000), "and not taken back");
}

/// RFC 9293 §3.8.6.2.2: otherwise the edge moves by a segment or half of the buffer. FreeBSD asks what is free: a segment, or
/// a quarter of the buffer.
#[test]
fn in_the_dialect_of_freebsd_the_edge_moves_while_a_segment_or_a_quarter_of_the_buffer_is_free() {
    for (mss, free, window) in
        [(1_000, 999, 799), (1_000, 1_000, 1_000), (9_000, 2_499, 2_299), (9_000, 2_500, 2_500)]
    {
        let config = TcpConfig { dialect: Dialect::FreeBsd, mss, ..TcpConfig::default() };
        let mut rcv = rcv();
        rcv.scale = 0;
        rcv.nxt = rcv.consumed + 10_000 - free;
        rcv.edge = rcv.nxt + free - 200;
        assert_eq!(rcv.advertise(&config), window, "{free} octets free, MSS {mss}");
    }
}
