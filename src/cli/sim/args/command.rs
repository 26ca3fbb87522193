//! The options, written down again.

use super::{Algorithm, Closer, EcnChoice, SimArgs};
use clap::Parser;
use std::time::Duration;
use tcpstate::sim::Probability;

/// The options by themselves.
#[derive(Debug, Parser)]
struct Alone {
    #[command(flatten)]
    args: SimArgs,
}

impl SimArgs {
    /// A command that does the same, but for its files: options that say what would be so without them are left out.
    pub(in crate::cli::sim) fn command_line(&self) -> String {
        let usual = Alone::try_parse_from(["sim"]).map(|alone| alone.args.options()).unwrap_or_default();
        // What everybody wants to know is told in any case.
        let always = |name: &str| matches!(name, "--bytes" | "--delay" | "--seed" | "--congestion");
        let mut command = "tcpstate sim".to_string();
        for (name, value) in self.options() {
            if always(name) || !usual.contains(&(name, value.clone())) {
                command.extend([" ", name]);
                command.extend(value.iter().flat_map(|value| [" ", value]));
            }
        }
        command
    }

    /// Every option that is set, with its value if it takes one.
    fn options(&self) -> Vec<(&'static str, Option<String>)> {
        let share = |share: Probability| Some(format!("{}%", f64::from(share.as_parts_per_billion()) / 1e7));
        let mut options = vec![
            ("--bytes", Some(size(self.bytes))),
            ("--back", Some(size(self.back))),
            ("--seed", Some(self.seed.to_string())),
            ("--delay", Some(time(self.delay))),
            ("--jitter", Some(time(self.jitter))),
        ];
        let mut add = |name, value: Option<String>| options.extend(value.map(|value| (name, Some(value))));
        let rate = |rate: u64| {
            exact(rate, &[(1_000_000_000, "gbit"), (1_000_000, "mbit"), (1_000, "kbit"), (1, "bit")])
        };
        add("--rate", self.rate.map(|bits| rate(bits.get())));
        add("--queue", self.rate.map(|_| size(self.queue)));
        add("--mark-above", self.mark_above.map(size));
        add("--loss", share(self.loss));
        add("--burst-loss", self.burst_loss.and_then(share));
        add("--burst-length", self.burst_loss.map(|_| self.burst_length.to_string()));
        add("--reorder", self.reorder.and_then(share));
        add("--reorder-by", self.reorder_by.map(time));
        add("--duplicate", share(self.duplicate));
        add("--corrupt", share(self.corrupt));
        add("--mtu", Some(self.mtu.to_string()));
        add("--path-mtu", self.path_mtu.map(|mtu| mtu.to_string()));
        add("--window", Some(size(self.window)));
        add("--min-rto", Some(time(self.min_rto)));
        add("--time-wait", Some(time(self.time_wait)));
        let congestion = match self.congestion {
            Algorithm::Cubic => "cubic",
            Algorithm::NewReno => "newreno",
        };
        add("--congestion", Some(congestion.into()));
        let ecn = match self.ecn {
            EcnChoice::Off => "off",
            EcnChoice::Accept => "accept",
            EcnChoice::Request => "request",
        };
        add("--ecn", Some(ecn.into()));
        let close = match self.close {
            Closer::A => "a",
            Closer::B => "b",
            Closer::Both => "both",
        };
        add("--close", Some(close.into()));
        options.extend(self.no_pacing.then_some(("--no-pacing", None)));
        options.extend(self.ipv6.then_some(("--ipv6", None)));
        options
    }
}

/// In the largest unit of which it is a whole number.
fn exact(value: u64, units: &[(u64, &str)]) -> String {
    let fits = units.iter().find(|(unit, _)| value > 0 && value.is_multiple_of(*unit));
    fits.map_or_else(|| value.to_string(), |(unit, name)| format!("{}{name}", value / unit))
}

fn size(octets: u64) -> String {
    let units = [
        (1 << 30, "GiB"),
        (1_000_000_000, "GB"),
        (1 << 20, "MiB"),
        (1_000_000, "MB"),
        (1 << 10, "KiB"),
        (1_000, "kB"),
    ];
    exact(octets, &units)
}

fn time(time: Duration) -> String {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    exact(nanos, &[(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns")])
}

#[cfg(test)]
mod tests;
