//! Gives the same segments and calls to tcpstate and to other stacks, and says what every difference is.
//!
//! `docs/differences.md` explains the classes, and has an example of each.

mod answer;
mod classes;
mod compare;
mod generate;
mod minimise;
mod packet;
mod run;
mod script;
mod stack;
#[cfg(test)]
mod tests;

use compare::Difference;
use run::{Record, play};
use script::Script;
use stack::Library;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use tcpstate::State;

const USAGE: &str = "\
Usage: differential [--seeds N] [--first S] [--class NAME] [--examples]
       differential --seed S | --script 'server iss=1 buffer=4096 : S+0 .+0,ack ...'

Plays N seeds (20,000 if nothing is said) to all stacks and prints how often each class of difference was found. Exits with
1 if there is one that has no class; with --class each seed of that class is printed, with the difference. With --examples one
short script is printed for each class and stack. With --seed or --script one run is told step by step.";

/// What is asked for.
#[derive(Default)]
struct Args {
    seeds: u64,
    first: u64,
    class: Option<String>,
    examples: bool,
    script: Option<Script>,
    help: bool,
}

fn args() -> Result<Args, String> {
    let mut args = Args { seeds: 20_000, ..Args::default() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("{text} is no number"));
        match word.as_str() {
            "--seeds" => args.seeds = number(value()?)?,
            "--first" => args.first = number(value()?)?,
            "--seed" => args.script = Some(generate::script(number(value()?)?)),
            "--script" => args.script = Some(value()?.parse()?),
            "--class" => args.class = Some(value()?),
            "--examples" => args.examples = true,
            "-h" | "--help" => args.help = true,
            _ => return Err(format!("no option {word}\n{USAGE}")),
        }
    }
    match &args.class {
        Some(class) if !classes::names().contains(&class.as_str()) => Err(format!("no class {class}")),
        _ => Ok(args),
    }
}

/// Plays to another library. A panic of it is an answer too.
fn play_other(library: Library, script: &Script) -> Record {
    std::panic::catch_unwind(AssertUnwindSafe(|| play(library, script))).unwrap_or_else(|_| {
        let mut record = Record::default();
        record.opening.wrong.push("panic".into());
        record
    })
}

/// The differences of another library from ours in this script, each with the name of its class.
fn judge(script: &Script, library: Library) -> Vec<(Difference, Option<&'static str>)> {
    judged(library, &play(Library::Tcpstate, script), &play_other(library, script))
}

fn judged(library: Library, ours: &Record, theirs: &Record) -> Vec<(Difference, Option<&'static str>)> {
    let found = compare::differences(library, ours, theirs).into_iter();
    found
        .map(|difference| (classes::classify(&difference).map(|class| class.name), difference))
        .map(|(name, difference)| (difference, name))
        .collect()
}

/// How often a class was found, with the first seed of it.
#[derive(Default)]
struct Found {
    times: u64,
    seed: u64,
}

/// What all seeds came to.
#[derive(Default)]
struct Totals {
    known: BTreeMap<(&'static str, Library), Found>,
    /// By their signatures.
    unknown: BTreeMap<String, Found>,
    /// Steps that were compared, by library.
    steps: BTreeMap<Library, u64>,
    same: BTreeMap<Library, u64>,
    /// Steps that were made up.
    made: u64,
    /// Segments of the peer that were compared, by the state in which they came.
    states: BTreeMap<State, BTreeMap<Library, u64>>,
}

impl Totals {
    /// As many steps of a run were compared.
    fn compared(&mut self, library: Library, ours: &Record, steps: usize) {
        *self.steps.entry(library).or_default() += steps as u64;
        let mut before = ours.opening.state;
        for played in ours.played.iter().take(steps) {
            if let Some(state) = before.filter(|_| played.arriving.is_some()) {
                *self.states.entry(state).or_default().entry(library).or_default() += 1;
            }
            before = played.answer.state;
        }
    }
}

fn count(args: &Args) -> Totals {
    let mut totals = Totals::default();
    for seed in args.first..args.first + args.seeds {
        let script = generate::script(seed);
        let ours = play(Library::Tcpstate, &script);
        totals.made += script.steps.len() as u64;
        for library in Library::OTHERS {
            let found = judged(library, &ours, &play_other(library, &script));
            let ended = found.last().filter(|(difference, _)| !difference.rejoined);
            let steps =
                ended.map_or(ours.played.len(), |(difference, _)| difference.at.map_or(0, |at| at + 1));
            totals.compared(library, &ours, steps);
            *totals.same.entry(library).or_default() += u64::from(found.is_empty());
            for (difference, name) in found {
                let entry = match name {
                    Some(name) => totals.known.entry((name, library)).or_default(),
                    None => totals.unknown.entry(compare::signature(&difference)).or_default(),
                };
                if entry.times == 0 {
                    entry.seed = seed;
                }
                entry.times += 1;
                if args.class.as_deref() == name && name.is_some() {
                    println!("{} {seed}: {}", library.name(), compare::signature(&difference));
                }
            }
        }
    }
    totals
}

fn print(args: &Args, totals: &Totals) {
    println!("{:<30} {:>12} {:>12}   first seeds", "class", "smoltcp", "netstack3");
    for name in classes::names() {
        let of = |library| totals.known.get(&(name, library));
        let found = Library::OTHERS.map(of);
        if found.iter().all(Option::is_none) {
            continue;
        }
        let [times, seeds] = [
            found.map(|found| found.map_or_else(|| "-".into(), |found| found.times.to_string())),
            found.map(|found| found.map_or_else(|| "-".into(), |found| found.seed.to_string())),
        ];
        println!("{name:<30} {:>12} {:>12}   {} {}", times[0], times[1], seeds[0], seeds[1]);
    }
    for library in Library::OTHERS {
        let of = |table: &BTreeMap<Library, u64>| table.get(&library).copied().unwrap_or_default();
        println!(
            "{}: {} of {} runs without any difference; {} of {} steps compared",
            library.name(),
            of(&totals.same),
            args.seeds,
            of(&totals.steps),
            totals.made
        );
    }
    println!("segments compared, by the state in which they came:");
    for (state, by) in &totals.states {
        let [smoltcp, netstack3] =
            Library::OTHERS.map(|library| by.get(&library).copied().unwrap_or_default());
        println!("{:<30} {smoltcp:>12} {netstack3:>12}", state.to_string());
    }
    for (signature, found) in &totals.unknown {
        println!("NO CLASS, {} times, first seed {}: {signature}", found.times, found.seed);
    }
}

/// The shortest script for each class and library.
fn print_examples(args: &Args, totals: &Totals) {
    for class in classes::CLASSES {
        for library in Library::OTHERS {
            let wanted = args.class.as_deref().is_none_or(|wanted| wanted == class.name);
            let Some(found) = totals.known.get(&(class.name, library)).filter(|_| wanted) else { continue };
            let short = minimise::minimise(&generate::script(found.seed), library, class);
            println!("{} {} seed {}: {short}", class.name, library.name(), found.seed);
        }
    }
}

fn tell(script: &Script) {
    println!("{script}");
    for library in [Library::Tcpstate].into_iter().chain(Library::OTHERS) {
        let record =
            if library == Library::Tcpstate { play(library, script) } else { play_other(library, script) };
        println!("{}: {}", library.name(), record.opening);
        for played in record.played {
            println!("  {:<32} {}", played.step.to_string(), played.answer);
        }
    }
    for library in Library::OTHERS {
        for (difference, name) in judge(script, library) {
            let at = difference.at.map_or(0, |at| at + 1);
            println!("step {at}: {} = {}", compare::signature(&difference), name.unwrap_or("NO CLASS"));
        }
    }
}

fn main() -> ExitCode {
    let args = match args() {
        Ok(args) => args,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(2);
        }
    };
    if args.help {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    if let Some(script) = &args.script {
        tell(script);
        return ExitCode::SUCCESS;
    }
    std::panic::set_hook(Box::new(|_| {}));
    let totals = count(&args);
    if args.examples {
        print_examples(&args, &totals);
    } else {
        print(&args, &totals);
    }
    ExitCode::from(u8::from(!totals.unknown.is_empty()))
}
