//! The main job: events in, lines out.

use crate::support::{
    events::{identity, post, unlike},
    jetstream::Server,
    program::Rocketman,
};

#[test]
fn a_line_is_the_servers_text_byte_for_byte() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send_all([post(0), unlike(1), identity(2)]);
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url()).with("-n 3").succeed();
    assert_eq!(output.lines(), [post(0), unlike(1), identity(2)]);
}
