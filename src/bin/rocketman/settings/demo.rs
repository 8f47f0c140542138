//! `demo:` among the sources that were typed.

use super::SettingsError;
use rocketman::{Shown, serve::Demo};

/// The one source that is a demo, if it is one.
pub(super) fn demo(sources: &[String]) -> Result<Option<Demo>, SettingsError> {
    let Some(demo) = sources.iter().find(|source| Demo::is_demo(source)) else {
        return Ok(None);
    };
    let demo = Demo::parse(demo)?;
    match sources
        .iter()
        .find(|source| !Demo::is_demo(source))
        .or(sources.get(1))
    {
        None => Ok(Some(demo)),
        // What is asked of a demo is no secret.
        Some(other) if Demo::is_demo(other) => {
            Err(SettingsError::MixedDemo(Shown::word(other).to_string()))
        }
        Some(other) => Err(SettingsError::MixedDemo(Shown::address(other).to_string())),
    }
}
