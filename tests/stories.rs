//! The story of every flow of every recorded fixture, held by a snapshot that a person has read.
//!
//! `tests/captures/README.md` says what each fixture shows.
#![cfg(feature = "pcap")]
#![allow(clippy::expect_used, reason = "a fixture that cannot be read is a failed test")]

use std::fs::File;
use std::path::{Path, PathBuf};
use tcpstate::capture::CaptureReader;
use tcpstate::replay::report::story::Story;
use tcpstate::replay::report::table;
use tcpstate::replay::report::text::Look;
use tcpstate::replay::{FlowReport, Replay, ReplayConfig};

const LOOK: Look = Look { width: 120, colour: false };

fn read(path: &Path) -> CaptureReader<File> {
    CaptureReader::new(File::open(path).expect("the fixture is there")).expect("the fixture is a capture")
}

fn flows(path: &Path, text: &mut String) -> Vec<FlowReport> {
    let mut capture = read(path);
    let mut replay = Replay::new(ReplayConfig::default());
    while let Some(frame) = capture.next_frame().expect("every frame can be read") {
        replay.frame(&frame).expect("memory does not fail");
    }
    let mut finished = replay.finish().expect("memory does not fail");
    let mut flows = Vec::new();
    text.push_str(&table::heading(LOOK));
    while let Some(flow) = finished.next_flow().expect("memory does not fail") {
        text.push_str(&table::row(&flow, LOOK));
        flows.push(flow);
    }
    text.push_str(&table::total(&finished.summary, LOOK));
    flows
}

fn told(path: &Path) -> String {
    let mut text = String::new();
    for flow in flows(path, &mut text) {
        text.push('\n');
        let mut story = Story::new(flow, &ReplayConfig::default(), LOOK);
        text.push_str(&story.heading());
        let mut capture = read(path);
        while let Some(frame) = capture.next_frame().expect("every frame can be read") {
            text.push_str(&story.frame(&frame));
        }
    }
    // Columns are padded; what editors strip is no part of the story.
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of fixtures is there")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pcapng"))
        .collect();
    paths.sort();
    paths
}

#[test]
fn every_fixture_tells_the_story_that_a_person_has_read() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= 29, "{} fixtures", fixtures.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for path in fixtures {
            let name = path.file_stem().and_then(|stem| stem.to_str()).expect("names are plain");
            insta::assert_snapshot!(name, told(&path));
        }
    });
}
