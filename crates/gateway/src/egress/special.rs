//! Blocks of addresses that are not ordinary ones of the internet: what IANA has set aside (its registries of special-purpose addresses, as of RFC 6890
//! and what has updated it), and where clouds tell a machine its secrets. A wildcard never means them.
//!
//! Must hold every form in which another address can be written inside an IPv6 one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::nearby::carried;

/// A block, and what it is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) network: IpNet,
    pub(super) purpose: &'static str,
}

const fn four(a: u8, b: u8, c: u8, d: u8, length: u8, purpose: &'static str) -> Block {
    let network = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length));
    Block { network, purpose }
}

const fn six(segments: [u16; 8], length: u8, purpose: &'static str) -> Block {
    let [a, b, c, d, e, f, g, h] = segments;
    let network = IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length));
    Block { network, purpose }
}

/// Blocks may lie within others: an address is in all of them.
const BLOCKS: &[Block] = &[
    four(0, 0, 0, 0, 8, "this network"),
    four(10, 0, 0, 0, 8, "private"),
    four(100, 64, 0, 0, 10, "shared by a carrier's customers"),
    four(100, 100, 100, 200, 32, "metadata of a cloud"),
    four(127, 0, 0, 0, 8, "loopback"),
    four(168, 63, 129, 16, 32, "metadata of a cloud"),
    four(169, 254, 0, 0, 16, "link-local"),
    // Metadata and its like stand in these two at Amazon, Azure, Google, Oracle and others.
    four(169, 254, 169, 0, 24, "metadata of a cloud"),
    four(169, 254, 170, 0, 24, "metadata of a cloud"),
    four(172, 16, 0, 0, 12, "private"),
    four(192, 0, 0, 0, 24, "protocol assignments"),
    four(192, 0, 0, 192, 32, "metadata of a cloud"),
    four(192, 0, 2, 0, 24, "documentation"),
    four(192, 31, 196, 0, 24, "AS112"),
    four(192, 52, 193, 0, 24, "multicast relays"),
    four(192, 88, 99, 0, 24, "6to4 relays"),
    four(192, 168, 0, 0, 16, "private"),
    four(192, 175, 48, 0, 24, "AS112"),
    four(198, 18, 0, 0, 15, "benchmarking"),
    four(198, 51, 100, 0, 24, "documentation"),
    four(203, 0, 113, 0, 24, "documentation"),
    four(224, 0, 0, 0, 4, "multicast"),
    four(240, 0, 0, 0, 4, "reserved"),
    // Only 2000::/3 has ordinary addresses (RFC 4291 §2.4): the three around it are everything else.
    six([0, 0, 0, 0, 0, 0, 0, 0], 3, "reserved"),
    six([0x4000, 0, 0, 0, 0, 0, 0, 0], 2, "reserved"),
    six([0x8000, 0, 0, 0, 0, 0, 0, 0], 1, "reserved"),
    six([0, 0, 0, 0, 0, 0, 0, 0], 128, "unspecified"),
    six([0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback"),
    six([0, 0, 0, 0, 0, 0, 0, 0], 96, "IPv4-compatible"),
    six([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, "IPv4-mapped"),
    six([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, "IPv4-translated"),
    six([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, "NAT64"),
    six([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "NAT64 of a network's own"),
    six([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "discarded"),
    six([0x100, 0, 0, 1, 0, 0, 0, 0], 64, "dummy prefix"),
    six([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "protocol assignments"),
    six([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "Teredo"),
    six([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, "benchmarking"),
    six([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28, "ORCHID"),
    six([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, "ORCHIDv2"),
    six([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28, "drone identifiers"),
    six([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "documentation"),
    six([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4"),
    six([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, "AS112"),
    six([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "documentation"),
    six([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "segment routing"),
    six([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "private"),
    six([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32, "metadata of a cloud"),
    six([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128, "metadata of a cloud"),
    six([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128, "metadata of a cloud"),
    six([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link-local"),
    six([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "site-local"),
    six([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast"),
];

/// The smallest block that an address is in; `None` for ordinary addresses.
pub(super) fn special(ip: IpAddr) -> Option<&'static Block> {
    of(ip).max_by_key(|block| block.network.prefix_len())
}

/// Whether whoever wrote this network meant that address: it must lie wholly inside every block that the address is in. So `0.0.0.0/0` means
/// ordinary addresses only, and a private network does not mean the metadata service within it. Nor does a network of IPv6 addresses that stand for
/// IPv4 ones mean those that stand for special ones.
pub(super) fn is_meant(network: &IpNet, ip: IpAddr) -> bool {
    let stands_for = carried(ip);
    let carries_special = stands_for != ip && special(stands_for).is_some();
    network.contains(&ip) && of(ip).all(|block| block.network.contains(network)) && !carries_special
}

fn of(ip: IpAddr) -> impl Iterator<Item = &'static Block> {
    BLOCKS.iter().filter(move |block| block.network.contains(&ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn the_first_and_last_address_of_every_block_is_special() {
        for Block { network, purpose } in BLOCKS {
            assert_eq!(network.trunc(), *network, "{purpose}");
            for end in [network.network(), network.broadcast()] {
                assert!(special(end).is_some(), "{end} {purpose}");
            }
        }
        println!("blocks {}", BLOCKS.len());
    }

    #[test]
    fn addresses_next_to_the_blocks_are_ordinary() {
        for ordinary in [
            "1.0.0.0",
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "93.184.216.34",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.31.195.255",
            "192.88.98.255",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "203.0.114.0",
            "223.255.255.255",
            "2000::1",
            "2001:200::1",
            "2001:db7:ffff::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700:4700::1111",
            "2620:4f:7fff::1",
            "2a00:1450:4001::200e",
            "3ffe::1",
        ] {
            assert_eq!(special(ip(ordinary)), None, "{ordinary}");
        }
    }

    #[test]
    fn a_network_means_special_addresses_only_from_inside_their_block() {
        for (network, yes) in [
            ("10.0.0.0/8", "10.1.2.3"),
            ("10.1.0.0/16", "10.1.2.3"),
            ("127.0.0.1/32", "127.0.0.1"),
            ("169.254.169.254/32", "169.254.169.254"),
            ("fd00::/8", "fd12::1"),
            ("fd00:ec2::254/128", "fd00:ec2::254"),
            ("64:ff9b::/96", "64:ff9b::8.8.8.8"),
            ("0.0.0.0/0", "8.8.8.8"),
            ("::/0", "2606:4700:4700::1111"),
        ] {
            assert!(is_meant(&network.parse().expect(network), ip(yes)), "{network} {yes}");
        }
        for (network, no) in [
            ("0.0.0.0/0", "10.1.2.3"),
            ("0.0.0.0/0", "127.0.0.1"),
            ("8.0.0.0/5", "10.1.2.3"),
            ("126.0.0.0/7", "127.0.0.1"),
            ("100.64.0.0/10", "100.100.100.200"),
            ("169.254.0.0/16", "169.254.169.254"),
            ("192.0.0.0/24", "192.0.0.192"),
            ("::/0", "::1"),
            ("::/0", "fd12::1"),
            ("fd00::/8", "fd00:ec2::254"),
            ("64:ff9b::/96", "64:ff9b::7f00:1"),
            ("64:ff9b::/96", "64:ff9b::a9fe:a9fe"),
            ("2002::/16", "2002:a00:1::"),
            ("::ffff:0:0/96", "::ffff:10.1.2.3"),
            ("10.0.0.0/8", "11.0.0.1"),
        ] {
            assert!(!is_meant(&network.parse().expect(network), ip(no)), "{network} {no}");
        }
    }
}
