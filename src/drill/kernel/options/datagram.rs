//! The options of sockets for datagrams.

use super::{Knob, Level, Settings};
use crate::drill::kernel::returned::Stop;
use crate::drill::kernel::{Errno, Kernel, unsupported};

impl Settings {
    /// The ECN field of datagrams: TCP has its own ideas of it.
    pub(in crate::drill::kernel) fn ecn(&self) -> u8 {
        self.get("ECN").and_then(|bits| u8::try_from(bits).ok()).unwrap_or(0)
    }

    fn discovery(&self) -> i64 {
        self.get("IPV6_MTU_DISCOVER").or_else(|| self.get("IP_MTU_DISCOVER")).unwrap_or(1)
    }

    /// `IP_PMTUDISC_DO`: no datagram is cut up.
    pub(in crate::drill::kernel) fn wants_whole_packets(&self) -> bool {
        self.discovery() == 2
    }

    /// `IP_PMTUDISC_DONT`: what a path takes is not told.
    pub(in crate::drill::kernel) fn ignores_path_mtu(&self) -> bool {
        self.discovery() == 0
    }
}

impl Kernel {
    /// Whether a socket for datagrams has that option, and it does here what it should.
    pub(super) fn check_datagram_knob(&self, knob: &Knob) -> Result<(), Stop> {
        let linux = self.is_linux();
        if knob.level == Level::Tcp {
            return Err(if linux { Errno::ENOPROTOOPT } else { Errno::EINVAL }.into());
        }
        let differs = match knob.name {
            "SO_RCVBUF" | "SO_SNDBUF" | "SO_RCVBUFFORCE" | "SO_SNDBUFFORCE" | "IP_MTU" | "IPV6_MTU" => true,
            // Linux reads datagrams whatever it is.
            "SO_RCVLOWAT" | "SO_LINGER" => !linux,
            _ => false,
        };
        if differs {
            return Err(unsupported(alloc::format!("{} of a datagram socket", knob.name)).into());
        }
        Ok(())
    }

    /// Keeps what `IP_TOS` and `IPV6_TCLASS` say about ECN, and refuses what cannot be done.
    pub(super) fn set_datagram_number(&mut self, fd: i64, name: &str, value: i64) -> Result<(), Stop> {
        match name {
            "IP_TOS" | "IPV6_TCLASS" if (-1..=255).contains(&value) => {
                self.sock(fd)?.settings.set("ECN", value.max(0) & 3);
            }
            "IP_MTU_DISCOVER" | "IPV6_MTU_DISCOVER" if value > 2 => {
                return Err(unsupported(alloc::format!("{name} {value} of a datagram socket")).into());
            }
            _ => {}
        }
        Ok(())
    }
}
