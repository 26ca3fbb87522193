//! `tcpstate drill`

use super::{Colour, Failure};
pub(crate) use args::DrillArgs;
use args::Format;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use judge::{Judged, Judgement};
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::panic;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

mod args;
mod capture;
mod files;
mod judge;
mod tell;

/// Fewer scripts are over before anybody could look at a progress bar.
const WORTH_A_BAR: usize = 500;

pub(crate) fn run(args: &DrillArgs) -> Result<ExitCode, Failure> {
    let scripts = files::find(&args.paths)?;
    let plan = judge::Plan::new(args)?;
    let mut capture = match &args.pcap {
        Some(path) => Some(capture::Capture::create(path, &scripts)?),
        None => None,
    };
    let mut output = Output::new(args, scripts.len());
    // What a script that panics has to say goes into its judgement.
    panic::set_hook(Box::new(judge::remember_panic));
    side_by_side(args.jobs(scripts.len()), &scripts, &plan, |judged| {
        if let Some(capture) = &mut capture {
            capture.write(&judged)?;
        }
        output.script(judged)
    })?;
    if let Some(capture) = capture {
        capture.finish()?;
    }
    output.end()
}

/// Runs scripts on several threads, and hands over what came of them in their order.
#[allow(clippy::disallowed_methods, reason = "the command may use threads: the library does not")]
fn side_by_side(
    jobs: usize,
    scripts: &[files::Named],
    plan: &judge::Plan,
    mut take: impl FnMut(Judged) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(script) = scripts.get(number) else { return };
                    // Nobody listens any more once the output has failed.
                    if sender.send((number, plan.judge(script))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut wanted = 0;
        for (number, judged) in receiver {
            early.insert(number, judged);
            while let Some(judged) = early.remove(&wanted) {
                wanted += 1;
                take(judged)?;
            }
        }
        Ok(())
    })
}

/// What the scripts came to, on its way to standard output.
struct Output {
    out: BufWriter<io::Stdout>,
    teller: tell::Teller,
    json: bool,
    bar: Option<ProgressBar>,
    count: tell::Count,
}

impl Output {
    fn new(args: &DrillArgs, scripts: usize) -> Self {
        Self {
            out: BufWriter::new(io::stdout()),
            teller: tell::Teller { look: args.color.look(), verbose: args.verbose },
            json: args.format == Format::Jsonl,
            bar: (scripts >= WORTH_A_BAR).then(|| progress_bar(scripts)),
            count: tell::Count::default(),
        }
    }

    fn script(&mut self, judged: Judged) -> Result<(), Failure> {
        self.count.add(&judged);
        let text = if self.json { tell::json_line(&judged.line())? } else { self.teller.script(&judged) };
        self.text(&text)?;
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
        Ok(())
    }

    fn end(mut self) -> Result<ExitCode, Failure> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        let text = if self.json {
            tell::json_line(&tell::SummaryLine { summary: &self.count })?
        } else {
            self.teller.end(&self.count)
        };
        self.text(&text)?;
        self.out.flush()?;
        Ok(if self.count.fail == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Lines and the bar would spoil each other where both go to a terminal.
    fn text(&mut self, text: &str) -> Result<(), Failure> {
        let Some(bar) = self.bar.as_ref().filter(|_| !text.is_empty()) else {
            return Ok(self.out.write_all(text.as_bytes())?);
        };
        let out = &mut self.out;
        Ok(bar.suspend(|| out.write_all(text.as_bytes()).and_then(|()| out.flush()))?)
    }
}

fn progress_bar(scripts: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(u64::try_from(scripts).ok(), ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{pos} of {len} scripts {wide_bar} {eta} to go") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
