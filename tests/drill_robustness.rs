//! Scripts that nobody would write: lines in any order, numbers from the ends of their ranges. Whatever they say, they
//! come to a verdict, soon, without a panic, and to the same one again.

#![cfg(feature = "drill")]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use proptest::prelude::*;
use tcpstate::drill::{Profile, RunOptions, parse, run};

/// Lines of every kind. `@` is a time before which nothing is missed, `!` one behind it, `#` a number, `$` one of 16 bits,
/// `~` one of 32, and `^` stands for two that are the same.
const LINES: [&str; 70] = [
    "@ socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
    "@ socket(..., SOCK_STREAM, IPPROTO_TCP) = 4",
    "@ socket(..., SOCK_DGRAM, IPPROTO_UDP) = #",
    "@ bind(3, ..., ...) = 0",
    "@ listen(3, #) = 0",
    "@ accept(3, ..., ...) = 4",
    "+0...! accept(3, ..., ...) = 4",
    "@ fcntl(#, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
    "@ fcntl(3, F_GETFL) = #",
    "@ connect(3, ..., ...) = -1 EINPROGRESS",
    "+0...! connect(3, ..., ...) = 0",
    "@ read(4, ..., #) = #",
    "@ recv(4, ..., #, MSG_DONTWAIT|MSG_PEEK) = #",
    "@ write(4, ..., #) = #",
    "@ write(4, \"abc\", #) = #",
    "@ send(4, ..., #, MSG_OOB|MSG_MORE) = #",
    "@ sendto(3, ..., #, MSG_FASTOPEN, ..., ...) = #",
    "@ writev(4, [{..., #}, {..., #}], 2) = #",
    "@ readv(4, [{..., #}, {..., #}], #) = #",
    "@ sendmsg(4, {msg_name(...)=..., msg_iov(#)=[{..., #}], msg_flags=#}, #) = #",
    "@ recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., #}], msg_flags=0}, 0) = #",
    "@ shutdown(#, SHUT_WR) = 0",
    "@ shutdown(4, SHUT_RD) = 0",
    "@ close(4) = 0",
    "@ close(3) = 0",
    "@ close(#) = 0",
    "@ setsockopt(3, SOL_SOCKET, SO_RCVBUF, [#], 4) = 0",
    "@ setsockopt(4, SOL_SOCKET, SO_SNDBUF, [#], 4) = 0",
    "@ setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=#}, 8) = 0",
    "@ setsockopt(4, SOL_SOCKET, SO_KEEPALIVE, [1], 4) = 0",
    "@ setsockopt(4, IPPROTO_TCP, TCP_KEEPIDLE, [#], 4) = 0",
    "@ setsockopt(4, IPPROTO_TCP, TCP_KEEPINTVL, [#], 4) = 0",
    "@ setsockopt(4, IPPROTO_TCP, TCP_KEEPCNT, [#], 4) = 0",
    "@ setsockopt(4, IPPROTO_TCP, TCP_USER_TIMEOUT, [#], 4) = 0",
    "@ setsockopt(4, IPPROTO_TCP, TCP_NODELAY, [#], 4) = 0",
    "@ setsockopt(3, IPPROTO_TCP, TCP_MAXSEG, [#], 4) = 0",
    "@ setsockopt(3, IPPROTO_TCP, TCP_CONGESTION, \"reno\", #) = 0",
    "@ setsockopt(3, IPPROTO_TCP, TCP_FASTOPEN, [#], 4) = 0",
    "@ setsockopt(4, SOL_SOCKET, SO_RCVTIMEO, {tv_sec=#, tv_usec=#}, 16) = 0",
    "@ setsockopt(#, #, #, [#], #) = #",
    "@ getsockopt(4, SOL_SOCKET, SO_ERROR, [#], [4]) = 0",
    "@ getsockopt(4, IPPROTO_TCP, TCP_INFO, {tcpi_rto=#}, [#]) = 0",
    "@ ioctl(4, SIOCINQ, [#]) = 0",
    "@ poll([{fd=#, events=POLLIN|POLLOUT, revents=#}], #, #) = #",
    "+0...! poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, #) = 1",
    "@ epoll_create(#) = 5",
    "@ epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN, fd=#}) = 0",
    "@ epoll_wait(5, {events=EPOLLIN, fd=4}, #, #) = #",
    "@ `sysctl -q net.ipv4.tcp_rmem=\"# # #\"`",
    "@ `sysctl -w net.inet.tcp.delacktime=#`",
    "@ %{ assert tcpi_snd_cwnd == # }%",
    "@ %{ a = # ** 3; assert a << # }%",
    "@ < S 0:0(0) win $ <mss $,sackOK,nop,nop,nop,wscale 7>",
    "@ < S 0:0(0) win $ <mss $,TS val ~ ecr ~,FO>",
    "@ > S. 0:0(0) ack 1 <...>",
    "* > S 0:0(0) <...>",
    "@ < S. 0:0(0) ack 1 win $ <mss $,nop,nop,sackOK>",
    "@ < . 1:1(0) ack ~ win $",
    "@ < P. 1:1001(1000) ack 1 win $",
    "@ < F. ^(0) ack ~ win $",
    "@ < R ^(0) win 0",
    "@ < . 1:1(0) ack ~ win $ <nop,nop,sack ~:~>",
    "@ < PU. 1:101(100) ack 1 win $ urg $",
    "@ < [ce] . 1:1(0) ack ~ win $ <TS val ~ ecr ~>",
    "* > . 1:1(0) ack ~",
    "* > P. 1:1001(1000) ack 1",
    "@ < icmp unreachable frag_needed mtu $ [1:1001(1000)]",
    "@ < icmp packet_too_big mtu $ [^(0)]",
    "@ < udp ($)",
    "@ < icmp unreachable port_unreachable [udp ($)]",
];

const NUMBERS: [&str; 17] = [
    "0",
    "1",
    "2",
    "4",
    "4",
    "5",
    "100",
    "1000",
    "2001",
    "4096",
    "65536",
    "1000000",
    "2147483647",
    "4294967295",
    "9223372036854775807",
    "-1",
    "-9223372036854775808",
];

const HALVES: [&str; 12] =
    ["0", "1", "7", "88", "256", "536", "1000", "1280", "1500", "32768", "65534", "65535"];

const WORDS: [&str; 12] =
    ["0", "1", "1", "2", "101", "1001", "2001", "3001", "65537", "2147483649", "4294966296", "4294967295"];

const TIMES: [&str; 10] = ["+0", "+0", "+0", "+.001", "+.04", "+.2", "+1", "+10", "+120", "+100000"];

const ENDS: [&str; 5] = ["0", ".1", "1", "100", "1000000000"];

/// What many scripts begin with, so that not all end at once.
const HEADS: [&str; 4] = [
    "",
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n\
     +0 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>\n+0 > S. 0:0(0) ack 1 <...>\n\
     +.01 < . 1:1(0) ack 1 win 257\n+0 accept(3, ..., ...) = 4\n",
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 4\n+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n\
     +0 connect(4, ..., ...) = -1 EINPROGRESS\n+0 > S 0:0(0) <...>\n\
     +.01 < S. 0:0(0) ack 1 win 65535 <mss 1000>\n+0 > . 1:1(0) ack 1\n",
    "--ip_version=ipv6\n0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 4\n+0 bind(4, ..., ...) = 0\n",
];

/// The line with numbers in the places for them.
fn filled(line: &str, mut choice: impl Iterator<Item = usize>) -> String {
    let mut text = String::new();
    for character in line.chars() {
        let mut pick = |from: &[&'static str]| from[choice.next().unwrap_or(0) % from.len()];
        match character {
            '@' => text.push_str(pick(&TIMES)),
            '!' => text.push_str(pick(&ENDS)),
            '#' => text.push_str(pick(&NUMBERS)),
            '$' => text.push_str(pick(&HALVES)),
            '~' => text.push_str(pick(&WORDS)),
            '^' => {
                let number = pick(&WORDS);
                text.extend([number, ":", number]);
            }
            other => text.push(other),
        }
    }
    text
}

fn script() -> impl Strategy<Value = String> {
    let line = (0..LINES.len(), prop::collection::vec(0..1_000_usize, 8));
    // Without these most of them would end at their first line.
    let options = "--non_fatal=packet,syscall\n";
    (0..HEADS.len(), prop::collection::vec(line, 1..25)).prop_map(move |(head, lines)| {
        let lines: Vec<_> =
            lines.into_iter().map(|(line, choice)| filled(LINES[line], choice.into_iter())).collect();
        format!("{options}{}{}\n", HEADS[head], lines.join("\n"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn every_script_comes_to_a_verdict_and_to_the_same_again(text in script(), profile in 0..3_usize) {
        let Ok(script) = parse(&text, &[]) else { return Ok(()) };
        let profile = Profile::from_name(Profile::NAMES[profile]).expect("it is one of them");
        let options = RunOptions::new(profile);
        let outcome = run(&script, &options);
        prop_assert_eq!(run(&script, &options), outcome, "{}", text);
    }
}
