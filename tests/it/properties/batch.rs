//! Batches beside a list of events.

use super::*;

/// One thing that is done to a batch.
#[derive(Debug, Clone)]
enum Step {
    Push(Sent),
    Refuse(&'static str),
    Retain(u64),
    Advance(Point),
    Truncate(usize),
    Take(usize),
    Clear,
}

/// No events. What was unescaped of the last one has to go with it.
const BAD: [&str; 3] = [
    "",
    "{",
    r#"{"did":"did:plc:\u0061","time_us":-1,"kind":"identity"}"#,
];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => sent().prop_map(Step::Push),
        2 => select(&BAD[..]).prop_map(Step::Refuse),
        2 => any::<u64>().prop_map(Step::Retain),
        1 => point().prop_map(Step::Advance),
        1 => (0..20_usize).prop_map(Step::Truncate),
        1 => (0..4_usize).prop_map(Step::Take),
        1 => Just(Step::Clear),
    ]
}

/// What a batch is to be, kept the simplest way.
#[derive(Default)]
struct Model {
    events: Vec<Sent>,
    first: Option<u64>,
    reached: Option<u64>,
    has_taken: bool,
}

impl Model {
    /// Does the same to both. What comes before any is taken is left out behind that.
    fn apply(&mut self, batch: &mut Batch, step: Step) {
        match step {
            Step::Push(_) | Step::Retain(_) | Step::Truncate(_) if self.has_taken => {}
            Step::Push(sent) => {
                let line = sent.line();
                batch.push(line.as_bytes()).unwrap();
                self.first.get_or_insert(sent.time_us);
                self.reached = Some(sent.time_us);
                self.events.push(sent);
            }
            Step::Refuse(line) => {
                let result = batch.push(line.as_bytes());
                assert!(result.is_err(), "{line}");
            }
            Step::Retain(mask) => {
                let mut bits = (0..64).cycle().map(|bit| mask >> bit & 1 == 1);
                let mut bits_again = bits.clone();
                batch.retain(|_| bits.next().unwrap());
                self.events.retain(|_| bits_again.next().unwrap());
            }
            Step::Advance(point) => {
                batch.advance(point);
                self.reached = Some(point.time_us);
            }
            Step::Truncate(len) => {
                batch.truncate(len);
                if len < self.events.len() {
                    self.events.truncate(len);
                    self.reached = self.events.last().map(|sent| sent.time_us);
                    self.first = self.first.filter(|_| !self.events.is_empty());
                }
            }
            Step::Take(n) => {
                batch.take(n);
                self.events.drain(..n.min(self.events.len()));
                self.has_taken = true;
            }
            Step::Clear => {
                batch.clear();
                *self = Self::default();
            }
        }
    }

    fn agrees_with(&self, batch: &Batch) {
        let expected: Vec<_> = self.events.iter().map(Sent::line).collect();
        assert_eq!(
            (batch.len(), lines(batch)),
            (expected.len(), expected.clone())
        );
        let all: String = expected.iter().map(|line| line.clone() + "\n").collect();
        assert_eq!(batch.lines(), all.as_bytes());
        for (event, sent) in batch.events().zip(&self.events) {
            let place = (event.time_us(), event.seq());
            assert_eq!((event.did(), place), (&*sent.did, (sent.time_us, sent.seq)));
            let is_commit = event.kind() == Kind::Commit;
            let names = (event.collection(), event.rkey());
            assert_eq!(names == (&*sent.collection, &*sent.rkey), is_commit);
        }
        let time_us = |point: Option<&Point>| point.map(|point| point.time_us);
        assert_eq!(time_us(batch.first()), self.first);
        assert_eq!(time_us(batch.reached()), self.reached);
    }
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn a_batch_keeps_order_and_content_whatever_is_done_to_it(steps in vec(step(), 0..40)) {
        let (mut batch, mut model) = (Batch::new(), Model::default());
        for step in steps {
            model.apply(&mut batch, step);
            model.agrees_with(&batch);
        }
    }

    #[test]
    fn an_events_identity_does_not_depend_on_where_it_stands(
        sent in sent(),
        place in (1..=LARGEST, option::of(0..=LARGEST)),
    ) {
        let (time_us, seq) = place;
        let elsewhere = Sent { time_us, seq, ..sent.clone() };
        let both = batch([&sent, &elsewhere]);
        let identities: BTreeSet<_> = both.events().map(|event| event.point().identity).collect();
        prop_assert_eq!(identities.len(), 1);
    }
}
