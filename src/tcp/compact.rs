//! Values that take less memory than what the standard library has for them. A million connections that rest are a
//! million of these, most of them empty.

use alloc::boxed::Box;
use core::fmt;
use core::hash::{Hash, Hasher};

use crate::Instant;

/// A position in sequence space, or a number that counts from one, that may be missing: 8 octets where `Option` takes
/// 16. None of either is zero.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Maybe(u64);

impl Maybe {
    /// It is missing.
    pub(super) const NONE: Self = Self(0);

    /// It is there; it is not zero.
    pub(super) const fn some(value: u64) -> Self {
        debug_assert!(value != 0, "no position is zero");
        Self(value)
    }

    pub(super) const fn get(self) -> Option<u64> {
        if self.0 == 0 { None } else { Some(self.0) }
    }

    pub(super) const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Debug for Maybe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A moment that may be missing, likewise: the last that can be expressed is none that comes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct MaybeInstant(Instant);

impl MaybeInstant {
    /// It is missing.
    pub(crate) const NONE: Self = Self(Instant::MAX);

    pub(crate) const fn some(at: Instant) -> Self {
        Self(at)
    }

    pub(crate) fn get(self) -> Option<Instant> {
        Some(self.0).filter(|&at| at != Instant::MAX)
    }

    pub(crate) fn is_none(self) -> bool {
        self.0 == Instant::MAX
    }
}

impl Default for MaybeInstant {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Debug for MaybeInstant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A number that was worked out from everything else, some time ago: it makes no machine differ from another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Noted(pub(super) u32);

impl PartialEq for Noted {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Noted {}

impl Hash for Noted {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// What most connections never need: it takes memory from the first time that it is written, until
/// [`rest`](Self::rest) finds it as it was before. Where it takes none it is what `T` is by default, so whether it
/// does makes no difference to anybody.
#[derive(Clone)]
pub(super) struct Seldom<T>(Option<Box<T>>);

impl<T> Seldom<T> {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// What there is; `None` stands for the default.
    #[inline]
    pub(super) fn get(&self) -> Option<&T> {
        self.0.as_deref()
    }

    /// To change what is there, where something is: what has nothing but defaults to set need not make it.
    #[inline]
    pub(super) fn if_any(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    /// Octets of memory held.
    pub(super) fn memory(&self) -> usize {
        if self.0.is_some() { size_of::<T>() } else { 0 }
    }
}

impl<T: Default + PartialEq> Seldom<T> {
    /// To change it.
    pub(super) fn make(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }

    /// One thing of it.
    #[inline]
    pub(super) fn read<R>(&self, part: impl Fn(&T) -> R) -> R {
        match &self.0 {
            Some(all) => part(all),
            None => part(&T::default()),
        }
    }

    /// Gives back its memory if it is as it was at first.
    pub(super) fn rest(&mut self) {
        if self.unusual().is_none() {
            self.0 = None;
        }
    }

    /// What there is, where it is not what it was at first.
    pub(super) fn unusual(&self) -> Option<&T> {
        self.get().filter(|all| **all != T::default())
    }
}

impl<T: Default + PartialEq> PartialEq for Seldom<T> {
    fn eq(&self, other: &Self) -> bool {
        self.unusual() == other.unusual()
    }
}

impl<T: Default + Eq> Eq for Seldom<T> {}

impl<T: Default + PartialEq + Hash> Hash for Seldom<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.unusual().hash(state);
    }
}

impl<T: fmt::Debug> fmt::Debug for Seldom<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests;
