//! Webhooks that are received, from the settings to what was counted.

use std::{io, net::SocketAddr, path::Path, pin::pin, process::ExitCode};

use indicatif::HumanCount;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{ServeError, calls, code_of};
use crate::{
    failure::{Failure, INTERRUPTED},
    settings::ReceiverSettings,
    signals::Signals,
    terminal,
};
use rocketman::{
    ErrorKind, PipelineSettings, Shown,
    serve::{HttpReceived, HttpReceiver},
    sink::http::SigningSecrets,
};

/// Why nothing is received, or what was is not as it should be.
#[derive(Debug, thiserror::Error)]
enum ReceiveError {
    #[error("--http-sign-file: cannot read '{}'", Shown::text(&.0.to_string_lossy()))]
    File(std::path::PathBuf, #[source] io::Error),
    #[error("--http-sign-file: what is in '{}' cannot be used", Shown::text(&.0.to_string_lossy()))]
    Secrets(std::path::PathBuf, #[source] rocketman::ParseError),
    #[error("--http-sink: cannot listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    #[error("events of an account came out of order, or other events under the id of a request")]
    OutOfOrder,
}

/// Receives until an end that was asked for, or nothing can be printed any more.
pub(super) async fn run(
    settings: ReceiverSettings,
    address: SocketAddr,
    mut signals: Signals,
) -> Result<ExitCode, Failure> {
    let ReceiverSettings {
        mut receiver,
        sign_file,
    } = settings;
    if let Some(path) = sign_file {
        receiver.secrets = Some(secrets(&path)?);
    }
    if let Some(path) = &receiver.key_file {
        calls::key(path).map_err(|error| Failure::from(ServeError::Calls(error)))?;
    }
    let failed = |source| {
        let error = ReceiveError::Listen(address, source);
        let hint = "if another program uses it, choose another port, or 0 for any that is free";
        Failure::new(ErrorKind::Usage, error).hint(hint.to_owned())
    };
    let receiver = HttpReceiver::bind(address, receiver)
        .await
        .map_err(failed)?;
    let address = receiver.address().map_err(failed)?;
    info!(target: PipelineSettings::STATE_TARGET, %address, "receiving events at http://{address}/: rocketman tail -o http://{address}/ sends them");
    let stop = CancellationToken::new();
    let mut run = pin!(receiver.run(terminal::lines(), stop.cancelled()));
    let mut asked = None;
    let (received, printed) = loop {
        tokio::select! {
            ended = &mut run => break ended,
            signal = signals.next() => {
                if asked.is_some() {
                    warn!(target: PipelineSettings::STATE_TARGET, "stopped at once by a second signal");
                    return Ok(ExitCode::from(INTERRUPTED));
                }
                asked = Some(signal);
                signals.heed(signal);
                stop.cancel();
            }
        }
    };
    let why = asked.map_or_else(
        || "nobody reads stdout any more".to_owned(),
        |signal| format!("stopped by {}", signal.name()),
    );
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(Failure::system("write to stdout")(error));
        }
        _ => report(&why, received),
    }
    if received.out_of_order + received.reused_ids > 0 {
        let failure = Failure::new(ErrorKind::Failed, ReceiveError::OutOfOrder);
        let hint = "the first of them are named above, where they came";
        return Err(failure.hint(hint.to_owned()));
    }
    Ok(asked.map_or(ExitCode::SUCCESS, code_of))
}

/// Says what was counted.
fn report(why: &str, received: HttpReceived) {
    let HttpReceived {
        requests,
        accepted,
        events,
        repeats,
        others,
        out_of_order,
        reused_ids,
        unsigned,
        unauthorized,
    } = received;
    let counts = [
        (repeats, "came again"),
        (out_of_order, "came out of order"),
        (others, "lines were no events"),
        (reused_ids, "requests had the id of others"),
        (unsigned, "requests were not signed as they have to be"),
        (unauthorized, "requests did not carry the key"),
    ];
    let counts = counts.into_iter().filter(|(n, _)| *n > 0);
    let more: Vec<_> = counts
        .map(|(n, what)| format!(", {} {what}", HumanCount(n)))
        .collect();
    info!(target: PipelineSettings::STATE_TARGET, requests, accepted, events, repeats, others, out_of_order, reused_ids, unsigned, unauthorized, "{why}: {} events in {} of {} requests{}", HumanCount(events), HumanCount(accepted), HumanCount(requests), more.concat());
}

/// The secrets in a file.
fn secrets(path: &Path) -> Result<SigningSecrets, Failure> {
    let usage = |error| {
        let hint = "have it hold whsec_ and Base64, as the side that sends has it";
        Failure::new(ErrorKind::Usage, error).hint(hint.to_owned())
    };
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| usage(ReceiveError::File(path.to_owned(), error)))?;
    let secrets = SigningSecrets::parse(&text);
    secrets.map_err(|error| usage(ReceiveError::Secrets(path.to_owned(), error)))
}
