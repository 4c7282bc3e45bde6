use super::*;

fn dev() -> Guard {
    Guard::new(Vec::new(), true)
}

fn parse(text: &str) -> Result<Address, AddressError> {
    Address::parse(text, &Guard::default(), AllowHttp::Loopback, None)
}

fn parse_dev(text: &str) -> Result<Address, AddressError> {
    Address::parse(text, &dev(), AllowHttp::Loopback, None)
}

#[test]
fn https_to_a_name_is_an_address() {
    let address = parse("https://hooks.example.com/in?x=1").unwrap();
    assert_eq!(address.place, Place::Name("hooks.example.com".into()));
    assert_eq!((address.port, address.host.to_str().unwrap()), (443, "hooks.example.com"));
    assert_eq!(address.target, "/in?x=1");
    assert!(address.tls.is_some() && !address.loopback_only);
}

#[test]
fn the_host_header_names_the_port_only_if_it_is_not_the_usual_one() {
    for (text, host) in [
        ("https://h.example:443/", "h.example"),
        ("https://h.example:8443/", "h.example:8443"),
        ("https://[2606:4700::1111]:8443/", "[2606:4700::1111]:8443"),
        ("https://8.8.8.8/", "8.8.8.8"),
        ("https://H.Example./", "h.example."),
    ] {
        assert_eq!(parse(text).unwrap().host, host, "{text}");
    }
}

#[test]
fn the_query_goes_out_byte_for_byte() {
    for (text, target) in [
        ("https://h.example", "/"),
        ("https://h.example?a=b", "/?a=b"),
        ("https://h.example/p?", "/p?"),
        ("https://h.example/p?q='it%27s'&&b=%zz|{}^`\\&c=a+b?d", "/p?q='it%27s'&&b=%zz|{}^`\\&c=a+b?d"),
        ("https://h.example/a%2Fb/./c//d;e=1?x", "/a%2Fb/c//d;e=1?x"),
        ("https://h.example/p?a=1#fragment?no=query", "/p?a=1"),
        ("https://h.example/p#fragment?no=query", "/p"),
        ("https://h.example/p?n=ü", "/p?n=%C3%BC"),
        ("https://h.example/ü", "/%C3%BC"),
    ] {
        let found = parse(text).unwrap();
        assert_eq!(found.target, target, "{text}");
    }
}

#[test]
fn what_is_no_address_is_malformed() {
    for text in [
        "",
        "hooks.example.com",
        "/path",
        "https://",
        "https:///",
        "https://h.example:99999/",
        "https://h .example/",
        " https://h.example/",
        "https://h.example/\tx",
        "https://h.example/a b",
        "https://h.exa\u{0}mple/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://user@h.example/",
        "https://user:pass@h.example/",
        "https://:pass@h.example/",
        "https://a..b/",
        "https://-/\u{2003}",
    ] {
        let error = parse_dev(text).unwrap_err();
        assert_eq!(error.code(), "CMN-101", "{text}: {error}");
    }
    let long = format!("https://h.example/{}", "x".repeat(limits::WEBHOOK_ADDRESS_BYTES));
    assert_eq!(
        parse(&long).unwrap_err().to_string(),
        "the address is malformed: it is longer than 2048 bytes"
    );
}

#[test]
fn other_schemes_than_https_are_named() {
    for text in [
        "ftp://h.example/",
        "file:///etc/passwd",
        "gopher://h.example/",
        "javascript:alert(1)",
        "unix:/run/x",
    ] {
        let error = parse_dev(text).unwrap_err();
        assert_eq!(error.code(), "SUB-523", "{text}: {error}");
    }
    assert_eq!(
        parse("ftp://h.example/").unwrap_err().to_string(),
        "the address must begin with https://, not ftp:"
    );
}

#[test]
fn plain_http_goes_to_loopback_only_and_only_where_loopback_is_allowed() {
    for local in [
        "http://127.0.0.1:5000/",
        "http://127.9.9.9/",
        "http://[::1]:5000/",
        "http://localhost:5000/",
        "http://LOCALHOST./",
        "http://app.localhost/",
    ] {
        assert!(parse_dev(local).unwrap().loopback_only, "{local}");
        assert_eq!(parse(local).unwrap_err().code(), "SUB-523", "{local}");
        assert_eq!(
            Address::parse(local, &dev(), AllowHttp::Never, None).unwrap_err().code(),
            "SUB-523",
            "{local}"
        );
    }
    for remote in [
        "http://h.example/",
        "http://8.8.8.8/",
        "http://localhost.example/",
        "http://10.0.0.1/",
        "http://notlocalhost/",
    ] {
        assert_eq!(parse_dev(remote).unwrap_err().code(), "SUB-523", "{remote}");
    }
    let always = |text| Address::parse(text, &Guard::default(), AllowHttp::Always, None);
    assert!(!always("http://h.example/").unwrap().loopback_only);
    assert_eq!(always("http://10.0.0.1/").unwrap_err().code(), "SUB-521");
}

#[test]
fn a_literal_address_is_judged_at_once_in_whatever_disguise() {
    for text in [
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://127.1/",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://017700000001/",
        "https://0177.0.0.1/",
        "https://127.0.0.1:8443/",
        "https://%31%32%37.0.0.1/",
        "https://１２７.0.0.1/",
        "https://127。0。0。1/",
        "https://[::1]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00:ec2::254]/",
        "https://168.63.129.16/",
        "https://[64:ff9b::10.0.0.1]/",
        "https://[2002:7f00:1::]/",
        "https://0/",
        "https://0.0.0.0/",
        "https://[::]/",
        "https:\\\\127.0.0.1\\",
        "https:127.0.0.1",
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.code(), "SUB-521", "{text}: {error}");
    }
    assert!(parse_dev("https://0x7f.1/").is_ok());
    assert_eq!(parse_dev("https://[::ffff:127.0.0.1]/").unwrap_err().code(), "SUB-521");
    let words = parse("https://10.0.0.1/").unwrap_err().to_string();
    assert!(words.starts_with("the address is not allowed: 10.0.0.1 is private"), "{words}");
}

#[test]
fn a_backslash_or_an_at_sign_does_not_hide_the_host() {
    assert_eq!(parse("https://8.8.8.8\\@10.0.0.1/").unwrap().place, Place::Literal([8, 8, 8, 8].into()));
    assert_eq!(parse("https://good.example@10.0.0.1/").unwrap_err().code(), "CMN-101");
    assert_eq!(parse("https://h.example/@10.0.0.1").unwrap().place, Place::Name("h.example".into()));
}
