//! What to do when NATS cannot be used.

use rocketman::nats::NatsError;

/// What to do when NATS cannot be used.
pub(crate) fn of_nats(error: &NatsError) -> Option<String> {
    let hint = match error {
        NatsError::Unreachable { .. } => {
            "check the address and whether the server runs; rocketman tail without --max-retries keeps trying"
        }
        NatsError::LockedOut { .. } => {
            "set NATS_CREDS, NATS_NKEY, NATS_TOKEN, or NATS_USER and NATS_PASSWORD, or name a context with --context"
        }
        NatsError::Tls { .. } => {
            "name the certificate that it is to be trusted by with --tlsca, and your own with --tlscert and --tlskey"
        }
        NatsError::TooOld { .. } => "update the server: 2.10 was released in 2023",
        NatsError::NoJetStream { .. } => {
            "start it with jetstream enabled (nats-server -js), have the account given it, or name its domain with --js-domain"
        }
        NatsError::NoStream { .. } => {
            "nats stream ls shows those that there are; a sink makes its own with --create-stream"
        }
        NatsError::Queue { .. } => {
            "share its durable consumer with --durable NAME: each message is then acknowledged once the output has accepted it"
        }
        NatsError::Forbidden { .. } => {
            "have the user allowed to publish there and to subscribe to its inbox: nats auth user edit, or permissions in the server's configuration"
        }
        NatsError::Limit { .. } => {
            "have the limit raised, or something deleted: nats account info shows limits and use"
        }
        NatsError::Unavailable { .. } => {
            "a cluster may be without a leader, or have too much to do: nats server report jetstream"
        }
        NatsError::Silent { .. } => {
            "the server may be starting, without a leader, or not allow the answer: nats server check jetstream"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_not_let_in_learns_where_credentials_go() {
        let servers = "nats://h".to_owned();
        let stream = "S".to_owned();
        let locked_out = NatsError::LockedOut {
            servers: servers.clone(),
            user: "a user without credentials".to_owned(),
            answer: String::new(),
        };
        let no_jetstream = NatsError::NoJetStream {
            servers: servers.clone(),
            answer: None,
        };
        for (error, word) in [
            (locked_out, "NATS_CREDS"),
            (no_jetstream, "-js"),
            (NatsError::NoStream { servers, stream }, "--create-stream"),
        ] {
            let hint = of_nats(&error).unwrap();
            assert!(hint.contains(word), "{hint}");
        }
    }
}
