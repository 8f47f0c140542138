//! What is lent or boxed is a sink, too.

use std::num::NonZeroUsize;

use super::{Sink, SinkContext};
use crate::{
    error::MemberError,
    event::{Batch, FileMark, Place, Point, Position},
};

macro_rules! forward {
    ($type:ty, $doc:literal) => {
        #[doc = $doc]
        // A method that is added to the trait is added here, or its default would replace the
        // sink's own.
        #[deny(clippy::missing_trait_methods)]
        impl<S: Sink> Sink for $type {
            fn name(&self) -> String {
                (**self).name()
            }

            fn last_position(
                &mut self,
                saved: Option<&Place>,
            ) -> impl Future<Output = Result<Option<Position>, MemberError>> + Send {
                (**self).last_position(saved)
            }

            fn begin(
                &mut self,
                files: &[FileMark],
                context: &SinkContext,
            ) -> Result<(), MemberError> {
                (**self).begin(files, context)
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
                context: &SinkContext,
            ) -> impl Future<Output = Result<(), MemberError>> + Send {
                (**self).accept(batch, context)
            }

            fn checkpoint(&mut self) -> impl Future<Output = Result<(), MemberError>> + Send {
                (**self).checkpoint()
            }

            fn on_cursor_saved(&mut self, context: &SinkContext) -> Result<(), MemberError> {
                (**self).on_cursor_saved(context)
            }

            fn finish(
                &mut self,
                context: &SinkContext,
            ) -> impl Future<Output = Result<(), MemberError>> + Send {
                (**self).finish(context)
            }

            fn abandon(&mut self) -> impl Future<Output = ()> + Send {
                (**self).abandon()
            }

            fn drive(&mut self) -> impl Future<Output = MemberError> + Send {
                (**self).drive()
            }
        }
    };
}

forward!(
    &mut S,
    "A sink that is lent to a pipeline, and can be looked at afterwards."
);
forward!(Box<S>, "A sink in a box.");
