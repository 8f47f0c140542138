//! One try to connect: where it begins, what it asks for, and what is said of it.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until, timeout};
use tracing::debug;

use super::{
    Endpoint, Jetstream, JetstreamError, OVERDUE_GRACE,
    asked::Asked,
    clock::{ahead_us, end_moment},
    connect::ConnectError,
    handshake::{self, HandshakeError},
    read_state::Checks,
    resume::Beginning,
    session::{Limits, Session},
    slow::Step,
    socket::Socket,
    wires::Spoken,
};
use crate::{
    error::MemberError,
    event::{Origin, micros, now_us},
    source::ReadError,
};

/// A beginning may lie this far beyond the server's clock: a `Date` has whole seconds, and clocks
/// differ.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

impl Jetstream {
    /// Waits until a try is due, and makes it. On failure the next try is scheduled, or the end is
    /// said.
    pub(super) async fn connect(&mut self) -> Result<(), MemberError> {
        if let Some(due) = self.next_try {
            sleep_until(due).await;
            self.next_try = None;
        }
        if self.settings.endpoints.is_empty() {
            return Err(ReadError::Setup {
                what: "there is no server to read",
                source: "the settings have no endpoint".into(),
            }
            .into());
        }
        let endpoint = self.rotation.current().clone();
        let origin = endpoint.origin();
        self.connector.prepare(endpoint.address(), &endpoint)?;
        let resume = &mut self.state.resume;
        let beginning = match self.slow.step() {
            Some(Step::Past(past)) => resume.begin_past(&origin, past),
            _ => resume.begin(&origin),
        };
        self.state.checks = Checks::of(self.slow.stepping());
        let limit = self.settings.connect_timeout;
        self.state
            .stats
            .set_alive_until(Instant::now() + limit + OVERDUE_GRACE);
        match timeout(limit, self.open(&endpoint, origin, beginning))
            .await
            .unwrap_or(Err(ConnectError::TimedOut(limit)))
        {
            Ok(session) => {
                self.session = Some(session);
                self.brought_events = false;
                self.rotation.connected();
                self.check_beginning(&endpoint)
            }
            Err(error) if self.asks_otherwise(&endpoint, beginning, &error) => Ok(()),
            Err(error) => self.failed(&endpoint, error),
        }
    }

    /// One try: socket, upgrade, and the first message where the filter needs one.
    async fn open(
        &mut self,
        endpoint: &Endpoint,
        origin: Origin,
        beginning: Beginning,
    ) -> Result<Session, ConnectError> {
        let step = self.slow.step();
        // The beginning of a plain message says where it is.
        let compress = self.settings.compress && !matches!(step, Some(Step::Size(_)));
        let Spoken {
            version,
            dictionary,
        } = self
            .wires
            .learn(&self.connector, endpoint, compress)
            .await?;
        let larger_than = match step {
            Some(Step::Size(larger_than)) => Some(larger_than),
            _ => None,
        };
        let Asked {
            request,
            names_accounts,
        } = self.ask_for(version, dictionary.as_ref(), larger_than, beginning);
        debug!(%endpoint, query = request.query, "connecting");
        let stream = self.connector.open(endpoint.address()).await?;
        let upgraded = handshake::upgrade(
            stream,
            endpoint,
            version,
            &request.query,
            self.connector.user_agent(),
        )
        .await?;
        self.state.may_pause = names_accounts;
        let began_us = upgraded.date_us.unwrap_or_else(now_us);
        self.state
            .stats
            .set_ahead_us(ahead_us(upgraded.date_us, now_us()));
        self.state.resume.set_live_from(began_us);
        if self.settings.exit_at_end {
            self.state
                .end_us
                .get_or_insert_with(|| end_moment(upgraded.date_us, now_us()));
        }
        let socket = Socket::new(
            upgraded.stream,
            &upgraded.received,
            self.settings.max_frame_bytes,
        );
        let limits = self.limits();
        let live_from_us = beginning.cursor().map(|_| began_us);
        self.state.inflation.forget();
        self.state.inflation.use_dictionary(dictionary.as_ref());
        let mut session = Session::new(socket, version, Arc::new(origin), limits, live_from_us);
        self.state
            .stats
            .set_alive_until(Instant::now() + limits.frame_timeout);
        if let Some(hello) = request.hello {
            session.send(hello).await.map_err(HandshakeError::Io)?;
        }
        self.announce(endpoint, beginning);
        Ok(session)
    }

    /// A time that has not come yet by the server's clock would be waited for in silence.
    fn check_beginning(&self, endpoint: &Endpoint) -> Result<(), MemberError> {
        let server_us = self.state.stats.server_now_us();
        match self.state.resume.first_us() {
            Some(time_us) if time_us > server_us.saturating_add(micros(CLOCK_TOLERANCE)) => {
                Err(JetstreamError::Future {
                    url: endpoint.to_string(),
                    time_us,
                    server_us,
                }
                .into())
            }
            _ => Ok(()),
        }
    }

    /// How long the next connection may bring nothing. Where only some accounts are read, they may
    /// say nothing for hours.
    fn limits(&self) -> Limits {
        let patience = if self.settings.exit_at_end {
            self.quiet.patience_before_end()
        } else {
            self.quiet.patience()
        };
        Limits {
            frame_timeout: self.settings.frame_timeout,
            message_timeout: self.settings.message_timeout,
            patience: (!self.state.may_pause).then_some(patience),
        }
    }
}
