//! The UDP sockets of a host as their users see them.

use core::net::{IpAddr, SocketAddr};

use super::{Host, UdpBind, UdpBindError, UdpFlowId, UdpFlowMut, UdpId, UdpMut, UdpOptions, UdpStats};
use crate::wire::IpProtocol;

impl Host {
    /// Makes a UDP socket: for one address and port, for a port on any address, or for everything. Port 0 asks for a
    /// port by RFC 6056.
    ///
    /// # Errors
    ///
    /// [`UdpBindError`] when the place is taken, or cannot be had.
    pub fn udp_bind(&mut self, bind: UdpBind, options: UdpOptions) -> Result<UdpId, UdpBindError> {
        let (ports, secret) = (&mut self.ports, &self.secret);
        let mut choose = |local: IpAddr, remote: SocketAddr, is_free: &dyn Fn(u16) -> bool| {
            ports.choose(secret, IpProtocol::UDP, local, remote, is_free).ok()
        };
        self.udp.bind(bind, options, &self.own, &mut choose)
    }

    /// Makes a UDP socket that is connected from the beginning: it takes nobody's place, so that a server can have one
    /// for each of its peers beside the one that everybody finds. Port 0 asks for a port by RFC 6056.
    ///
    /// # Errors
    ///
    /// [`UdpBindError`] when the flow is taken, or cannot be had.
    pub fn udp_connect(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        options: UdpOptions,
    ) -> Result<UdpId, UdpBindError> {
        let (ports, secret) = (&mut self.ports, &self.secret);
        let mut choose = |local: IpAddr, remote: SocketAddr, is_free: &dyn Fn(u16) -> bool| {
            ports.choose(secret, IpProtocol::UDP, local, remote, is_free).ok()
        };
        self.udp.open(local, remote, options, &self.own, &mut choose)
    }

    /// The socket of that id; `None` once it was closed.
    pub fn udp(&mut self, id: UdpId) -> Option<UdpMut<'_>> {
        self.udp.socket(id, &self.own)
    }

    /// One peer of a socket with flows; `None` once the flow is over.
    pub fn udp_flow(&mut self, id: UdpFlowId) -> Option<UdpFlowMut<'_>> {
        self.udp.flow(id, &self.own)
    }

    /// Closes a socket, and says whether it was there. What was queued to be sent goes out.
    pub fn udp_close(&mut self, id: UdpId) -> bool {
        self.udp.close(id)
    }

    /// Ends a flow, and says whether it was there.
    pub fn udp_close_flow(&mut self, id: UdpFlowId) -> bool {
        self.udp.close_flow(id)
    }

    /// What UDP has seen and done.
    #[must_use]
    pub const fn udp_stats(&self) -> &UdpStats {
        self.udp.stats()
    }

    /// Every UDP socket, in a fixed order.
    pub fn udp_ids(&self) -> impl Iterator<Item = UdpId> {
        self.udp.ids()
    }
}
