//! `tcpstate replay`

use super::{Failure, Format, ReplayArgs};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::Path;
use std::process::ExitCode;
use tcpstate::capture::{self, CaptureFault, CaptureReader, FaultReason, Frame};
use tcpstate::replay::report::jsonl::SummaryLine;
use tcpstate::replay::report::story::Story;
use tcpstate::replay::report::table;
use tcpstate::replay::report::text::Look;
use tcpstate::replay::{FileSpill, FlowReport, Replay, ReplayConfig, SkipReason, Summary};

/// Files below this size are read before anybody could look at a progress bar.
const WORTH_A_BAR: u64 = 64 << 20;
/// The bar is moved on once in so many frames.
const FRAMES_PER_TICK: u64 = 8_192;

type Source = Box<dyn Read + Send>;

pub(crate) fn run(args: &ReplayArgs) -> Result<ExitCode, Failure> {
    let mut input = Input::new(&args.file, args.flow.is_some())?;
    let config = config(args);
    let mut output = Output::new(args);
    let spill = tempfile::tempfile().map_err(Failure::Temporary)?;
    let mut replay = Replay::with_spill(config, Box::new(FileSpill::new(spill)));
    let fault = input.read(|frame| {
        if output.live {
            output.begin()?;
        }
        replay.frame(frame)?;
        while let Some(report) = replay.poll_ended() {
            output.flow(&report)?;
        }
        Ok(())
    })?;
    replay.skip(SkipReason::DamagedPacket, input.damaged);
    let mut finished = replay.finish()?;
    match args.flow {
        None => {
            while let Some(report) = finished.next_flow()? {
                output.flow(&report)?;
            }
            output.end(&finished.summary, fault.as_ref())?;
        }
        Some(number) => {
            match finished.find(|report| report.as_ref().map_or(true, |report| report.flow == number)) {
                Some(report) => {
                    one_flow(report?, &config, &mut input, &mut output, &finished.summary, fault.as_ref())?
                }
                // What could not be read may have held it.
                None if fault.is_some() => {}
                None => return Err(no_such_flow(number, finished.summary.flows)),
            }
        }
    }
    output.out.flush()?;
    Ok(match fault {
        Some(fault) => {
            complain(&args.file, &fault);
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    })
}

fn one_flow(
    report: FlowReport,
    config: &ReplayConfig,
    input: &mut Input<'_>,
    output: &mut Output,
    summary: &Summary,
    fault: Option<&CaptureFault>,
) -> Result<(), Failure> {
    if output.format == Format::Jsonl {
        output.flow(&report)?;
        return output.end(summary, fault);
    }
    let mut story = Story::new(report, config, output.look);
    output.text(&story.heading())?;
    // The fault that ends this reading is the one that ended the first.
    input.read(|frame| output.text(&story.frame(frame)))?;
    Ok(())
}

fn no_such_flow(number: u64, flows: u64) -> Failure {
    let there_are = match flows {
        0 => "the capture has no TCP flow".to_string(),
        1 => "the capture has one flow, number 0".to_string(),
        flows => format!("flows are numbered from 0 to {}", flows - 1),
    };
    Failure::Usage(format!("there is no flow {number}: {there_are}"))
}

fn config(args: &ReplayArgs) -> ReplayConfig {
    let mut config = ReplayConfig::default();
    config.two_msl = args.msl * 2;
    config.memory_per_flow = usize::try_from(u64::from(args.memory) << 20).unwrap_or(usize::MAX);
    // One flow may use all that it may have; many share as much.
    config.history_memory = config.memory_per_flow;
    config.hash_streams = args.format == Format::Jsonl;
    config.forget_ended = args.as_they_end;
    config
}

/// One clear line about a file that could not be read to its end.
fn complain(file: &Path, fault: &CaptureFault) {
    if matches!(fault.reason, FaultReason::Open { .. }) {
        // This one names the file itself.
        anstream::eprintln!("tcpstate: {fault}");
        return;
    }
    let name = if file == Path::new("-") { "standard input".into() } else { file.display().to_string() };
    anstream::eprintln!("tcpstate: {name}: {fault}");
}

/// The capture, which can be read more than once if that was asked for.
struct Input<'p> {
    path: &'p Path,
    /// What standard input gave, kept to be read again.
    kept: Option<File>,
    /// Packets of a pcapng file that could not be read, with the rest going on after them.
    damaged: u64,
}

impl<'p> Input<'p> {
    fn new(path: &'p Path, again: bool) -> Result<Self, Failure> {
        // What is not a regular file (standard input, a pipe) can be read only once.
        let once = path == Path::new("-")
            || std::fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir());
        let kept = (again && once).then(|| keep(path)).transpose()?;
        Ok(Self { path, kept, damaged: 0 })
    }

    fn open(&mut self) -> Result<Result<CaptureReader<Source>, CaptureFault>, Failure> {
        let Some(kept) = &mut self.kept else { return Ok(capture::open(self.path)) };
        kept.rewind().map_err(Failure::Temporary)?;
        let source: Source = Box::new(kept.try_clone().map_err(Failure::Temporary)?);
        Ok(CaptureReader::new(source))
    }

    /// Reads every frame that can be read; answers the first thing that could not.
    fn read(
        &mut self,
        mut take: impl FnMut(&Frame<'_>) -> Result<(), Failure>,
    ) -> Result<Option<CaptureFault>, Failure> {
        let mut reader = match self.open()? {
            Ok(reader) => reader,
            Err(fault) => return Ok(Some(fault)),
        };
        let bar = progress_bar(self.path);
        let fault = loop {
            if let Some(bar) = &bar
                && reader.frames_read().is_multiple_of(FRAMES_PER_TICK)
            {
                bar.set_position(reader.bytes_read());
            }
            match reader.next_frame() {
                Ok(Some(frame)) => take(&frame)?,
                Ok(None) => break None,
                Err(fault) => break Some(fault),
            }
        };
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        self.damaged = reader.skipped().damaged_packets;
        Ok(reader.first_damage().cloned().or(fault))
    }
}

/// Copies what can be read only once into a file that has no name.
fn keep(path: &Path) -> Result<File, Failure> {
    let mut kept = tempfile::tempfile().map_err(Failure::Temporary)?;
    let copied = if path == Path::new("-") {
        io::copy(&mut io::stdin().lock(), &mut kept)
    } else {
        File::open(path).and_then(|mut source| io::copy(&mut source, &mut kept))
    };
    copied.map_err(Failure::Temporary)?;
    Ok(kept)
}

fn progress_bar(path: &Path) -> Option<ProgressBar> {
    let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
    if size < WORTH_A_BAR {
        return None;
    }
    let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {bytes} of {total_bytes}, {eta} left");
    Some(match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    })
}

struct Output {
    out: BufWriter<io::StdoutLock<'static>>,
    format: Format,
    look: Look,
    /// Flows are to be seen when they end, not when a buffer is full.
    live: bool,
    /// The heading of the table has been printed.
    begun: bool,
}

impl Output {
    fn new(args: &ReplayArgs) -> Self {
        Self {
            out: BufWriter::with_capacity(64 * 1024, io::stdout().lock()),
            format: args.format,
            look: args.color.look(),
            live: args.as_they_end,
            begun: false,
        }
    }

    /// Prints what stands above the rows, once.
    fn begin(&mut self) -> Result<(), Failure> {
        if self.format == Format::Table && !self.begun {
            self.begun = true;
            self.text(&table::heading(self.look))?;
            self.out.flush()?;
        }
        Ok(())
    }

    fn flow(&mut self, report: &FlowReport) -> Result<(), Failure> {
        match self.format {
            Format::Table => {
                self.begin()?;
                self.text(&table::row(report, self.look))?;
            }
            Format::Jsonl => {
                serde_json::to_writer(&mut self.out, report)?;
                self.out.write_all(b"\n")?;
            }
        }
        if self.live {
            self.out.flush()?;
        }
        Ok(())
    }

    fn end(&mut self, summary: &Summary, fault: Option<&CaptureFault>) -> Result<(), Failure> {
        match self.format {
            // Where nothing at all could be read, the complaint says it all.
            Format::Table if summary.frames == 0 && fault.is_some() => Ok(()),
            Format::Table => {
                self.begin()?;
                self.text(&table::total(summary, self.look))
            }
            Format::Jsonl => {
                serde_json::to_writer(&mut self.out, &SummaryLine { summary, fault })?;
                self.out.write_all(b"\n")?;
                Ok(())
            }
        }
    }

    fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.out.write_all(text.as_bytes())?;
        Ok(())
    }
}
