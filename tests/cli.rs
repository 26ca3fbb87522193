//! The `tcpstate` command as a user or a program meets it: what it prints, on which stream, and its exit code.

#![cfg(feature = "cli")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod common;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{ACK, Pair, RST, SYN, Tape};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tcpstate::State;
use tcpstate::capture::CaptureReader;
use tcpstate::replay::ReplayConfig;
use tempfile::TempDir;

/// Columns of a table that goes to no terminal.
const COLUMNS: usize = 100;

/// What a run of the command gave.
#[derive(Debug, PartialEq, Eq)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    /// Every line of the output as JSON.
    fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    /// The lines of flows, and the last line, which is the summary.
    fn flows_and_summary(&self) -> (Vec<Value>, Value) {
        let mut lines = self.json();
        let summary = lines.pop().expect("there is a last line");
        assert_eq!(summary["type"], "summary", "the last line is the summary");
        assert!(lines.iter().all(|line| line["type"] == "flow"), "every other line is a flow");
        (lines, summary)
    }

    fn flows(&self) -> Vec<Value> {
        self.flows_and_summary().0
    }

    fn is_success(&self) -> bool {
        self.code == Some(0) && self.err.is_empty()
    }

    /// The one line on standard error.
    fn complaint(&self) -> &str {
        let line = self.err.strip_suffix('\n').expect("a whole line on standard error");
        assert!(!line.contains('\n'), "one line, not:\n{line}");
        line
    }
}

/// The command with an environment that is the same everywhere.
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpstate"));
    command.args(args).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "TERM", "CI"] {
        command.env_remove(name);
    }
    command
}

fn finish(mut command: Command) -> Ran {
    let output = command.output().expect("the command starts");
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("the output is text"),
        err: String::from_utf8(output.stderr).expect("the complaints are text"),
    }
}

fn tcpstate(args: &[&str]) -> Ran {
    finish(command(args))
}

/// Runs `tcpstate replay` on a file.
fn replay(options: &[&str], file: &Path) -> Ran {
    let mut command = command(&["replay"]);
    command.args(options).arg(file);
    finish(command)
}

fn jsonl(file: &Path) -> Ran {
    replay(&["--format", "jsonl"], file)
}

/// A directory for files that a test makes.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory for the test"))
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).expect("the directory is ours");
        path
    }
}

fn text_of(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}

/// Where the blocks of a little-endian pcapng file begin, each with its type.
fn blocks(file: &[u8]) -> Vec<(usize, u32)> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four octets"));
    let (mut at, mut found) = (0, Vec::new());
    while at < file.len() {
        found.push((at, word(at)));
        at += word(at + 4) as usize;
    }
    found
}

/// The blocks of a file that hold a packet each (EPB).
fn packet_blocks(file: &[u8]) -> Vec<usize> {
    blocks(file).into_iter().filter(|&(_, kind)| kind == 6).map(|(at, _)| at).collect()
}

// --- Exit codes, and what is said ---

#[test]
fn a_command_that_is_not_understood_ends_with_2_and_prints_no_result() {
    let http = common::fixture("http");
    let http = text_of(&http);
    for args in [
        &[] as &[&str],
        &["--nonsense"],
        &["nonsense"],
        &["replay"],
        &["replay", "--nonsense", http],
        &["replay", http, http],
        &["replay", "--msl", "x", http],
        &["replay", "--msl", "0", http],
        &["replay", "--msl=-1", http],
        &["replay", "--memory", "0", http],
        &["replay", "--flow", "-1", http],
        &["replay", "--format", "xml", http],
        &["replay", "--color", "sometimes", http],
        &["replay", "--flow", "0", "--as-they-end", http],
        &["states", "--format", "svg"],
    ] {
        let ran = tcpstate(args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(!ran.err.is_empty(), "{args:?} is told what is wrong");
        assert!(args.is_empty() || ran.err.starts_with("error: "), "{args:?}: {}", ran.err);
    }
}

#[test]
fn a_flow_that_is_not_there_is_a_usage_error_that_says_which_are() {
    let ran = replay(&["--flow", "99"], &common::fixture("http"));
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert_eq!(ran.complaint(), "tcpstate: there is no flow 99: flows are numbered from 0 to 1");

    let ran = replay(&["--flow", "1"], &common::fixture("reset"));
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert_eq!(ran.complaint(), "tcpstate: there is no flow 1: the capture has one flow, number 0");
}

#[test]
fn a_file_that_cannot_be_read_at_all_ends_with_1_and_one_line_that_names_it() {
    let scratch = Scratch::new();
    let missing = scratch.0.path().join("missing.pcap");
    let text = scratch.file("notes.txt", b"hello, world");
    let empty = scratch.file("empty.pcap", b"");
    let header = scratch.file("header.pcap", b"\xd4\xc3\xb2\xa1\x02\x00");
    for (path, reason) in [
        (&missing, "cannot open"),
        (&text, "not a pcap or pcapng capture: it starts with 68 65 6c 6c"),
        (&empty, "the file is empty"),
        (&header, "the file ends in its header: 6 of 24 octets are there"),
    ] {
        let ran = replay(&[], path);
        assert_eq!(ran.code, Some(1), "{path:?}");
        assert!(ran.complaint().starts_with("tcpstate: "), "{}", ran.err);
        assert!(ran.complaint().contains(text_of(path)), "{}", ran.err);
        assert!(ran.complaint().contains(reason), "{}", ran.err);

        let ran = jsonl(path);
        assert_eq!(ran.code, Some(1), "{path:?}");
        let (flows, summary) = ran.flows_and_summary();
        assert_eq!((flows, &summary["frames"]), (vec![], &json!(0)));
        assert!(summary["fault"]["reason"].as_str().is_some_and(|said| said.contains(reason)), "{summary}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_no_usage_error_whatever_is_asked_of_it() {
    let scratch = Scratch::new();
    for path in [scratch.0.path().join("missing.pcap"), scratch.file("notes.txt", b"hello, world")] {
        let ran = replay(&["--flow", "0"], &path);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
        assert!(ran.complaint().contains(text_of(&path)), "{}", ran.err);
    }
}

#[test]
fn a_cut_file_gives_every_frame_before_the_cut_and_names_the_one_that_is_cut() {
    let scratch = Scratch::new();
    let whole = common::read(&common::fixture("loss"));
    let packets = packet_blocks(&whole);
    for frame in [1, 2, 40, packets.len()] {
        let cut = &whole[..packets[frame - 1] + 30];
        let path = scratch.file("cut.pcapng", cut);
        let ran = jsonl(&path);
        assert_eq!(ran.code, Some(1));
        let (flows, summary) = ran.flows_and_summary();
        assert_eq!(
            (summary["frames"].as_u64(), summary["fault"]["frame"].as_u64()),
            (Some(frame as u64 - 1), Some(frame as u64))
        );
        let reason = summary["fault"]["reason"].as_str().expect("a reason in words");
        assert!(reason.starts_with("the file ends in the middle of it: 30 of "), "{reason}");
        assert_eq!(ran.complaint(), format!("tcpstate: {}: frame {frame}: {reason}", text_of(&path)));

        // The same frames in a file that ends well give the same flows.
        let sound = scratch.file("sound.pcapng", &whole[..packets[frame - 1]]);
        let sound = jsonl(&sound);
        assert!(sound.is_success());
        assert_eq!(flows, sound.flows());
        assert_eq!(flows.len(), usize::from(frame > 1));
    }

    let path = scratch.file("cut.pcapng", &whole[..packets[40] + 30]);
    let ran = replay(&[], &path);
    assert_eq!((ran.code, ran.out.lines().last()), (Some(1), Some("1 flow, 40 frames")));
    assert!(ran.complaint().contains("frame 41: the file ends in the middle of it"));
    let ran = replay(&["--flow", "0"], &path);
    assert_eq!((ran.code, story_lines(&ran.out)), (Some(1), 40));
    assert!(ran.complaint().contains("frame 41: the file ends in the middle of it"));
}

#[test]
fn a_cut_gzip_file_gives_what_could_be_decompressed() {
    let scratch = Scratch::new();
    let whole = gzip(&common::read(&common::fixture("loss")));
    let ran = jsonl(&scratch.file("cut.pcapng.gz", &whole[..whole.len() / 2]));
    assert_eq!(ran.code, Some(1));
    let (flows, summary) = ran.flows_and_summary();
    assert_eq!(flows.len(), 1);
    let frames = summary["frames"].as_u64().expect("a number");
    assert!((1..84).contains(&frames), "{frames}");
    assert_eq!(summary["fault"]["frame"], frames + 1);
    assert!(ran.complaint().contains(&format!("frame {}: the gzip stream is damaged", frames + 1)));
}

#[test]
fn a_damaged_packet_in_a_sound_file_is_skipped_counted_and_named() {
    let scratch = Scratch::new();
    let mut file = common::read(&common::fixture("close-by-client"));
    let fifth = packet_blocks(&file)[4];
    // An interface that the file does not describe.
    file[fifth + 8..fifth + 12].copy_from_slice(&7_u32.to_le_bytes());
    let ran = jsonl(&scratch.file("damaged.pcapng", &file));
    assert_eq!(ran.code, Some(1));
    assert!(ran.complaint().contains("frame 5: a packet on interface 7"), "{}", ran.err);
    let (flows, summary) = ran.flows_and_summary();
    // It has no frame number of its own, so that it is not among the frames.
    assert_eq!((&summary["skipped"], &summary["frames"]), (&json!({"damaged_packet": 1}), &json!(10)));
    assert_eq!(
        flows[0]["frames"].as_array().into_iter().flatten().filter_map(Value::as_u64).sum::<u64>(),
        10
    );
}

#[test]
fn whoever_stops_reading_the_output_hears_no_complaint() {
    let http = common::fixture("http");
    let http = text_of(&http);
    for args in [
        &["replay", http] as &[&str],
        &["replay", "--format", "jsonl", http],
        &["replay", "--as-they-end", http],
        &["replay", "--flow", "0", http],
        &["states"],
        &["states", "--format", "dot"],
    ] {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let mut command = command(args);
        command.stdout(writer);
        let ran = finish(command);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn help_shows_examples_and_ends_with_0() {
    for args in [&["--help"] as &[&str], &["replay", "--help"], &["states", "--help"]] {
        let ran = tcpstate(args);
        assert!(ran.is_success(), "{args:?}");
        let (_, examples) = ran.out.split_once("Example").unwrap_or_default();
        assert!(examples.contains("\n  tcpstate "), "{args:?} shows an example:\n{}", ran.out);
        assert!(ran.out.lines().all(|line| line.chars().count() <= 120), "{args:?}");
    }
    let help = tcpstate(&["replay", "--help"]).out;
    for option in ["--flow <N>", "--format <FORMAT>", "--as-they-end", "--msl <TIME>", "--memory <MIB>"] {
        assert!(help.contains(option), "{option} is explained");
    }
    let version = tcpstate(&["--version"]);
    assert!(version.is_success());
    assert_eq!(version.out, format!("tcpstate {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn states_are_printed_in_each_form_from_the_one_table() {
    for (format, text, begins) in [
        ("table", State::text_table(), "state"),
        ("mermaid", State::mermaid(), "stateDiagram-v2"),
        ("dot", State::dot(), "digraph"),
    ] {
        let ran = tcpstate(&["states", "--format", format]);
        assert!(ran.is_success());
        assert!(ran.out.starts_with(begins), "{format} begins with {begins}");
        assert_eq!(ran.out, text, "{format}");
    }
    assert_eq!(tcpstate(&["states"]).out, State::text_table(), "the table is what is meant by default");
}

// --- The same capture in other wrappings ---

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}

#[test]
fn a_file_a_pipe_and_gzip_give_the_same_output() {
    let scratch = Scratch::new();
    for name in ["http", "loss", "fragments", "port-reuse", "offload"] {
        let path = common::fixture(name);
        let content = common::read(&path);
        let zipped = scratch.file("capture.gz", &gzip(&content));
        for options in [
            &[] as &[&str],
            &["--format", "jsonl"],
            &["--flow", "0"],
            &["--as-they-end"],
            &["--color", "always"],
        ] {
            let from_file = replay(options, &path);
            assert!(from_file.is_success(), "{name} {options:?}");
            assert!(from_file.out.lines().count() > 1, "{name} {options:?}");
            assert_eq!(replay(options, &zipped), from_file, "{name} {options:?}, gzipped");

            let mut redirected = command(&["replay"]);
            redirected.args(options).arg("-").stdin(File::open(&path).expect("the fixture is there"));
            assert_eq!(finish(redirected), from_file, "{name} {options:?}, redirected");

            // A pipe that holds all of it, so that nobody has to write while the command reads.
            if content.len() <= 16 * 1024 {
                let (reader, mut writer) = io::pipe().expect("a pipe");
                writer.write_all(&content).expect("the pipe has room");
                drop(writer);
                let mut piped = command(&["replay"]);
                piped.args(options).arg("-").stdin(reader);
                assert_eq!(finish(piped), from_file, "{name} {options:?}, piped");
            }
        }
    }
}

/// The frames of a capture file as a pcap file of microseconds or nanoseconds, in either order of octets.
fn as_pcap(file: &[u8], nanos: bool, big_endian: bool) -> Vec<u8> {
    let word = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let half = |value: u16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut reader = CaptureReader::new(file).expect("the fixture is sound");
    let mut out = Vec::new();
    while let Some(frame) = reader.next_frame().expect("the fixture is sound") {
        if out.is_empty() {
            out.extend(word(if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }));
            out.extend([half(2), half(4)].concat());
            out.extend([word(0), word(0), word(262_144), word(frame.dlt)].concat());
        }
        let time = frame.time.as_nanos();
        let fraction = time % 1_000_000_000 / if nanos { 1 } else { 1_000 };
        let seconds = u32::try_from(time / 1_000_000_000).expect("before 2106");
        let captured = u32::try_from(frame.data.len()).expect("frames are short");
        out.extend([word(seconds), word(fraction as u32), word(captured), word(frame.wire_len)].concat());
        out.extend(frame.data);
    }
    out
}

#[test]
fn every_pcap_format_gives_the_flows_of_the_pcapng_file() {
    let scratch = Scratch::new();
    for name in ["http", "loss-receiver", "reorder", "ipv6", "vlan", "offload"] {
        let path = common::fixture(name);
        let file = common::read(&path);
        let wanted = jsonl(&path).flows();
        for (nanos, big_endian) in [(true, false), (true, true), (false, false), (false, true)] {
            let pcap = scratch.file("capture.pcap", &as_pcap(&file, nanos, big_endian));
            let ran = jsonl(&pcap);
            assert!(ran.is_success());
            let mut wanted = wanted.clone();
            let mut flows = ran.flows();
            if !nanos {
                for (flow, wanted) in flows.iter_mut().zip(&mut wanted) {
                    let start = wanted["start_ns"].as_u64().expect("a number");
                    assert_eq!(flow["start_ns"], start / 1_000 * 1_000, "rounded to microseconds");
                    for key in ["start_ns", "duration_ns"] {
                        flow[key] = Value::Null;
                        wanted[key] = Value::Null;
                    }
                }
            }
            assert_eq!(flows, wanted, "{name}, nanoseconds: {nanos}, big-endian: {big_endian}");
        }
    }
}

// --- JSON ---

fn assert_accounted(flows: &[Value], summary: &Value) {
    let sum = |values: Vec<&Value>| values.into_iter().filter_map(Value::as_u64).sum::<u64>();
    let followed = flows.iter().flat_map(|flow| flow["frames"].as_array().into_iter().flatten()).collect();
    let skipped = summary["skipped"].as_object().expect("an object").values().collect();
    assert_eq!(
        Some(sum(followed) + sum(skipped)),
        summary["frames"].as_u64(),
        "each frame is in one flow, or skipped for one reason: {summary}"
    );
}

fn numbers(value: &Value) -> Vec<u64> {
    let list = value.as_array().expect("a list");
    list.iter().map(|number| number.as_u64().expect("a whole number")).collect()
}

fn is_state(word: &Value) -> bool {
    word == "unknown" || State::ALL.iter().any(|state| word == state.name())
}

/// Asserts that a flow has every key with a value of the right kind, and that they do not contradict each other.
fn check_flow(flow: &Value, number: usize) {
    assert_eq!(flow["type"], "flow");
    assert_eq!(flow["flow"], number);
    for end in ["a", "b"] {
        let text = flow[end].as_str().expect("an end is text");
        let socket: SocketAddr = text.parse().expect("an address and a port");
        assert_eq!(socket.to_string(), text);
        assert_eq!(socket.is_ipv6(), text.starts_with('['), "IPv6 addresses are in brackets");
    }
    let number = |key: &str| flow[key].as_u64().expect("a whole number");
    let (first, last) = (number("first_frame"), number("last_frame"));
    assert!(1 <= first && first <= last);
    number("start_ns");
    number("duration_ns");
    for key in ["frames", "payload_bytes", "syn", "fin", "rst"] {
        assert_eq!(numbers(&flow[key]).len(), 2, "{key} is a pair");
    }
    assert_eq!(flow["isn"].as_array().map(Vec::len), Some(2));
    for isn in flow["isn"].as_array().into_iter().flatten() {
        assert!(isn.is_null() || isn.as_u64().is_some_and(|isn| u32::try_from(isn).is_ok()), "isn: {isn}");
    }
    assert_eq!(flow["stream"].as_array().map(Vec::len), Some(2));
    for stream in flow["stream"].as_array().into_iter().flatten() {
        let len = stream["len"].as_u64().expect("a whole number");
        let hash = stream["sha256"].as_str().expect("a hash in text");
        assert!(hash.len() == 64 && hash.bytes().all(|digit| b"0123456789abcdef".contains(&digit)), "{hash}");
        for gap in stream["gaps"].as_array().expect("a list") {
            let gap = numbers(gap);
            assert!(gap.len() == 2 && gap[0] <= len && gap[1] > 0, "gap {gap:?} of {len}");
        }
        assert!(stream["conflict_bytes"].is_u64() && stream["truncated"].is_boolean());
    }
    let opens = ["three-way", "simultaneous", "split", "fast-open", "refused", "half-open", "midstream"];
    let closes = ["four-way", "three-way", "simultaneous", "reset", "half-closed", "none"];
    assert!(opens.iter().any(|word| flow["open"] == *word), "open: {}", flow["open"]);
    assert!(closes.iter().any(|word| flow["close"] == *word), "close: {}", flow["close"]);
    let states = flow["state"].as_array().expect("a list");
    assert!(states.len() == 2 && states.iter().all(is_state), "{states:?}");
    let transitions = flow["transitions"].as_array().expect("a list");
    for transition in transitions {
        let fields = transition.as_array().expect("a list");
        assert!(fields.len() == 3 && (fields[1] == "a" || fields[1] == "b") && is_state(&fields[2]));
        assert!(fields[0].as_u64().is_some_and(|frame| frame >= first), "{transition}");
    }
    for (end, state) in ["a", "b"].into_iter().zip(states) {
        if let Some(last) = transitions.iter().rfind(|transition| transition[1] == end) {
            assert_eq!(&last[2], state, "the last transition of {end} leads to its state");
        }
    }
    for (kind, frames) in flow["anomalies"].as_object().expect("an object") {
        let frames = numbers(frames);
        assert!(
            !frames.is_empty() && frames.is_sorted_by(|before, after| before < after),
            "{kind}: {frames:?}"
        );
        assert!(first <= frames[0] && frames[frames.len() - 1] <= last, "{kind}: {frames:?}");
        assert!(kind.bytes().all(|letter| letter.is_ascii_lowercase() || letter == b'_'), "{kind}");
    }
}

#[test]
fn jsonl_has_every_key_with_a_value_of_its_kind_and_accounts_for_every_frame() {
    for path in common::fixtures() {
        let ran = jsonl(&path);
        assert!(ran.is_success(), "{path:?}: {}", ran.err);
        let (flows, summary) = ran.flows_and_summary();
        for (flow, number) in flows.iter().zip(0..) {
            check_flow(flow, number);
        }
        assert!(flows.is_sorted_by_key(|flow| flow["first_frame"].as_u64()));
        assert_eq!(summary["flows"], flows.len());
        assert_eq!(summary["fault"], Value::Null);
        assert_accounted(&flows, &summary);
    }
}

#[test]
fn jsonl_says_what_is_in_a_capture_to_the_octet() {
    let mut tape = Tape::default();
    let mut pair = Pair::on_port(40_000);
    tape.udp();
    pair.converse(&mut tape);
    tape.put(vec![0x60, 0, 0]);
    let scratch = Scratch::new();
    let ran = jsonl(&scratch.file("tape.pcapng", &tape.pcapng()));
    assert!(ran.is_success());
    let isn = pair.next.map(|next| next.get());
    let wanted = json!({
        "type": "flow", "flow": 0, "a": "10.0.0.1:40000", "b": "10.0.0.2:80",
        "first_frame": 2, "last_frame": 12,
        "start_ns": 1_700_000_000_000_000_000_u64, "duration_ns": 0,
        "frames": [6, 5], "payload_bytes": [18, 27], "syn": [1, 1], "fin": [1, 1], "rst": [0, 0],
        "isn": [isn[0] - 20, isn[1] - 29],
        "stream": [
            {
                "len": 18, "gaps": [], "conflict_bytes": 0, "truncated": false,
                "sha256": "6ec63b40bcbc26b71deda762dfd844f0c7f15410fd084e53085d3dcbc357675f",
            },
            {
                "len": 27, "gaps": [], "conflict_bytes": 0, "truncated": false,
                "sha256": "6cab76e227d9d7963c7ab1d4c9bd1983bcc01df9b39e4045683e789c4c63b52f",
            },
        ],
        "open": "three-way", "close": "four-way", "state": ["TIME-WAIT", "CLOSED"],
        "transitions": [
            [2, "a", "SYN-SENT"], [3, "b", "SYN-RECEIVED"], [3, "a", "ESTABLISHED"], [4, "b", "ESTABLISHED"],
            [9, "a", "FIN-WAIT-1"], [9, "b", "CLOSE-WAIT"], [10, "a", "FIN-WAIT-2"],
            [11, "b", "LAST-ACK"], [11, "a", "TIME-WAIT"], [12, "b", "CLOSED"],
        ],
        "anomalies": {},
    });
    let summary = json!({
        "type": "summary", "flows": 1, "frames": 13, "skipped": {"not_tcp": 1, "bad_ip_header": 1}, "fault": null,
    });
    assert_eq!(ran.json(), [wanted, summary]);
}

// --- The table and the story ---

#[test]
fn the_table_fits_into_100_columns_without_a_terminal_or_into_those_that_are_wished_for() {
    for path in common::fixtures() {
        let plain = replay(&[], &path);
        assert!(plain.is_success());
        assert!(!plain.out.contains('\x1b'), "{}: no escape codes", common::name_of(&path));
        let with_columns = |columns: &str| {
            let mut command = command(&["replay"]);
            command.arg(&path).env("COLUMNS", columns);
            finish(command)
        };
        for (ran, columns) in [(&plain, COLUMNS), (&with_columns("80"), 80)] {
            for line in ran.out.lines() {
                assert!(line.chars().count() <= columns, "{}: {line}", common::name_of(&path));
            }
        }
        assert_eq!(with_columns("many"), plain, "what is no number is no wish");
    }
}

#[test]
fn the_table_fits_even_with_large_figures_and_long_addresses() {
    let mut tape = Tape::default();
    let mut pair = Pair::on_port(40_000);
    pair.ends = [
        SocketAddr::from(([0x2001, 0xdb8, 0x1111, 0x2222, 0x3333, 0x4444, 0x5555, 0x6666], 40_000)),
        SocketAddr::from(([0x2001, 0xdb8, 0xaaaa, 0xbbbb, 0xcccc, 0xdddd, 0xeeee, 0xffff], 50_000)),
    ];
    pair.converse(&mut tape);
    let mut flow = tape.replay(ReplayConfig::default()).flows.remove(0);
    // As in a capture of a few days and a terabyte with a million connections.
    flow.flow = 1_234_567;
    flow.frames = [999_999_999; 2];
    flow.payload_bytes = [999_999_999_999; 2];
    flow.duration = Duration::from_secs(5 * 86_400);
    let row = tcpstate::replay::report::table::row(&flow, tcpstate::replay::report::text::Look::default());
    for line in row.lines() {
        assert!(line.chars().count() <= COLUMNS, "{} columns: {line}", line.chars().count());
    }
}

#[test]
fn colours_are_for_terminals_unless_they_are_asked_for() {
    let path = common::fixture("reset");
    for options in [&[] as &[&str], &["--flow", "0"]] {
        let plain = replay(options, &path);
        assert!(!plain.out.contains('\x1b'));
        let coloured = replay(&[options, &["--color", "always"]].concat(), &path);
        assert!(coloured.out.contains("\x1b["));
        assert_eq!(without_colours(&coloured.out), plain.out, "colours change nothing else");
        assert_eq!(replay(&[options, &["--color", "never"]].concat(), &path), plain);
    }
    let coloured = replay(&["--format", "jsonl", "--color", "always"], &path);
    assert!(!coloured.out.contains('\x1b'), "programs want none");
}

/// The text without escape sequences of the form `ESC [ … m`.
fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain += piece.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain
}

/// Lines of a story that stand for a packet.
fn story_lines(story: &str) -> usize {
    story.lines().filter(|line| line.contains(" ──▶ ") || line.contains(" ◀── ")).count()
}

#[test]
fn a_story_has_one_line_for_each_packet_of_its_flow_and_marks_each_transition() {
    for path in common::fixtures() {
        for (flow, number) in jsonl(&path).flows().iter().zip(0..) {
            let ran = replay(&["--flow", &format!("{number}")], &path);
            assert!(ran.is_success());
            let name = common::name_of(&path);
            let packets: u64 = numbers(&flow["frames"]).iter().sum();
            assert_eq!(story_lines(&ran.out) as u64, packets, "{name}, flow {number}");
            let marks: usize = ran
                .out
                .lines()
                .filter(|line| story_lines(line) == 1 || line.contains("2·MSL"))
                .map(|line| line.matches("* ").count())
                .sum();
            // A frame that takes an end through two states has one mark for them.
            let mut changes: Vec<_> = flow["transitions"].as_array().into_iter().flatten().collect();
            changes.sort_by_key(|transition| (transition[0].as_u64(), transition[1].as_str()));
            changes.dedup_by_key(|transition| (transition[0].as_u64(), transition[1].as_str()));
            assert_eq!(marks, changes.len(), "{name}, flow {number}:\n{}", ran.out);
            let title = format!(
                "flow {number}: a {} → b {}",
                flow["a"].as_str().unwrap_or_default(),
                flow["b"].as_str().unwrap_or_default()
            );
            assert_eq!(ran.out.lines().next(), Some(title.as_str()));
        }
    }
}

#[test]
fn the_story_of_a_handshake_gives_both_states_after_each_packet() {
    let ran = replay(&["--flow", "0"], &common::fixture("close-by-client"));
    let states: Vec<String> = ran
        .out
        .lines()
        .filter(|line| story_lines(line) == 1)
        .map(|line| line.split_whitespace().skip(2).take(3).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        states,
        [
            "SYN-SENT* ──▶ LISTEN",
            "ESTABLISHED* ◀── SYN-RECEIVED*",
            "ESTABLISHED ──▶ ESTABLISHED*",
            "ESTABLISHED ──▶ ESTABLISHED",
            "ESTABLISHED ◀── ESTABLISHED",
            "ESTABLISHED ◀── ESTABLISHED",
            "ESTABLISHED ──▶ ESTABLISHED",
            "FIN-WAIT-1* ──▶ CLOSE-WAIT*",
            "FIN-WAIT-2* ◀── CLOSE-WAIT",
            "TIME-WAIT* ◀── LAST-ACK*",
            "TIME-WAIT ──▶ CLOSED*",
        ]
    );
}

// --- Time ---

#[test]
fn time_wait_ends_only_when_the_capture_has_seen_twice_the_msl_pass() {
    let scratch = Scratch::new();
    for (msl, seconds, over) in [
        (None, 239, false),
        (None, 241, true),
        (Some("1"), 1, false),
        (Some("1"), 3, true),
        (Some("300"), 599, false),
        (Some("300"), 601, true),
    ] {
        let mut tape = Tape::default();
        Pair::on_port(40_000).converse(&mut tape);
        let later = tape.pass(Duration::from_secs(seconds)).udp();
        let path = scratch.file("tape.pcapng", &tape.pcapng());
        let options: Vec<&str> =
            ["--format", "jsonl"].into_iter().chain(msl.iter().flat_map(|msl| ["--msl", msl])).collect();
        let flow = replay(&options, &path).flows().remove(0);
        let (state, last) = if over {
            ("CLOSED", json!([later, "a", "CLOSED"]))
        } else {
            ("TIME-WAIT", json!([later - 1, "b", "CLOSED"]))
        };
        assert_eq!(flow["state"], json!([state, "CLOSED"]), "MSL {msl:?}, {seconds} s later");
        assert_eq!(flow["transitions"].as_array().and_then(|all| all.last()), Some(&last));
        assert_eq!(flow["last_frame"], later - 1, "the frame that shows the time is not the flow's");
    }
}

#[test]
fn a_repeated_fin_begins_time_wait_anew() {
    let scratch = Scratch::new();
    let mut tape = Tape::default();
    let mut pair = Pair::on_port(40_000);
    pair.converse(&mut tape);
    tape.pass(Duration::from_secs(200));
    let fin = pair.next[1] - 1;
    pair.repeat(&mut tape, 1, fin, common::FIN | ACK, b"");
    pair.send(&mut tape, 0, ACK, b"");
    tape.pass(Duration::from_secs(100)).udp();
    let early = jsonl(&scratch.file("early.pcapng", &tape.pcapng())).flows().remove(0);
    assert_eq!(early["state"], json!(["TIME-WAIT", "CLOSED"]));
    tape.pass(Duration::from_secs(141)).udp();
    let late = jsonl(&scratch.file("late.pcapng", &tape.pcapng())).flows().remove(0);
    assert_eq!(late["state"], json!(["CLOSED", "CLOSED"]));
}

#[test]
fn the_story_tells_when_time_wait_is_over() {
    let scratch = Scratch::new();
    let mut tape = Tape::default();
    Pair::on_port(40_000).converse(&mut tape);
    tape.pass(Duration::from_secs(241)).udp();
    let ran = replay(&["--flow", "0"], &scratch.file("tape.pcapng", &tape.pcapng()));
    assert!(ran.is_success());
    let last = ran.out.lines().last().unwrap_or_default();
    assert_eq!(
        last.split_whitespace().collect::<Vec<_>>(),
        ["12", "241.000000", "CLOSED*", "CLOSED", "(2·MSL", "have", "passed)"]
    );
}

// --- As they end ---

#[test]
fn as_they_end_prints_the_same_flows() {
    for path in common::fixtures() {
        let (flows, summary) = jsonl(&path).flows_and_summary();
        let ran = replay(&["--format", "jsonl", "--as-they-end"], &path);
        assert!(ran.is_success());
        let (mut ended, totals) = ran.flows_and_summary();
        ended.sort_by_key(|flow| flow["first_frame"].as_u64());
        assert_eq!(ended, flows, "{}", common::name_of(&path));
        assert_eq!(totals, summary);
    }
}

/// One connection that stays open, one that ends, one reset, and then another that comes much later.
fn three_in_a_row() -> Tape {
    let mut tape = Tape::default();
    let mut open = Pair::on_port(40_000);
    open.handshake(&mut tape);
    tape.pass(Duration::from_secs(1));
    Pair::on_port(40_001).converse(&mut tape);
    tape.pass(Duration::from_secs(1));
    let mut reset = Pair::on_port(40_002);
    reset.handshake(&mut tape);
    reset.send(&mut tape, 0, RST | ACK, b"");
    tape.pass(Duration::from_secs(300));
    Pair::on_port(40_003).converse(&mut tape);
    open.send(&mut tape, 0, ACK, b"still here");
    tape
}

#[test]
fn as_they_end_prints_a_flow_when_it_ends_and_not_in_order_of_first_frame() {
    let scratch = Scratch::new();
    let path = scratch.file("tape.pcapng", &three_in_a_row().pcapng());
    let order = |ran: Ran| {
        assert!(ran.is_success());
        ran.flows().iter().map(|flow| flow["flow"].as_u64()).collect::<Option<Vec<u64>>>()
    };
    assert_eq!(order(jsonl(&path)), Some(vec![0, 1, 2, 3]));
    let ended = replay(&["--format", "jsonl", "--as-they-end"], &path);
    assert_eq!(order(ended), Some(vec![1, 2, 0, 3]));

    let (mut in_order, summary) = jsonl(&path).flows_and_summary();
    let (ended, totals) = replay(&["--format", "jsonl", "--as-they-end"], &path).flows_and_summary();
    in_order.sort_by_key(|flow| ended.iter().position(|other| other["flow"] == flow["flow"]));
    assert_eq!((in_order, summary), (ended, totals), "nothing else differs");
}

#[test]
fn as_they_end_prints_an_ended_flow_while_the_capture_goes_on() {
    let mut tape = Tape::default();
    Pair::on_port(40_000).converse(&mut tape);
    tape.pass(Duration::from_secs(300)).udp();
    let (reader, mut writer) = io::pipe().expect("a pipe");
    let mut command = command(&["replay", "--format", "jsonl", "--as-they-end", "-"]);
    let mut child = command.stdin(reader).stdout(Stdio::piped()).spawn().expect("the command starts");
    // The command holds the reading end alone.
    drop(command);
    writer.write_all(&tape.pcapng()).expect("the pipe has room");

    // The writing end is open: nobody has said that the capture is over.
    let mut output = BufReader::new(child.stdout.take().expect("it was asked for"));
    let mut line = String::new();
    output.read_line(&mut line).expect("the output is text");
    let flow: Value = serde_json::from_str(&line).expect("a line of JSON");
    assert_eq!((&flow["flow"], &flow["state"]), (&json!(0), &json!(["CLOSED", "CLOSED"])));

    drop(writer);
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("the output is text");
    assert!(rest.starts_with(r#"{"type":"summary","flows":1,"frames":12,"#), "{rest}");
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_syn_with_another_number_after_a_close_is_another_flow() {
    let scratch = Scratch::new();
    let mut tape = Tape::default();
    let mut first = Pair::on_port(40_000);
    first.converse(&mut tape);
    tape.pass(Duration::from_secs(2));
    let mut second = Pair::on_port(40_000);
    second.next[0] += 1_000_000;
    second.next[1] += 2_000_000;
    let syn = tape.packets.len() as u64 + 1;
    second.converse(&mut tape);
    tape.pass(Duration::from_secs(2));
    let mut third = Pair::on_port(40_000);
    third.next[0] += 5_000_000;
    third.send(&mut tape, 0, SYN, b"");
    let ran = jsonl(&scratch.file("tape.pcapng", &tape.pcapng()));
    let (flows, summary) = ran.flows_and_summary();
    assert_eq!(summary["flows"], 3);
    assert_eq!(flows[0]["anomalies"], json!({}));
    assert_eq!(flows[1]["anomalies"], json!({"port_reuse": [syn]}));
    assert_eq!(flows[2]["anomalies"], json!({"port_reuse": [syn + 11]}));
    assert_eq!(
        (&flows[2]["open"], &flows[2]["state"]),
        (&json!("half-open"), &json!(["SYN-SENT", "LISTEN"]))
    );
    assert_eq!((&flows[1]["first_frame"], &flows[1]["frames"]), (&json!(syn), &json!([6, 5])));
    // Each story is of its own packets, although the ends are the same.
    for (number, packets) in [("0", 11), ("1", 11), ("2", 1)] {
        let ran = replay(&["--flow", number], &scratch.file("tape.pcapng", &tape.pcapng()));
        assert_eq!(story_lines(&ran.out), packets, "flow {number}");
    }
}
