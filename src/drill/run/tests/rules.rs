//! Each rule of matching, by scripts that keep it and scripts that do not.

use alloc::format;

use super::*;

/// Line 5 of a script whose connection is open: `3` listens.
const OPEN: &str = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 32792
+0 accept(3, ..., ...) = 4
";

/// The first line behind it.
const NEXT: u32 = 8;

fn open(more: &str) -> String {
    [OPEN, more].concat()
}

fn fails_with(more: &str, line: u32, message: &str) {
    let failure = failure(&open(more));
    assert_eq!((failure.line, failure.message.as_str()), (line, message));
}

#[test]
fn a_failure_tells_what_was_expected_and_what_came() {
    let failure = failure(&open("+.5 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 2"));
    assert_eq!(failure.line, NEXT + 1);
    assert_eq!(failure.message, "ack is 1, not 2");
    assert_eq!(failure.expected.as_deref(), Some("+0 > P. 1:11(10) ack 2"));
    assert_eq!(failure.got.as_deref(), Some("0.600000 > P. 1:11(10) ack 1 win 65535"));
}

#[test]
fn the_packets_before_a_failure_are_told_and_their_lines() {
    let outcome = play(&open("+0 write(4, ..., 10) = 10\n+0 > . 1:11(10) ack 1"));
    let told: Vec<_> =
        outcome.trace.iter().map(|entry| (entry.line.unwrap(), entry.to_string())).skip(3).collect();
    let told: Vec<_> = told.iter().map(|(line, text)| (*line, text.as_str())).collect();
    assert_eq!(
        told,
        [
            (4, "0.000000 < S 0:0(0) win 32792 <mss 1000>"),
            (5, "0.000000 > S. 0:0(0) ack 1 win 65535 <mss 1460>"),
            (6, "0.100000 < . 1:1(0) ack 1 win 32792"),
            (7, "0.100000 accept(3, ..., ...) = 4"),
            (8, "0.100000 write(4, ..., 10) = 10"),
            (9, "0.100000 > P. 1:11(10) ack 1 win 65535"),
        ]
    );
}

#[test]
fn a_packet_that_comes_late_fails_and_is_told_with_its_time() {
    let failure = failure(&open("+0 < P. 1:11(10) ack 1 win 1000\n+.01 > . 1:1(0) ack 11"));
    assert_eq!(failure.message, "nothing was sent by 0.110000, only later");
    assert_eq!(failure.got.as_deref(), Some("0.140000 > . 1:1(0) ack 11 win 65525"));
}

#[test]
fn a_packet_that_does_not_come_fails() {
    fails_with("+1 > . 1:1(0) ack 1", NEXT, "nothing was sent by 1.100000");
    fails_with("* > . 1:1(0) ack 1", NEXT, "nothing was sent");
}

#[test]
fn a_packet_that_comes_early_fails() {
    fails_with(
        "+0 write(4, ..., 10) = 10\n+.1 > P. 1:11(10) ack 1",
        NEXT + 1,
        "it was sent at 0.100000, too early: expected at 0.200000",
    );
}

#[test]
fn a_range_and_any_time_take_what_comes_within() {
    let after = |when: &str| open(&format!("+0 < P. 1:11(10) ack 1 win 1000\n{when} > . 1:1(0) ack 11"));
    for when in ["+.03~+.05", "+.041~+.05", ".13~.15", "*", "+.04", ".14", "+.043"] {
        passes(&after(when));
    }
    for when in ["+.05~+.06", "+.02~+.03", ".15~.16", "+.05", ".13", "+.046"] {
        assert_eq!(failure(&after(when)).line, NEXT + 1, "{when}");
    }
}

#[test]
fn the_tolerance_is_what_the_options_say_or_a_part_of_the_gap() {
    let after = |options: &str, when: &str| {
        format!("{options}\n{}", open(&format!("+0 < P. 1:11(10) ack 1 win 1000\n{when} > . 1:1(0) ack 11")))
    };
    passes(&after("--tolerance_usecs=20000", "+.06"));
    assert_eq!(failure(&after("--tolerance_usecs=20000", "+.061")).line, NEXT + 2);
    passes(&after("--tolerance_percent=100", "+.07"));
    passes(&after("--tolerance_percent=50.0", "+.08"));
    assert_eq!(failure(&after("--tolerance_percent=33.3", "+.065")).line, NEXT + 2);
}

#[test]
fn relative_times_count_from_when_a_packet_was_really_sent() {
    passes(&open(
        "+0 < P. 1:11(10) ack 1 win 1000
+.03~+.05 > . 1:1(0) ack 11
+.06 < P. 11:21(10) ack 1 win 1000
.24 > . 1:1(0) ack 21",
    ));
}

#[test]
fn what_is_too_late_to_happen_fails() {
    fails_with(
        "0.05 write(4, ..., 10) = 10",
        NEXT,
        "it is 0.100000 already, too late for what happens at 0.050000",
    );
}

#[test]
fn packets_that_no_line_takes_are_no_failure() {
    passes(&open("+0 write(4, ..., 3000) = 3000\n+1 < . 1:1(0) ack 1001 win 1000"));
}

#[test]
fn a_line_takes_the_next_packet_and_no_other() {
    fails_with(
        "+0 write(4, ..., 2000) = 2000\n+0 > P. 1001:2001(1000) ack 1",
        NEXT + 1,
        "the flags are [.], not [P.]",
    );
}

#[test]
fn a_line_is_several_segments_unless_segments_are_strict() {
    let strict = |more: &str| format!("--strict_segments\n{}", open(more));
    let one = "+0 write(4, ..., 2000) = 2000\n+0 > P. 1:2001(2000) ack 1";
    passes(&open(one));
    let failure = failure(&strict(one));
    assert_eq!((failure.line, failure.message.as_str()), (NEXT + 2, "the flags are [.], not [P.]"));
    fails_with(
        "+0 write(4, ..., 2000) = 2000\n+0 > . 1:1501(1500) ack 1",
        NEXT + 1,
        "the length is 1000, not 1500",
    );
    // Not the other way about: a segment is not two lines.
    fails_with(
        "+0 write(4, ..., 1000) = 1000\n+0 > P. 1:501(500) ack 1",
        NEXT + 1,
        "the length is 1000, not 500",
    );
}

#[test]
fn an_echo_of_what_was_never_sent_is_an_error() {
    let text = TIMESTAMPS.replace("TS val 40 ecr 800", "TS val 40 ecr 801");
    let failure = failure(&text);
    assert_eq!(failure.message, "no packet was sent with timestamp 801: it cannot be echoed");
    passes(&["--tcp_ts_ecr_scaled\n", &text.replace("801", "799")].concat());
}

#[test]
fn values_of_timestamps_are_checked_if_the_script_has_a_tick() {
    let with_tick = |text: &str| ["--tcp_ts_tick_usecs=1000\n", text].concat();
    passes(&with_tick(TIMESTAMPS));
    let wrong = TIMESTAMPS.replace("TS val 1000 ecr 30", "TS val 1010 ecr 30");
    passes(&wrong);
    let failure = failure(&with_tick(&wrong));
    let message = "option 3 has a TS val 300 ms after the first one, and 310 ms are expected";
    assert_eq!((failure.line, failure.message.as_str()), (14, message));
}

#[test]
fn absolute_numbers_are_those_of_the_wire() {
    passes("0 < . 5!:5!(0) ack 7! win 1000\n+0 > R 7!:7!(0) win 0");
}

#[test]
fn a_call_that_waits_returns_when_it_says() {
    let call = |end: &str, packet: &str| {
        open(&format!("+0...{end} read(4, ..., 100) = 10\n{packet} < P. 1:11(10) ack 1 win 1000"))
    };
    passes(&call(".3", "+.3"));
    passes(&call(".3", ".4"));
    let late = failure(&call(".2", "+.3"));
    assert_eq!((late.line, late.message.as_str()), (NEXT, "read has not returned at 0.300000"));
    let early = failure(&call(".4", "+.3"));
    assert_eq!(
        (early.line, early.message.as_str()),
        (NEXT, "read has returned at 0.400000, not at 0.500000")
    );
    let never = failure(&open("+0...1 read(4, ..., 100) = 10"));
    assert_eq!((never.line, never.message.as_str()), (NEXT, "read has not returned at 1.100000"));
    let at_once = failure(&open("+0 read(4, ..., 100) = 10"));
    assert_eq!(
        (at_once.line, at_once.message.as_str()),
        (NEXT, "read blocks, and is to return at once (a time like `+0...0.1` lets it wait)")
    );
    let not = failure(&open("+0 < P. 1:11(10) ack 1 win 1000\n+0....1 read(4, ..., 100) = 10"));
    assert_eq!(
        (not.line, not.message.as_str()),
        (NEXT + 1, "read has returned at 0.100000, not at 0.200000")
    );
}

#[test]
fn what_a_call_returns_is_compared() {
    assert_eq!(failure(&open("+0 write(4, ..., 10) = 11")).line, NEXT);
}

#[test]
fn what_the_script_calls_not_fatal_is_passed_over() {
    let wrong = open("+0 write(4, ..., 10) = 10\n+0 > . 1:11(10) ack 1\n+0 write(4, ..., 10) = 9");
    assert_eq!(failure(&["--non_fatal=packet\n", &wrong].concat()).line, NEXT + 3);
    assert_eq!(failure(&["--non_fatal=syscall\n", &wrong].concat()).line, NEXT + 2);
    passes(&["--non_fatal=packet,syscall\n", &wrong].concat());
}

#[test]
fn what_there_is_not_is_named() {
    let unsupported = |text: &str| match play(text).verdict {
        Verdict::Unsupported(failure) => (failure.line, failure.message),
        other => panic!("{other:?}"),
    };
    assert_eq!(unsupported("0 < icmp nonsense [1:1(0)]"), (1, "ICMP type nonsense in IPv4".into()));
    assert_eq!(unsupported("0 < icmp unreachable no_route [1:1(0)]"), (1, "ICMP code no_route".into()));
    assert_eq!(unsupported("0 > icmp packet_too_big"), (1, "ICMP type packet_too_big in IPv4".into()));
}

#[test]
fn the_fields_of_the_ip_header_that_a_line_names_are_compared() {
    let with = |info: &str| open(&format!("+0 write(4, ..., 10) = 10\n+0 > {info} P. 1:11(10) ack 1"));
    for right in ["[noecn]", "[ttl 64]", "[tos 0x0]", "[noecn, ttl 64]"] {
        passes(&with(right));
    }
    for (wrong, message) in [
        ("[ect0]", "the ECN field is noecn, not ect0"),
        ("[ect01]", "the ECN field is noecn, not ect01"),
        ("[ttl 63]", "the time to live is 64, not 63"),
        ("[tos 0x4]", "the traffic class is 0x0, not 0x4"),
    ] {
        assert_eq!(failure(&with(wrong)).message, message);
    }
}

#[test]
fn an_icmp_error_is_about_the_segment_that_it_quotes() {
    let about = |quoted: &str, size: &str| {
        open(&format!(
            "+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 1\n+.1 < icmp unreachable frag_needed mtu 600 {quoted}\n+0 > . {size} ack 1"
        ))
    };
    passes(&about("[1:1001(1000)]", "1:561(560)"));
    passes(&about("", "1:561(560)"));
    // Numbers that are not under way are not believed (RFC 5927 §4).
    let failure = failure(&about("[5001:6001(1000)]", "1:561(560)"));
    assert_eq!(failure.message, "nothing was sent by 0.200000, only later");
}

#[test]
fn a_message_of_ours_is_compared_by_type_code_and_quote() {
    let answer = |line: &str| format!("0 < [9 > 9] udp (100)\n+0 > {line}");
    passes(&answer("icmp unreachable port_unreachable [udp (100)]"));
    passes(&answer("icmp type_3 code_3"));
    assert_eq!(failure(&answer("icmp unreachable host_unreachable")).message, "the ICMP code is 3, not 1");
    let quote = "icmp unreachable port_unreachable [udp (99)]";
    assert_eq!(failure(&answer(quote)).message, "it quotes another packet");
}

#[test]
fn a_connection_of_the_same_name_has_numbers_of_its_own() {
    passes(&open(
        "+0 < R 1:1(0) win 0
+.1 < S 900:900(0) win 1000 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 1000
+0 < P. 2:12(10) ack 1 win 1000
+0 > . 1:1(0) ack 1",
    ));
}

#[test]
fn a_percentage_is_read_to_four_places() {
    let ppm = |text: &str| {
        let option = format!("--tolerance_percent={text}\n0 < . 1:1(0) win 0");
        Settings::read(&read(&option).options).map(|settings| settings.tolerance_ppm)
    };
    assert_eq!(ppm("12.5").unwrap(), 125_000);
    assert_eq!(ppm("75").unwrap(), 750_000);
    assert_eq!(ppm("0.00019").unwrap(), 1);
    assert!(ppm("x").is_err() && ppm("1.x").is_err());
}

#[test]
fn in_the_profile_of_linux_a_full_segment_may_push_or_not() {
    let linux = |more: &str| {
        let text = open(more).replace("ack 1 <mss 1460>", "ack 1 <...>");
        run(&read(&text), &RunOptions::new(Profile::linux())).verdict
    };
    let written =
        |octets: u32, line: &str| linux(&format!("+0 write(4, ..., {octets}) = {octets}\n+0 > {line} ack 1"));
    for right in ["P. 1:3001(3000)", ". 1:3001(3000)", ". 1:1001(1000)", "P. 1:1001(1000)"] {
        assert_eq!(written(3000, right), Verdict::Pass, "{right}");
    }
    assert_eq!(written(500, "P. 1:501(500)"), Verdict::Pass);
    assert!(matches!(written(500, ". 1:501(500)"), Verdict::Fail(_)));
    assert!(matches!(written(3000, "F. 1:3001(3000)"), Verdict::Fail(_)));
}

#[test]
fn connections_that_are_opened_at_once_are_told_in_their_order() {
    let open = |number: u32| {
        format!(
            "+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = {number}
+0 fcntl({number}, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect({number}, ..., ...) = -1 EINPROGRESS
"
        )
    };
    let answers = "+.1 < [8080 > 40001] S. 0:0(0) ack 1 win 1000 <mss 1000>
+0 > [40001 > 8080] . 1:1(0) ack 1
+.1 < [8080 > 40000] R. 0:0(0) ack 1 win 0
+0 connect(3, ..., ...) = -1 ECONNREFUSED
+0 write(4, ..., 10) = 10
+0 > [40001 > 8080] P. 1:11(10) ack 1";
    let syns = "+0 > [40000 > 8080] S 0:0(0) <...>\n+0 > [40001 > 8080] S 0:0(0) <...>\n";
    passes(&[&open(3).replacen('+', "", 1), &open(4), syns, answers].concat());
    // A SYN that no line was about is not meant by a line that comes long after it.
    let late =
        "+0 > S 0:0(0) <...>\n+.1 < S. 0:0(0) ack 1 win 1000\n+0 > . 1:1(0) ack 1\n+0 write(4, ..., 1) = 1";
    passes(&[&open(3).replacen('+', "", 1), "+.5 %{ n = 1 }%\n", &open(4), late].concat());
}

#[test]
fn a_host_that_does_not_come_to_rest_is_a_failure() {
    let settings = Settings::read(&[]).unwrap();
    let mut world = World::new(settings, &RunOptions::new(Profile::library())).unwrap();
    let stop = (0..1_000_000).find_map(|_| world.count().err()).unwrap();
    assert_eq!(stop.failure.message, "the host does not come to rest at 0.000000");
}

#[test]
fn words_that_linux_scripts_leave_open_are_the_profiles() {
    let word = |profile: &Profile, text: &str, given: &[(String, String)]| {
        let words = profile.words(text, given);
        words.into_iter().find(|(name, _)| name == "TFO_COOKIE").map(|(_, value)| value)
    };
    let (linux, library) = (Profile::linux(), Profile::library());
    assert_eq!(word(&linux, "", &[]).as_deref(), Some("3021b9d889017eeb"));
    assert_eq!(word(&linux, "--ip_version=ipv4-mapped-ipv6", &[]).as_deref(), Some("3021b9d889017eeb"));
    assert_eq!(word(&linux, "--ip_version=ipv6", &[]).as_deref(), Some("c1d1e9742a47a9bc"));
    assert_eq!(word(&linux, "--define=TFO_COOKIE=00112233", &[]), None);
    assert_eq!(word(&linux, "", &[("TFO_COOKIE".into(), "44".into())]).as_deref(), Some("44"));
    assert_eq!(word(&library, "", &[]), None);
}

#[test]
fn a_line_of_several_segments_may_be_the_first_that_tells_a_timestamp() {
    passes(
        &open(
            "+0 write(4, ..., 1976) = 1976
+0 > P. 1:1977(1976) ack 1 <nop,nop,TS val 5 ecr 20>
+.1 < . 1:1(0) ack 1977 win 1000 <nop,nop,TS val 30 ecr 5>",
        )
        .replace("win 32792 <mss 1000>", "win 32792 <mss 1000,nop,nop,TS val 10 ecr 0>")
        .replace("ack 1 <mss 1460>", "ack 1 <...>")
        .replace("ack 1 win 32792\n+0 acc", "ack 1 win 32792 <nop,nop,TS val 20 ecr 0>\n+0 acc"),
    );
}

#[test]
fn a_call_that_is_overdue_fails_at_its_own_line_while_a_line_waits() {
    let text = open("+0...0.002 read(4, ..., 10) = 10\n+.2~+.3 > P. 1:1501(1500) ack 1");
    let failure = failure(&text);
    assert_eq!((failure.line, failure.message.as_str()), (NEXT, "read has not returned at 0.102000"));
}

#[test]
fn a_value_that_is_none_is_refused_though_nothing_hangs_on_it() {
    for option in ["gateway_ip=zork", "netmask_ip=zork", "mss=zork", "send_omit_free=99", "no_cleanup=zork"] {
        let name = option.split('=').next().unwrap_or_default();
        assert!(failure(&format!("--{option}\n{OPEN}")).message.ends_with(&format!("--{name}")), "{option}");
    }
    for option in
        ["local_ip=192.168.0.1/99", "local_ip=192.168.0.1/", "tolerance_percent=", "tolerance_percent=."]
    {
        assert_eq!(failure(&format!("--{option}\n{OPEN}")).line, 1, "{option}");
    }
    passes(&format!("--netmask_ip=255.255.0.0\n--gateway_ip=192.168.0.2\n--local_ip=192.168.0.1/16\n{OPEN}"));
}

#[test]
fn a_flow_label_is_of_version_6() {
    fails_with("+0 < [flowlabel 3] . 1:1(0) ack 1 win 1", NEXT, "there is no flow label in IPv4");
}
