//! Hosts that are reached without a proxy: what `NO_PROXY` holds.

use std::net::IpAddr;

/// Hosts that are reached without a proxy: an entry of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Direct {
    Everything,
    /// Addresses whose first bits are those of this one, on this port or on any.
    Network(IpAddr, u8, Option<u16>),
    /// The host of this name and those below it, on this port or on any.
    Domain(String, Option<u16>),
}

impl Direct {
    pub(super) fn parse(entry: &str) -> Self {
        if entry == "*" {
            return Self::Everything;
        }
        if let Some((address, bits)) = entry.split_once('/')
            && let (Some(address), Ok(bits)) = (address_of(address), bits.parse())
            && bits <= width(address)
        {
            return Self::Network(address, bits, None);
        }
        if let Some(address) = address_of(entry) {
            return Self::Network(address, width(address), None);
        }
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, digits)) => (name, digits.parse().ok()),
            None => (entry, None),
        };
        if let Some(address) = address_of(name) {
            return Self::Network(address, width(address), port);
        }
        let name = name.trim_start_matches("*.").trim_start_matches('.');
        Self::Domain(name.to_ascii_lowercase(), port)
    }

    pub(super) fn holds(&self, host: &str, port: u16) -> bool {
        match self {
            Self::Everything => true,
            Self::Network(network, bits, wanted) => {
                let is_inside =
                    address_of(host).is_some_and(|address| is_inside(address, *network, *bits));
                is_inside && wanted.is_none_or(|wanted| wanted == port)
            }
            Self::Domain(name, wanted) => {
                let is_below = name == "*"
                    || host
                        .strip_suffix(name.as_str())
                        .is_some_and(|head| head.is_empty() || head.ends_with('.'));
                is_below && wanted.is_none_or(|wanted| wanted == port)
            }
        }
    }
}

/// An address as it is typed, in brackets or not; one of IPv4 that is written as one of IPv6 is the
/// former.
fn address_of(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address: IpAddr = bare.unwrap_or(text).parse().ok()?;
    Some(address.to_canonical())
}

/// How many bits an address has.
fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Whether two addresses are of one family and begin with the same bits, of the given number.
fn is_inside(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let differs = address.to_bits() ^ network.to_bits();
            differs.checked_shr(32 - u32::from(bits)).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let differs = address.to_bits() ^ network.to_bits();
            differs.checked_shr(128 - u32::from(bits)).unwrap_or(0) == 0
        }
        _ => false,
    }
}
