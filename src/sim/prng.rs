//! Random numbers that a seed repeats: SplitMix64 fills the state, xoshiro256++ runs on it.
//!
//! Both are public algorithms (Vigna; Blackman and Vigna, "Scrambled linear pseudorandom number generators").
//! They are fast and even; they hide nothing, so nothing that must be unpredictable may come from them.

use core::time::Duration;

/// SplitMix64: one number of a sequence that begins anywhere, from the state that it leaves behind.
pub(super) const fn splitmix64(state: u64) -> (u64, u64) {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31), state)
}

/// A generator of random numbers (xoshiro256++). The same seed gives the same numbers on every machine.
///
/// ```
/// use tcpstate::sim::Prng;
///
/// let (mut one, mut same) = (Prng::new(7), Prng::new(7));
/// assert_eq!(one.next_u64(), same.next_u64());
/// assert!(one.below(6) < 6);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prng {
    state: [u64; 4],
}

impl Prng {
    /// The generator of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        let (a, next) = splitmix64(seed);
        let (b, next) = splitmix64(next);
        let (c, next) = splitmix64(next);
        let (d, _) = splitmix64(next);
        // SplitMix64 gives zero for one state only: these four are never all zero, where the generator would stay.
        Self { state: [a, b, c, d] }
    }

    /// A generator of its own for one of many things that share a seed: what one of them draws is nothing to
    /// the others.
    #[must_use]
    pub const fn stream(seed: u64, number: u64) -> Self {
        let (mixed, _) = splitmix64(number ^ 0x5bd1_e995_97f4_a7c1);
        Self::new(seed ^ mixed)
    }

    /// The next 64 random bits.
    pub const fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let c = c ^ a;
        let d = d ^ b;
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// A number below `bound`; 0 if that is 0. Each is as likely as the others, to one part in 2⁶⁴ / `bound`.
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.next_u64() as u128 * bound as u128) >> 64) as u64
    }

    /// A number from `low` to `high`, both included; `low` if they are the wrong way round.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        match high.saturating_sub(low).checked_add(1) {
            Some(count) => low + self.below(count),
            None => self.next_u64(),
        }
    }

    /// A time span from nothing to `longest`, that one included.
    pub fn span(&mut self, longest: Duration) -> Duration {
        let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.between(0, nanos))
    }

    /// Whether something of this probability happens. Nothing is drawn for what never or always happens.
    pub const fn chance(&mut self, probability: Probability) -> bool {
        match probability.0 {
            0 => false,
            Probability::ALL => true,
            share => self.below(Probability::ALL as u64) < share as u64,
        }
    }
}

/// How likely something is, in parts of 10⁹.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Probability(u32);

impl Probability {
    const ALL: u32 = 1_000_000_000;

    /// It never happens.
    pub const NEVER: Self = Self(0);
    /// It always happens.
    pub const ALWAYS: Self = Self(Self::ALL);

    /// This many parts of 10⁹, at most all of them.
    #[must_use]
    pub const fn parts_per_billion(parts: u32) -> Self {
        Self(if parts < Self::ALL { parts } else { Self::ALL })
    }

    /// This many percent, at most 100.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        Self::parts_per_billion(percent.saturating_mul(Self::ALL / 100))
    }

    /// In parts of 10⁹.
    #[must_use]
    pub const fn as_parts_per_billion(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests;
