//! The login that is made of what one place names.

use std::path::PathBuf;

use rocketman::nats::Login;

use super::super::ServerError;

/// What could make a login, from one place.
#[derive(Default)]
pub(super) struct Candidates {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) creds: Option<PathBuf>,
    pub(super) nkey: Option<PathBuf>,
    pub(super) token: Option<String>,
    pub(super) jwt: Option<String>,
    pub(super) seed: Option<String>,
}

impl Candidates {
    /// In the order in which the `nats` command tries them; a user without a password is a token.
    pub(super) fn login(self) -> Result<Option<Login>, ServerError> {
        Ok(Some(match self {
            Self {
                user: Some(user),
                password: Some(password),
                ..
            } => Login::Password { user, password },
            Self {
                user: Some(user), ..
            } => Login::Token(user),
            Self {
                creds: Some(path), ..
            } => Login::Credentials(path),
            Self {
                nkey: Some(path), ..
            } => Login::Nkey(path),
            Self {
                token: Some(token), ..
            } => Login::Token(token),
            Self {
                jwt: Some(jwt),
                seed: Some(seed),
                ..
            } => Login::Jwt { jwt, seed },
            Self { jwt: Some(_), .. } => return Err(half("NATS_JWT", "NATS_SEED")),
            Self { seed: Some(_), .. } => return Err(half("NATS_SEED", "NATS_JWT")),
            Self {
                password: Some(_), ..
            } => return Err(half("NATS_PASSWORD", "NATS_USER")),
            _ => return Ok(None),
        }))
    }
}

fn half(there: &'static str, missing: &'static str) -> ServerError {
    ServerError::Half { there, missing }
}
