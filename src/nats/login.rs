//! The login of one connection. Its files are read anew each time, so that credentials may be
//! replaced under a running process.

use std::path::{Path, PathBuf};

use async_nats::Auth;
use nkeys::KeyPair;

use super::{Login, NatsError};
use crate::log::chain;

/// What a server is shown.
pub(super) enum Shown {
    Nothing,
    Password { user: String, password: String },
    Token(String),
    Seed(String),
    Jwt { jwt: String, seed: String },
}

/// Reads the files of a login as they are now. Blocks.
pub(super) fn read(login: &Login) -> Result<Shown, NatsError> {
    Ok(match login {
        Login::Nobody => Shown::Nothing,
        Login::Password { user, password } => Shown::Password {
            user: user.clone(),
            password: password.clone(),
        },
        Login::Token(token) => Shown::Token(token.clone()),
        Login::Credentials(path) => {
            let what = "credentials file";
            let text = read_file(what, path)?;
            let (jwt, seed) = in_credentials(&text).ok_or_else(|| empty(what, path))?;
            Shown::Jwt { jwt, seed }
        }
        Login::Nkey(path) => {
            let what = "nkey file";
            let text = read_file(what, path)?;
            let mut lines = text.lines().map(str::trim);
            let seed = lines.find(|line| line.starts_with("SU"));
            Shown::Seed(seed.ok_or_else(|| empty(what, path))?.to_owned())
        }
        Login::Jwt { jwt, seed } => {
            let seed = seed.trim().to_owned();
            if KeyPair::from_seed(&seed).is_err() {
                return Err(NatsError::Seed);
            }
            let jwt = jwt.trim().to_owned();
            Shown::Jwt { jwt, seed }
        }
        Login::Anew { name, read: again } => {
            let now = again().map_err(|source| NatsError::Login {
                name: name.clone(),
                source,
            });
            read(&now?)?
        }
    })
}

/// What is sent for a login, for a server that wants this nonce signed.
pub(super) async fn auth(login: Login, nonce: Vec<u8>) -> Result<Auth, String> {
    let shown = tokio::task::spawn_blocking(move || read(&login)).await;
    let shown = shown.map_err(|error| error.to_string())?;
    let mut auth = Auth::new();
    match shown.map_err(|error| chain(&error))? {
        Shown::Nothing => {}
        Shown::Password { user, password } => {
            auth.username = Some(user);
            auth.password = Some(password);
        }
        Shown::Token(token) => auth.token = Some(token),
        Shown::Seed(seed) => {
            let (public, signature) = sign(&seed, &nonce)?;
            auth.nkey = Some(public);
            auth.signature = Some(signature);
        }
        Shown::Jwt { jwt, seed } => {
            auth.jwt = Some(jwt);
            auth.signature = Some(sign(&seed, &nonce)?.1);
        }
    }
    Ok(auth)
}

/// The public key of a seed, and its signature.
fn sign(seed: &str, nonce: &[u8]) -> Result<(String, Vec<u8>), String> {
    // The library's own words could show a part of the seed.
    let refused = || "the nonce cannot be signed with that seed".to_owned();
    let pair = KeyPair::from_seed(seed).map_err(|_| refused())?;
    let signature = pair.sign(nonce).map_err(|_| refused())?;
    Ok((pair.public_key(), signature))
}

/// The JWT and the seed of a credentials file: each stands alone between two lines that begin with
/// dashes.
fn in_credentials(text: &str) -> Option<(String, String)> {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let is_mark = |line: &str| line.starts_with("---");
    let mut framed = lines.windows(3).filter_map(|lines| match lines {
        [before, line, after] if is_mark(before) && is_mark(after) => Some((*line).to_owned()),
        _ => None,
    });
    let mut next = || {
        framed
            .by_ref()
            .find(|line| !line.is_empty() && !is_mark(line))
    };
    let (jwt, seed) = (next()?, next()?);
    KeyPair::from_seed(&seed).ok()?;
    Some((jwt, seed))
}

fn empty(what: &'static str, path: &Path) -> NatsError {
    let path = path.to_owned();
    NatsError::Empty { what, path }
}

/// Reads a file of the user's. Blocks.
pub(super) fn read_file(what: &'static str, path: &PathBuf) -> Result<String, NatsError> {
    std::fs::read_to_string(path).map_err(|source| NatsError::File {
        what,
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made for this test, of no use anywhere else.
    const SEED: &str = "SUABFRYM3EUZXK33FYYXJNRGNAYGQTBXI4O7JW7JK2ERZOYDU7IAW7JAO4";

    #[test]
    fn credentials_are_a_jwt_and_a_seed_between_dashes() {
        let text = format!(
            "-----BEGIN NATS USER JWT-----\r\neyJ0.eyJq.c2ln\r\n------END NATS USER JWT------\r\n\r\n\
             ********* IMPORTANT *********\r\nwords\r\n\r\n\
             -----BEGIN USER NKEY SEED-----\r\n{SEED}\r\n------END USER NKEY SEED------\r\n"
        );
        let expected = Some(("eyJ0.eyJq.c2ln".to_owned(), SEED.to_owned()));
        assert_eq!(in_credentials(&text), expected);
        for damaged in [
            "",
            "eyJ0",
            SEED,
            &text.replace(SEED, "SUA"),
            &text.replace("eyJ0.eyJq.c2ln", ""),
            &text.replace("------END USER", "END USER"),
        ] {
            assert_eq!(in_credentials(damaged), None, "{damaged}");
        }
    }

    #[test]
    fn a_seed_is_never_in_the_words_of_a_refusal() {
        let error = sign("SUAgeheim", b"nonce").unwrap_err();
        assert!(!error.contains("geheim"), "{error}");
    }
}
