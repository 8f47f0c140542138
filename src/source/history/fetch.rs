//! Parts of one generation of a file: ranges of its bytes, and blocks of it.
//!
//! Whatever comes has to be of the generation that was asked for, and where a connection breaks,
//! the rest is asked for at the byte where it broke.

use std::time::Duration;

use hyper::{
    HeaderMap,
    header::{CONTENT_RANGE, ETAG, HeaderName, HeaderValue, IF_RANGE, RANGE},
};

use super::{
    calls::Generation,
    client::{Client, get},
    fetch_error::FetchError,
};
use crate::{
    error::MemberError,
    wire::{
        dial::http::{Answer, Call},
        v2::archive,
    },
};

/// A file of up to this size is taken whole where a part of it was asked for.
const MAX_WHOLE_BYTES: u64 = 4 * 1024 * 1024;

/// How often files may change in a row before anything of them is read.
pub(super) const MAX_CHANGES: u32 = 8;

/// How long is waited after so many changes in a row: each time twice as long, five seconds in all.
pub(super) fn change_wait(changes: u32) -> Duration {
    match changes {
        0 => Duration::ZERO,
        n => Duration::from_millis(10) * 2_u32.pow(n.min(MAX_CHANGES)),
    }
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum Fetched<T> {
    Here(T),
    /// The file has another generation by now, or is gone.
    Changed,
}

/// What the answers to one request have brought so far.
#[derive(Debug, Default)]
struct Part {
    bytes: Vec<u8>,
    /// How long all of the file, or of the block, is.
    size: Option<u64>,
}

/// What is asked for, and how it is named.
struct Wanted<'a> {
    target: String,
    etag: String,
    what: String,
    /// From this byte on; before that one, if it is given.
    from: u64,
    to: Option<u64>,
    most: u64,
    generation: &'a Generation,
}

impl Client {
    /// The frame of a block, of at most so many bytes. `estimate` is how long it may be.
    pub(super) async fn block(
        &self,
        generation: &Generation,
        block: u32,
        most: u64,
        estimate: u64,
    ) -> Result<Fetched<Vec<u8>>, MemberError> {
        let name = &generation.name;
        let wanted = Wanted {
            target: format!("{}?segment={name}&blockIndex={block}", archive::BLOCK_PATH),
            etag: generation.block_etag(block),
            what: format!("get block {block} of '{}'", generation.path.display()),
            from: 0,
            to: None,
            most,
            generation,
        };
        let fetched = self.fetch(&wanted, estimate).await?;
        Ok(fetched.map(|part| part.bytes))
    }

    /// Bytes of a file from one on, before another, and how long the file is.
    pub(super) async fn range(
        &self,
        generation: &Generation,
        from: u64,
        to: u64,
    ) -> Result<Fetched<(Vec<u8>, u64)>, MemberError> {
        let wanted = Wanted {
            target: format!("{}?name={}", archive::SEGMENT_PATH, generation.name),
            etag: generation.etag(),
            what: format!(
                "get bytes {from} to {to} of '{}'",
                generation.path.display()
            ),
            from,
            to: Some(to),
            most: to - from,
            generation,
        };
        let fetched = self.fetch(&wanted, to - from).await?;
        Ok(fetched.map(|part| (part.bytes, part.size.unwrap_or_default())))
    }

    async fn fetch(
        &self,
        wanted: &Wanted<'_>,
        estimate: u64,
    ) -> Result<Fetched<Part>, MemberError> {
        let mut tries = self.tries(wanted.what.clone());
        let mut part = Part::default();
        loop {
            let before = part.bytes.len() as u64;
            let left = estimate.saturating_sub(before).max(1);
            self.take(left).await;
            let result = self.fetch_once(wanted, &mut part).await;
            let came = part.bytes.len() as u64 - before;
            self.meter.settle(left, came);
            match result {
                Ok(()) => return Ok(Fetched::Here(part)),
                Err(FetchError::Changed) => return Ok(Fetched::Changed),
                Err(error) if error.is_gone() => return Ok(Fetched::Changed),
                Err(error) => {
                    if came > 0 {
                        tries.progressed();
                    }
                    self.failed(&mut tries, error).await?;
                }
            }
        }
    }

    /// Asks for what is missing.
    async fn fetch_once(&self, wanted: &Wanted<'_>, part: &mut Part) -> Result<(), FetchError> {
        let begin = wanted.from + part.bytes.len() as u64;
        let mut answer = self.send(&wanted.call(begin)?).await?;
        match answer.status.as_u16() {
            200 | 206 => {}
            412 | 416 => return Err(FetchError::Changed),
            _ => return Err(self.refusal(answer).await),
        }
        // Redirected answers keep the name of the generation.
        if header(&answer, &ETAG) != Some(wanted.etag.as_str()) {
            return Err(match header(&answer, &ETAG) {
                Some(_) => FetchError::Changed,
                None => FetchError::Odd("the answer does not say of which generation it is"),
            });
        }
        let is_partial = answer.status == 206;
        if !is_partial && (begin > 0 || wanted.to.is_some()) {
            return self.cut_out(wanted, begin, answer, part).await;
        }
        if is_partial {
            let range = content_range(&answer.headers)
                .ok_or(FetchError::Odd("the answer does not say which part it is"))?;
            wanted.check_range(begin, range)?;
            if *part.size.get_or_insert(range.size) != range.size {
                return Err(FetchError::Changed);
            }
        }
        let most = wanted.most.saturating_sub(part.bytes.len() as u64);
        self.read(&mut answer, most, &mut part.bytes).await?;
        let all = wanted.to.map(|to| to - wanted.from).or(part.size);
        let missing = all.map_or(0, |all| all.saturating_sub(part.bytes.len() as u64));
        if missing > 0 {
            return Err(FetchError::Cut { missing });
        }
        self.put_back(answer);
        Ok(())
    }
}

impl Client {
    /// Takes a part out of the whole, which was sent in its place.
    async fn cut_out(
        &self,
        wanted: &Wanted<'_>,
        begin: u64,
        mut answer: Answer,
        part: &mut Part,
    ) -> Result<(), FetchError> {
        let odd = FetchError::Odd("it sends all of the file in place of a part");
        let mut whole = Vec::new();
        match self.read(&mut answer, MAX_WHOLE_BYTES, &mut whole).await {
            Err(FetchError::TooLarge(_)) => return Err(odd),
            read => read?,
        }
        self.put_back(answer);
        let size = whole.len() as u64;
        let end = wanted.to.unwrap_or(size);
        let range = usize::try_from(begin).ok().zip(usize::try_from(end).ok());
        let cut = range.and_then(|(begin, end)| whole.get(begin..end));
        part.bytes.extend_from_slice(cut.ok_or(odd)?);
        part.size = Some(size);
        Ok(())
    }
}

impl Wanted<'_> {
    fn call(&self, begin: u64) -> Result<Call, FetchError> {
        let mut headers = Vec::new();
        if begin > 0 || self.to.is_some() {
            let end = self.to.map_or(String::new(), |to| (to - 1).to_string());
            headers.push((RANGE, value(&format!("bytes={begin}-{end}"))?));
            headers.push((IF_RANGE, value(&self.etag)?));
        }
        Ok(get(self.target.clone(), headers))
    }

    /// Whether a part is the one that was asked for. It may end earlier: then the rest is asked for.
    fn check_range(&self, begin: u64, range: ContentRange) -> Result<(), FetchError> {
        let ends_in_time = self.to.is_none_or(|to| range.end < to);
        let is_asked = range.begin == begin && ends_in_time && range.end < range.size;
        if is_asked {
            return Ok(());
        }
        let path = self.generation.path.display();
        tracing::debug!(%path, begin, ?range, "another part than was asked for");
        Err(FetchError::Odd("it sends another part than was asked for"))
    }
}

impl<T> Fetched<T> {
    fn map<U>(self, made_of: impl FnOnce(T) -> U) -> Fetched<U> {
        match self {
            Self::Here(value) => Fetched::Here(made_of(value)),
            Self::Changed => Fetched::Changed,
        }
    }
}

/// Which part of how much an answer has; the end is the last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ContentRange {
    begin: u64,
    end: u64,
    size: u64,
}

fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (begin, end) = range.split_once('-')?;
    Some(ContentRange {
        begin: begin.parse().ok()?,
        end: end.parse().ok()?,
        size: size.parse().ok()?,
    })
}

fn header<'a>(answer: &'a Answer, name: &HeaderName) -> Option<&'a str> {
    answer.headers.get(name)?.to_str().ok()
}

fn value(text: &str) -> Result<HeaderValue, FetchError> {
    HeaderValue::from_str(text).map_err(|_| FetchError::Odd("its names cannot be sent"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_an_answer_is_read() {
        let range = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, HeaderValue::from_static(text));
            content_range(&headers).map(|range| (range.begin, range.end, range.size))
        };
        assert_eq!(range("bytes 5-9/20"), Some((5, 9, 20)));
        for odd in [
            "bytes */20",
            "items 5-9/20",
            "bytes 5-9/*",
            "bytes 5/20",
            "",
        ] {
            assert_eq!(range(odd), None, "{odd}");
        }
    }
}
