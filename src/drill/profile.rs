//! What scripts take for granted of the kernel that they were written for, as configuration.

mod freebsd;
mod linux;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::host::{HostConfig, ListenConfig};

/// Whose system calls are spoken: what errno a call gives, and what a socket does where POSIX leaves it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Personality {
    /// Linux.
    #[default]
    Linux,
    /// FreeBSD.
    FreeBsd,
}

/// The choices with which a script is run: ordinary configuration, and the ways of a kernel's sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// `default`, `linux`, `freebsd`.
    pub name: &'static str,
    /// Whose system calls.
    pub personality: Personality,
    /// What the host is made of. Addresses and MTU are the script's.
    pub host: HostConfig,
    /// What listeners are made of.
    pub listen: ListenConfig,
}

/// There is no profile of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no profile {0:?}: take default, linux or freebsd")]
pub struct UnknownProfile(pub String);

/// Why a sysctl has not been set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SysctlError {
    /// It is not known, or not with this value.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// It is no number, which the system would refuse too.
    #[error("the value is no number")]
    Value,
}

impl Profile {
    /// The profiles' names.
    pub const NAMES: [&'static str; 3] = ["default", "linux", "freebsd"];

    /// What the library does if nobody asks for anything else.
    #[must_use]
    pub fn library() -> Self {
        Self {
            name: "default",
            personality: Personality::Linux,
            host: HostConfig::default(),
            listen: ListenConfig::default(),
        }
    }

    /// What scripts written for Linux assume.
    #[must_use]
    pub fn linux() -> Self {
        linux::profile()
    }

    /// What scripts written for FreeBSD assume.
    #[must_use]
    pub fn freebsd() -> Self {
        freebsd::profile()
    }

    /// The profile of that name.
    ///
    /// # Errors
    ///
    /// [`UnknownProfile`] if there is none.
    pub fn from_name(name: &str) -> Result<Self, UnknownProfile> {
        match name {
            "default" => Ok(Self::library()),
            "linux" => Ok(Self::linux()),
            "freebsd" => Ok(Self::freebsd()),
            other => Err(UnknownProfile(other.into())),
        }
    }

    /// Sets what `sysctl key=value` sets on FreeBSD: `net.inet.tcp.*`, `kern.ipc.maxsockbuf`. What has no effect on what a
    /// peer sees is taken without one.
    ///
    /// # Errors
    ///
    /// [`SysctlError`] if it is not known, or the value does not do; nothing has changed then.
    pub fn sysctl_freebsd(&mut self, key: &str, value: &str) -> Result<(), SysctlError> {
        freebsd::set(self, key, value)
    }

    /// The profile that a script asks for by a comment among its first lines: `// profile: linux`.
    ///
    /// # Errors
    ///
    /// [`UnknownProfile`], with the number of its line, if there is none of that name.
    pub fn asked_for(text: &str) -> Result<Option<Self>, (u32, UnknownProfile)> {
        let lines = (1..).zip(text.lines().map(str::trim));
        let mut head = lines.take_while(|(_, line)| line.is_empty() || line.starts_with("//"));
        let asked = head.find_map(|(number, line)| {
            let name = line.trim_start_matches('/').trim_start().strip_prefix("profile:")?;
            Some((number, name.trim()))
        });
        let Some((number, name)) = asked else { return Ok(None) };
        Self::from_name(name).map(Some).map_err(|unknown| (number, unknown))
    }

    /// `given`, and besides the words that scripts for this kernel use without saying what they are, because who runs
    /// them says it: cookies of Fast Open, made of the key of the profile between the usual addresses, and what the
    /// kernel calls the errors that a socket is told of. What `given` or the script itself defines stays as it is.
    #[must_use]
    pub fn words(&self, text: &str, given: &[(String, String)]) -> Vec<(String, String)> {
        let mut words = given.to_vec();
        if self.name == "linux" {
            let six = text.contains("--ip_version=ipv6");
            for (word, four, other) in linux::WORDS {
                let own = text.contains(&format!("define={word}="));
                if !own && !given.iter().any(|(name, _)| name == word) {
                    words.push((word.into(), if six { other } else { four }.into()));
                }
            }
        }
        words
    }
}
