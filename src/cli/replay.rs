//! `tcpstate replay`

use super::{Failure, Format, ReplayArgs};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tcpstate::capture::{self, CaptureFault, CaptureReader, Frame};
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
    if args.flow.is_none() {
        output.begin()?;
    }
    let spill = tempfile::tempfile().map_err(Failure::Temporary)?;
    let mut replay = Replay::with_spill(config, Box::new(FileSpill::new(spill)));
    let fault = input.read(|frame| {
        replay.frame(frame)?;
        while let Some(report) = replay.poll_ended() {
            output.flow(&report)?;
        }
        Ok(())
    })?;
    replay.skip(SkipReason::DamagedPacket, input.damaged);
    let mut finished = replay.finish()?;
    let mut wanted = None;
    while let Some(report) = finished.next_flow()? {
        match args.flow {
            None => output.flow(&report)?,
            Some(number) if number == report.flow => wanted = Some(report),
            Some(_) => {}
        }
    }
    let mut complaint = fault.clone();
    match (args.flow, wanted) {
        (None, _) => output.end(&finished.summary, fault.as_ref())?,
        (Some(_), Some(report)) if args.format == Format::Jsonl => {
            output.flow(&report)?;
            output.end(&finished.summary, fault.as_ref())?;
        }
        (Some(_), Some(report)) => {
            let mut story = Story::new(report, &config, output.look);
            output.text(&story.heading())?;
            complaint = input.read(|frame| output.text(&story.frame(frame)))?;
        }
        (Some(number), None) => {
            let there_are = match finished.summary.flows {
                0 => "the capture has no TCP flow".to_string(),
                1 => "the capture has one flow, number 0".to_string(),
                flows => format!("flows are numbered from 0 to {}", flows - 1),
            };
            output.out.flush()?;
            if let Some(fault) = &fault {
                complain(&args.file, fault);
            }
            return Err(Failure::Usage(format!("there is no flow {number}: {there_are}")));
        }
    }
    output.out.flush()?;
    if let Some(damage) = &input.first_damage {
        complain(&args.file, damage);
    }
    Ok(match complaint {
        Some(fault) => {
            complain(&args.file, &fault);
            ExitCode::FAILURE
        }
        None if input.first_damage.is_some() => ExitCode::FAILURE,
        None => ExitCode::SUCCESS,
    })
}

fn config(args: &ReplayArgs) -> ReplayConfig {
    let mut config = ReplayConfig::default();
    config.two_msl = Duration::from_secs(2 * u64::from(args.msl));
    config.memory_per_flow = usize::try_from(u64::from(args.memory) << 20).unwrap_or(usize::MAX);
    // One flow may use all that it may have; many share as much.
    config.history_memory = config.memory_per_flow;
    config.hash_streams = args.format == Format::Jsonl;
    config.forget_ended = args.as_they_end;
    config
}

/// One clear line about a file that could not be read to its end.
fn complain(file: &Path, fault: &CaptureFault) {
    let name = if file == Path::new("-") { "standard input".into() } else { file.display().to_string() };
    anstream::eprintln!("tcpstate: {name}: {fault}");
}

/// The capture, which can be read more than once if that was asked for.
struct Input<'p> {
    path: &'p Path,
    /// What standard input gave, kept to be read again.
    kept: Option<File>,
    damaged: u64,
    first_damage: Option<CaptureFault>,
}

impl<'p> Input<'p> {
    fn new(path: &'p Path, again: bool) -> Result<Self, Failure> {
        // What is not a regular file (standard input, a pipe) can be read only once.
        let once = path == Path::new("-")
            || std::fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir());
        let kept = (again && once).then(|| keep(path)).transpose()?;
        Ok(Self { path, kept, damaged: 0, first_damage: None })
    }

    fn open(&mut self) -> Result<Result<CaptureReader<Source>, CaptureFault>, Failure> {
        let Some(kept) = &mut self.kept else { return Ok(capture::open(self.path)) };
        kept.rewind().map_err(Failure::Temporary)?;
        let source: Source = Box::new(kept.try_clone().map_err(Failure::Temporary)?);
        Ok(CaptureReader::new(source))
    }

    /// Reads every frame that can be read; answers what ended the reading before the end of the file.
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
        self.first_damage = reader.first_damage().cloned();
        Ok(fault)
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
}

impl Output {
    fn new(args: &ReplayArgs) -> Self {
        Self {
            out: BufWriter::with_capacity(64 * 1024, io::stdout().lock()),
            format: args.format,
            look: args.color.look(),
            live: args.as_they_end,
        }
    }

    fn begin(&mut self) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.text(&table::heading(self.look)),
            Format::Jsonl => Ok(()),
        }
    }

    fn flow(&mut self, report: &FlowReport) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.text(&table::row(report, self.look))?,
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
            Format::Table => self.text(&table::total(summary, self.look)),
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
