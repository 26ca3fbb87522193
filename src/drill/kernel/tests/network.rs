//! What the network reports, and what is counted of packets: in scripts, for it takes packets that no peer sends.

use super::*;
use crate::drill::{RunOptions, Verdict, parse, run};

#[track_caller]
fn passes(profile: &Profile, text: &str) {
    let script = parse(text, &[]).unwrap_or_else(|error| panic!("{error:?}"));
    let outcome = run(&script, &RunOptions { profile: profile.clone(), record: false });
    assert!(matches!(outcome.verdict, Verdict::Pass), "{:?}", outcome.verdict);
}

fn calling(icmp: &str, answer: &str) -> String {
    alloc::format!(
        "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
        +0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
        +0 connect(3, ..., ...) = -1 EINPROGRESS
        +0 > S 0:0(0) <...>
        +.1 < icmp {icmp} [0:0(0)]
        +0 {answer}"
    )
}

const ACCEPTED: &str = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
    +0 bind(3, ..., ...) = 0
    +0 listen(3, 1) = 0
    +0 < S 0:0(0) win 32792 <mss 1000>
    +0 > S. 0:0(0) ack 1 <...>
    +.1 < . 1:1(0) ack 1 win 32792
    +0 accept(3, ..., ...) = 4
    +0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0
    ";

#[test]
fn whatever_is_reported_of_a_syn_ends_the_call_on_linux() {
    for (icmp, errno) in [
        ("unreachable net_unreachable", "ENETUNREACH"),
        ("unreachable host_unreachable", "EHOSTUNREACH"),
        ("unreachable port_unreachable", "ECONNREFUSED"),
        ("unreachable protocol_unreachable", "ENOPROTOOPT"),
        ("time_exceeded", "EHOSTUNREACH"),
    ] {
        passes(&Profile::linux(), &calling(icmp, &alloc::format!("connect(3, ..., ...) = -1 {errno}")));
        let asked = alloc::format!("getsockopt(3, SOL_SOCKET, SO_ERROR, [{errno}], [4]) = 0");
        passes(&Profile::linux(), &calling(icmp, &asked));
    }
}

#[test]
fn freebsd_waits_where_an_error_may_pass() {
    let waits = "getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0";
    passes(&Profile::freebsd(), &calling("unreachable host_unreachable", waits));
    let refused = "getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0";
    passes(&Profile::freebsd(), &calling("unreachable port_unreachable", refused));
}

#[test]
fn an_error_about_an_open_connection_is_told_at_once_to_those_who_want_that() {
    let error = "+0 write(4, ..., 100) = 100
        +0 > P. 1:101(100) ack 1
        +.01 < icmp unreachable host_unreachable [1:101(100)]
        ";
    let asks = "+0 read(4, ..., 100) = -1 EAGAIN
        +0 getsockopt(4, SOL_SOCKET, SO_ERROR, [EHOSTUNREACH], [4]) = 0
        +0 getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0";
    passes(&Profile::linux(), &alloc::format!("{ACCEPTED}{error}{asks}"));
    let wants = "+0 setsockopt(4, SOL_IP, IP_RECVERR, [1], 4) = 0\n";
    let told = "+0 poll([{fd=4, events=POLLIN, revents=POLLERR}], 1, 0) = 1
        +0 read(4, ..., 100) = -1 EHOSTUNREACH
        +0 read(4, ..., 100) = -1 EAGAIN";
    passes(&Profile::linux(), &alloc::format!("{ACCEPTED}{wants}{error}{told}"));
    let passed = "+.01 < . 1:1(0) ack 101 win 32792
        +0 getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0";
    passes(&Profile::linux(), &alloc::format!("{ACCEPTED}{error}{passed}"));
}

#[test]
fn segments_are_counted_as_linux_does() {
    let text = "+0 write(4, ..., 2500) = 2500
        +0 > . 1:1001(1000) ack 1
        +0 > . 1001:2001(1000) ack 1
        +0 > P. 2001:2501(500) ack 1
        +0 %{ assert tcpi_unacked == 3 and tcpi_data_segs_out == 3 and tcpi_bytes_sent == 2500 }%
        +.1 < . 1:1(0) ack 1001 win 32792
        +0 < P. 1:101(100) ack 1001 win 32792
        +0 > . 2501:2501(0) ack 101
        +.2 %{
assert tcpi_unacked == 2 and tcpi_delivered == 2, tcpi_delivered
assert tcpi_segs_in == 3 and tcpi_data_segs_in == 1, tcpi_segs_in
assert tcpi_last_data_recv == 200, tcpi_last_data_recv
}%";
    passes(&Profile::linux(), &alloc::format!("{ACCEPTED}{text}"));
}

#[test]
fn a_reset_in_syn_received_is_a_reset_on_linux() {
    let text = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
        +0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
        +0 connect(3, ..., ...) = -1 EINPROGRESS
        +0 > S 0:0(0) <...>
        +.1 < S 0:0(0) win 32792 <mss 1000>
        +0 > S. 0:0(0) ack 1 <...>
        +.1 < R. 1:1(0) ack 1 win 0
        +0 connect(3, ..., ...) = -1 ECONNRESET";
    passes(&Profile::linux(), text);
}

#[test]
fn octets_come_with_a_syn_without_a_cookie_where_that_is_allowed() {
    let text = "`sysctl -q net.ipv4.tcp_fastopen=0x602`
        0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
        +0 bind(3, ..., ...) = 0
        +0 listen(3, 5) = 0
        +0 < S 0:500(500) win 32792 <mss 1000,sackOK,nop,nop>
        +0 > S. 0:0(0) ack 501 <mss 1460,nop,nop,sackOK>
        +0 accept(3, ..., ...) = 4
        +0 read(4, ..., 1000) = 500";
    passes(&Profile::linux(), text);
    let mut world = World::linux();
    crate::drill::shell::run(&mut world.kernel, world.now, "sysctl net.ipv4.tcp_fastopen=5").unwrap();
    world.calls(&[
        "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
        "sendto(3, ..., 5000, MSG_FASTOPEN|MSG_DONTWAIT, ..., ...) = 1420",
    ]);
}

#[test]
fn retransmits_are_those_since_something_was_acknowledged() {
    let text = "+0 write(4, ..., 2000) = 2000
        +0 > . 1:1001(1000) ack 1
        +0 > P. 1001:2001(1000) ack 1
        +.3~+.32 > . 1:1001(1000) ack 1
        +0 %{ assert tcpi_retransmits == 1 and tcpi_backoff == 1 }%
        +.01 < . 1:1(0) ack 1001 win 32792
        +0 > P. 1001:2001(1000) ack 1
        +0 %{ assert tcpi_retransmits == 0, tcpi_retransmits }%";
    passes(&Profile::linux(), &alloc::format!("{ACCEPTED}{text}"));
}
