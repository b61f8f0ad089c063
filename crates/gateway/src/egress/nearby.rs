//! Addresses that a name of somebody else's never means in good faith: this machine, the link it is on, and where clouds keep their
//! secrets. Whoever owns a name may point it there, also by way of an address that is translated on its way.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks (address, length of the prefix) where clouds tell a machine what only that machine may know, besides the link's own
/// addresses, and those of which nobody can tell where they lead.
const NEVER: &[(IpAddr, u32)] = &[
    // Alibaba Cloud.
    (IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), 32),
    // Azure.
    (IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)), 32),
    // Oracle Cloud has one of these, which are for protocols (RFC 6890 §2.2.2).
    (IpAddr::V4(Ipv4Addr::new(192, 0, 0, 0)), 24),
    // Amazon EC2: metadata, credentials of containers, name servers.
    (IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0)), 32),
    // Google Cloud.
    (IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)), 128),
    // Scaleway.
    (IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)), 128),
    // Teredo (RFC 4380) has somebody's private addresses in it.
    (IpAddr::V6(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0)), 32),
    // Translation of a network's own (RFC 8215): where in it the IPv4 address stands is that network's choice.
    (IpAddr::V6(Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0)), 48),
];

/// Whether this is such an address.
pub(super) fn is_nearby(ip: IpAddr) -> bool {
    let ip = carried(ip);
    let is_local = match ip {
        IpAddr::V4(ip) => {
            ip.is_loopback()
                || ip.is_link_local()
                || ip.octets()[0] == 0
                || ip.is_broadcast()
                || ip.is_multicast()
        }
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast()
        }
    };
    is_local || NEVER.iter().any(|(network, length)| is_in(ip, *network, *length))
}

/// The IPv4 address that an IPv6 address stands for, where every router would say the same; otherwise itself.
pub(super) fn carried(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = ip else { return ip };
    let [a, b, c, d, e, f, g, h] = six.segments();
    let four = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)).into();
    match [a, b, c, d, e, f] {
        // Mapped (RFC 4291 §2.5.5.2), translated (RFC 2765 §2.1), NAT64 (RFC 6052 §2.1).
        [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => four(g, h),
        // IPv4-compatible (RFC 4291 §2.5.5.1), but for `::` and `::1`.
        [0, 0, 0, 0, 0, 0] if six.to_bits() > 1 => four(g, h),
        // 6to4 (RFC 3056 §2).
        [0x2002, high, low, ..] => four(high, low),
        _ => ip,
    }
}

fn is_in(ip: IpAddr, network: IpAddr, length: u32) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => (ip.to_bits() ^ network.to_bits()).leading_zeros() >= length,
        (IpAddr::V6(ip), IpAddr::V6(network)) => (ip.to_bits() ^ network.to_bits()).leading_zeros() >= length,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_lead_to_this_machine_its_link_or_the_secrets_of_a_cloud() {
        for nearby in [
            // Loopback, link, nobody, everybody.
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "169.254.170.2",
            "0.0.0.0",
            "0.0.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "ff02::1",
            // Clouds.
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fd00:42::42",
            // The same in other words.
            "::ffff:127.0.0.1",
            "::ffff:a9fe:a9fe",
            "::ffff:0:127.0.0.1",
            "::127.0.0.1",
            "::a9fe:a9fe",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b::168.63.129.16",
            "64:ff9b::",
            "64:ff9b:1::a9fe:a9fe",
            "64:ff9b:1:a9fe:a9:fe00::",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2002:6464:64c8::",
            "2002:e000:1::",
            "2001::1",
            "2001:0:a9fe:a9fe::1",
        ] {
            assert!(is_nearby(nearby.parse().expect(nearby)), "{nearby}");
        }
    }

    #[test]
    fn names_may_lead_everywhere_else() {
        for far in [
            "192.0.2.1",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.201",
            "168.63.129.17",
            "192.0.1.1",
            "2001:1::1",
            "2001:db8::1",
            "2002:c000:201::1",
            "64:ff9b::192.0.2.1",
            "64:ff9b:2::a9fe:a9fe",
            "::ffff:192.0.2.1",
            "::192.0.2.1",
            "fd00::1",
            "fd00:ec3::254",
            "fd20:ce::255",
        ] {
            assert!(!is_nearby(far.parse().expect(far)), "{far}");
        }
    }
}
