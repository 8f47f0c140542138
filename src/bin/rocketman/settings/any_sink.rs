//! Several sinks as one type: an enum of them, which is a sink itself.

/// Defines `AnySink` with a variant for each of these sinks.
macro_rules! any_sink {
    ($($(#[cfg($condition:meta)])? $name:ident($sink:ty),)*) => {
        use std::num;

        use rocketman::{event, sink};

        /// The sinks of this program, as one type.
        #[derive(Debug)]
        pub(crate) enum AnySink {
            $($(#[cfg($condition)])? $name($sink),)*
        }

        // A method that is added to the trait is added here, or its default would replace the
        // sink's own.
        #[deny(clippy::missing_trait_methods)]
        impl sink::Sink for AnySink {
            fn name(&self) -> String {
                match self {
                    $($(#[cfg($condition)])? Self::$name(sink) => sink.name(),)*
                }
            }

            fn at_once(&self) -> Option<num::NonZeroUsize> {
                match self {
                    $($(#[cfg($condition)])? Self::$name(sink) => sink.at_once(),)*
                }
            }

            async fn last_position(&mut self, saved: Option<&event::Place>) -> Result<Option<event::Position>, MemberError> {
                match self {
                    $($(#[cfg($condition)])? Self::$name(sink) => sink.last_position(saved).await,)*
                }
            }

            fn begin(&mut self, files: &[event::FileMark], context: &sink::SinkContext) -> Result<(), MemberError> {
                match self {
                    $($(#[cfg($condition)])? Self::$name(sink) => sink.begin(files, context),)*
                }
            }

            async fn recall(&mut self) -> Vec<event::Point> {
                match self {
                    $($(#[cfg($condition)])? Self::$name(sink) => sink.recall().await,)*
                }
            }

            async fn accept(&mut self, batch: &mut event::Batch, context: &sink::SinkContext) -> Result<(), MemberError> {
                match self {
                    $($(#[cfg($condition)])? Self::$name(sink) => sink.accept(batch, context).await,)*
                }
            }

            async fn checkpoint(&mut self) -> Result<(), MemberError> {
                match self {
                    $($(#[cfg($condition)])? Self::$name(sink) => sink.checkpoint().await,)*
                }
            }

            fn on_cursor_saved(&mut self, context: &sink::SinkContext) -> Result<(), MemberError> {
                match self {
                    $($(#[cfg($condition)])? Self::$name(sink) => sink.on_cursor_saved(context),)*
                }
            }

            async fn finish(&mut self, context: &sink::SinkContext) -> Result<(), MemberError> {
                match self {
                    $($(#[cfg($condition)])? Self::$name(sink) => sink.finish(context).await,)*
                }
            }

            async fn abandon(&mut self) {
                match self {
                    $($(#[cfg($condition)])? Self::$name(sink) => sink.abandon().await,)*
                }
            }

            async fn drive(&mut self) -> MemberError {
                match self {
                    $($(#[cfg($condition)])? Self::$name(sink) => sink.drive().await,)*
                }
            }
        }
    };
}

pub(super) use any_sink;
