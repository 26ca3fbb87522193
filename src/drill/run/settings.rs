//! The options at the top of a script.

use alloc::format;
use alloc::string::{String, ToString as _};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;
use core::time::Duration;

use super::Stop;
use crate::drill::kernel::{Addresses, IpMode};
use crate::drill::script::ScriptOption;

/// What the options say, and what holds without them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) ip: IpMode,
    pub(super) local: IpAddr,
    pub(super) remote: IpAddr,
    pub(super) mtu: u16,
    pub(super) bind_port: u16,
    pub(super) connect_port: u16,
    /// How far a time may be off at least.
    pub(super) tolerance: Duration,
    /// How far it may be off in parts of a million of the time since the event before.
    pub(super) tolerance_ppm: u64,
    /// How long the tick of the clock in timestamps is; `None`: outbound values are not checked.
    pub(super) timestamp_tick: Option<Duration>,
    /// An echo of a timestamp that was never sent is reckoned from those that were.
    pub(super) scaled_echoes: bool,
    /// A line is one segment, and never several.
    pub(super) strict_segments: bool,
    /// A packet that is not as expected is noted, and the script goes on.
    pub(super) packets_may_differ: bool,
    /// The same of calls.
    pub(super) calls_may_differ: bool,
}

impl Settings {
    /// Reads them; `Err` names what is wrong, or what there is not here.
    pub(super) fn read(options: &[ScriptOption]) -> Result<Self, Stop> {
        let (mut local, mut remote) = (None, None);
        let mut settings = Self {
            ip: IpMode::V4,
            local: Ipv4Addr::new(192, 168, 0, 1).into(),
            remote: Ipv4Addr::new(192, 0, 2, 1).into(),
            mtu: 1500,
            bind_port: 8080,
            connect_port: 8080,
            tolerance: Duration::from_micros(4_000),
            tolerance_ppm: 125_000,
            timestamp_tick: None,
            scaled_echoes: false,
            strict_segments: false,
            packets_may_differ: false,
            calls_may_differ: false,
        };
        for option in options {
            match option.name.as_str() {
                "local_ip" | "local_ipv4" | "local_ipv6" => local = Some(address(option)?),
                "remote_ip" | "remote_ipv4" | "remote_ipv6" => remote = Some(address(option)?),
                _ => settings.take(option)?,
            }
        }
        if settings.ip == IpMode::V6 {
            settings.local = Ipv6Addr::new(0xfd3d, 0x0a0b, 0x17d6, 0, 0, 0, 0, 1).into();
            settings.remote = Ipv6Addr::new(0xfd3d, 0xfa7b, 0xd17d, 0, 0, 0, 0, 1).into();
        }
        for (given, place) in [(local, &mut settings.local), (remote, &mut settings.remote)] {
            let Some((line, given)) = given else { continue };
            if given.is_ipv6() != place.is_ipv6() {
                return Err(Stop::fail(line, format!("{given} is of another version than --ip_version")));
            }
            *place = given;
        }
        Ok(settings)
    }

    fn take(&mut self, option: &ScriptOption) -> Result<(), Stop> {
        match option.name.as_str() {
            "ip_version" => {
                self.ip = match option.value.as_deref() {
                    Some("ipv4") => IpMode::V4,
                    Some("ipv4-mapped-ipv6") => IpMode::MappedV6,
                    Some("ipv6") => IpMode::V6,
                    _ => return Err(bad_value(option)),
                };
            }
            "mtu" => self.mtu = number(option)?,
            "bind_port" => self.bind_port = number(option)?,
            "connect_port" => self.connect_port = number(option)?,
            "tolerance_usecs" => self.tolerance = Duration::from_micros(u64::from(number::<u32>(option)?)),
            "tolerance_percent" => {
                self.tolerance_ppm =
                    option.value.as_deref().and_then(percent).ok_or_else(|| bad_value(option))?;
            }
            "tcp_ts_tick_usecs" => {
                let micros = u64::from(number::<u32>(option)?);
                self.timestamp_tick = (micros > 0).then_some(Duration::from_micros(micros));
            }
            "tcp_ts_ecr_scaled" => self.scaled_echoes = is_on(option)?,
            "strict_segments" => self.strict_segments = is_on(option)?,
            "non_fatal" => self.take_non_fatal(option)?,
            // Nothing hangs on these here: no offload, no network of the tool's own, macros were replaced by the parser.
            // But what is no value at all is a mistake of the script.
            "mss" => number::<u32>(option).map(drop)?,
            "gateway_ip" | "netmask_ip" => address(option).map(drop)?,
            "send_omit_free" | "no_cleanup" => is_on(option).map(drop)?,
            "define" | "verbose" => {}
            other => return Err(Stop::unsupported(option.line, format!("option --{other}"))),
        }
        Ok(())
    }

    fn take_non_fatal(&mut self, option: &ScriptOption) -> Result<(), Stop> {
        for word in option.value.as_deref().unwrap_or_default().split(',') {
            match word.trim() {
                "packet" => self.packets_may_differ = true,
                "syscall" => self.calls_may_differ = true,
                _ => return Err(bad_value(option)),
            }
        }
        Ok(())
    }

    pub(super) fn addresses(&self) -> Addresses {
        Addresses {
            ip: self.ip,
            local: self.local,
            prefix_len: if self.local.is_ipv4() { 16 } else { 64 },
            remote: self.remote,
            mtu: self.mtu,
            bind_port: self.bind_port,
            connect_port: self.connect_port,
        }
    }

    /// How far an event may be off that is due `gap` after the one before.
    pub(super) fn tolerance_of(&self, gap: Duration) -> Duration {
        let gap = u64::try_from(gap.as_nanos()).unwrap_or(u64::MAX);
        let part = u128::from(gap) * u128::from(self.tolerance_ppm) / 1_000_000;
        self.tolerance.max(Duration::from_nanos(u64::try_from(part).unwrap_or(u64::MAX)))
    }
}

fn bad_value(option: &ScriptOption) -> Stop {
    let value = option.value.as_deref().unwrap_or_default();
    Stop::fail(option.line, format!("{value:?} is no value for --{}", option.name))
}

fn number<T: FromStr>(option: &ScriptOption) -> Result<T, Stop> {
    let value = option.value.as_deref().unwrap_or_default();
    value.trim().parse().map_err(|_| bad_value(option))
}

/// An address; the length of a prefix behind it is of no use here.
fn address(option: &ScriptOption) -> Result<(u32, IpAddr), Stop> {
    let value = option.value.as_deref().unwrap_or_default();
    let (text, prefix) = value.split_once('/').map_or((value, None), |(text, prefix)| (text, Some(prefix)));
    let address: IpAddr = text.trim().parse().map_err(|_| bad_value(option))?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let fits = |prefix: &str| prefix.trim().parse::<u8>().is_ok_and(|prefix| prefix <= most);
    if prefix.is_none_or(fits) { Ok((option.line, address)) } else { Err(bad_value(option)) }
}

fn is_on(option: &ScriptOption) -> Result<bool, Stop> {
    match option.value.as_deref() {
        None | Some("1" | "true" | "yes" | "on" | "") => Ok(true),
        Some("0" | "false" | "no" | "off") => Ok(false),
        _ => Err(bad_value(option)),
    }
}

/// A percentage with a point, as parts of a million.
fn percent(text: &str) -> Option<u64> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits: String = fraction.chars().chain("0000".chars()).take(4).collect();
    let tail = fraction.chars().skip(4);
    if !tail.clone().all(|digit| digit.is_ascii_digit()) || whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u32 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction: u32 = digits.to_string().parse().ok()?;
    Some(u64::from(whole) * 10_000 + u64::from(fraction))
}
