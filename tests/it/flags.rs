//! What flags do. Which test covers which flag says the table in `src/bin/rocketman/args/tests.rs`.

mod behaviour;
mod environment;
