//! What a server is asked for on a connection, and what else is asked for where it says no in a way
//! that leads on.

use tracing::{debug, info, warn};

use super::{
    Jetstream,
    connect::ConnectError,
    dictionary::Dictionary,
    endpoint::{Endpoint, WireVersion},
    handshake::HandshakeError,
    resume::Beginning,
    v1, v2,
    wires::named_beside,
};
use crate::{log::STATE, wire::v2::error};

/// One request, and whether it names accounts.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) request: v1::Request,
    pub(super) names_accounts: bool,
}

impl Jetstream {
    /// What is asked for, leaving out what is larger than the limit in bytes. More accounts than a
    /// server takes are not asked for: several connections would have no one order and no one
    /// place.
    pub(super) fn ask_for(
        &mut self,
        version: WireVersion,
        dictionary: Option<&Dictionary>,
        larger_than: Option<u32>,
        beginning: Beginning,
    ) -> Asked {
        let settings = &self.settings;
        let most = [Some(settings.max_message_bytes), larger_than];
        let most = most.into_iter().flatten().filter(|most| *most > 0);
        let max_message_bytes = most.min().unwrap_or_default();
        let cursor = beginning.cursor();
        let wants_accounts = !settings.dids.is_empty();
        let asks_for_all = self.asks_for_all;
        let (request, is_of_all) = match version {
            WireVersion::V1 => {
                let mut wanted = v1::Wanted::of(settings);
                wanted.max_message_bytes = max_message_bytes;
                // Older servers measure what they send.
                wanted.compress &= larger_than.is_none();
                let is_of_all = asks_for_all || !wanted.fits();
                if is_of_all {
                    wanted.dids = &[];
                }
                (wanted.request(cursor), is_of_all)
            }
            WireVersion::V2 => {
                let mut wanted = v2::Wanted {
                    max_message_bytes,
                    dictionary: dictionary.map(Dictionary::id),
                    ..v2::Wanted::of(settings)
                };
                let is_of_all = asks_for_all || !wanted.fits();
                if is_of_all {
                    wanted.dids = &[];
                }
                let query = wanted.query(cursor);
                (v1::Request { query, hello: None }, is_of_all)
            }
        };
        if wants_accounts && is_of_all && !std::mem::replace(&mut self.said_all, true) {
            let accounts = settings.dids.len();
            info!(target: STATE, accounts, "{accounts} accounts are more than the server takes: it is asked for all, and the others are left out here");
        }
        Asked {
            request,
            names_accounts: wants_accounts && !is_of_all,
        }
    }

    /// Whether a refusal leads on: the same server is then asked otherwise, at once.
    pub(super) fn asks_otherwise(
        &mut self,
        endpoint: &Endpoint,
        beginning: Beginning,
        error: &ConnectError,
    ) -> bool {
        let ConnectError::Handshake(HandshakeError::Status {
            status,
            error,
            body,
            ..
        }) = error
        else {
            return false;
        };
        let is_v2 = self.wires.version(endpoint) == WireVersion::V2;
        match (status, error.as_deref()) {
            (400, Some(error::CURSOR_TOO_OLD)) if is_v2 => {
                debug!(%endpoint, body, "the number is too old");
                self.state.resume.number_is_too_old(beginning)
            }
            (400, Some(error::UNKNOWN_ZSTD_DICTIONARY)) if is_v2 => {
                let named = self
                    .wires
                    .dictionary_of(endpoint)
                    .and_then(|id| named_beside(id, body));
                self.retire_dictionary(endpoint, named)
            }
            (404 | 501, _) if is_v2 && endpoint.wire().is_none() => {
                self.wires.has_only_v1(endpoint, *status);
                true
            }
            (414 | 431, _) if !self.settings.dids.is_empty() && !self.asks_for_all => {
                self.asks_for_all = true;
                self.said_all = true;
                let accounts = self.settings.dids.len();
                warn!(target: STATE, %endpoint, accounts, "{endpoint} does not take a request that names {accounts} accounts (HTTP {status}): it is asked for all, and the others are left out here");
                true
            }
            _ => false,
        }
    }

    /// Another dictionary is to be used than the present one; false where there is none.
    pub(super) fn retire_dictionary(&mut self, endpoint: &Endpoint, named: Option<u32>) -> bool {
        let Some(retired) = self.wires.dictionary_of(endpoint) else {
            return false;
        };
        debug!(%endpoint, retired, ?named, "another dictionary is asked for");
        self.wires.retire(endpoint, retired, named);
        true
    }
}
