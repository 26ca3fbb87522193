//! Any octets, read as a capture and followed through the TCP states: it ends within its memory limits, the same
//! frames give the same reports, and a report does not contradict itself.

use tcpstate::State;
use tcpstate::capture::CaptureReader;
use tcpstate::replay::report::{FlowReport, Summary};
use tcpstate::replay::{Anomaly, End, Replay, ReplayConfig};

/// One file.
pub fn run(file: &[u8]) {
    let roomy = ReplayConfig::default();
    let first = replay(file, roomy);
    assert_eq!(replay(file, roomy), first, "the same frames, the same reports");

    // Limits that a small input reaches.
    let mut tight = ReplayConfig::default();
    tight.memory_per_flow = 2 << 10;
    tight.hash_streams = false;
    let (flows, summary) = replay(file, tight);
    assert_eq!((flows.len() as u64, &summary), (summary.flows, &first.1), "memory is for streams only");

    tight.fragment_memory = 1 << 10;
    tight.forget_ended = true;
    let (flows, summary) = replay(file, tight);
    assert_eq!(flows.len() as u64, summary.flows);
    assert_eq!(summary.frames, first.1.frames);
}

/// Replays the file as far as it can be read.
fn replay(file: &[u8], config: ReplayConfig) -> (Vec<FlowReport>, Summary) {
    let mut replay = Replay::new(config);
    let mut flows = Vec::new();
    if let Ok(mut capture) = CaptureReader::new(file) {
        while let Ok(Some(frame)) = capture.next_frame() {
            replay.frame(&frame).expect("memory does not fail");
            flows.extend(std::iter::from_fn(|| replay.poll_ended()));
        }
    }
    let begun = replay.flows();
    let mut finished = replay.finish().expect("memory does not fail");
    while let Some(flow) = finished.next_flow().expect("memory does not fail") {
        flows.push(flow);
    }
    let summary = finished.summary;
    assert!(begun <= summary.flows, "flows may still be told apart at the end, and none is forgotten");
    for flow in &flows {
        check(flow, &summary, &config);
    }
    let followed: u64 = flows.iter().flat_map(|flow| flow.frames).sum();
    let skipped: u64 = summary.skipped.values().sum();
    assert_eq!(followed + skipped, summary.frames, "a frame is in one flow, or skipped for one reason");
    (flows, summary)
}

fn check(flow: &FlowReport, summary: &Summary, config: &ReplayConfig) {
    let frames = flow.first_frame..=flow.last_frame;
    assert!(1 <= flow.first_frame && frames.contains(&flow.last_frame) && flow.last_frame <= summary.frames);
    let count: u64 = flow.frames.iter().sum();
    assert!(1 <= count && count <= flow.last_frame - flow.first_frame + 1);

    for end in 0..2 {
        for flags in [flow.syn, flow.fin, flow.rst].map(|counts| u64::from(counts[end])) {
            assert!(flags <= flow.frames[end]);
        }
        let stream = &flow.stream[end];
        assert!(stream.len <= flow.payload_bytes[end]);
        assert_eq!(stream.sha256.is_some(), config.hash_streams);
        assert!(stream.gaps.is_sorted_by(|before, after| before.0 < after.0), "gaps that touch are one");
        assert!(stream.gaps.iter().all(|&(offset, missing)| offset <= stream.len && missing > 0));
    }

    assert!(flow.transitions.is_sorted_by_key(|observed| observed.frame));
    for observed in &flow.transitions {
        // TIME-WAIT is over when some later frame, of any flow, shows that the time has passed.
        let after = observed.state == Some(State::Closed)
            && (flow.last_frame..=summary.frames).contains(&observed.frame);
        assert!(frames.contains(&observed.frame) || after);
    }
    for (index, end) in [End::A, End::B].into_iter().enumerate() {
        if let Some(last) = flow.transitions.iter().rfind(|observed| observed.end == end) {
            assert_eq!(last.state, flow.state[index], "the last change leads to the last state");
        }
    }

    let order = |kind: Anomaly| Anomaly::ALL.iter().position(|&other| other == kind);
    assert!(flow.anomalies.is_sorted_by(|before, after| order(before.0) < order(after.0)));
    for (kind, at) in &flow.anomalies {
        assert!(!at.is_empty() && at.is_sorted_by(|before, after| before < after));
        assert!(at.iter().all(|frame| frames.contains(frame) && flow.anomalies_of(*frame).contains(*kind)));
    }
}
