//! Shell lines of scripts. There is no shell: what a line asks of the system is done to the configuration, or looked up
//! in the host, and what cannot be is named.
//!
//! Lines that set sysctls go to the [profile](super::profile)'s tables. FreeBSD's `sockstat … | grep -c STATE | grep N` is a
//! question about the host's connections; `tcpdrop` forgets them. What only prepares a real machine (modules, offloads,
//! queues) has no meaning here and is passed over.

mod linux;
mod pipe;
mod sockstat;
mod words;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::kernel::{Kernel, Unsupported};
use super::{Personality, Profile, SysctlError};
use crate::Instant;
use words::{Command, Link};

pub(in crate::drill) use linux::Sysctls;

/// What has become of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::drill) enum ShellOutcome {
    /// It would have left with zero.
    Done,
    /// It would not; why.
    Failed(String),
}

fn unsupported<T>(what: impl Into<String>) -> Result<T, Unsupported> {
    Err(Unsupported(what.into()))
}

/// Runs a line: commands behind `;`, `&&`, `||` and new lines.
pub(in crate::drill) fn run(
    kernel: &mut Kernel,
    now: Instant,
    line: &str,
) -> Result<ShellOutcome, Unsupported> {
    let mut outcome = ShellOutcome::Done;
    for (link, pipeline) in words::split(line)? {
        let skipped = match link {
            Link::Always => false,
            Link::IfDone => outcome != ShellOutcome::Done,
            Link::IfFailed => outcome == ShellOutcome::Done,
        };
        if !skipped {
            outcome = run_pipeline(kernel, now, &pipeline)?;
        }
    }
    Ok(outcome)
}

/// The name of a program without its path.
fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

fn run_pipeline(
    kernel: &mut Kernel,
    now: Instant,
    pipeline: &[Command],
) -> Result<ShellOutcome, Unsupported> {
    let Some((first, rest)) = pipeline.split_first() else { return Ok(ShellOutcome::Done) };
    let Some((program, arguments)) = first.words.split_first() else {
        return unsupported("a shell line without a program");
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let name = base(program);
    // Counters of the real kernel: there are none to look at.
    if name == "nstat" && rest.len() <= 1 || program.contains("sysctl_restore") && rest.is_empty() {
        return Ok(ShellOutcome::Done);
    }
    if name == "sockstat" {
        let lines = sockstat::lines(kernel, now, &arguments)?;
        return pipe::through(lines, rest);
    }
    if !rest.is_empty() {
        return unsupported(format!("the shell pipeline of {name}"));
    }
    one(kernel, now, name, &arguments, first)
}

/// A program that stands alone.
fn one(
    kernel: &mut Kernel,
    now: Instant,
    name: &str,
    arguments: &[&str],
    command: &Command,
) -> Result<ShellOutcome, Unsupported> {
    match name {
        "sysctl" => sysctl(kernel, now, arguments),
        "set_sysctls.py" => set_all(kernel, now, arguments),
        "defaults.sh" => defaults(kernel, now),
        "." | "source" | "sh" | "bash"
            if arguments.first().is_some_and(|file| base(file) == "defaults.sh") =>
        {
            defaults(kernel, now)
        }
        "echo" => echo(kernel, now, arguments, command),
        "true" | ":" | "kldload" | "kldstat" | "kldunload" | "modprobe" | "ethtool" | "sync" | "cd" => {
            Ok(ShellOutcome::Done)
        }
        "false" => Ok(ShellOutcome::Failed("false".into())),
        "exit" if matches!(arguments, [] | ["0"]) => Ok(ShellOutcome::Done),
        "tc" if queue_is_plain(arguments) => Ok(ShellOutcome::Done),
        "ip" if is_harmless(arguments) => Ok(ShellOutcome::Done),
        "tcpdrop" => sockstat::drop_connections(kernel, now, arguments),
        _ => unsupported(format!("the shell command {}", command.words.join(" "))),
    }
}

/// A queue that neither loses nor delays.
fn queue_is_plain(arguments: &[&str]) -> bool {
    let plain = ["pfifo", "pfifo_fast", "fq", "mq", "noqueue", "fq_codel"];
    arguments.first() == Some(&"qdisc") && arguments.last().is_some_and(|kind| plain.contains(kind))
}

/// What only looks, or forgets what is not remembered here.
fn is_harmless(arguments: &[&str]) -> bool {
    let words: Vec<&str> = arguments.iter().copied().filter(|word| !word.starts_with('-')).collect();
    matches!(
        words.as_slice(),
        ["tcp_metrics", ..]
            | ["route" | "ro" | "r", "flush", "cache"]
            | ["route" | "addr" | "link", "show", ..]
    )
}

fn sysctl(kernel: &mut Kernel, now: Instant, arguments: &[&str]) -> Result<ShellOutcome, Unsupported> {
    let mut pairs = Vec::new();
    for argument in arguments {
        match argument.strip_prefix('-') {
            Some(flags) if !flags.is_empty() && flags.chars().all(|flag| "qwne".contains(flag)) => {}
            Some(_) => return unsupported(format!("sysctl {argument}")),
            None => pairs.push(*argument),
        }
    }
    set_all(kernel, now, &pairs)
}

/// Sets every `key=value`. What a key has nobody can be told.
fn set_all(kernel: &mut Kernel, now: Instant, pairs: &[&str]) -> Result<ShellOutcome, Unsupported> {
    let mut profile = kernel.profile().clone();
    let mut sysctls = *kernel.sysctls();
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=') else {
            return unsupported(format!("sysctl {pair}, which sets nothing"));
        };
        match set(&mut profile, &mut sysctls, key.trim(), value.trim()) {
            Ok(()) => {}
            Err(SysctlError::Unsupported(what)) => return Err(Unsupported(what)),
            Err(SysctlError::Value) => return Ok(ShellOutcome::Failed(format!("sysctl takes no {pair}"))),
        }
    }
    kernel.reconfigure(now, profile, sysctls)?;
    Ok(ShellOutcome::Done)
}

/// Sets one sysctl, under whichever of its names.
pub(super) fn set(
    profile: &mut Profile,
    sysctls: &mut Sysctls,
    key: &str,
    value: &str,
) -> Result<(), SysctlError> {
    let key = match key.strip_prefix("/proc/sys/") {
        Some(path) => path.replace('/', "."),
        None => key.replace('/', "."),
    };
    match profile.personality {
        Personality::FreeBsd if key == "net.inet.tcp.functions_default" && value != "freebsd" => {
            Err(SysctlError::Unsupported(format!("the TCP stack {value}")))
        }
        Personality::FreeBsd => profile.sysctl_freebsd(&key, value),
        Personality::Linux => linux::set(profile, sysctls, &key, value),
    }
}

/// What `defaults.sh` of Linux' scripts sets.
fn defaults(kernel: &mut Kernel, now: Instant) -> Result<ShellOutcome, Unsupported> {
    if kernel.profile().personality != Personality::Linux {
        return unsupported("defaults.sh");
    }
    set_all(kernel, now, &linux::DEFAULTS)
}

/// `echo 1 > /proc/sys/net/ipv4/tcp_sack`, or nothing.
fn echo(
    kernel: &mut Kernel,
    now: Instant,
    arguments: &[&str],
    command: &Command,
) -> Result<ShellOutcome, Unsupported> {
    match command.output.as_deref() {
        None | Some("/dev/null" | "/dev/stderr" | "/dev/stdout") => Ok(ShellOutcome::Done),
        Some(path) if path.starts_with("/proc/sys/") => {
            let values: Vec<&str> = arguments.iter().copied().filter(|word| !word.starts_with('-')).collect();
            set_all(kernel, now, &[&format!("{path}={}", values.join(" "))])
        }
        Some(path) => unsupported(format!("a shell command that writes to {}", path)),
    }
}

#[cfg(test)]
mod tests;
