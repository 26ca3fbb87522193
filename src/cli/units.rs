//! Amounts as people write them: `2%`, `40ms`, `100mbit`, `10MB`.

use core::num::NonZeroU64;
use core::time::Duration;
use tcpstate::sim::Probability;

const BILLION: f64 = 1_000_000_000.0;

/// A number and what stands behind it, `1.5` and `ms`.
fn split(text: &str) -> Result<(f64, &str), String> {
    let text = text.trim();
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let (number, unit) = text.split_at_checked(text.len() - digits).unwrap_or((text, ""));
    let number: f64 = number.parse().map_err(|_| format!("`{text}` does not begin with a number"))?;
    Ok((number, unit.trim_start()))
}

fn scaled(text: &str, units: &[(&str, f64)], known: &str) -> Result<f64, String> {
    let (number, unit) = split(text)?;
    let factor = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let (_, factor) = factor.ok_or_else(|| match unit {
        "" => format!("`{text}` has no unit: use {known}"),
        _ => format!("`{unit}` is no unit here: use {known}"),
    })?;
    Ok(number * factor)
}

/// `40ms`, `1.5s`, `250us`, `2min`; a bare `0` too.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    let units =
        [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("min", 60e9), ("h", 3600e9)];
    let nanos = scaled(text, &units, "ns, us, ms, s, min or h")?;
    // An hour is long for a path, and a day for anything else.
    if nanos > 86_400.0 * BILLION {
        return Err(format!("`{text}` is more than a day"));
    }
    Ok(Duration::from_nanos(nanos.round() as u64))
}

/// As [`duration`], and a bare number is in seconds; not nothing.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let bare = text.trim().chars().all(|c| c.is_ascii_digit() || c == '.');
    match duration(&if bare { format!("{text}s") } else { text.to_owned() })? {
        Duration::ZERO => Err(format!("`{text}` is no time to wait for")),
        span => Ok(span),
    }
}

/// `2%`, or `0.02`.
pub(crate) fn probability(text: &str) -> Result<Probability, String> {
    let (number, unit) = split(text)?;
    let share = match unit {
        "%" => number / 100.0,
        // 1 % is more likely meant than everything.
        "" if number >= 1.0 => return Err(format!("`{text}` is all or more: write {text}% or 0.02")),
        "" => number,
        _ => return Err(format!("`{unit}` is no unit here: write 2% or 0.02")),
    };
    if share > 1.0 {
        return Err(format!("`{text}` is more than all: write 2% or 0.02"));
    }
    Ok(Probability::parts_per_billion((share * BILLION).round() as u32))
}

/// `100mbit`, `1gbit`, `64kbit`, `9600bit`: bits per second.
pub(crate) fn rate(text: &str) -> Result<NonZeroU64, String> {
    let units = [
        ("bit", 1.0),
        ("kbit", 1e3),
        ("mbit", 1e6),
        ("gbit", 1e9),
        ("bit/s", 1.0),
        ("kbit/s", 1e3),
        ("mbit/s", 1e6),
        ("gbit/s", 1e9),
    ];
    let bits = scaled(text, &units, "bit, kbit, mbit or gbit")?;
    if bits > 1e15 {
        return Err(format!("`{text}` is more than any link carries"));
    }
    NonZeroU64::new(bits.round() as u64).ok_or_else(|| format!("`{text}` carries nothing"))
}

/// `10MB`, `64KiB`, `1500B`, `1500`: octets.
pub(crate) fn octets(text: &str) -> Result<u64, String> {
    let units = [
        ("", 1.0),
        ("B", 1.0),
        ("kB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("TB", 1e12),
        ("KiB", 1024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
    ];
    let octets = scaled(text, &units, "B, kB, MB, GB, KiB, MiB or GiB")?;
    if octets > 1e15 {
        return Err(format!("`{text}` would take for ever"));
    }
    if octets.fract() != 0.0 {
        return Err(format!("`{text}` is no whole number of octets"));
    }
    Ok(octets as u64)
}

#[cfg(test)]
mod tests;
