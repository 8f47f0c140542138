//! `rocketman health`: asks a running rocketman whether it is alive, in a bounded time.

use std::{io, process::ExitCode, time::Duration};

use rocketman::{ErrorKind, Shown};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout_at},
};

use crate::{
    failure::Failure,
    settings::{HealthAddress, HealthSettings},
    terminal::print,
};

/// As much of an answer is read; those of rocketman have some 200 bytes.
const LARGEST_ANSWER: u64 = 16 * 1024;

/// More header fields have answers of no server of pages, and of no proxy before one.
const MAX_HEADERS: usize = 100;

/// The most characters that are shown of what was answered.
const MAX_SHOWN: usize = 300;

/// Why it is not known to be alive.
#[derive(Debug, thiserror::Error)]
enum HealthError {
    #[error("cannot reach {address}")]
    Unreachable { address: String, source: io::Error },
    #[error("no connection to {address} within {}", humantime::format_duration(*.timeout))]
    NoConnection { address: String, timeout: Duration },
    #[error("{address} gave no answer within {}", humantime::format_duration(*.timeout))]
    NoAnswer { address: String, timeout: Duration },
    #[error("{address} broke off its answer")]
    Broken { address: String, source: io::Error },
    #[error("{0} answers no HTTP")]
    Foreign(String),
    #[error("{address} is not alive: {how}")]
    Dead { address: String, how: String },
    #[error("{address} does not say whether it is alive: HTTP {status}: {how}")]
    Refused {
        address: String,
        status: u16,
        how: String,
    },
}

impl From<HealthError> for Failure {
    fn from(error: HealthError) -> Self {
        let (kind, hint) = match &error {
            HealthError::Unreachable { .. } | HealthError::NoConnection { .. } => (
                ErrorKind::Unreachable,
                Some(
                    "rocketman tail answers where --metrics-addr says, rocketman serve where it listens",
                ),
            ),
            HealthError::Foreign(_) | HealthError::Refused { .. } => (
                ErrorKind::Failed,
                Some("name what rocketman said at its start"),
            ),
            HealthError::NoAnswer { .. }
            | HealthError::Broken { .. }
            | HealthError::Dead { .. } => (ErrorKind::Failed, None),
        };
        Self::new(kind, error).hint(hint.map(str::to_owned))
    }
}

/// Asks, and shows the answer.
pub(crate) async fn run(settings: HealthSettings) -> Result<ExitCode, Failure> {
    let HealthSettings { addresses, timeout } = settings;
    let until = Instant::now() + timeout;
    let mut last = None;
    for address in &addresses {
        match connect(address, until, timeout).await {
            Ok(stream) => {
                let how = ask(stream, address, until, timeout).await?;
                return print(format!("{how}\n").as_bytes());
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or_else(
        || crate::settings::SettingsError::NoHealthAddress.into(),
        Failure::from,
    ))
}

async fn connect(
    address: &HealthAddress,
    until: Instant,
    timeout: Duration,
) -> Result<TcpStream, HealthError> {
    let connecting = TcpStream::connect((address.host.as_str(), address.port));
    let address = address.to_string();
    match timeout_at(until, connecting).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(source)) => Err(HealthError::Unreachable { address, source }),
        Err(_) => Err(HealthError::NoConnection { address, timeout }),
    }
}

/// Asks who took the connection, and returns how it is where that is well.
async fn ask(
    mut stream: TcpStream,
    address: &HealthAddress,
    until: Instant,
    timeout: Duration,
) -> Result<String, HealthError> {
    let path = &address.path;
    let address = address.to_string();
    // By HTTP/1.0 an answer comes in one piece, and ends with its connection.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    let exchange = async {
        stream.write_all(request.as_bytes()).await?;
        let mut received = Vec::new();
        stream
            .take(LARGEST_ANSWER)
            .read_to_end(&mut received)
            .await?;
        Ok(received)
    };
    let received = match timeout_at(until, exchange).await {
        Ok(Ok(received)) => received,
        Ok(Err(source)) => return Err(HealthError::Broken { address, source }),
        Err(_) => return Err(HealthError::NoAnswer { address, timeout }),
    };
    let Some((status, how)) = read(&received) else {
        return Err(HealthError::Foreign(address));
    };
    match status {
        200 => Ok(how),
        503 => {
            let how = how.strip_prefix("dead: ").map(str::to_owned).unwrap_or(how);
            Err(HealthError::Dead { address, how })
        }
        _ => Err(HealthError::Refused {
            address,
            status,
            how,
        }),
    }
}

/// The status of an answer, and the first line of its body.
fn read(received: &[u8]) -> Option<(u16, String)> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(n_bytes) = response.parse(received).ok()? else {
        return None;
    };
    let body = String::from_utf8_lossy(received.get(n_bytes..)?);
    let line = body.lines().next().unwrap_or_default();
    let line: String = line.chars().take(MAX_SHOWN).collect();
    Some((response.code?, Shown::text(&line).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_status_and_its_first_line() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nalive: \x1b[2J\nmore";
        let (status, how) = read(answer).unwrap();
        assert_eq!((status, how.as_str()), (200, r"alive: \u{1b}[2J"));
        assert_eq!(read(b"HTTP/1.1 503 X\r\n\r\n"), Some((503, String::new())));
        let long = format!("HTTP/1.0 200 OK\r\n\r\n{}", "x".repeat(9999));
        assert_eq!(read(long.as_bytes()).unwrap().1.len(), MAX_SHOWN);
        for text in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "SSH-2.0-OpenSSH_9\r\n",
            "\r\n\r\n",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text:?}");
        }
    }
}
