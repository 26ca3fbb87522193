//! Round numbers along an axis, and how they are written.

/// What an axis counts, and the units that it may be written in, large ones first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quantity(&'static [(u64, &'static str)]);

impl Quantity {
    /// In nanoseconds.
    pub(super) const TIME: Self = Self(&[(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns")]);
    /// In octets.
    pub(super) const SIZE: Self = Self(&[(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB"), (1, "B")]);
    /// In bits per second.
    pub(super) const RATE: Self =
        Self(&[(1_000_000_000, "Gbit/s"), (1_000_000, "Mbit/s"), (1_000, "kbit/s"), (1, "bit/s")]);

    /// A value by itself: three digits or a few more, `1.25 MB`.
    pub(super) fn tell(self, value: u64) -> String {
        let (unit, name) = self.unit(value);
        let whole = value / unit;
        let digits = match whole {
            _ if value.is_multiple_of(unit) => 0,
            0..10 => 2,
            10..100 => 1,
            _ => 0,
        };
        format!("{:.digits$} {name}", value as f64 / unit as f64)
    }

    /// A moment or a place to the last digit: `1.234567 s`.
    pub(super) fn exactly(self, value: u64) -> String {
        let (unit, name) = self.unit(value);
        if value == 0 { "0".into() } else { format!("{} {name}", value as f64 / unit as f64) }
    }

    fn unit(self, value: u64) -> (u64, &'static str) {
        let fits = self.0.iter().find(|(unit, _)| value >= *unit);
        fits.or(self.0.last()).copied().unwrap_or((1, ""))
    }

    /// At most `wanted` round values from `low` to `high` and their labels. The highest has the unit.
    pub(super) fn ticks(self, low: u64, high: u64, wanted: u64) -> Vec<(u64, String)> {
        let step = step(high.saturating_sub(low) / wanted.max(1));
        let last = high / step * step;
        let (unit, name) = self.unit(last);
        // As many decimals as the step has.
        let mut digits = 0;
        let mut shown = unit;
        while shown > 1 && !step.is_multiple_of(shown) {
            shown /= 10;
            digits += 1;
        }
        let values = (low.div_ceil(step)..=high / step).map(|count| count * step);
        let label = |value| match value {
            0 => "0".to_string(),
            _ if value == last => format!("{:.digits$} {name}", value as f64 / unit as f64),
            _ => format!("{:.digits$}", value as f64 / unit as f64),
        };
        values.map(|value| (value, label(value))).collect()
    }
}

/// The next of 1, 2, 5, 10, 20 … that is more.
fn step(least: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for step in [1, 2, 5] {
            let step = power.saturating_mul(step);
            if step > least || step == u64::MAX {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests;
