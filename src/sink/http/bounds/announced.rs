//! Which requests are in the cursor: what it is given with each place, and what of that is saved.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{
    known_as,
    plan::{CHUNK, Plan, endpoint_of, hash_of},
};
use crate::{
    event::Event,
    sink::{
        Note,
        http::{
            HttpAddress,
            parcel::{Announcement, Parcel},
            signature::RequestId,
        },
    },
};

/// The requests of a run that the cursor knows, or is about to.
#[derive(Debug)]
pub(in crate::sink::http) struct Announced {
    book: Mutex<Book>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Book {
    endpoint: u64,
    /// The number of the first event that is noted here.
    first: u64,
    /// From there on, each event and whether it is answered.
    events: VecDeque<u64>,
    answered: VecDeque<bool>,
    /// By the first event of each.
    parcels: BTreeMap<u64, (RequestId, Vec<u64>)>,
    /// How often requests were announced; up to which of that a text was made, and one is saved.
    version: u64,
    made: u64,
    saved: u64,
    /// The first event of the text that was made last.
    made_from: u64,
    /// What the run before noted, until it is taken up.
    earlier: Option<String>,
}

impl Announced {
    /// `earlier` is what the run before noted, which stands until events are taken.
    pub(in crate::sink::http) fn new(address: &HttpAddress, earlier: Option<String>) -> Self {
        Self {
            book: Mutex::new(Book {
                endpoint: endpoint_of(address),
                earlier,
                ..Book::default()
            }),
            changed: Notify::new(),
        }
    }

    /// Notes the next event.
    pub(in crate::sink::http) fn add(&self, event: &Event<'_>) {
        self.add_known(known_as(event), false);
    }

    pub(in crate::sink::http) fn add_known(&self, event: u64, is_answered: bool) {
        let mut book = self.book();
        book.events.push_back(event);
        book.answered.push_back(is_answered);
    }

    /// Announces a request, in place of one that begins with the same event: a half of it.
    pub(in crate::sink::http) fn announce(&self, parcel: &mut Parcel) {
        let id = parcel.id();
        let numbers = parcel.items.iter().map(|item| item.number).collect();
        let mut book = self.book();
        book.version += 1;
        book.parcels.insert(parcel.first(), (id, numbers));
        parcel.announced = Some(Box::new(Announcement {
            id,
            number: book.version,
        }));
    }

    /// The events of a request are answered, or given up.
    pub(in crate::sink::http) fn end(&self, parcel: &Parcel) {
        let mut book = self.book();
        let first = book.first;
        for item in &parcel.items {
            let at = item.number.checked_sub(first);
            let at = at.and_then(|at| usize::try_from(at).ok());
            if let Some(answered) = at.and_then(|at| book.answered.get_mut(at)) {
                *answered = true;
            }
        }
        book.parcels.remove(&parcel.first());
    }

    /// All that is announced was taken from the cursor, and is in it.
    pub(in crate::sink::http) fn take_up(&self) {
        let mut book = self.book();
        book.earlier = None;
        (book.made, book.saved) = (book.version, book.version);
    }

    /// Up to which announcement the cursor is saved.
    pub(in crate::sink::http) fn saved(&self) -> u64 {
        self.book().saved
    }

    /// Whether there is one that no save is about to have.
    pub(in crate::sink::http) fn is_news(&self) -> bool {
        let book = self.book();
        book.made < book.version
    }

    /// Resolves once more is saved.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(in crate::sink::http) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// What is to be known of the events from this number on.
    fn plan(&self, from: u64) -> Option<Plan> {
        let skipped = usize::try_from(from.checked_sub(self.first)?).ok()?;
        let events = self.events.iter().copied().skip(skipped);
        let first = events.clone().next()?;
        let answered = self.answered.iter().skip(skipped);
        let known = events.zip(answered).enumerate();
        let (numbers, known): (Vec<_>, Vec<_>) = known
            .filter(|(_, (_, is_answered))| **is_answered)
            .map(|(number, (event, _))| (number as u64, event))
            .unzip();
        let hashes = known.chunks(CHUNK);
        let parcels = self.parcels.values();
        let plan = Plan {
            endpoint: self.endpoint,
            first,
            answered: numbers,
            hashes: hashes.map(|chunk| hash_of(chunk.iter().copied())).collect(),
            parcels: parcels
                .map(|(id, events)| (*id, events.iter().map(|event| event - from).collect()))
                .collect(),
        };
        (plan.len() > 0).then_some(plan)
    }
}

impl Note for Announced {
    fn text(&self, from: u64) -> String {
        let mut book = self.book();
        book.made = book.version;
        book.made_from = from;
        match &book.earlier {
            Some(earlier) => earlier.clone(),
            None => book.plan(from).map_or_else(String::new, |plan| plan.text()),
        }
    }

    fn saved(&self) {
        let mut book = self.book();
        book.saved = book.made;
        let n_passed = book.made_from.saturating_sub(book.first);
        let n_passed = usize::try_from(n_passed).unwrap_or(usize::MAX);
        let n_passed = n_passed.min(book.events.len());
        book.events.drain(..n_passed);
        book.answered.drain(..n_passed);
        book.first += n_passed as u64;
        drop(book);
        self.changed.notify_one();
    }
}
