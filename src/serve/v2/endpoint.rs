//! Where the dictionary is fetched: `getZstdDictionary`.

use url::form_urlencoded;

use super::dictionary::{DICTIONARY, ID};
use crate::{
    serve::answer::Answer,
    wire::{
        http::Headers,
        v2::{DICTIONARY_ID_HEADER, error, param},
    },
};

/// The answer to a request for the dictionary (protocol reference, section 2.9).
pub(in crate::serve) fn answer(headers: &Headers<'_>, query: &str) -> Answer {
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    if let Some((_, id)) = parameters.find(|(name, _)| name == param::DICTIONARY_ID) {
        match id.parse::<i64>() {
            Err(_) => {
                let text = "the id of a dictionary is a number";
                return Answer::error(400, error::INVALID_REQUEST, text);
            }
            Ok(id) if id != i64::from(ID) => {
                let text = format!("there is no dictionary {id}: it is {ID}");
                return Answer::error(404, error::DICTIONARY_NOT_FOUND, &text);
            }
            Ok(_) => {}
        }
    }
    let tag = format!("\"zstd-dict-{ID}\"");
    let mut known = headers
        .texts("if-none-match")
        .flat_map(|tags| tags.split(','));
    let answer = if known.any(|known| [&*tag, "*"].contains(&known.trim())) {
        Answer::new(304, "application/octet-stream", Vec::new())
    } else {
        Answer::new(200, "application/octet-stream", DICTIONARY)
    };
    answer
        .header("ETag", &tag)
        .header("Cache-Control", "public, max-age=31536000, immutable")
        .header(DICTIONARY_ID_HEADER, &ID.to_string())
}
