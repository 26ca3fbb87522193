//! `tcpstate sim` as a user or a program meets it: what it prints, the files it writes, and its exit code.

#![cfg(feature = "cli")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tcpstate::capture::CaptureReader;
use tcpstate::replay::{FlowReport, Replay, ReplayConfig};
use tcpstate::wire::{ChecksumStatus, IpPacket, Ipv4Header, TcpSegment};
use tcpstate::{Event, State};
use tempfile::TempDir;

/// What a run of the command gave.
#[derive(Debug, PartialEq, Eq)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "one object on one line");
        serde_json::from_str(&self.out).expect("the line is JSON")
    }

    /// The one line on standard error.
    fn complaint(&self) -> &str {
        let line = self.err.strip_suffix('\n').expect("a whole line on standard error");
        assert!(!line.contains('\n'), "one line, not:\n{line}");
        line
    }
}

fn sim_in(columns: Option<&str>, args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpstate"));
    command.arg("sim").args(args).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "TERM", "CI"] {
        command.env_remove(name);
    }
    command.envs(columns.map(|columns| ("COLUMNS", columns)));
    let output = command.output().expect("the command starts");
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("the output is text"),
        err: String::from_utf8(output.stderr).expect("the complaints are text"),
    }
}

fn sim(args: &str) -> Ran {
    sim_in(None, &args.split_whitespace().collect::<Vec<_>>())
}

fn json(args: &str) -> Value {
    let ran = sim(&format!("--format jsonl {args}"));
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args}");
    ran.json()
}

/// A run whose files are kept.
struct Recorded {
    ran: Ran,
    folder: TempDir,
}

impl Recorded {
    fn of(args: &str) -> Self {
        let folder = tempfile::tempdir().expect("a directory for the test");
        let (pcap, transitions) = (folder.path().join("out.pcapng"), folder.path().join("t.jsonl"));
        let picture = folder.path().join("out.svg");
        let mut all: Vec<&str> = args.split_whitespace().collect();
        let files =
            ["--pcap", text_of(&pcap), "--transitions", text_of(&transitions), "--svg", text_of(&picture)];
        all.extend(files);
        Self { ran: sim_in(None, &all), folder }
    }

    fn pcap(&self) -> PathBuf {
        self.folder.path().join("out.pcapng")
    }

    fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).expect("the file was written")
    }

    fn transitions(&self) -> Vec<Value> {
        let text = String::from_utf8(self.file("t.jsonl")).expect("the file is text");
        text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    fn flow(&self) -> FlowReport {
        let file = self.file("out.pcapng");
        let mut capture = CaptureReader::new(file.as_slice()).expect("it is a capture");
        let mut replay = Replay::new(ReplayConfig::default());
        while let Some(frame) = capture.next_frame().expect("the capture is whole") {
            replay.frame(&frame).expect("memory holds");
        }
        let mut finished = replay.finish().expect("memory holds");
        assert!(finished.summary.skipped.is_empty(), "every frame is a segment");
        finished.next_flow().expect("memory holds").expect("there is a flow")
    }
}

fn text_of(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}

// --- What is not understood ---

#[test]
fn a_value_that_is_not_understood_costs_one_line_and_ends_with_2() {
    for (args, says) in [
        ("--loss 5", "write 5%"),
        ("--loss 101%", "2% or 0.02"),
        ("--loss x", "--loss"),
        ("--burst-loss 51%", "50%"),
        ("--duplicate 2mbit", "2% or 0.02"),
        ("--delay 40", "no unit"),
        ("--delay 40mbit", "ms"),
        ("--jitter 25h", "day"),
        ("--time-wait soon", "--time-wait"),
        ("--min-rto 0", "1ms"),
        ("--rate 100", "mbit"),
        ("--rate 0mbit", "carries nothing"),
        ("--bytes 10M", "MB"),
        ("--bytes lots", "--bytes"),
        ("--window 0", "at least 1 octet"),
        ("--window 2GiB", "1GiB"),
        ("--seed x", "--seed"),
        ("--mtu 100", "--mtu"),
        ("--ipv6 --mtu 1000", "1280"),
    ] {
        let ran = sim(args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args}");
        let line = ran.complaint();
        let begins = line.starts_with("error: ") || line.starts_with("tcpstate: ");
        assert!(begins && line.contains(says), "{args}: {line}");
    }
}

#[test]
fn an_option_that_there_is_not_ends_with_2() {
    for args in ["--nonsense", "--close c", "--format xml", "file", "--burst-length 3"] {
        let ran = sim(args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args}");
    }
}

#[test]
fn an_output_wants_a_file_of_its_own() {
    let folder = tempfile::tempdir().expect("a directory for the test");
    let path = folder.path().join("out");
    let file = text_of(&path);
    for (args, says) in [
        (["--svg", "-", "--seed", "1"], "not `-`"),
        (["--pcap", "-", "--seed", "1"], "not `-`"),
        (["--pcap", file, "--svg", file], "cannot be both capture and picture"),
        (["--svg", file, "--transitions", file], "cannot be both transitions and picture"),
        (["--pcap", file, "--transitions", file], "cannot be both capture and transitions"),
    ] {
        let ran = sim_in(None, &args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(ran.complaint().contains(says), "{}", ran.err);
        assert!(!path.exists(), "nothing was begun");
    }
    for args in ["--svg-from 1s", "--svg x.svg --svg-from 2s --svg-to 1s"] {
        assert_eq!(sim(args).code, Some(2), "{args}");
    }
}

#[test]
fn the_help_has_examples_units_and_exit_codes() {
    let ran = sim("--help");
    assert_eq!(ran.code, Some(0));
    for part in
        ["Examples:", "tcpstate sim --loss 2% --delay 40ms", "mbit", "KiB", "Exit codes:", "docs/sim.md"]
    {
        assert!(ran.out.contains(part), "{part}");
    }
}

// --- What is printed ---

#[test]
fn without_options_a_megabyte_goes_over_a_good_path() {
    let ran = sim("");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let words: Vec<Vec<&str>> = ran.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0], ["a", "b"]);
    assert!(words.contains(&vec!["octets", "to", "send", "1,000,000", "0"]));
    assert!(words.contains(&vec!["octets", "read", "0", "1,000,000"]));
    assert!(words.contains(&vec!["retransmissions", "0", "0"]));
    assert!(words.contains(&vec!["opened", "active", "passive"]));
    assert!(words.contains(&vec!["closed", "active", "passive"]));
    assert!(words.contains(&vec!["ended", "closed", "closed"]));
    assert!(ran.out.contains("FIN-WAIT-1") && ran.out.contains("LAST-ACK"));
}

#[test]
fn the_table_fits_the_terminal() {
    let args = "--ipv6 --rate 10mbit --queue 10kB --loss 3% --burst-loss 1% --reorder 2% --duplicate 2% --corrupt 2%";
    for columns in ["66", "80", "100", "200"] {
        let ran = sim_in(Some(columns), &args.split_whitespace().collect::<Vec<_>>());
        assert_eq!(ran.code, Some(0));
        let width = ran.out.lines().map(|line| line.chars().count()).max();
        assert!(width.expect("there are lines") <= columns.parse().expect("a number"), "{}", ran.out);
    }
}

#[test]
fn the_json_has_the_documented_keys() {
    let docs = include_str!("../docs/sim.md");
    let summary = json("--bytes 20kB");
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().expect("an object").keys().cloned().collect() };
    let end = &summary["ends"][0];
    for key in keys(&summary).iter().chain(&keys(end)).chain(&keys(&end["lost"])) {
        assert!(docs.contains(&format!("`{key}`")), "docs/sim.md says what {key} is");
    }
    assert_eq!((&summary["type"], &summary["completed"]), (&"summary".into(), &true.into()));
    assert_eq!(summary["problem"], Value::Null);
    assert_eq!((&end["end"], &end["socket"]), (&"a".into(), &"192.0.2.1:49152".into()));
    assert_eq!((&end["sent_bytes"], &summary["ends"][1]["read_bytes"]), (&20_000.into(), &20_000.into()));
}

#[test]
fn goodput_is_what_was_read_by_the_time_it_took() {
    let summary = json("--bytes 1MB --rate 10mbit --window 64KiB");
    let (took, goodput) = (&summary["transfer_ns"], &summary["ends"][1]["goodput_bit_s"]);
    let (took, goodput) = (took.as_f64().expect("a time"), goodput.as_f64().expect("a rate"));
    assert!((goodput - 8e6 / (took / 1e9)).abs() < 1.0);
    // 1448 of 1500 octets of a packet are payload.
    assert!(goodput < 10e6 * 1448.0 / 1500.0 && goodput > 8e6, "{goodput}");
    assert_eq!(summary["ends"][0]["goodput_bit_s"], Value::Null, "nothing was sent back");
}

#[test]
fn who_closes_first_shows_in_the_states() {
    for (args, a, b) in [
        ("--close a", "active", "passive"),
        ("--close b", "passive", "active"),
        ("--close both", "simultaneous", "simultaneous"),
        ("--close a --back 30kB", "active", "passive"),
        ("--close b --back 30kB", "passive", "active"),
        ("--close both --back 30kB", "simultaneous", "simultaneous"),
        ("--close b --bytes 0", "passive", "active"),
        ("--close both --bytes 0", "simultaneous", "simultaneous"),
    ] {
        let args = if args.contains("--bytes") { args.to_string() } else { format!("{args} --bytes 50kB") };
        let summary = json(&args);
        let ends = &summary["ends"];
        assert_eq!((&ends[0]["close"], &ends[1]["close"]), (&a.into(), &b.into()), "{args}");
        assert_eq!((&ends[0]["state"], &ends[1]["state"]), (&"CLOSED".into(), &"CLOSED".into()), "{args}");
    }
}

#[test]
fn what_the_network_does_is_counted() {
    let args = "--bytes 1MB --rate 20mbit --queue 4kB --loss 2% --burst-loss 1% --reorder 2% --duplicate 2% --corrupt 2%";
    let summary = json(args);
    let a = &summary["ends"][0];
    let count = |value: &Value| value.as_u64().expect("a count");
    assert!(
        count(&a["lost"]["loss"]) > 0 && count(&a["lost"]["burst"]) > 0 && count(&a["lost"]["queue"]) > 0
    );
    for key in ["duplicated", "damaged", "held_back", "retransmissions"] {
        assert!(count(&a[key]) > 0, "{key}");
    }
    let longest = count(&a["longest_queue_bytes"]);
    assert!(longest > 0 && longest <= 4_000, "{longest}");
    assert_eq!(summary["ends"][1]["read_bytes"], 1_000_000);
}

#[test]
fn a_crowded_link_marks_what_ends_with_ecn_send() {
    let args = "--bytes 2MB --rate 20mbit --mark-above 20kB --ecn";
    let count =
        |ecn: &str, key: &str| json(&format!("{args} {ecn}"))["ends"][0][key].as_u64().expect("a count");
    assert!(count("request", "marked") > 0);
    assert_eq!(count("request", "retransmissions"), 0);
    assert_eq!((count("accept", "marked"), count("off", "marked")), (0, 0));
    assert!(count("request", "longest_queue_bytes") < count("off", "longest_queue_bytes"));
    assert!(sim(&format!("{args} request")).out.contains("marked (ECN)"));
    let ran = sim("--mark-above 20kB");
    assert_eq!(ran.code, Some(2), "there is no queue without a rate");
}

// --- What did not work ---

#[test]
fn a_transfer_that_does_not_complete_ends_with_1_and_says_why() {
    let ran = sim("--loss 100% --format jsonl");
    assert_eq!(ran.code, Some(1));
    assert!(ran.complaint().contains("a gave up"), "{}", ran.err);
    let summary = ran.json();
    assert_eq!(summary["completed"], false);
    assert!(summary["problem"].as_str().expect("a reason").contains("a gave up"));
    assert_eq!(summary["ends"][0]["close_reason"], "retransmissions_exhausted");
    assert_eq!(summary["ends"][1]["state"], "LISTEN");
}

#[test]
fn a_path_that_swallows_large_packets_costs_a_few_seconds() {
    let summary = json("--path-mtu 1400");
    assert_eq!(summary["completed"], true);
    assert!(summary["ends"][0]["lost"]["mtu"].as_u64().expect("a count") > 5);
    assert_eq!(json("--path-mtu 1400 --mtu 1400")["completed"], true);
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    for option in ["--pcap", "--transitions", "--svg"] {
        let ran = sim(&format!("{option} /nonexistent/folder/file"));
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{option}");
        assert!(ran.complaint().contains("/nonexistent/folder/file"), "{}", ran.err);
    }
}

// --- The files ---

#[test]
fn the_same_seed_gives_the_same_output_and_the_same_files() {
    let args = "--bytes 100kB --loss 5% --reorder 5% --jitter 3ms --duplicate 2%";
    let (one, again) = (Recorded::of(&format!("{args} --seed 9")), Recorded::of(&format!("{args} --seed 9")));
    assert_eq!(one.ran, again.ran);
    for name in ["out.pcapng", "t.jsonl", "out.svg"] {
        assert!(one.file(name) == again.file(name), "{name}");
    }
    let other = Recorded::of(&format!("{args} --seed 10"));
    assert_ne!(one.ran.out, other.ran.out);
    for name in ["out.pcapng", "out.svg"] {
        assert!(one.file(name) != other.file(name), "{name}");
    }
}

#[test]
fn the_capture_holds_what_was_sent_with_right_checksums() {
    for args in ["--bytes 60kB --loss 5% --corrupt 5%", "--bytes 60kB --ipv6 --corrupt 5% --back 9kB"] {
        let recorded = Recorded::of(&format!("{args} --format jsonl"));
        let summary = recorded.ran.json();
        let file = recorded.file("out.pcapng");
        let mut capture = CaptureReader::new(file.as_slice()).expect("it is a capture");
        let (mut frames, mut last) = (0, tcpstate::Instant::ZERO);
        while let Some(frame) = capture.next_frame().expect("the capture is whole") {
            assert_eq!(frame.dlt, 101, "raw IP");
            assert!(frame.time >= last, "in order");
            let ip = IpPacket::parse(frame.data, frame.data.len()).expect("an IP packet");
            if ip.src.is_ipv4() {
                assert!(Ipv4Header::parse(frame.data, frame.data.len()).expect("IPv4").checksum_ok());
            }
            let segment = TcpSegment::parse(ip.payload, ip.payload_len).expect("a segment");
            assert_eq!(segment.checksum_status(ip.src, ip.dst), ChecksumStatus::Good);
            (frames, last) = (frames + 1, frame.time);
        }
        let sent = [0, 1].map(|end| summary["ends"][end]["packets"].as_u64().expect("a count"));
        assert_eq!(
            frames,
            sent[0] + sent[1],
            "{args}: what is lost or damaged on the way was sent all the same"
        );
    }
}

#[test]
fn replay_reads_from_the_capture_what_the_machines_went_through() {
    let recorded = Recorded::of("--bytes 70kB --back 3kB");
    let flow = recorded.flow();
    assert_eq!((flow.open.name(), flow.close.name()), ("three-way", "three-way"));
    assert_eq!([flow.stream[0].len, flow.stream[1].len], [70_000, 3_000]);
    let logged: Vec<(u64, String, String)> = recorded
        .transitions()
        .iter()
        .filter_map(|line| {
            let text = |key: &str| line[key].as_str().expect("text").to_string();
            Some((line["frame"].as_u64()?, text("end"), text("to")))
        })
        .collect();
    let mut observed: Vec<_> = (flow.transitions.iter())
        .map(|seen| (seen.frame, seen.end.name().to_string(), seen.state.expect("known").to_string()))
        .collect();
    // Only the order of the two ends at one frame may differ.
    let mut logged = logged;
    logged.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    observed.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    assert_eq!(observed, logged);
}

#[test]
fn each_transition_is_one_of_the_table() {
    let recorded = Recorded::of("--bytes 30kB --loss 10% --close both");
    let state = |name: &str| State::ALL.into_iter().find(|state| state.name() == name).expect("a state");
    let lines = recorded.transitions();
    assert!(lines.len() > 8);
    for line in &lines {
        let text = |key: &str| line[key].as_str().expect("text");
        let event = Event::ALL.into_iter().find(|event| event.name() == text("event")).expect("an event");
        assert_eq!(state(text("from")).on(event), Some(state(text("to"))), "{line}");
        assert!(["a", "b"].contains(&text("end")));
    }
    assert!(lines.is_sorted_by_key(|line| line["time_ns"].as_u64()));
}

// --- The picture ---

/// A picture, parsed by somebody else's parser.
struct Picture {
    text: String,
}

impl Picture {
    /// Of a run that is as it may be.
    fn of(args: &str) -> Self {
        let folder = tempfile::tempdir().expect("a directory for the test");
        let path = folder.path().join("out.svg");
        let mut all: Vec<&str> = args.split_whitespace().collect();
        all.extend(["--svg", text_of(&path)]);
        let ran = sim_in(None, &all);
        assert_ne!(ran.code, Some(2), "{}", ran.err);
        Self { text: fs::read_to_string(&path).expect("the picture was written") }
    }

    fn document(&self) -> roxmltree::Document<'_> {
        roxmltree::Document::parse(&self.text).expect("it is well-formed XML")
    }

    fn elements(&self) -> usize {
        self.document().descendants().filter(roxmltree::Node::is_element).count()
    }

    /// Everything that is written on it, and what it says when one points at something.
    fn words(&self) -> Vec<String> {
        let document = self.document();
        let told = document.descendants().filter(|node| ["text", "title"].contains(&node.tag_name().name()));
        told.filter_map(|node| Some(node.text()?.to_string())).collect()
    }

    fn says(&self, part: &str) -> bool {
        self.words().iter().any(|words| words.contains(part))
    }

    /// How many things of a kind say what they are.
    fn told(&self, begins: &str) -> usize {
        self.words().iter().filter(|words| words.starts_with(begins)).count()
    }
}

#[test]
fn the_picture_is_svg_that_needs_nothing_else() {
    for args in [
        "",
        "--bytes 0",
        "--bytes 1",
        "--bytes 0 --back 50kB --loss 5%",
        "--bytes 50kB --back 50kB --ipv6 --reorder 20%",
        "--bytes 100kB --delay 0",
        "--loss 100%",
        "--path-mtu 1000 --bytes 20kB",
        "--bytes 200kB --window 3kB --min-rto 1ms --delay 50ms",
        "--bytes 300kB --corrupt 5% --duplicate 5% --burst-loss 2% --rate 5mbit --queue 20kB",
        "--bytes 1MB --svg-from 100h",
        "--bytes 1MB --loss 1% --svg-from 50ms --svg-to 90ms",
    ] {
        // A day is the longest time that an option takes.
        let args = args.replace("100h", "24h");
        let picture = Picture::of(&args);
        let document = picture.document();
        let root = document.root_element();
        assert_eq!(root.tag_name().namespace(), Some("http://www.w3.org/2000/svg"), "{args}");
        for node in document.descendants().filter(roxmltree::Node::is_element) {
            let name = node.tag_name().name();
            assert!(!["script", "image", "foreignObject", "a", "use"].contains(&name), "{args}: {name}");
            for attribute in node.attributes() {
                assert!(!attribute.name().contains("href"), "{args}");
                assert!(!attribute.value().contains("NaN") && !attribute.value().contains("inf"), "{args}");
            }
        }
        assert_eq!(picture.text.matches("http").count(), 1, "{args}: nothing but the namespace");
        // It has a colour behind it, whatever the viewer's is.
        let page =
            document.descendants().find(|node| node.attribute("class") == Some("page")).expect("a page");
        assert_eq!(page.attribute("width"), root.attribute("width"), "{args}");
        assert_eq!(page.attribute("height"), root.attribute("height"), "{args}");
    }
}

#[test]
fn the_picture_tells_what_was_lost_and_repeated() {
    let others = "--rate 20mbit --queue 20kB --loss 1% --reorder 1% --duplicate 2% --corrupt 1%";
    let args = &format!("--bytes 1MB --seed 4 {others}");
    let summary = json(args);
    let picture = Picture::of(args);
    let a = &summary["ends"][0];
    let count = |value: &Value| usize::try_from(value.as_u64().expect("a count")).expect("a small one");
    // Not all of what is lost has sequence numbers: an acknowledgment has not.
    let close = |told: usize, counted: usize| counted > 0 && told <= counted && told + 2 >= counted;
    assert!(close(picture.told("sent again at"), count(&a["retransmissions"])));
    assert!(close(picture.told("lost by chance at"), count(&a["lost"]["loss"])));
    assert!(close(picture.told("dropped, queue full at"), count(&a["lost"]["queue"])));
    assert!(close(picture.told("damaged at"), count(&a["damaged"])));
    assert!(picture.told("D-SACK, arrived twice") > 0 && picture.told("recovery: ") > 0);
    let goodput = summary["ends"][1]["goodput_bit_s"].as_f64().expect("a rate");
    assert!(picture.says(&format!("goodput {:.1} Mbit/s", goodput / 1e6)), "{:?}", picture.words());
    assert!(picture.says(&format!("tcpstate sim --bytes 1MB --seed 4 --delay 10ms {others}")));
}

#[test]
fn a_timeout_and_an_unfinished_transfer_are_told() {
    let picture = Picture::of("--loss 100% --bytes 10kB");
    assert!(picture.told("timeout at 1 s") == 1, "{:?}", picture.words());
    assert!(picture.says("a gave up"));
}

#[test]
fn a_probe_of_the_tail_is_told() {
    let probes = |seed| Picture::of(&format!("--bytes 20kB --loss 10% --seed {seed}")).told("tail probe at ");
    assert!((1..20).any(|seed| probes(seed) > 0));
}

#[test]
fn a_part_of_the_time_can_be_drawn_by_itself() {
    let args = "--bytes 2MB --rate 50mbit --loss 1% --seed 2";
    let (whole, part) = (Picture::of(args), Picture::of(&format!("{args} --svg-from 100ms --svg-to 200ms")));
    let (all, some) = (whole.told("lost by chance at"), part.told("lost by chance at"));
    assert!(some > 0 && some < all, "{some} of {all}");
    let within = |words: &str| {
        let time = words
            .strip_prefix("lost by chance at ")
            .and_then(|rest| rest.split_once(" ms"))
            .map(|(time, _)| time);
        time.is_some_and(|time| (100.0..=200.0).contains(&time.parse::<f64>().expect("a time")))
    };
    assert!(
        part.words().iter().filter(|words| words.starts_with("lost by chance at")).all(|words| within(words))
    );
    assert!(part.says("drawn here: 100 ms to 200 ms"));
}

/// The bounds that docs/sim.md promises.
#[test]
fn a_picture_of_a_long_transfer_is_bounded() {
    for args in [
        "--bytes 100MB --rate 100mbit --delay 10ms --queue 125kB",
        "--bytes 100MB --rate 1gbit --delay 2ms --loss 1% --reorder 5% --min-rto 5ms",
    ] {
        let picture = Picture::of(args);
        let (size, elements) = (picture.text.len(), picture.elements());
        assert!(size <= 3_000_000 && elements <= 20_000, "{args}: {size} octets, {elements} elements");
    }
}

/// Where tshark is installed, it has to find nothing wrong.
#[test]
fn tshark_reads_the_capture_without_complaint() {
    let filter = "tcp.checksum.status==0 || ip.checksum.status==0 || _ws.malformed";
    for args in ["--bytes 200kB --loss 3% --reorder 2% --duplicate 2%", "--bytes 200kB --ipv6 --mtu 1280"] {
        let recorded = Recorded::of(args);
        assert_eq!(recorded.ran.code, Some(0));
        let mut tshark = Command::new("tshark");
        tshark.args(["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y", filter, "-r"]);
        let Ok(output) = tshark.arg(recorded.pcap()).output() else { return };
        assert!(output.status.success());
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{args}");
    }
}
