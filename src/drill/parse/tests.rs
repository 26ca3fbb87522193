use core::time::Duration;
use std::boxed::Box;
use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::super::script::*;
use super::{ScriptError, parse};
use crate::TcpFlags;
use crate::tcp::Cookie;

mod any;

fn script(text: &str) -> Script {
    parse(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn event(text: &str) -> Event {
    let mut events = script(text).events;
    assert_eq!(events.len(), 1, "{text}");
    events.remove(0)
}

fn packet(text: &str) -> Packet {
    match event(&format!("+0 {text}")).action {
        Action::Packet(packet) => packet,
        other => panic!("{text}: {other:?}"),
    }
}

fn tcp(text: &str) -> TcpLine {
    match packet(text).body {
        Body::Tcp(line) => line,
        other => panic!("{text}: {other:?}"),
    }
}

fn icmp(text: &str) -> IcmpLine {
    match packet(text).body {
        Body::Icmp(line) => line,
        other => panic!("{text}: {other:?}"),
    }
}

fn option(text: &str) -> OptionWord {
    match tcp(&format!("> . 1:1(0) ack 1 <{text}>")).options {
        OptionList::These(words) => {
            assert_eq!(words.len(), 1, "{text}");
            words[0].clone()
        }
        OptionList::Any => panic!("{text}"),
    }
}

fn call(text: &str) -> Call {
    match event(&format!("+0 {text}")).action {
        Action::Call(call) => call,
        other => panic!("{text}: {other:?}"),
    }
}

fn argument(text: &str) -> Expr {
    call(&format!("f({text}) = 0")).arguments.remove(0)
}

fn error(text: &str) -> ScriptError {
    match parse(text, &[]) {
        Err(error) => error,
        Ok(script) => panic!("{text}: {script:?}"),
    }
}

fn word(text: &str) -> Expr {
    Expr::Word(text.to_string())
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn every_form_of_time_is_read() {
    let when = |text: &str| event(&format!("{text} > . 1:1(0) ack 1")).when;
    assert_eq!(when("0.1"), When::At(ms(100)));
    assert_eq!(when(".1"), When::At(ms(100)));
    assert_eq!(when("2"), When::At(ms(2000)));
    assert_eq!(when("+0"), When::After(ms(0)));
    assert_eq!(when("+.1"), When::After(ms(100)));
    assert_eq!(when("+1.000000001"), When::After(Duration::new(1, 1)));
    assert_eq!(when("0.1~0.2"), When::Between(ms(100), ms(200)));
    assert_eq!(when("+0.1~+0.2"), When::AfterBetween(ms(100), ms(200)));
    assert_eq!(when("*"), When::Any);
}

#[test]
fn a_blocking_call_has_the_time_at_which_it_returns() {
    let read = event("+0...0.2 read(4, ..., 1000) = 500");
    assert_eq!((read.when, read.ends), (When::After(ms(0)), Some(ms(200))));
    let read = event("0.1...0.2 read(4, ..., 1000) = 500");
    assert_eq!((read.when, read.ends), (When::At(ms(100)), Some(ms(200))));
    assert_eq!(event("+.1...+.2 read(4, ..., 1000) = 500").ends, Some(ms(200)));
}

#[test]
fn times_that_nothing_can_keep_are_refused() {
    for (text, column) in [
        ("0.2~0.1 > . 1:1(0)", 4),
        ("0.1~+0.2 > . 1:1(0)", 4),
        ("+0.1~0.2 > . 1:1(0)", 5),
        ("0.1...+0.2 read() = 0", 4),
        ("-0.1 read() = 0", 1),
        ("99999999999 read() = 0", 1),
        ("* < . 1:1(0) win 1", 1),
        ("0~1 read() = 0", 1),
        ("0...1 > . 1:1(0)", 1),
        ("> . 1:1(0)", 1),
    ] {
        let error = error(text);
        assert_eq!((error.line, error.column, error.unsupported), (1, column, false), "{text}: {error}");
    }
}

#[test]
fn an_event_begins_with_its_time_whatever_the_lines() {
    let script = script(
        "0 socket(..., SOCK_STREAM, 0) = 3 +0 bind(3, ..., ...) = 0\n+0 listen(3,\n // why\n  1)\n = 0\n* > S\n0:0(0)",
    );
    let lines: Vec<_> = script.events.iter().map(|event| (event.line, event.text.as_str())).collect();
    assert_eq!(
        lines,
        [
            (1, "0 socket(..., SOCK_STREAM, 0) = 3"),
            (1, "+0 bind(3, ..., ...) = 0"),
            (2, "+0 listen(3, 1) = 0"),
            (6, "* > S 0:0(0)"),
        ]
    );
}

#[test]
fn options_shell_commands_and_code_stand_where_the_language_has_them() {
    let script = script(
        "// top\n--ip_version=ipv6\n--tolerance_usecs=10000\n--send_omit_free\n`./defaults.sh\n sysctl a=1`\n\
         0 `sysctl b=2`\n+0 %{\nassert tcpi_rto == 1 // 2, \"a\"\n}%\n`undo`",
    );
    let options: Vec<_> =
        script.options.iter().map(|o| (o.line, o.name.as_str(), o.value.as_deref())).collect();
    assert_eq!(
        options,
        [(2, "ip_version", Some("ipv6")), (3, "tolerance_usecs", Some("10000")), (4, "send_omit_free", None)]
    );
    assert_eq!(script.init, Some(Spanned { line: 5, value: "./defaults.sh\n sysctl a=1".to_string() }));
    assert_eq!(script.events[0].action, Action::Shell("sysctl b=2".to_string()));
    assert_eq!(script.events[1].action, Action::Code("\nassert tcpi_rto == 1 // 2, \"a\"\n".to_string()));
    assert_eq!(script.events[1].text, "+0 %{ assert tcpi_rto == 1 // 2, \"a\" }%");
    assert_eq!(script.cleanup, Some(Spanned { line: 11, value: "undo".to_string() }));
}

#[test]
fn what_stands_in_the_wrong_place_is_told() {
    for (text, line, column, says) in [
        ("0 `a`\n--mtu=1500", 2, 1, "at the top"),
        ("0 `a`\n`b`\n0 `c`", 3, 1, "end of the script"),
        ("`a`\n`b`", 2, 1, "a time"),
        ("0 `a`\n+0", 2, 3, "end of the script"),
        ("0 `a`\n+0 = 5", 2, 4, "`=`"),
    ] {
        let error = error(text);
        assert_eq!((error.line, error.column, error.unsupported), (line, column, false), "{text}: {error}");
        assert!(error.message.contains(says), "{text}: {error}");
    }
}

#[test]
fn options_that_are_not_known_are_unsupported_by_name() {
    let error = error("--mtu=1500\n  --udp_encapsulation=ipv4");
    assert!(error.unsupported);
    assert_eq!((error.line, error.column, error.message.as_str()), (2, 3, "option --udp_encapsulation"));
}

#[test]
fn defines_replace_words_and_the_callers_win() {
    let defines = [("B".to_string(), "2".to_string())];
    let script = parse("--define=A=1|2\n--define=B=1\n0 f(A, B, \"A\", AB) = B", &defines).expect("good");
    let Action::Call(call) = &script.events[0].action else { panic!("a call") };
    let or = Expr::Or(vec![Expr::Integer(1), Expr::Integer(2)]);
    assert_eq!(call.arguments, [or, Expr::Integer(2), Expr::Text(b"A".to_vec()), word("AB")]);
    assert_eq!(call.result, Some(Expr::Integer(2)));
    assert_eq!(script.events[0].text, "0 f(A, B, \"A\", AB) = B", "as it stands there");
}

#[test]
fn flags_are_letters_in_any_order_a_point_for_ack_and_one_digit() {
    let flags = |text: &str| {
        let line = tcp(&format!("> {text} 1:1(0)"));
        (line.flags, line.ace)
    };
    let (s, a, p) = (TcpFlags::SYN, TcpFlags::ACK, TcpFlags::PSH);
    assert_eq!(flags("S"), (s, None));
    assert_eq!(flags("S."), (s | a, None));
    assert_eq!(flags(".S"), (s | a, None));
    assert_eq!(flags("."), (a, None));
    assert_eq!(flags("-"), (TcpFlags::NONE, None));
    assert_eq!(flags("FP."), (TcpFlags::FIN | p | a, None));
    assert_eq!(flags("R."), (TcpFlags::RST | a, None));
    assert_eq!(flags("PU."), (p | TcpFlags::URG | a, None));
    assert_eq!(flags("SEW"), (s | TcpFlags::ECE | TcpFlags::CWR, None));
    assert_eq!(flags("SEWA"), (s | TcpFlags::ECE | TcpFlags::CWR | TcpFlags::AE, None));
    assert_eq!(flags("P.5"), (p | a, Some(5)));
    assert_eq!(flags("5."), (a, Some(5)));
    assert_eq!(flags("S5."), (s | a, Some(5)));
    assert_eq!(flags(".0"), (a, Some(0)));
    for bad in ["X", "S8", ".55", "SE5", "s", "S-"] {
        assert_eq!(error(&format!("0 > {bad} 1:1(0)")).column, 5, "{bad}");
    }
}

#[test]
fn numbers_of_a_segment_may_be_absolute_or_left_open() {
    let line = tcp("< P. 1:1461(1460) ack 1 win 257");
    assert_eq!(
        (line.seq, line.end, line.len, line.ack, line.window),
        (1, 1461, Some(1460), Some(1), Some(257))
    );
    assert!(!line.absolute && !line.any_seq && !line.ack_absolute);
    assert!(tcp("> . 5:6(1)!").absolute && tcp("> . 5!:6!(1) ack 7").absolute);
    let line = tcp("> . 1:1(0) ack 4294967295!");
    assert!(!line.absolute && line.ack_absolute);
    let line = tcp("> . ...(100)");
    assert_eq!((line.any_seq, line.len), (true, Some(100)));
    let line = tcp("> . ... ack 1");
    assert_eq!((line.any_seq, line.len, line.ack), (true, None, Some(1)));
    assert_eq!(tcp("> . 1:1001(...)").len, None);
    assert_eq!(tcp("> . 4294967295:1(2)").len, Some(2), "numbers wrap");
}

#[test]
fn window_urgent_pointer_and_ports_are_read() {
    let line = tcp("> [8080 > 40000] PU. 1:2(1) ack 1 win 5 urg 1");
    assert_eq!(line.ports, Some(PortPair { source: 8080, destination: 40000 }));
    assert_eq!((line.window, line.urgent), (Some(5), Some(1)));
    assert_eq!(tcp("> 8080 > 40000: S 0:0(0)").ports, Some(PortPair { source: 8080, destination: 40000 }));
    assert_eq!(tcp("> 8080 > 40000 S 0:0(0)").ports.map(|ports| ports.source), Some(8080));
    assert_eq!(tcp("> . 1:1(0)").window, None);
    assert_eq!(tcp("> . 1:1(0) win ...").window, None);
}

#[test]
fn segments_that_cannot_be_sent_are_refused() {
    for (text, column, says) in [
        ("0 < . 1:1(0) ack 1", 19, "`win N` is missing"),
        ("0 < . ...(0) win 1", 7, "left open"),
        ("0 < . 1:1(...) win 1", 7, "left open"),
        ("0 < . 1:1(0) win 1 <...>", 21, "left open"),
        ("0 < [ect01] . 1:1(0) win 1", 6, "ect01"),
        ("0 < . 1:11(1) win 1", 9, "10 octets lie between"),
        ("0 < . 1:1(0) win 65536", 18, "at most 65535"),
        ("0 < . 4294967296:1(0) win 1", 7, "at most 4294967295"),
        ("0 < . 1:1(0) win 1 <mss 65536>", 25, "at most 65535"),
        ("0 < . 1:1(0) win 1 <sack 1:2 1:2 1:2 1:2 1:2>", 42, "four"),
        ("0 < . 1:1(0) win 1 <FO 0>", 24, "pairs"),
        ("0 < . 1:1(0) win 1 <FO 000102030405060708090a0b0c0d0e0f10>", 24, "16 octets"),
        ("0 < . 1:1(0) win 1 <md5 00>", 21, "16 octets"),
        ("0 < . 1:1(0) win 1 <ECN ceb 1>", 25, "order"),
        ("0 < . 1:1(0) win 1 <gen-256>", 21, "255"),
        ("0 < . 1:1(0) win 1 <nop", 24, "`>`"),
        ("0 < . 1:1(0) win 1 <nop,>", 25, "name of an option"),
    ] {
        let error = error(text);
        assert_eq!((error.line, error.column, error.unsupported), (1, column, false), "{text}: {error}");
        assert!(error.message.contains(says), "{text}: {error}");
    }
}

#[test]
fn every_option_of_a_segment_is_read() {
    let cookie = |octets: &[u8]| Cookie::new(octets).expect("short");
    let ecn = |order, counters: &[u32]| OptionWord::AccEcn { order, counters: counters.to_vec() };
    let ts = |val, ecr| OptionWord::Timestamps { val, ecr };
    for (text, expected) in [
        ("mss 1460", OptionWord::Mss(1460)),
        ("nop", OptionWord::Nop),
        ("eol", OptionWord::Eol),
        ("wscale 7", OptionWord::WindowScale(7)),
        ("sackOK", OptionWord::SackPermitted),
        ("sack 1:2 3:4", OptionWord::Sack(vec![(1, 2), (3, 4)])),
        ("TS val 100 ecr 200", ts(Some(100), Some(200))),
        ("TS val ... ecr 200", ts(None, Some(200))),
        ("TS val 1 ecr ...", ts(Some(1), None)),
        ("TS ...", ts(None, None)),
        ("TS 1 2", ts(Some(1), Some(2))),
        ("FO", OptionWord::FastOpen(Cookie::default())),
        ("FO 0102abcd", OptionWord::FastOpen(cookie(&[1, 2, 0xab, 0xcd]))),
        ("FO abcd0102", OptionWord::FastOpen(cookie(&[0xab, 0xcd, 1, 2]))),
        ("FOEXP", OptionWord::FastOpenExperimental(Cookie::default())),
        ("FOEXP 1234", OptionWord::FastOpenExperimental(cookie(&[0x12, 0x34]))),
        ("EXP-FO 1234", OptionWord::FastOpenExperimental(cookie(&[0x12, 0x34]))),
        ("md5 valid", OptionWord::Md5(vec![])),
        ("md5", OptionWord::Md5(vec![])),
        ("md5 000102030405060708090a0b0c0d0e0f", OptionWord::Md5((0..16).collect())),
        ("ECN e0b 1 ceb 2 e1b 3", ecn(0, &[1, 2, 3])),
        ("ECN e1b 1 ceb 2 e0b 3", ecn(1, &[1, 2, 3])),
        ("ECN e1b 1 ceb 2", ecn(1, &[1, 2])),
        ("AccECN0 e0b 1 ceb 2", ecn(0, &[1, 2])),
        ("AccECN1 1,2,3", ecn(1, &[1, 2, 3])),
        ("AccECN1", ecn(1, &[])),
        ("gen-30 0102", OptionWord::Other { kind: 30, data: vec![1, 2] }),
        ("gen-253[0xf9, 0x89]", OptionWord::Other { kind: 253, data: vec![0xf9, 0x89] }),
        ("gen-99", OptionWord::Other { kind: 99, data: vec![] }),
    ] {
        assert_eq!(option(text), expected, "{text}");
    }
    let list = tcp("< S 0:0(0) win 65535 <mss 1460,nop,nop,sackOK,nop,wscale 7>").options;
    assert!(matches!(list, OptionList::These(words) if words.len() == 6));
    assert_eq!(tcp("> . 1:1(0) ack 1 <...>").options, OptionList::Any);
    assert_eq!(tcp("> . 1:1(0) ack 1 <>").options, OptionList::These(vec![]));
}

#[test]
fn what_is_asked_of_the_ip_header_is_read() {
    let ip = |text: &str| packet(&format!("> {text} . 1:1(0) ack 1")).ip;
    let none = IpInfo::default();
    for (text, ecn) in [
        ("[noecn]", EcnWord::None),
        ("[ect0]", EcnWord::Ect0),
        ("(ect1)", EcnWord::Ect1),
        ("[ce]", EcnWord::Ce),
        ("[ect01]", EcnWord::Ect01),
        ("[ecn 2]", EcnWord::Ect0),
        ("[ecn ce]", EcnWord::Ce),
    ] {
        assert_eq!(ip(text), IpInfo { ecn: Some(ecn), ..none }, "{text}");
    }
    let both = ip("[tos 0x2e, ttl 4]");
    assert_eq!((both.traffic_class, both.hop_limit), (Some(0x2e), Some(4)));
    let v6 = ip("[class 3, hlim 64, flowlabel 0x1, dscp 46]");
    assert_eq!(
        (v6.traffic_class, v6.hop_limit, v6.flow_label, v6.dscp),
        (Some(3), Some(64), Some(1), Some(46))
    );
    assert_eq!(ip(""), none);
    assert!(error("0 > [ttl 256] . 1:1(0)").message.contains("at most 255"));
    assert!(error("0 > [frag 1] . 1:1(0)").unsupported);
    let ports = tcp("> [ect0] [1 > 2] . 1:1(0)").ports;
    assert_eq!(ports, Some(PortPair { source: 1, destination: 2 }));
}

#[test]
fn icmp_is_read_in_all_its_forms() {
    let line = icmp("< icmp unreachable frag_needed mtu 1200 [1:1461(1460)]");
    assert_eq!(
        (line.kind.as_str(), line.code.as_deref(), line.mtu),
        ("unreachable", Some("frag_needed"), Some(1200))
    );
    assert_eq!(line.quoted, Quoted::Tcp { seq: 1, end: 1461 });
    let line = icmp("< icmpv6 packet_too_big mtu 1280 [udp (100)]");
    assert_eq!((line.code, line.quoted), (None, Quoted::Udp(100)));
    let line = icmp("< [ttl 3] icmp type_3 code_4 [raw (20)]");
    assert_eq!(
        (line.kind.as_str(), line.code.as_deref(), line.quoted),
        ("type_3", Some("code_4"), Quoted::Raw(20))
    );
    let line = icmp("< icmp echo_request id 7");
    assert_eq!((line.id, line.quoted), (Some(7), Quoted::Nothing));
    assert_eq!(icmp("< icmp source_quench").kind, "source_quench");
    assert_eq!(error("0 < icmp 3").column, 10);
}

#[test]
fn udp_is_read() {
    assert_eq!(packet("> udp (1000)").body, Body::Udp(UdpLine { ports: None, len: 1000 }));
    let ports = Some(PortPair { source: 53, destination: 54 });
    assert_eq!(packet("> [53 > 54] udp (5)").body, Body::Udp(UdpLine { ports, len: 5 }));
}

#[test]
fn what_the_language_has_and_we_do_not_is_unsupported_by_name() {
    for (text, column, says) in [
        ("0 < ipv4 192.0.2.1 > 192.0.2.2: . 1:1(0) win 1", 5, "ipv4"),
        ("0 > ipv6 ::1 > ::2: S 0:0(0)", 5, "ipv6"),
        ("0 > gre: S 0:0(0)", 5, "GRE"),
        ("0 > mpls (label 0, tc 0, s 1, ttl 0): S 0:0(0)", 5, "MPLS"),
        ("0 > sctp: ABORT[flgs=0]", 5, "SCTP"),
        ("0 > udplite (5, 5)", 5, "UDP-Lite"),
        ("0 < . 1:1(0) win 1 <nop>/udp(9899 > 9899)", 25, "udp"),
        ("0 > . 1:1(0) ack 1 /udp(9899 > 9899)", 20, "udp"),
        ("0 > . 1:1(0) <exp-tarr 1>", 15, "exp-tarr"),
        ("0 > . 1:1(0) <frob 1>", 15, "frob"),
        ("0 f([1024 * 1024]) = 0", 11, "`*`"),
        ("0 f({a=1 << 3}) = 0", 10, "`<`"),
    ] {
        let error = error(text);
        assert_eq!((error.line, error.column, error.unsupported), (1, column, true), "{text}: {error}");
        assert!(error.message.contains(says), "{text}: {error}");
    }
}

#[test]
fn results_errors_and_notes_of_calls_are_read() {
    let call1 = call("connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)");
    assert_eq!(call1.name, "connect");
    assert_eq!(call1.arguments, [Expr::Integer(3), Expr::Ellipsis, Expr::Ellipsis]);
    assert_eq!(call1.result, Some(Expr::Integer(-1)));
    assert_eq!(call1.errno.as_deref(), Some("EINPROGRESS"));
    assert_eq!(call1.note.as_deref(), Some("Operation now in progress"));
    let call2 = call("fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)");
    assert_eq!((call2.result, call2.errno), (Some(Expr::Integer(2)), None));
    assert_eq!(call2.note.as_deref(), Some("flags O_RDWR"));
    assert_eq!(call("f() = ...").result, None);
    assert_eq!(call("f() = EOK").result, Some(word("EOK")));
    assert_eq!(script("0 f(1) = 0 * > . 1:1(0)\n+0 f() = 1\n+0 f() = 2").events.len(), 4);
    let odd = call("bind(3, ..., ...) = -1 EADDRNOTAVAIL (Can't (really) assign it) (again)");
    assert_eq!(odd.note.as_deref(), Some("Can't (really) assign it; again"));
}

#[test]
fn simple_arguments_of_calls_are_read() {
    assert_eq!(argument("-1"), Expr::Integer(-1));
    assert_eq!(argument("0x10"), Expr::Integer(16));
    assert_eq!(argument("0xffffffffffffffff"), Expr::Integer(-1));
    assert_eq!(argument("1.5"), Expr::Float(1.5));
    assert_eq!(argument("NULL"), word("NULL"));
    assert_eq!(argument("O_RDWR|O_NONBLOCK"), Expr::Or(vec![word("O_RDWR"), word("O_NONBLOCK")]));
    assert_eq!(argument("~O_NONBLOCK"), Expr::Unary('~', Box::new(word("O_NONBLOCK"))));
    assert_eq!(argument("-X"), Expr::Unary('-', Box::new(word("X"))));
    assert_eq!(argument("(1|2)"), Expr::Or(vec![Expr::Integer(1), Expr::Integer(2)]));
    assert_eq!(argument("[4]"), Expr::List(vec![Expr::Integer(4)]));
    assert_eq!(argument("[]"), Expr::List(vec![]));
    assert_eq!(argument("\"a\\n\\x41\\101\\0\\\"\\\\é\""), Expr::Text("a\nAA\0\"\\é".into()));
    let htons = Expr::Function("htons".to_string(), vec![Expr::Integer(8080)]);
    assert_eq!(argument("htons(8080)"), htons);
    let Expr::Function(name, arguments) = argument("inet_pton(AF_INET6, \"::1\", &a)") else { panic!() };
    assert_eq!((name.as_str(), arguments.len()), ("inet_pton", 3));
    assert!(call("f() = 0").arguments.is_empty());
}

#[test]
fn structures_of_every_call_are_read() {
    let plain = |name: &str, value| Field { name: Some(name.to_string()), count: None, value };
    assert_eq!(
        argument("{onoff=1, linger=0}"),
        Expr::Struct(vec![plain("onoff", Expr::Integer(1)), plain("linger", Expr::Integer(0))])
    );
    let address = "{sa_family = AF_INET, sin_port = htons(8080), sin_addr = inet_addr(\"192.0.2.1\")}";
    let Expr::Struct(fields) = argument(address) else { panic!() };
    assert_eq!(fields[0], plain("sa_family", word("AF_INET")));
    let Expr::List(polled) = argument("[{fd=4, events=POLLIN|POLLOUT, revents=POLLIN}]") else { panic!() };
    assert!(matches!(&polled[0], Expr::Struct(fields) if fields.len() == 3));
    assert!(matches!(argument("{events=EPOLLIN, fd=4}"), Expr::Struct(fields) if fields.len() == 2));
    let vector = Expr::Struct(vec![
        Field { name: None, count: None, value: Expr::Ellipsis },
        Field { name: None, count: None, value: Expr::Integer(1000) },
    ]);
    assert_eq!(argument("[{..., 1000}]"), Expr::List(vec![vector.clone()]));
    let message = "{msg_name(...)=..., msg_iov(1)=[{..., 1000}], msg_flags=0, \
                   msg_control=[{cmsg_level=SOL_SOCKET, cmsg_type=SO_X, cmsg_data={a=1}}]}";
    let Expr::Struct(fields) = argument(message) else { panic!() };
    assert_eq!(
        fields[0],
        Field { name: Some("msg_name".to_string()), count: Some(Expr::Ellipsis), value: Expr::Ellipsis }
    );
    let list = Expr::List(vec![vector]);
    let expected = Field { name: Some("msg_iov".to_string()), count: Some(Expr::Integer(1)), value: list };
    assert_eq!(fields[1], expected);
    assert_eq!(fields.len(), 4);
}

#[test]
fn calls_that_make_no_sense_are_refused_where_they_do_not() {
    for (text, column, says) in [
        ("0 read", 7, "`(`"),
        ("0 read(4", 9, "`,` or `)`"),
        ("0 read(4,, 5) = 0", 10, "an argument"),
        ("0 read(4)\n+0 close(4) = 0", 10, "`=`"),
        ("0 read(99999999999999999999) = 0", 8, "64 bits"),
        ("0 read(\"\\q\") = 0", 8, "`\\`"),
        ("0 read(\"\\xg\") = 0", 8, "digits"),
        ("0 read({1=2}) = 0", 10, "a name"),
        ("0 read({a=1 b=2}) = 0", 13, "`,` or `}`"),
        ("0 read() = -1 EIO (never", 25, "note"),
        ("0 read() =\n", 11, "what the call returns"),
    ] {
        let error = error(text);
        assert_eq!((error.column, error.unsupported), (column, false), "{text}: {error}");
        assert!(error.message.contains(says), "{text}: {error}");
    }
    let deep = format!("0 f({}) = 0", "[".repeat(100_000));
    assert!(error(&deep).message.contains("deep"));
    let deep = format!("0 f({}1) = 0", "~".repeat(100_000));
    assert!(error(&deep).message.contains("deep"));
}

#[test]
fn an_error_is_told_with_its_place() {
    let error = error("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 > S 0:0(0) <mss>");
    assert_eq!(error.to_string(), "line 2, column 19: expected a segment size, found `>`");
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "(?s).{0,300}") {
        let _ = parse(&text, &[]);
    }

    #[test]
    fn no_soup_of_tokens_makes_the_parser_panic(
        tokens in prop::collection::vec(prop::sample::select(any::TOKENS.to_vec()), 0..60),
        glue in prop::collection::vec(any::<bool>(), 60),
    ) {
        let mut text = String::from("0 ");
        for (token, glued) in tokens.iter().zip(glue) {
            text.push_str(token);
            text.push_str(if glued { "" } else { " " });
        }
        if let Err(error) = parse(&text, &[]) {
            prop_assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty());
        }
    }

    #[test]
    fn a_packet_that_is_shown_is_read_back_the_same(packet in any::packet()) {
        let text = format!("0 {packet}");
        let read = parse(&text, &[]).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert_eq!(&read.events[0].action, &Action::Packet(packet), "{}", text);
    }
}

#[test]
fn reading_takes_time_in_proportion_to_the_length() {
    // Each of these is long on one line, or nests: a pass over the rest of it per token would not end.
    for piece in
        ["+0 > . 1:1(0) ", "/* */ ", "0 f({a=", "# x", "0 `a` ", "0 f() = 1 (a ", "\"a\" ", "A-", "1.", "/*"]
    {
        let _ = parse(&piece.repeat(50_000), &[]);
    }
}

#[test]
fn a_script_has_an_event() {
    for text in ["", "// nothing", "--mtu=1500\n", "`true`"] {
        let error = parse(text, &[]).expect_err("it checks nothing");
        assert!(!error.unsupported, "{error}");
    }
}

#[test]
fn nothing_is_said_twice_where_only_one_would_count() {
    for text in [
        "0 < [ect0, ce] . 1:1(0) ack 1 win 1",
        "0 < [ttl 3, ttl 4] . 1:1(0) ack 1 win 1",
        "0 > FF. 1:1(0) ack 1",
        "0 < icmp unreachable host_unreachable [1:1461(5)]",
    ] {
        parse(text, &[]).expect_err(text);
    }
    parse("0 < [ect0, ttl 4, dscp 3] . 1:1(0) ack 1 win 1", &[]).expect("three fields");
}

#[test]
fn a_dscp_has_a_number_or_a_name() {
    let dscp = |text: &str| -> Result<_, ScriptError> {
        let line = format!("0 > [dscp {text}] . 1:1(0) ack 1");
        match parse(&line, &[])?.events.pop().map(|event| event.action) {
            Some(Action::Packet(packet)) => Ok(packet.ip.dscp),
            other => panic!("{other:?}"),
        }
    };
    for (text, number) in
        [("46", 46), ("cs0", 0), ("cs6", 48), ("af11", 10), ("af43", 38), ("ef", 46), ("le", 1)]
    {
        assert_eq!(dscp(text), Ok(Some(number)));
    }
    for text in ["cs8", "af14", "af51", "cs", "zork", "é"] {
        assert!(dscp(text).is_err(), "{text}");
    }
}
