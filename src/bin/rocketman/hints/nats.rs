//! What to do when NATS cannot be used.

use rocketman::Reason;

/// What to do when NATS cannot be used.
pub(crate) fn of_nats(reason: &Reason) -> Option<String> {
    let hint = match reason {
        Reason::NatsUnreachable => {
            "check the address and whether the server runs; rocketman tail without --max-retries keeps trying"
        }
        Reason::NatsLockedOut => {
            "set NATS_CREDS, NATS_NKEY, NATS_TOKEN, or NATS_USER and NATS_PASSWORD, or name a context with --context"
        }
        Reason::NatsTls => {
            "name the certificate that it is to be trusted by with --tlsca, and your own with --tlscert and --tlskey"
        }
        Reason::NatsTooOld => "update the server: 2.10 was released in 2023",
        Reason::NatsNoJetStream => {
            "start it with jetstream enabled (nats-server -js), have the account given it, or name its domain with --js-domain"
        }
        Reason::NatsNoStream { .. } => {
            "nats stream ls shows those that there are; a sink makes its own with --create-stream"
        }
        Reason::NatsQueue => {
            "share its durable consumer with --durable NAME: each message is then acknowledged once the output has accepted it"
        }
        Reason::NatsForbidden => {
            "have the user allowed to publish there and to subscribe to its inbox: nats auth user edit, or permissions in the server's configuration"
        }
        Reason::NatsLimit => {
            "have the limit raised, or something deleted: nats account info shows limits and use"
        }
        Reason::NatsUnavailable => {
            "a cluster may be without a leader, or have too much to do: nats server report jetstream"
        }
        Reason::NatsSilent => {
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
    fn a_user_without_access_learns_where_credentials_go() {
        let stream = "S".to_owned();
        for (reason, word) in [
            (Reason::NatsLockedOut, "NATS_CREDS"),
            (Reason::NatsNoJetStream, "-js"),
            (Reason::NatsNoStream { stream }, "--create-stream"),
        ] {
            let hint = of_nats(&reason).unwrap();
            assert!(hint.contains(word), "{hint}");
        }
        assert_eq!(of_nats(&Reason::Gap), None);
    }
}
