//! What becomes an error of an ingestor by `?`, and what it says of itself.

use std::{error::Error, fmt, io};

use super::*;
use crate::error::ParseError;

#[derive(Debug)]
struct DiskFull(u64);

impl fmt::Display for DiskFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes are missing", self.0)
    }
}

impl Error for DiskFull {}

/// A report as those of anyhow and eyre: no error itself, and one by `into`.
struct Report(DiskFull);

impl From<Report> for BoxError {
    fn from(Report(error): Report) -> Self {
        error.into()
    }
}

fn ingested<E>(result: Result<(), E>) -> Result<(), IngestError>
where
    IngestError: From<E>,
{
    result?;
    Ok(())
}

#[test]
fn any_error_becomes_an_ingest_error_by_the_question_mark() {
    let boxed: BoxError = DiskFull(1).into();
    let results = [
        ingested(Err(boxed)),
        ingested(Err(DiskFull(1))),
        ingested(Err(Report(DiskFull(1)))),
        ingested(Err(IngestError::new(DiskFull(1)))),
    ];
    for result in results {
        let error = result.unwrap_err();
        assert_eq!(error.to_string(), "1 bytes are missing");
        assert!(error.cause().is::<DiskFull>() && !error.is_lasting());
    }
    assert_eq!(ingested(Err("no room")).unwrap_err().to_string(), "no room");
}

#[test]
fn an_ingest_error_says_whether_it_lasts_and_why() {
    assert!(!IngestError::new(io::Error::other("busy")).is_lasting());
    let lasting = IngestError::lasting(DiskFull(2));
    assert!(lasting.is_lasting());
    let cause = lasting.into_cause().downcast::<DiskFull>();
    assert_eq!(cause.map(|cause| cause.0).ok(), Some(2));
    let unfit = IngestError::from(
        OwnedEvent::from_line(post("a", 1))
            .unwrap()
            .record::<u8>()
            .unwrap_err(),
    );
    assert!(unfit.is_lasting() && unfit.cause().is::<ParseError>());
    let own = "no DID".parse::<crate::event::Did>().unwrap_err();
    assert!(
        !IngestError::from(own).is_lasting(),
        "that is for the program to say"
    );
}

#[tokio::test]
async fn a_boxed_error_of_an_ingestor_ends_the_run_with_its_text() {
    fn store() -> Result<(), BoxError> {
        Err(Box::new(DiskFull(3)))
    }
    let ingestor = async |_event: OwnedEvent| {
        store()?;
        Ok(())
    };
    let route = Route::new(ingestor).retries(0);
    let mut ingest = Ingest::new().on("app.bsky.feed.post", route);
    let (accepted, told) = run(&mut ingest, [post("a", 1)]).await;
    let expected = "ingestor 'app.bsky.feed.post' failed on at://did:plc:a/app.bsky.feed.post/1: 3 bytes are missing";
    assert_eq!((accepted, told.as_deref()), (0, Some(expected)));
}
