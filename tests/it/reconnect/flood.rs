//! Connections that are lost faster than anybody can read about it.

use super::{assert_lines, count, cutting_server};
use crate::support::{events::post, program::Rocketman};

#[test]
fn a_flood_of_losses_is_logged_readably_and_counted_in_full() {
    let server = cutting_server(1000, 4);
    let output = Rocketman::tail(&server.url()).with("-n 1000").succeed();
    assert_lines(&output, (0..1000).map(post));
    let cuts = server.requests().len() - 1;
    assert!(cuts > 200);
    let told = count(&output, ": lost ");
    assert!((20..60).contains(&told), "{told} lines");
    assert_eq!(
        count(&output, "connected again to"),
        told,
        "each told loss has its end"
    );
    assert_eq!(
        count(&output, &format!("{cuts} reconnects")),
        1,
        "{}",
        output.stderr
    );
}
