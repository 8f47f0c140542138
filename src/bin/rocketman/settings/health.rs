//! What `rocketman health` needs, from what was typed.

use std::{fmt, time::Duration};

use url::{Host, Url};

use super::{Environment, SettingsError};
use crate::args::HealthArgs;
use rocketman::Shown;

/// What says where others listen, in the order in which they are asked.
const VARIABLES: [&str; 2] = ["ROCKETMAN_METRICS_ADDR", "ROCKETMAN_LISTEN"];

/// All that `rocketman health` needs to begin.
#[derive(Debug)]
pub(crate) struct HealthSettings {
    /// At least one; a later one counts where nobody listens at those before it.
    pub(crate) addresses: Vec<HealthAddress>,
    pub(crate) timeout: Duration,
}

/// Where a rocketman answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HealthAddress {
    /// A name or an address, an IPv6 one without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
}

impl HealthSettings {
    /// Checks everything that can be checked without the network.
    pub(crate) fn resolve(
        args: HealthArgs,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        let HealthArgs { addr, timeout } = args;
        let addresses = match &addr {
            Some(text) => vec![HealthAddress::parse("ADDR", text)?],
            None => VARIABLES
                .into_iter()
                .filter_map(|variable| Some((variable, environment.get(variable)?)))
                .filter(|(_, text)| !text.is_empty())
                .map(|(variable, text)| HealthAddress::parse(variable, text))
                .collect::<Result<_, _>>()?,
        };
        if addresses.is_empty() {
            return Err(SettingsError::NoHealthAddress);
        }
        Ok(Self { addresses, timeout })
    }
}

impl HealthAddress {
    /// Reads `HOST:PORT`, `PORT` or a URL, which stands in `place`.
    fn parse(place: &'static str, text: &str) -> Result<Self, SettingsError> {
        let error = || SettingsError::HealthAddress {
            place,
            text: Shown::address(text).to_string(),
        };
        if text.trim() == "0" {
            return Err(SettingsError::AnyPort(place));
        }
        let (is_port, is_url) = (text.parse::<u16>().is_ok(), text.contains("://"));
        let url = if is_port {
            format!("http://127.0.0.1:{text}")
        } else if is_url {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let url = Url::parse(&url).map_err(|_| error())?;
        let has_login = !url.username().is_empty() || url.password().is_some();
        if url.scheme() != "http" || has_login {
            return Err(error());
        }
        let port = match url.port() {
            Some(0) => return Err(SettingsError::AnyPort(place)),
            Some(port) => port,
            // A URL goes without, and takes the one that it would go without for none.
            None if is_port || is_url || authority(text).ends_with(":80") => 80,
            None => return Err(error()),
        };
        let host = match url.host().ok_or_else(error)? {
            Host::Domain(name) => name.to_owned(),
            // Who listens at all addresses is asked at that of this machine.
            Host::Ipv4(address) if address.is_unspecified() => "127.0.0.1".to_owned(),
            Host::Ipv6(address) if address.is_unspecified() => "::1".to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let path = match url.path() {
            "/" => "/healthz".to_owned(),
            path => path.to_owned(),
        };
        Ok(Self { host, port, path })
    }
}

/// As it is shown, and as it is asked for.
impl fmt::Display for HealthAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

/// What stands before the path.
fn authority(text: &str) -> &str {
    text.split(['/', '?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(
        addr: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Result<Vec<String>, SettingsError> {
        let args = HealthArgs {
            addr: addr.map(str::to_owned),
            timeout: Duration::from_secs(1),
        };
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings = HealthSettings::resolve(args, &variables.collect())?;
        let whole = |address: &HealthAddress| format!("{address}{}", address.path);
        Ok(settings.addresses.iter().map(whole).collect())
    }

    #[test]
    fn an_address_may_be_a_port_or_a_url() {
        for (text, expected) in [
            ("9090", "127.0.0.1:9090/healthz"),
            ("80", "127.0.0.1:80/healthz"),
            ("localhost:9090", "localhost:9090/healthz"),
            ("10.0.0.7:80", "10.0.0.7:80/healthz"),
            ("0.0.0.0:6008", "127.0.0.1:6008/healthz"),
            ("[::]:6008", "[::1]:6008/healthz"),
            ("[2001:db8::1]:6008", "[2001:db8::1]:6008/healthz"),
            ("http://rocketman", "rocketman:80/healthz"),
            ("http://rocketman:9090/", "rocketman:9090/healthz"),
            ("http://proxy/of/healthz?x", "proxy:80/of/healthz"),
        ] {
            assert_eq!(resolved(Some(text), &[]).unwrap(), [expected], "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_secrets() {
        for text in [
            "",
            " ",
            "rocketman",
            "127.0.0.1",
            "70000",
            "host:port",
            "https://rocketman",
            "ws://127.0.0.1:6008/subscribe",
            "http://me:secret@rocketman:9090",
            "me:secret@rocketman:9090",
        ] {
            let error = resolved(Some(text), &[]).unwrap_err().to_string();
            assert!(
                error.contains("is not where a rocketman listens"),
                "{error}"
            );
            assert!(!error.contains("secret"), "{error}");
        }
        for text in ["0", "127.0.0.1:0", "http://[::1]:0/"] {
            let error = resolved(Some(text), &[]).unwrap_err().to_string();
            assert!(error.contains("port 0"), "{error}");
        }
    }

    #[test]
    fn without_an_address_the_variables_say_where_in_order() {
        let both = [
            ("ROCKETMAN_LISTEN", "0.0.0.0:6008"),
            ("ROCKETMAN_METRICS_ADDR", "9090"),
        ];
        let found = resolved(None, &both).unwrap();
        assert_eq!(found, ["127.0.0.1:9090/healthz", "127.0.0.1:6008/healthz"]);
        let typed = resolved(Some("1"), &both).unwrap();
        assert_eq!(typed, ["127.0.0.1:1/healthz"]);
        let wrong = [("ROCKETMAN_LISTEN", "here")];
        let error = resolved(None, &wrong).unwrap_err().to_string();
        assert!(error.starts_with("ROCKETMAN_LISTEN: 'here'"), "{error}");
        let error = resolved(None, &[("ROCKETMAN_LISTEN", "")]).unwrap_err();
        assert!(error.hint().unwrap().contains("--metrics-addr"));
    }
}
