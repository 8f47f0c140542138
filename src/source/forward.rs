//! What is lent or boxed is a source, too.

use std::{convert::Infallible, num::NonZeroUsize};

use tokio::sync::watch;

use super::{Flow, RunContext, Source};
use crate::{
    error::MemberError,
    event::{Batch, Did, Place, Point, Trail},
};

macro_rules! forward {
    ($type:ty, $doc:literal) => {
        #[doc = $doc]
        // A method that is added to the trait is added here, or its default would replace the
        // source's own.
        #[deny(clippy::missing_trait_methods)]
        impl<S: Source> Source for $type {
            fn attach(&mut self, run: &RunContext) {
                (**self).attach(run);
            }

            fn resume(
                &mut self,
                place: &Place,
                trail: &Trail,
                same_filter: bool,
            ) -> Result<bool, MemberError> {
                (**self).resume(place, trail, same_filter)
            }

            fn may_repeat(&self) -> bool {
                (**self).may_repeat()
            }

            fn recall(&mut self, delivered: &mut dyn Iterator<Item = Point>) {
                (**self).recall(delivered);
            }

            fn end_us(&self) -> Option<u64> {
                (**self).end_us()
            }

            fn repeats_until_us(&self) -> Option<u64> {
                (**self).repeats_until_us()
            }

            fn changed_accounts(&mut self) -> Option<Vec<Did>> {
                (**self).changed_accounts()
            }

            fn recollect(&self, point: &Point, most: usize) -> Trail {
                (**self).recollect(point, most)
            }

            fn next_batch(
                &mut self,
                batch: &mut Batch,
            ) -> impl Future<Output = Result<Flow, MemberError>> + Send {
                (**self).next_batch(batch)
            }

            fn idle(&mut self) -> impl Future<Output = Infallible> + Send {
                (**self).idle()
            }

            fn hold_to(&mut self, at_once: NonZeroUsize, at_work: watch::Receiver<usize>) -> bool {
                (**self).hold_to(at_once, at_work)
            }

            fn close(&mut self) -> impl Future<Output = ()> + Send {
                (**self).close()
            }

            fn ack_rest(&mut self, is_clean: bool) -> impl Future<Output = ()> + Send {
                (**self).ack_rest(is_clean)
            }
        }
    };
}

forward!(&mut S, "A source that is lent to a pipeline.");
forward!(Box<S>, "A source in a box.");
