//! Failures on purpose.

use clap::Args;

/// To prove that repeats do no harm
#[derive(Debug, Args)]
#[command(next_help_heading = "For tests")]
pub(crate) struct FateArgs {
    /// Have each delivery fail with this probability, after it succeeded and before it counts
    ///
    /// As a crash in the wrong moment would do, so that you can see that your side copes with events that come again. A program
    /// that took the event has then failed on it, and --exec-retries and --on-exec-error decide; with stdout or a file the run ends with
    /// exit code 1, and the next one begins at or before the event. From 0 to 1.
    #[arg(long, value_name = "P", env = "ROCKETMAN_FATE", value_parser = probability, hide_short_help = true)]
    pub(crate) fate: Option<f64>,
    /// Choose which deliveries fail: the same of the same events for the same number
    ///
    /// By default another number each time; the first line on stderr says which.
    #[arg(
        long,
        value_name = "N",
        env = "ROCKETMAN_FATE_SEED",
        requires = "fate",
        hide_short_help = true
    )]
    pub(crate) fate_seed: Option<u64>,
}

fn probability(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|probability| (0.0..=1.0).contains(probability))
        .ok_or_else(|| "write a number from 0 to 1, such as 0.05".to_owned())
}
