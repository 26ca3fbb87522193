//! One script: read, parsed, run; and what came of it.

use super::Failure;
use super::args::DrillArgs;
use super::files::Named;
use serde::Serialize;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use tcpstate::drill::{self, Profile, RunOptions, TraceEntry, Verdict};

thread_local! {
    /// What the last panic of this thread said.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// How scripts are run.
pub(super) struct Plan {
    /// `None`: what the script asks for.
    profile: Option<Profile>,
    defines: Vec<(String, String)>,
    record: bool,
}

/// What came of a script.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) script: String,
    pub(super) judgement: Judgement,
    /// Packets and calls, in order.
    pub(super) trace: Vec<TraceEntry>,
}

#[derive(Debug)]
pub(super) enum Judgement {
    Pass,
    Fail(Why),
    Unsupported(Why),
}

/// Why a script did not pass.
#[derive(Debug, Default)]
pub(super) struct Why {
    /// Where in the script, if it is about one place.
    pub(super) line: Option<u32>,
    /// The line as it stands there.
    pub(super) source: Option<String>,
    /// Where in the line, counted in characters from 1.
    pub(super) column: Option<u32>,
    pub(super) message: String,
    pub(super) expected: Option<String>,
    pub(super) came: Option<String>,
}

/// A script in the output for programs. Its shape stays: all four members are always there.
#[derive(Debug, Serialize)]
pub(super) struct Line<'j> {
    script: &'j str,
    outcome: &'static str,
    line: Option<u32>,
    message: Option<String>,
}

impl Plan {
    pub(super) fn new(args: &DrillArgs) -> Result<Self, Failure> {
        let mut defines = args.defines.clone();
        defines.sort_by(|(a, _), (b, _)| a.cmp(b));
        let twice = defines.windows(2).find_map(|pair| match pair {
            [(a, _), (b, _)] if a == b => Some(a),
            _ => None,
        });
        if let Some(name) = twice {
            return Err(Failure::Usage(format!("{name} is defined twice")));
        }
        Ok(Self {
            profile: args.profile.map(super::args::ProfileName::profile),
            defines: args.defines.clone(),
            record: args.pcap.is_some() || args.verbose,
        })
    }

    /// Runs a script. Whatever happens in it, the others go on.
    pub(super) fn judge(&self, script: &Named) -> Judged {
        let (judgement, trace) = unless_it_panics(|| self.run(script)).unwrap_or_else(|said| {
            let message = format!("the library panicked, which is a defect of it: {said}");
            (Judgement::Fail(Why { message, ..Why::default() }), Vec::new())
        });
        Judged { script: script.name(), judgement, trace }
    }

    fn run(&self, script: &Named) -> (Judgement, Vec<TraceEntry>) {
        let text = match script.read() {
            Ok(text) => text,
            Err(message) => return (Judgement::Fail(Why { message, ..Why::default() }), Vec::new()),
        };
        let profile = match self.profile.clone().map_or_else(|| asked_for(&text), Ok) {
            Ok(profile) => profile,
            Err(why) => return (Judgement::Fail(why), Vec::new()),
        };
        let parsed = match drill::parse(&text, &profile.words(&text, &self.defines)) {
            Ok(parsed) => parsed,
            Err(error) => {
                let mut why = Why::at(&text, error.line, error.message);
                why.column = Some(error.column);
                let told = if error.unsupported { Judgement::Unsupported } else { Judgement::Fail };
                return (told(why), Vec::new());
            }
        };
        let mut options = RunOptions::new(profile);
        options.record = self.record;
        let outcome = drill::run(&parsed, &options);
        let why = |failure: drill::Failure| Why {
            expected: failure.expected,
            came: failure.got,
            ..Why::at(&text, failure.line, failure.message)
        };
        let judgement = match outcome.verdict {
            Verdict::Pass => Judgement::Pass,
            Verdict::Fail(failure) => Judgement::Fail(why(failure)),
            Verdict::Unsupported(failure) => Judgement::Unsupported(why(failure)),
        };
        (judgement, outcome.trace)
    }
}

fn asked_for(text: &str) -> Result<Profile, Why> {
    match Profile::asked_for(text) {
        Ok(asked) => Ok(asked.unwrap_or_else(Profile::library)),
        Err((line, unknown)) => Err(Why::at(text, line, unknown.to_string())),
    }
}

impl Why {
    fn at(text: &str, line: u32, message: String) -> Self {
        let index = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
        let source = index.and_then(|index| text.lines().nth(index)).map(str::to_owned);
        Self { line: (line > 0).then_some(line), source, message, ..Self::default() }
    }
}

impl Judgement {
    pub(super) fn why(&self) -> Option<&Why> {
        match self {
            Self::Pass => None,
            Self::Fail(why) | Self::Unsupported(why) => Some(why),
        }
    }
}

impl Judged {
    pub(super) fn line(&self) -> Line<'_> {
        let why = self.judgement.why();
        let outcome = match self.judgement {
            Judgement::Pass => "pass",
            Judgement::Fail(_) => "fail",
            Judgement::Unsupported(_) => "unsupported",
        };
        let message = why.map(|why| match (&why.expected, &why.came) {
            (Some(expected), Some(came)) => format!("{}: expected {expected}, came {came}", why.message),
            (Some(expected), None) => format!("{}: expected {expected}", why.message),
            (None, Some(came)) => format!("{}: {came}", why.message),
            (None, None) => why.message.clone(),
        });
        Line { script: &self.script, outcome, line: why.and_then(|why| why.line), message }
    }
}

/// Does something, and answers what it said if it panics: with [`remember_panic`], its words, and where it was.
fn unless_it_panics<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| PANIC.take().unwrap_or_default())
}

/// Keeps what a panic says instead of printing it in the midst of other output.
pub(super) fn remember_panic(info: &PanicHookInfo<'_>) {
    let said = info.payload_as_str().unwrap_or("no words");
    let place = info.location().map(|place| format!(" ({}:{})", place.file(), place.line()));
    let said = format!("{said}{}", place.unwrap_or_default());
    // Nobody catches what the command itself does wrong.
    if std::thread::current().name() == Some("main") {
        anstream::eprintln!("tcpstate: {said}");
    }
    PANIC.set(Some(said));
}

#[cfg(test)]
mod tests;
