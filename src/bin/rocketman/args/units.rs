//! Sizes, durations, numbers and addresses as people type them.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

/// No clock can count as far as people can type.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// A duration, none included.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write it like 500ms, 30s or 1h 30m"))?;
    if duration > LONGEST {
        return Err("it has to be at most 100 years".to_owned());
    }
    Ok(duration)
}

/// A duration longer than none.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it has to be longer than none".to_owned()),
        duration => Ok(duration),
    }
}

/// The letters of sizes, each 1024 times the one before.
const UNITS: [u8; 4] = *b"kmgt";

/// A number of bytes, with K, M, G or T for powers of 1024, in either case. A server counts them in signed numbers.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let letter = text
        .bytes()
        .last()
        .map(|letter| letter.to_ascii_lowercase());
    let unit = UNITS.iter().position(|unit| Some(*unit) == letter);
    let (digits, shift) = match unit {
        Some(at) => (text.get(..text.len() - 1), 10 * (at + 1)),
        None => (Some(text), 0),
    };
    let number = digits.and_then(|digits| digits.parse::<u64>().ok());
    number
        .filter(|number| *number > 0)
        .and_then(|number| number.checked_mul(1 << shift))
        .filter(|bytes| i64::try_from(*bytes).is_ok())
        .ok_or_else(|| "write it like 65536, 64K, 8M, 1G or 2T".to_owned())
}

/// A number of bytes below 4 GiB.
pub(super) fn small_size(text: &str) -> Result<u32, String> {
    size(text)?
        .try_into()
        .map_err(|_| "it has to be below 4G".to_owned())
}

/// A whole number from 1 on.
pub(super) fn at_least_1(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "it takes a whole number from 1 on, such as 1000".to_owned())
}

/// A whole number from 1 to `most`.
pub(super) fn up_to<T: TryFrom<u64> + Into<u64> + Copy>(most: T, text: &str) -> Result<T, String> {
    let number: Option<u64> = text.parse().ok();
    number
        .filter(|number| (1..=most.into()).contains(number))
        .and_then(|number| number.try_into().ok())
        .ok_or_else(|| format!("it takes a whole number from 1 to {}", most.into()))
}

/// Yes or no, as variables of the environment say it.
pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" | "y" | "t" => Ok(true),
        "0" | "false" | "no" | "off" | "n" | "f" => Ok(false),
        _ => Err("it takes true or false".to_owned()),
    }
}

/// How often a flag was given, as a variable of the environment says it.
pub(super) fn times(text: &str) -> Result<u8, String> {
    text.parse()
        .map_err(|_| "it takes a number, such as 1 for -v and 2 for -vv".to_owned())
}

/// An address to listen at; a port alone is one of this machine.
pub(super) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let of_this_machine = |port: &str| {
        let port = port.parse().ok()?;
        Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    };
    text.parse()
        .ok()
        .or_else(|| of_this_machine(text.strip_prefix("localhost:").unwrap_or(text)))
        .ok_or_else(|| match text.strip_prefix(':') {
            Some(port) if port.parse::<u16>().is_ok() => format!(
                "it takes 127.0.0.1:{port} for this machine, or 0.0.0.0:{port} for everybody"
            ),
            _ => "it takes an IP address and a port, such as 127.0.0.1:9090".to_owned(),
        })
}

/// Whether a size is meant rather than a duration: a small m means minutes.
pub(super) fn is_size(text: &str) -> bool {
    let letter = text.bytes().last();
    letter.is_some_and(|letter| {
        let is_unit = UNITS.contains(&letter.to_ascii_lowercase());
        letter.is_ascii_digit() || (is_unit && letter != b'm')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_letter_of_either_case_or_none() {
        for (text, expected) in [
            ("1", 1),
            ("64k", 65_536),
            ("64K", 65_536),
            ("8m", 8 << 20),
            ("8M", 8 << 20),
            ("1g", 1 << 30),
            ("2T", 2 << 40),
            ("2t", 2 << 40),
        ] {
            assert_eq!(size(text), Ok(expected), "{text}");
        }
        for text in [
            "", "0", "0K", "K", "-1", "1KB", "1.5M", "1 K", "9999999T", "8388608T", "1é",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_small_size_is_below_four_gibibytes() {
        assert_eq!(small_size("4095M"), Ok(4095 << 20));
        assert_eq!(small_size("4294967295"), Ok(u32::MAX));
        assert_eq!(small_size("4G").unwrap_err(), "it has to be below 4G");
        assert!(small_size("0").unwrap_err().contains("64K"));
    }

    #[test]
    fn a_number_is_whole_and_within_its_bounds() {
        assert_eq!(at_least_1("1000"), Ok(1000));
        assert_eq!(up_to::<u8>(2, "2"), Ok(2));
        for text in ["0", "-1", "1k", "", "1.5", "99999999999999999999"] {
            assert!(at_least_1(text).unwrap_err().contains("from 1 on"));
            assert!(up_to::<u8>(2, text).unwrap_err().contains("from 1 to 2"));
        }
        assert!(up_to::<u8>(2, "3").is_err());
    }

    #[test]
    fn an_address_to_listen_at_may_be_a_port() {
        let here = "127.0.0.1:9090".parse().unwrap();
        for text in ["9090", "localhost:9090", "127.0.0.1:9090"] {
            assert_eq!(listen_address(text), Ok(here), "{text}");
        }
        assert!(listen_address("[::1]:0").is_ok());
        let hint = listen_address(":9090").unwrap_err();
        assert!(hint.contains("127.0.0.1:9090") && hint.contains("0.0.0.0:9090"));
        for text in ["", "99999", "host:9090", "127.0.0.1", ":x"] {
            assert!(
                listen_address(text).unwrap_err().contains("such as"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_small_m_is_minutes_where_both_are_meant() {
        for text in ["1", "128k", "128K", "1M", "1g", "2T"] {
            assert!(is_size(text), "{text}");
        }
        for text in ["5m", "30s", "1h 30m", "500ms", "", "1d"] {
            assert!(!is_size(text), "{text}");
        }
    }
}
