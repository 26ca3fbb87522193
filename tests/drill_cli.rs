//! `tcpstate drill` as a user or a program meets it: what it prints, in which order, and its exit code.

#![cfg(feature = "cli")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tcpstate::capture::CaptureReader;
use tempfile::TempDir;

/// A connection that comes, brings octets, and goes.
const PASSES: &str = "\
0     socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0    bind(3, ..., ...) = 0
+0    listen(3, 1) = 0
+0    < S 0:0(0) win 65535 <mss 1460>
+0    > S. 0:0(0) ack 1 <mss 1460>
+.1   < . 1:1(0) ack 1 win 65535
+0    accept(3, ..., ...) = 4
+0    write(4, ..., 1000) = 1000
+0    > P. 1:1001(1000) ack 1
";

/// What a run of the command gave.
#[derive(Debug, PartialEq, Eq)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn objects(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    /// The one line on standard error.
    fn complaint(&self) -> &str {
        let line = self.err.strip_suffix('\n').expect("a whole line on standard error");
        assert!(!line.contains('\n'), "one line, not:\n{line}");
        line
    }
}

fn command(args: &[&str], folder: &Path, input: &str) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpstate"));
    command.arg("drill").args(args).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "TERM", "CI"] {
        command.env_remove(name);
    }
    let mut child = command.spawn().expect("the command starts");
    // Who does not read its input may be gone already.
    let _ = child.stdin.take().expect("there is an input").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the command ends");
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("the output is text"),
        err: String::from_utf8(output.stderr).expect("the complaints are text"),
    }
}

/// A folder with scripts.
struct Scripts(TempDir);

impl Scripts {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a directory for the test");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("it has a parent")).expect("a folder in it");
            fs::write(path, text).expect("the script is written");
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn drill(&self, args: &str) -> Ran {
        command(&args.split_whitespace().collect::<Vec<_>>(), self.0.path(), "")
    }
}

fn failing() -> String {
    PASSES.replace("> P. 1:1001(1000) ack 1", "> P. 1:1001(1000) ack 2")
}

fn unsupported() -> String {
    format!("{PASSES}+0    frobnicate(4) = 0\n")
}

#[test]
fn scripts_that_pass_are_counted_and_the_exit_code_is_zero() {
    let scripts = Scripts::new(&[("a.pkt", PASSES), ("b.pkt", PASSES)]);
    let ran = scripts.drill("a.pkt b.pkt");
    assert_eq!(ran, Ran { code: Some(0), out: "2 scripts: 2 passed\n".into(), err: String::new() });
}

#[test]
fn a_failure_tells_the_line_what_was_expected_what_came_and_what_was_before_it() {
    let scripts = Scripts::new(&[("bad.pkt", &failing())]);
    let ran = scripts.drill("bad.pkt");
    assert_eq!(ran.code, Some(1));
    let lines: Vec<&str> = ran.out.lines().map(str::trim_end).collect();
    assert_eq!(lines[0], "FAIL bad.pkt:9: ack is 1, not 2");
    assert_eq!(lines[1], "         9 | +0    > P. 1:1001(1000) ack 2");
    assert!(lines[2].starts_with("  expected ") && lines[2].contains("ack 2"), "{}", lines[2]);
    assert!(lines[3].starts_with("      came ") && lines[3].contains("ack 1"), "{}", lines[3]);
    assert_eq!(lines[4], "         1    0.000000 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3");
    assert!(lines.iter().any(|line| line.starts_with("         6    0.100000 < . 1:1(0) ack 1")));
    assert_eq!(lines.last(), Some(&"1 script: 0 passed, 1 failed"));
}

#[test]
fn an_error_of_the_language_has_a_caret_below_its_place() {
    let scripts =
        Scripts::new(&[("bad.pkt", "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 < Q 0:0(0)\n")]);
    let ran = scripts.drill("bad.pkt");
    assert_eq!(ran.code, Some(1));
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(lines[0].starts_with("FAIL bad.pkt:2: "), "{}", lines[0]);
    assert_eq!(lines[1], "         2 | +0 < Q 0:0(0)");
    assert_eq!(lines[2], "           |      ^");
}

#[test]
fn what_is_not_supported_is_no_failure_and_is_said_clearly() {
    let scripts = Scripts::new(&[("a.pkt", PASSES), ("b.pkt", &unsupported()), ("c.pkt", &unsupported())]);
    let ran = scripts.drill("a.pkt b.pkt c.pkt");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(ran.out.starts_with("UNSUPPORTED b.pkt:10: "), "{}", ran.out);
    assert!(ran.out.contains("\nnot supported, and in how many scripts\n         2 "), "{}", ran.out);
    assert!(
        ran.out.ends_with("\n3 scripts: 1 passed, 2 not supported: nothing is known of them\n"),
        "{}",
        ran.out
    );
}

#[test]
fn json_lines_have_one_shape_whatever_comes_of_a_script_and_end_with_a_summary() {
    let scripts = Scripts::new(&[("a.pkt", PASSES), ("b.pkt", &failing()), ("c.pkt", &unsupported())]);
    let ran = scripts.drill("--format jsonl a.pkt b.pkt c.pkt");
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    let objects = ran.objects();
    assert_eq!(objects.len(), 4);
    assert_eq!(objects[0], json!({ "script": "a.pkt", "outcome": "pass", "line": null, "message": null }));
    for (object, script, outcome, line) in
        [(&objects[1], "b.pkt", "fail", 9), (&objects[2], "c.pkt", "unsupported", 10)]
    {
        let members: Vec<&String> = object.as_object().expect("it is an object").keys().collect();
        assert_eq!(members.len(), 4, "{members:?}");
        assert_eq!((&object["script"], &object["outcome"]), (&json!(script), &json!(outcome)));
        assert_eq!(object["line"], line);
        assert!(object["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
    let summary = json!({ "summary": { "scripts": 3, "pass": 1, "fail": 1, "unsupported": 1 } });
    assert_eq!(objects[3], summary);
    assert!(ran.out.starts_with(r#"{"script":"a.pkt","outcome":"pass","line":null,"message":null}"#));
}

#[test]
fn folders_are_read_with_what_is_below_them_in_order_whatever_the_threads_do() {
    let names = ["z.pkt", "b/2.pkt", "b/10.pkt", "b/deep/er/1.pkt", "a.pkt", "c.pkt"];
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (*name, PASSES)).collect();
    files.extend([("b/readme.txt", "no script"), ("other.pk", "no script")]);
    let scripts = Scripts::new(&files);
    for jobs in ["1", "2", "7"] {
        let objects = scripts.drill(&format!("--format jsonl --jobs {jobs} z.pkt .")).objects();
        let told: Vec<&str> = objects.iter().filter_map(|object| object["script"].as_str()).collect();
        let wanted =
            ["z.pkt", "./a.pkt", "./b/10.pkt", "./b/2.pkt", "./b/deep/er/1.pkt", "./c.pkt", "./z.pkt"];
        assert_eq!(told, wanted);
    }
}

#[test]
fn what_was_not_understood_is_said_in_a_line_with_exit_code_two() {
    let scripts = Scripts::new(&[("a.pkt", PASSES), ("empty/readme.txt", "")]);
    for (args, words) in [
        ("nowhere.pkt", "nowhere.pkt: "),
        ("a.pkt nowhere", "nowhere: "),
        ("empty", "empty: there is no *.pkt in this folder"),
        ("- -", "standard input"),
        ("-D PORT a.pkt", "NAME=VALUE"),
        ("-D 8=9 a.pkt", "`8` is no name"),
        ("-D A=1 -D A=2 a.pkt", "A is defined twice"),
        ("--jobs 0 a.pkt", "0"),
        ("--pcap out.pcapng a.pkt a.pkt", "one script"),
        ("--pcap - a.pkt", "name of a file"),
        ("--pcap a.pkt a.pkt", "both script and capture"),
    ] {
        let ran = scripts.drill(args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args}");
        assert!(ran.complaint().contains(words), "{args}: {}", ran.err);
    }
    for args in ["", "--profile solaris a.pkt", "--telepathy a.pkt", "--format xml a.pkt"] {
        assert_eq!(scripts.drill(args).code, Some(2), "{args}");
    }
    assert_eq!(fs::read_to_string(scripts.path("a.pkt")).expect("it is still there"), PASSES);
}

#[test]
fn a_file_that_is_no_text_fails_and_the_others_run() {
    let scripts = Scripts::new(&[("b.pkt", PASSES)]);
    fs::write(scripts.path("a.pkt"), b"0 socket(\xFF").expect("it is written");
    let ran = scripts.drill("--format jsonl .");
    assert_eq!(ran.code, Some(1));
    let objects = ran.objects();
    assert_eq!((&objects[0]["outcome"], &objects[0]["line"]), (&json!("fail"), &json!(1)));
    assert_eq!(objects[1]["outcome"], "pass");
}

#[test]
fn comments_may_be_in_any_coding() {
    let scripts = Scripts::new(&[]);
    let text = [b"// Andr\xE9\n", PASSES.as_bytes()].concat();
    fs::write(scripts.path("a.pkt"), text).expect("it is written");
    assert_eq!(scripts.drill("--format jsonl .").objects()[0]["outcome"], "pass");
}

#[test]
fn a_script_in_which_nothing_happens_has_not_passed() {
    let scripts = Scripts::new(&[("a.pkt", ""), ("b.pkt", "// Only words.\n--mtu=1400\n")]);
    let objects = scripts.drill("--format jsonl .").objects();
    for object in &objects[..2] {
        assert_eq!(object["outcome"], "fail", "{object}");
        assert!(object["message"].as_str().is_some_and(|message| message.starts_with("expected an event")));
    }
}

#[test]
fn a_script_may_come_by_standard_input() {
    let ran = command(&["--format", "jsonl", "-"], Path::new("."), PASSES);
    assert_eq!(ran.code, Some(0));
    assert_eq!(ran.objects()[0]["script"], "-");
}

#[test]
fn words_are_replaced_by_what_is_defined_for_them() {
    let scripts = Scripts::new(&[("a.pkt", &PASSES.replace("1000)", "SIZE)").replace("= 1000", "= SIZE"))]);
    assert_eq!(scripts.drill("a.pkt").code, Some(1));
    assert_eq!(scripts.drill("-D SIZE=1000 a.pkt").code, Some(0));
    assert_eq!(scripts.drill("--define SIZE=999 a.pkt").code, Some(1));
}

#[test]
fn a_script_chooses_its_profile_and_an_option_has_the_last_word() {
    let scripts = Scripts::new(&[
        ("wish.pkt", &format!("// Anything.\n// profile: freebsd\n{PASSES}")),
        ("bad.pkt", &format!("// profile: solaris\n{PASSES}")),
        ("late.pkt", &format!("{PASSES}// profile: solaris\n")),
    ]);
    assert_eq!(scripts.drill("wish.pkt late.pkt").code, Some(0));
    let ran = scripts.drill("bad.pkt");
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.starts_with("FAIL bad.pkt:1: there is no profile \"solaris\""), "{}", ran.out);
    for profile in ["default", "linux", "freebsd"] {
        assert_eq!(scripts.drill(&format!("--profile {profile} bad.pkt")).code, Some(0), "{profile}");
    }
}

#[test]
fn everything_is_told_if_it_is_asked_for() {
    let scripts = Scripts::new(&[("a.pkt", PASSES)]);
    let ran = scripts.drill("--verbose a.pkt");
    assert_eq!(ran.code, Some(0));
    assert!(ran.out.starts_with("PASS a.pkt\n"), "{}", ran.out);
    assert!(ran.out.contains("         8    0.100000 write(4, ..., 1000) = 1000\n"), "{}", ran.out);
    assert!(ran.out.contains("         9    0.100000 > P. 1:1001(1000) ack 1"), "{}", ran.out);
    assert!(ran.out.ends_with("\n1 script: 1 passed\n"));
}

#[test]
fn a_capture_has_the_packets_and_the_lines_of_the_script_and_replay_reads_it() {
    let scripts = Scripts::new(&[("a.pkt", PASSES), ("bad.pkt", &failing())]);
    for (script, code) in [("a.pkt", 0), ("bad.pkt", 1)] {
        assert_eq!(scripts.drill(&format!("--pcap out.pcapng {script}")).code, Some(code));
        let file = fs::read(scripts.path("out.pcapng")).expect("the capture was written");
        let text = String::from_utf8_lossy(&file);
        for words in ["line 4: < S 0:0(0)", "line 8: write(4, ..., 1000) = 1000", "line 9: > P. 1:1001(1000)"]
        {
            assert!(text.contains(words), "{words}");
        }
        let mut capture = CaptureReader::new(file.as_slice()).expect("it is a capture");
        let mut times = Vec::new();
        while let Some(frame) = capture.next_frame().expect("the capture is whole") {
            times.push(frame.time.as_nanos());
        }
        assert_eq!(times, [0, 0, 100_000_000, 100_000_000]);
        let mut replay = Command::new(env!("CARGO_BIN_EXE_tcpstate"));
        let output = replay.args(["replay", "--format", "jsonl"]).arg(scripts.path("out.pcapng")).output();
        let output = output.expect("the command starts");
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
        let first = output.stdout.split(|&octet| octet == b'\n').next().expect("there is a flow");
        let flow: Value = serde_json::from_slice(first).expect("it is JSON");
        assert_eq!(flow["flow"], 0);
    }
}

#[test]
fn the_help_has_examples_and_exit_codes() {
    let ran = command(&["--help"], Path::new("."), "");
    assert_eq!(ran.code, Some(0));
    assert!(ran.out.lines().all(|line| line.chars().count() <= 120), "{}", ran.out);
    for words in ["Examples:", "Exit codes:", "--profile linux", "--pcap", "NAME=VALUE"] {
        assert!(ran.out.contains(words), "{words}");
    }
}

/// What stands in the manual between lines like "```kind" and "```".
fn blocks<'m>(manual: &'m str, kind: &str) -> Vec<&'m str> {
    let fence = format!("```{kind}\n");
    let rest = manual.split(fence.as_str()).skip(1);
    rest.map(|rest| rest.split("\n```").next().expect("there is a first part")).collect()
}

#[test]
fn the_examples_of_the_manual_are_true() {
    let manual = fs::read_to_string("docs/drill.md").expect("there is a manual");
    let scripts = blocks(&manual, "packetdrill");
    assert!(!scripts.is_empty());
    for text in &scripts {
        let ran = command(&["-"], Path::new("."), text);
        assert_eq!((ran.code, ran.out.as_str()), (Some(0), "1 script: 1 passed\n"));
    }
    let bad = scripts[0].replace("> P. 1461:2001(540) ack 101", "> P. 1461:2001(540) ack 102");
    let ran = Scripts::new(&[("first.pkt", &bad)]).drill("first.pkt");
    let told: Vec<&str> = blocks(&manual, "text")
        .into_iter()
        .find(|text| text.starts_with("FAIL"))
        .expect("it is there")
        .lines()
        .collect();
    let lines: Vec<&str> = ran.out.lines().map(str::trim_end).collect();
    for line in told.iter().filter(|line| line.trim() != "…") {
        assert!(lines.contains(line), "{line}\n{}", ran.out);
    }
    for line in blocks(&manual, "json").into_iter().flat_map(str::lines) {
        serde_json::from_str::<Value>(line).expect("each line is JSON");
    }
}
