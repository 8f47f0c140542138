//! A NATS server behind a connection that is cut again and again.

use std::time::Duration;

use super::is_wanted;
use crate::nats::source::outages::cut_every_400_ms;

#[test]
fn a_minute_of_cuts_loses_and_repeats_nothing() {
    let test = "a_minute_of_cuts_loses_and_repeats_nothing";
    if is_wanted(test) {
        let n = cut_every_400_ms(test, Duration::from_secs(60));
        println!("{test}: {n} messages, each once and in order");
    }
}
