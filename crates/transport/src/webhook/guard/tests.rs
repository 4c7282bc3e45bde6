use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn strict() -> Guard {
    Guard::default()
}

fn allowing(subnets: &[&str]) -> Guard {
    let allow = subnets.iter().map(|text| Allowed { subnet: text.parse().unwrap(), account: None });
    Guard::new(allow.collect(), false)
}

#[test]
fn every_kind_of_address_that_is_not_public_is_refused_by_its_rule() {
    for (address, rule) in [
        ("0.0.0.0", Rule::Unspecified),
        ("0.1.2.3", Rule::Unspecified),
        ("::", Rule::Unspecified),
        ("127.0.0.1", Rule::Loopback),
        ("127.255.255.254", Rule::Loopback),
        ("::1", Rule::Loopback),
        ("10.0.0.1", Rule::Private),
        ("172.16.0.1", Rule::Private),
        ("172.31.255.255", Rule::Private),
        ("192.168.0.1", Rule::Private),
        ("169.254.0.1", Rule::LinkLocal),
        ("fe80::1", Rule::LinkLocal),
        ("febf::1", Rule::LinkLocal),
        ("100.64.0.1", Rule::CarrierGradeNat),
        ("100.127.255.255", Rule::CarrierGradeNat),
        ("224.0.0.1", Rule::Multicast),
        ("239.255.255.255", Rule::Multicast),
        ("ff02::1", Rule::Multicast),
        ("255.255.255.255", Rule::Broadcast),
        ("192.0.2.1", Rule::Documentation),
        ("198.51.100.1", Rule::Documentation),
        ("203.0.113.1", Rule::Documentation),
        ("2001:db8::1", Rule::Documentation),
        ("3fff::1", Rule::Documentation),
        ("198.18.0.1", Rule::Benchmarking),
        ("198.19.255.255", Rule::Benchmarking),
        ("2001:2::1", Rule::Benchmarking),
        ("192.0.0.1", Rule::Reserved),
        ("240.0.0.1", Rule::Reserved),
        ("2001:10::1", Rule::Reserved),
        ("100::1", Rule::Reserved),
        ("4000::1", Rule::Reserved),
        ("5f00::1", Rule::Reserved),
        ("169.254.169.254", Rule::Metadata),
        ("168.63.129.16", Rule::Metadata),
        ("fd00:ec2::254", Rule::Metadata),
        ("::ffff:8.8.8.8", Rule::Mapped),
        ("::8.8.8.8", Rule::Compatible),
        ("::ffff:0:8.8.8.8", Rule::Translated),
        ("64:ff9b::8.8.8.8", Rule::Nat64),
        ("64:ff9b:1::8.8.8.8", Rule::Nat64),
        ("192.88.99.1", Rule::SixToFour),
        ("2002:808:808::1", Rule::SixToFour),
        ("2001::1", Rule::Teredo),
        ("fc00::1", Rule::UniqueLocal),
        ("fdff::1", Rule::UniqueLocal),
        ("fec0::1", Rule::SiteLocal),
    ] {
        let refused = strict().judge(ip(address), None).unwrap_err();
        assert_eq!((refused.rule, refused.embedded), (rule, None), "{address}");
    }
}

#[test]
fn public_addresses_pass() {
    for address in [
        "8.8.8.8",
        "1.1.1.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "168.63.129.17",
        "192.0.1.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2001:200::1",
        "2001:4860::8888",
        "2003::1",
        "3ffe::1",
    ] {
        strict().judge(ip(address), None).unwrap();
    }
}

#[test]
fn an_allowed_subnet_opens_itself_and_nothing_beside_it() {
    let guard = allowing(&["10.1.0.0/16", "fd12:3456::/32"]);
    guard.judge(ip("10.1.2.3"), None).unwrap();
    guard.judge(ip("fd12:3456::9"), None).unwrap();
    for closed in ["10.2.0.1", "127.0.0.1", "fd12:3457::1", "::ffff:10.1.2.3", "64:ff9b::a01:203"] {
        guard.judge(ip(closed), None).unwrap_err();
    }
}

#[test]
fn a_subnet_allowed_to_one_account_is_closed_to_all_others() {
    let account = Some(AccountId(100_001));
    let guard = Guard::new(vec![Allowed { subnet: "10.0.0.0/8".parse().unwrap(), account }], false);
    guard.judge(ip("10.0.0.1"), account).unwrap();
    guard.judge(ip("10.0.0.1"), Some(AccountId(100_002))).unwrap_err();
    guard.judge(ip("10.0.0.1"), None).unwrap_err();
}

#[test]
fn metadata_is_opened_only_by_its_own_address() {
    let metadata = ip("169.254.169.254");
    let wide = allowing(&["169.254.0.0/16", "0.0.0.0/0", "::/0"]);
    wide.judge(ip("169.254.1.1"), None).unwrap();
    for address in [
        "169.254.169.254",
        "168.63.129.16",
        "fd00:ec2::254",
        "64:ff9b::169.254.169.254",
        "::ffff:169.254.169.254",
    ] {
        assert_eq!(wide.judge(ip(address), None).unwrap_err().rule, Rule::Metadata, "{address}");
    }
    allowing(&["169.254.169.254"]).judge(metadata, None).unwrap();
}

#[test]
fn what_an_allowed_translation_prefix_carries_is_judged_too() {
    let guard = allowing(&["64:ff9b::/96", "2002::/16", "2001::/32", "::ffff:0:0/96"]);
    let teredo = |v4: &str| {
        let inverted = !u32::from(v4.parse::<Ipv4Addr>().unwrap());
        ip(&format!("2001::{:x}:{:x}", inverted >> 16, inverted & 0xffff))
    };
    for open in [ip("64:ff9b::8.8.8.8"), ip("2002:808:808::1"), ip("::ffff:8.8.8.8"), teredo("8.8.8.8")] {
        guard.judge(open, None).unwrap();
    }
    for closed in [ip("64:ff9b::10.0.0.1"), ip("2002:a00:1::1"), ip("::ffff:10.0.0.1"), teredo("10.0.0.1")] {
        let refused = guard.judge(closed, None).unwrap_err();
        assert_eq!(
            (refused.rule, refused.embedded),
            (Rule::Private, Some(Ipv4Addr::new(10, 0, 0, 1))),
            "{closed}"
        );
    }
}

#[test]
fn the_loopback_switch_opens_loopback_and_nothing_else() {
    let guard = Guard::new(Vec::new(), true);
    for open in ["127.0.0.1", "127.9.9.9", "::1"] {
        guard.judge(ip(open), None).unwrap();
    }
    for closed in
        ["10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "0.0.0.0", "fe80::1"]
    {
        guard.judge(ip(closed), None).unwrap_err();
    }
}

#[test]
fn one_forbidden_answer_refuses_all() {
    let refused = strict().judge_all(&[ip("8.8.8.8"), ip("10.0.0.1")], None).unwrap_err();
    assert_eq!(refused.address, ip("10.0.0.1"));
}

#[test]
fn a_refusal_names_the_rule_and_the_setting_that_would_allow_it() {
    let words = |guard: &Guard, address: &str| guard.judge(ip(address), None).unwrap_err().to_string();
    assert_eq!(
        words(&strict(), "10.0.0.1"),
        "10.0.0.1 is private, and webhooks never go there unless the setting guard.allow has a subnet with 10.0.0.1",
    );
    assert_eq!(
        words(&strict(), "::1"),
        "::1 is a loopback address, and webhooks never go there unless the setting guard.allow has a subnet with ::1",
    );
    assert_eq!(
        words(&allowing(&["64:ff9b::/96"]), "64:ff9b::169.254.169.254"),
        "64:ff9b::a9fe:a9fe carries 169.254.169.254, which is a cloud's metadata service, and webhooks never go there \
         unless the setting guard.allow names 169.254.169.254/32 itself",
    );
}

/// Written from the IANA special-purpose registries with other means than the guard's tables.
fn is_special_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && b & 0xfe == 18)
        || [a, b, c, d] == [168, 63, 129, 16]
}

fn is_special_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let global = (0x2000..0x4000).contains(&segments[0]);
    !global
        || segments[0] == 0x2002
        || (segments[0] == 0x2001 && segments[1] < 0x200)
        || (segments[0] == 0x2001 && segments[1] == 0xdb8)
        || (segments[0] == 0x3fff && segments[1] < 0x1000)
}

/// Any address, but mostly ones near the borders of special ranges.
fn any_v4() -> impl Strategy<Value = Ipv4Addr> {
    let border = prop::sample::select(
        [
            "0.0.0.0",
            "10.0.0.0",
            "11.0.0.0",
            "100.64.0.0",
            "100.128.0.0",
            "127.0.0.0",
            "128.0.0.0",
            "168.63.129.16",
            "169.254.0.0",
            "169.255.0.0",
            "172.16.0.0",
            "172.32.0.0",
            "192.0.0.0",
            "192.0.1.0",
            "192.0.2.0",
            "192.0.3.0",
            "192.88.99.0",
            "192.88.100.0",
            "192.168.0.0",
            "192.169.0.0",
            "198.18.0.0",
            "198.20.0.0",
            "198.51.100.0",
            "198.51.101.0",
            "203.0.113.0",
            "203.0.114.0",
            "224.0.0.0",
            "240.0.0.0",
        ]
        .map(|text| u32::from(text.parse::<Ipv4Addr>().unwrap()))
        .to_vec(),
    );
    prop_oneof![
        any::<u32>(),
        (border, -300_i64..300).prop_map(|(border, by)| (i64::from(border) + by).rem_euclid(1 << 32) as u32),
    ]
    .prop_map(Ipv4Addr::from_bits)
}

fn any_v6() -> impl Strategy<Value = Ipv6Addr> {
    let first = prop::sample::select(vec![
        0_u16, 0x64, 0x100, 0x1fff, 0x2000, 0x2001, 0x2002, 0x2003, 0x3ffe, 0x3fff, 0x4000, 0x5f00, 0xfbff,
        0xfc00, 0xfd00, 0xfe00, 0xfe7f, 0xfe80, 0xfec0, 0xff00,
    ]);
    let second = prop::sample::select(vec![
        0_u16, 1, 2, 0x10, 0x1ff, 0x200, 0xdb7, 0xdb8, 0xdb9, 0xec2, 0xfff, 0x1000, 0xff9b,
    ]);
    prop_oneof![
        any::<u128>().prop_map(Ipv6Addr::from_bits),
        (first, second, any::<[u16; 6]>())
            .prop_map(|(a, b, [c, d, e, f, g, h])| Ipv6Addr::new(a, b, c, d, e, f, g, h)),
        any_v4().prop_map(|v4| v4.to_ipv6_mapped()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_guard_agrees_with_the_registries_about_ipv4(address in any_v4()) {
        prop_assert_eq!(strict().judge(address.into(), None).is_err(), is_special_v4(address), "{}", address);
    }

    #[test]
    fn the_guard_agrees_with_the_registries_about_ipv6(address in any_v6()) {
        prop_assert_eq!(strict().judge(address.into(), None).is_err(), is_special_v6(address), "{}", address);
    }
}
