//! `tcpstate sim`

use super::{Colour, Failure};
pub(crate) use args::SimArgs;
use args::{Closer, SummaryFormat};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use picture::Picture;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tcpstate::State;
use tcpstate::capture::PcapngWriter;
use tcpstate::sim::{Happened, Pair, SentFrame};

mod args;
mod picture;
mod report;

/// LINKTYPE_RAW: the packet begins with its IP header.
const RAW_IP: u32 = 101;
/// The bar is moved on once in so many steps.
const STEPS_PER_TICK: u64 = 8_192;
/// Transfers below this are over before anybody could look at a progress bar.
const WORTH_A_BAR: u64 = 50_000_000;

pub(crate) fn run(args: &SimArgs) -> Result<ExitCode, Failure> {
    args.check_files()?;
    let mut pair = Pair::new(args.seed, args.ends(), [args.link(); 2])
        .map_err(|error| Failure::Usage(format!("cannot simulate that: {error}")))?;
    pair.world_mut().set_limits(args.limits());
    pair.world_mut().record_frames(args.pcap.is_some() || args.svg.is_some());
    let mut record = Record::new(args, &pair)?;
    let stopped = simulate(args, &mut pair, &mut record)?;
    let problem = stopped.or_else(|| pair.finished().err().map(|unfinished| report::why(&unfinished)));
    let history = record.finish(args, &pair, problem.as_deref())?;
    let summary = report::Summary::new(args, &pair, history, problem);
    let mut output = BufWriter::new(io::stdout().lock());
    match args.format {
        SummaryFormat::Table => output.write_all(summary.table(Colour::Auto.look()).as_bytes())?,
        SummaryFormat::Jsonl => summary.json(&mut output)?,
    }
    output.flush()?;
    let Some(problem) = &summary.problem else { return Ok(ExitCode::SUCCESS) };
    anstream::eprintln!("tcpstate: the transfer was not completed: {problem}");
    Ok(ExitCode::FAILURE)
}

/// Runs until nothing more happens, and answers what stopped it before that. What is sent is written as it is sent:
/// nothing piles up.
fn simulate(args: &SimArgs, pair: &mut Pair, record: &mut Record) -> Result<Option<String>, Failure> {
    let bar = bar(args.bytes.saturating_add(args.back));
    let mut told = args.close != Closer::Both;
    let mut steps = 0_u64;
    let stopped = loop {
        let stepped = pair.step();
        record.take(pair, stepped.ok().flatten())?;
        match stepped {
            Ok(Some(_)) => {}
            Ok(None) => break None,
            Err(error) => break Some(error.to_string()),
        }
        let read = pair.read();
        if !told && read == [args.back, args.bytes] && pair.states() == [State::Established; 2] {
            told = true;
            pair.close_both();
        }
        steps += 1;
        if steps.is_multiple_of(STEPS_PER_TICK) {
            bar.set_position(read.iter().sum());
        }
    };
    bar.finish_and_clear();
    Ok(stopped)
}

fn bar(octets: u64) -> ProgressBar {
    let target =
        if octets < WORTH_A_BAR { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(octets), target);
    if let Ok(style) = ProgressStyle::with_template("{bytes} of {total_bytes} {wide_bar} {eta} to go") {
        bar.set_style(style);
    }
    bar
}

type Lines = (PathBuf, BufWriter<File>);

fn create(path: &Path) -> Result<Lines, Failure> {
    let file = File::create(path).map_err(|error| cannot_write(path, &error))?;
    Ok((path.to_path_buf(), BufWriter::new(file)))
}

fn cannot_write(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::File(format!("cannot write {}: {error}", path.display()))
}

/// What happens, on its way to files, and the little of it that the summary tells.
struct Record {
    capture: Option<Capture>,
    transitions: Option<Lines>,
    picture: Option<Picture>,
    history: [report::History; 2],
}

impl Record {
    fn new(args: &SimArgs, pair: &Pair) -> Result<Self, Failure> {
        let capture = args.pcap.as_deref().map(Capture::create).transpose()?;
        let transitions = args.transitions.as_deref().map(create).transpose()?;
        let picture = args.svg.as_deref().map(|path| Picture::create(path, args, pair)).transpose()?;
        Ok(Self { capture, transitions, picture, history: Default::default() })
    }

    /// Takes what came of a step.
    fn take(&mut self, pair: &mut Pair, happened: Option<Happened>) -> Result<(), Failure> {
        while let Some(frame) = pair.world_mut().poll_frame() {
            if let Some(capture) = &mut self.capture {
                capture.write(&frame)?;
            }
            if let Some(picture) = &mut self.picture {
                picture.frame(&frame);
            }
        }
        if let (Some(picture), Some(happened)) = (&mut self.picture, happened) {
            picture.step(pair, happened);
        }
        while let Some(change) = pair.world_mut().poll_change() {
            if let Some((path, output)) = &mut self.transitions {
                report::transition(output, &change).map_err(|error| cannot_write(path, &error))?;
            }
            let [a, b] = &mut self.history;
            let history = if report::is_a(&change) { a } else { b };
            history.add(&change);
        }
        Ok(())
    }

    fn finish(
        self,
        args: &SimArgs,
        pair: &Pair,
        problem: Option<&str>,
    ) -> Result<[report::History; 2], Failure> {
        if let Some(capture) = self.capture {
            capture.finish()?;
        }
        if let Some(picture) = self.picture {
            picture.finish(args, pair, problem)?;
        }
        if let Some((path, mut output)) = self.transitions {
            output.flush().map_err(|error| cannot_write(&path, &error))?;
        }
        Ok(self.history)
    }
}

/// What is sent, on its way to a file.
struct Capture {
    path: PathBuf,
    writer: PcapngWriter<File>,
}

impl Capture {
    fn create(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|error| cannot_write(path, &error))?;
        let writer = PcapngWriter::new(file, &[RAW_IP]).map_err(|error| cannot_write(path, &error))?;
        Ok(Self { path: path.to_path_buf(), writer })
    }

    fn write(&mut self, frame: &SentFrame) -> Result<(), Failure> {
        let len = u32::try_from(frame.packet.len()).unwrap_or(u32::MAX);
        let written = self.writer.write_frame(frame.time, RAW_IP, &frame.packet, len, None);
        written.map_err(|error| cannot_write(&self.path, &error))
    }

    fn finish(self) -> Result<(), Failure> {
        self.writer.finish().map_err(|error| cannot_write(&self.path, &error))?;
        Ok(())
    }
}
