//! What is lent or boxed is a sink, too.

use std::num::NonZeroUsize;

use super::{Ledger, Sink, SinkError};
use crate::event::{Batch, FileMark, Place, Point, Position};

macro_rules! forward {
    ($type:ty, $doc:literal) => {
        #[doc = $doc]
        // A method that is added to the trait is added here, or its default would replace the sink's own.
        #[deny(clippy::missing_trait_methods)]
        impl<S: Sink> Sink for $type {
            fn name(&self) -> String {
                (**self).name()
            }

            fn reached(
                &mut self,
                saved: Option<&Place>,
            ) -> impl Future<Output = Result<Option<Position>, SinkError>> + Send {
                (**self).reached(saved)
            }

            fn begin(&mut self, files: &[FileMark], ledger: &Ledger) -> Result<(), SinkError> {
                (**self).begin(files, ledger)
            }

            fn at_once(&self) -> Option<NonZeroUsize> {
                (**self).at_once()
            }

            fn recall(&mut self) -> impl Future<Output = Vec<Point>> + Send {
                (**self).recall()
            }

            fn accept(
                &mut self,
                batch: &mut Batch,
                ledger: &Ledger,
            ) -> impl Future<Output = Result<(), SinkError>> + Send {
                (**self).accept(batch, ledger)
            }

            fn checkpoint(&mut self) -> impl Future<Output = Result<(), SinkError>> + Send {
                (**self).checkpoint()
            }

            fn saved(&mut self, ledger: &Ledger) -> Result<(), SinkError> {
                (**self).saved(ledger)
            }

            fn finish(
                &mut self,
                ledger: &Ledger,
            ) -> impl Future<Output = Result<(), SinkError>> + Send {
                (**self).finish(ledger)
            }

            fn abandon(&mut self) -> impl Future<Output = ()> + Send {
                (**self).abandon()
            }

            fn failed(&mut self) -> impl Future<Output = SinkError> + Send {
                (**self).failed()
            }
        }
    };
}

forward!(
    &mut S,
    "A sink that is lent to a pipeline, and can be looked at afterwards."
);
forward!(Box<S>, "A sink in a box.");
