//! `peers goodput`

use crate::clock;
use clap::{Args, ValueEnum};
use goals::Results;
use peer::{Peer, Tuning};
use row::{Cell, Row};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{fs, io, thread};
use tcpstate::sim::{Measured, Path};

mod goals;
mod peer;
mod row;
mod table;

#[derive(Args)]
pub(crate) struct GoodputArgs {
    /// How to print the results; progress and settings go to standard error
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// A fixed tenth of the cells
    #[arg(long)]
    quick: bool,
    /// Only this stack; may be given more than once
    #[arg(long = "peer", value_enum)]
    peers: Vec<Peer>,
    /// Transfers at a time [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Seeds of which the median counts, where anything is left to luck
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    seeds: u16,
    /// Only cells with these values: `rtt=20,loss=0.01`; several for one key: `rtt=1|20`. The keys are rtt (ms), rate
    /// (Mbit/s), loss (a part of one), reorder (0 or 1) and buffer (BDP)
    #[arg(long, value_parser = filter, default_value = "")]
    cells: Filter,
    /// Packets that the queue of the bottleneck holds at least, to see what that changes
    #[arg(long, default_value_t = 0)]
    least_queue: u32,
    /// Choices for tcpstate, to see what they change: `pacing=false,congestion=newreno,min-rto-ms=200`
    #[arg(long, value_name = "CHOICES", default_value = "")]
    tcpstate: Tuning,
    /// Run nothing: read the results of an earlier run (JSON lines), and list what misses a goal
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quick", "jobs", "seeds", "least_queue", "tcpstate"])]
    summarise: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Jsonl,
}

/// For some keys, the values that do.
#[derive(Clone, Debug, Default, PartialEq)]
struct Filter(Vec<(String, Vec<f64>)>);

fn filter(text: &str) -> Result<Filter, String> {
    let mut filter = Filter::default();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (key, values) = part.split_once('=').ok_or_else(|| format!("`{part}` is not KEY=VALUE"))?;
        if !["rtt", "rate", "loss", "reorder", "buffer"].contains(&key) {
            return Err(format!("`{key}` is none of rtt, rate, loss, reorder, buffer"));
        }
        let number = |value: &str| value.parse().map_err(|_| format!("`{value}` is not a number"));
        filter.0.push((key.to_owned(), values.split('|').map(number).collect::<Result<_, _>>()?));
    }
    Ok(filter)
}

impl Filter {
    fn lets_pass(&self, cell: &Cell) -> bool {
        self.0.iter().all(|(key, values)| {
            let value = match key.as_str() {
                "rtt" => cell.rtt_ms as f64,
                "rate" => cell.mbit_s as f64,
                "loss" => cell.loss(),
                "reorder" => f64::from(u8::from(cell.reorder)),
                _ => cell.buffer_bdp(),
            };
            values.iter().any(|wanted| (wanted - value).abs() < 1e-9)
        })
    }
}

pub(crate) fn run(args: &GoodputArgs) -> Result<(), String> {
    let results = match &args.summarise {
        Some(file) => read(file, args)?,
        None => measure(args)?,
    };
    if args.format == Format::Jsonl {
        return print(&format!("{}\n", results.summary()));
    }
    let mut text = table::cells(&results);
    if args.summarise.is_some() {
        for peer in results.peers() {
            text += &format!("\n{}", table::misses(&results, peer));
        }
    }
    print(&format!("{text}\n{}\n{}", table::scores(&results), table::winners(&results)))
}

fn print(text: &str) -> Result<(), String> {
    let mut output = io::stdout().lock();
    output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
        .map_err(|error| format!("cannot print: {error}"))
}

fn read(file: &std::path::Path, args: &GoodputArgs) -> Result<Results, String> {
    let text =
        fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let value = serde_json::from_str(line)
            .map_err(|error| format!("{}, line {number}: {error}", file.display()))?;
        rows.extend(Row::from_json(&value).filter(|row| args.wants(row)));
    }
    Ok(Results::new(rows))
}

impl GoodputArgs {
    fn peers(&self) -> Vec<Peer> {
        if self.peers.is_empty() { Peer::ALL.to_vec() } else { self.peers.clone() }
    }

    fn wants(&self, row: &Row) -> bool {
        self.cells.lets_pass(&row.cell) && self.peers().contains(&row.peer)
    }

    /// Every cell with every peer, in the order in which they are printed.
    fn tasks(&self) -> Vec<(Path, Peer)> {
        let cells = if self.quick { Path::quick() } else { Path::grid() };
        let wanted = cells.into_iter().filter(|path| self.cells.lets_pass(&Cell::of(path)));
        wanted.flat_map(|path| self.peers().into_iter().map(move |peer| (path, peer))).collect()
    }
}

fn measure(args: &GoodputArgs) -> Result<Results, String> {
    let tasks = args.tasks();
    if tasks.is_empty() {
        let error =
            clap::Error::raw(clap::error::ErrorKind::ValueValidation, "no cell has all these values\n");
        error.exit();
    }
    for peer in args.peers() {
        eprintln!("{}", peer.settings(&args.tcpstate));
    }
    // What starts when the process does, starts at virtual time 0.
    clock::set(tcpstate::Instant::ZERO);
    for peer in args.peers() {
        let path = Path::new(Duration::from_millis(1), 1_000_000);
        let short = tcpstate::sim::Span::exactly(Duration::ZERO, Duration::from_millis(1));
        let _ = peer.run(&path, 1, short, &args.tcpstate);
    }
    clock::release();
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    let jobs = args.jobs.map_or(cores, usize::from).min(tasks.len());
    let (sender, receiver) = mpsc::channel();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..jobs {
            let (sender, tasks, next) = (sender.clone(), &tasks, &next);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some((path, peer)) = tasks.get(number) else { return };
                    if sender.send((number, cell(path, *peer, args))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        collect(&receiver, tasks.len(), args.format)
    })
}

/// Prints rows as they come, in order.
fn collect(
    receiver: &mpsc::Receiver<(usize, Done)>,
    count: usize,
    format: Format,
) -> Result<Results, String> {
    let begun = Instant::now();
    let (mut early, mut rows) = (BTreeMap::new(), Vec::new());
    for (done, (number, cell)) in (1..).zip(receiver) {
        eprintln!(
            "{done} of {count}, {} s: {}, {}: {:.2} % in {:.1} s{}",
            begun.elapsed().as_secs(),
            cell.row.peer.name(),
            cell.row.cell,
            cell.row.share * 100.0,
            cell.took.as_secs_f64(),
            cell.problem.as_deref().map(|problem| format!(" ({problem})")).unwrap_or_default(),
        );
        early.insert(number, cell.row);
        while let Some(row) = early.remove(&rows.len()) {
            if format == Format::Jsonl {
                print(&format!("{}\n", row.json()))?;
            }
            rows.push(row);
        }
    }
    Ok(Results::new(rows))
}

struct Done {
    row: Row,
    took: Duration,
    problem: Option<String>,
}

/// A cell for a peer: the median of its seeds. A transfer that breaks down counts as nothing.
fn cell(path: &Path, peer: Peer, args: &GoodputArgs) -> Done {
    let begun = Instant::now();
    let real = at_least(path, args.least_queue);
    // Where nothing is left to luck, every seed is the same run.
    let luck = path.reorder || path.loss != tcpstate::sim::Probability::NEVER;
    let seeds = if luck { args.seeds } else { 1 };
    let (mut shares, mut repeated, mut problem) = (Vec::new(), Vec::new(), None);
    for seed in 1..=u64::from(seeds) {
        let measured = catch_unwind(AssertUnwindSafe(|| peer.run(&real, seed, path.span(), &args.tcpstate)));
        clock::release();
        match measured {
            Ok(Ok(measured)) => {
                shares.push(Measured::share(&measured));
                repeated.push(measured.retransmitted());
            }
            Ok(Err(error)) => problem = Some(format!("seed {seed}: {error}")),
            Err(_) => problem = Some(format!("seed {seed}: it panicked")),
        }
    }
    shares.resize(seeds.into(), 0.0);
    repeated.resize(seeds.into(), 0.0);
    let row = Row {
        cell: Cell::of(path),
        peer,
        share: median(shares),
        retransmitted: median(repeated),
        reference: path.reference(),
    };
    Done { row, took: begun.elapsed(), problem }
}

/// The same path with a queue of so many full packets at least.
fn at_least(path: &Path, packets: u32) -> Path {
    let mut path = *path;
    let percent = (u64::from(packets) * 1_500 * 100).div_ceil(path.bdp().max(1));
    path.buffer = path.buffer.max(u32::try_from(percent).unwrap_or(u32::MAX));
    path
}

/// The middle one; of an even number, the lower of the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_lets_pass_what_has_its_values() {
        let passing = |text: &str| {
            let filter = filter(text).unwrap();
            Path::grid().iter().filter(|path| filter.lets_pass(&Cell::of(path))).count()
        };
        assert_eq!(passing(""), 360);
        assert_eq!(passing("rtt=20"), 90);
        assert_eq!(passing("rtt=1|20, loss=0.0001,reorder=0"), 18);
        assert_eq!(passing("buffer=0.1,rate=1000,loss=0.05,reorder=1,rtt=300"), 1);
        for wrong in ["rtt", "speed=3", "rtt=x", "rtt="] {
            assert!(filter(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.0);
        assert_eq!(median(vec![]), 0.0);
    }

    #[test]
    fn every_peer_fills_a_path_without_faults() {
        let mut path = Path::new(Duration::from_millis(20), 10_000_000);
        path.buffer = 100;
        let span = tcpstate::sim::Span::exactly(Duration::from_secs(3), Duration::from_secs(5));
        for peer in Peer::ALL {
            let measured = peer.run(&path, 1, span, &Tuning::default()).unwrap();
            assert!(measured.share() > 0.9 && measured.share() < 1.05, "{peer:?}: {measured:?}");
            assert_eq!(peer.run(&path, 1, span, &Tuning::default()), Ok(measured), "{peer:?}: again");
        }
        clock::release();
    }
}
