//! NATS: who you are and what is written to, from what was typed.

mod address;
mod context;
mod error;

use std::time::Duration;

pub(super) use self::address::StreamAddress;
pub(crate) use self::{address::KeyAddress, context::NatsOverrides, error::ServerError};
use super::{Environment, Output, SettingsError};
use crate::args::{ConnectionArgs, DiscardArg, KvCursorArgs, NatsArgs, StorageArg, StreamSinkArgs};
use rocketman::{
    cursor::KvCursor,
    nats::{NatsSettings, StreamPlan},
    sink::nats::NatsSinkSettings,
};

/// A key of a bucket that keeps a cursor, and how to get there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeySettings {
    pub(crate) nats: NatsSettings,
    pub(crate) address: KeyAddress,
    pub(crate) create_bucket: bool,
}

impl KeySettings {
    fn checked(self) -> Result<Self, SettingsError> {
        self.cursor().check().map_err(ServerError::Key)?;
        Ok(self)
    }

    /// The cursor, which is not connected to yet.
    pub(crate) fn cursor(&self) -> KvCursor {
        let KeyAddress { bucket, key, .. } = &self.address;
        let cursor = KvCursor::new(self.nats.clone(), bucket, key);
        if self.create_bucket {
            cursor.create_bucket()
        } else {
            cursor
        }
    }
}

/// Who you are, without what is secret.
pub(super) fn given(args: NatsArgs) -> NatsOverrides {
    let NatsArgs {
        context,
        no_context,
        creds,
        nkey,
        tlscert,
        tlskey,
        tlsca,
        tlsfirst,
        js_domain,
        js_api_prefix,
        inbox_prefix,
        connection_name,
        nats_timeout,
        typed: _,
    } = args;
    NatsOverrides {
        context,
        no_context,
        creds,
        nkey,
        tls_cert: tlscert,
        tls_key: tlskey,
        tls_ca: tlsca,
        tls_first: tlsfirst,
        js_domain,
        js_api_prefix,
        inbox_prefix,
        name: connection_name,
        timeout: nats_timeout,
    }
}

/// How often `rocketman cursor` tries to connect, how long it waits in between, and how long a
/// connection may take: somebody waits for the answer.
const COMMAND_RETRIES: u32 = 2;
const COMMAND_BACKOFF: Duration = Duration::from_secs(1);
const COMMAND_CONNECT: Duration = Duration::from_secs(5);

/// The key that `rocketman cursor` looks at or moves.
pub(super) fn key(
    address: &str,
    args: NatsArgs,
    environment: &Environment,
) -> Result<KeySettings, SettingsError> {
    let address = KeyAddress::parse(address)?;
    let context = address.context.as_deref();
    let (given, variable) = (given(args), environment.lookup());
    let settings = context::resolve(&address.servers, context, &given, &variable)?;
    let settings = KeySettings {
        nats: NatsSettings {
            max_retries: Some(COMMAND_RETRIES),
            max_backoff: COMMAND_BACKOFF,
            connect_timeout: COMMAND_CONNECT,
            ..settings
        },
        address,
        create_bucket: false,
    };
    settings.checked()
}

/// How to connect to servers where nothing but the environment says who one is.
pub(super) fn of_environment(
    servers: &[String],
    context: Option<&str>,
    environment: &Environment,
) -> Result<NatsSettings, ServerError> {
    let given = NatsOverrides::default();
    context::resolve(servers, context, &given, &environment.lookup())
}

/// What connections to NATS have in common, whatever they are for.
pub(super) struct Nats<'a> {
    given: &'a NatsOverrides,
    connection: &'a ConnectionArgs,
    environment: &'a Environment,
}

impl<'a> Nats<'a> {
    pub(super) fn new(
        given: &'a NatsOverrides,
        connection: &'a ConnectionArgs,
        environment: &'a Environment,
    ) -> Self {
        Self {
            given,
            connection,
            environment,
        }
    }

    /// How to connect to the servers of an address.
    pub(super) fn settings(
        &self,
        servers: &[String],
        context: Option<&str>,
    ) -> Result<NatsSettings, ServerError> {
        let settings = context::resolve(servers, context, self.given, &self.environment.lookup())?;
        Ok(NatsSettings {
            connect_timeout: self.connection.connect_timeout,
            max_retries: self.connection.max_retries,
            max_backoff: self.connection.max_backoff,
            ..settings
        })
    }

    /// The cursor, if it is a key.
    pub(super) fn cursor(&self, args: KvCursorArgs) -> Result<Option<KeySettings>, SettingsError> {
        let KvCursorArgs {
            cursor_kv,
            create_bucket,
        } = args;
        let Some(address) = cursor_kv else {
            return Ok(None);
        };
        let address = KeyAddress::parse(&address)?;
        let settings = KeySettings {
            nats: self.settings(&address.servers, address.context.as_deref())?,
            address,
            create_bucket,
        };
        settings.checked().map(Some)
    }

    /// The output, which is a stream of NATS if its address says so. `carried` is the subjects of
    /// messages that go there as they are.
    pub(super) fn output(
        &self,
        address: Option<String>,
        output: Output,
        args: StreamSinkArgs,
        start_is_given: bool,
        carried: Option<Vec<String>>,
    ) -> Result<Output, SettingsError> {
        if let Some(address) = address {
            let sink = self.sink(&address, args, start_is_given, carried)?;
            return Ok(Output::Nats(Box::new(sink)));
        }
        let meant_for_it = [
            (args.create_stream, "--create-stream"),
            (args.partitions.is_some(), "--partitions"),
            (args.publish_window.is_some(), "--publish-window"),
        ];
        match meant_for_it.iter().find(|(is_set, _)| *is_set) {
            Some((_, flag)) => Err(SettingsError::NoStream(flag)),
            None => Ok(output),
        }
    }

    fn sink(
        &self,
        address: &str,
        args: StreamSinkArgs,
        start_is_given: bool,
        carried: Option<Vec<String>>,
    ) -> Result<NatsSinkSettings, SettingsError> {
        let StreamSinkArgs {
            create_stream,
            partitions,
            publish_window,
            stream_storage,
            stream_replicas,
            stream_max_age,
            stream_max_bytes,
            stream_max_msgs,
            stream_discard,
            stream_dupe_window,
        } = args;
        let StreamAddress {
            servers,
            stream,
            subjects,
            context,
        } = StreamAddress::parse(address)?;
        let prefix = match &subjects[..] {
            [] => None,
            [subject] if subject.contains(['*', '>']) => {
                return Err(SettingsError::Wildcard(subject.escape_debug().to_string()));
            }
            [subject] => Some(subject.clone()),
            [..] => return Err(SettingsError::Prefixes),
        };
        if carried.is_some() && prefix.is_none() && partitions.is_some() {
            return Err(SettingsError::NoPrefix);
        }
        let is_carried = carried.is_some();
        let subjects = carried.filter(|_| prefix.is_none()).unwrap_or_default();
        if is_carried && prefix.is_none() && create_stream && subjects.is_empty() {
            return Err(SettingsError::NoSubjects);
        }
        let plan = StreamPlan {
            subjects,
            in_memory: stream_storage == StorageArg::Memory,
            replicas: stream_replicas.get(),
            max_age: stream_max_age,
            max_bytes: stream_max_bytes,
            max_messages: stream_max_msgs,
            discard_new: stream_discard == DiscardArg::New,
            duplicate_window: stream_dupe_window,
        };
        let defaults = NatsSinkSettings::new(self.settings(&servers, context.as_deref())?, stream);
        Ok(NatsSinkSettings {
            prefix: match prefix {
                Some(prefix) => prefix,
                None if is_carried => String::new(),
                None => NatsSinkSettings::DEFAULT_PREFIX.to_owned(),
            },
            carried: is_carried,
            partitions,
            create: create_stream.then_some(plan),
            window: publish_window.unwrap_or(defaults.window),
            start_is_given,
            ..defaults
        })
    }
}
