//! Which pages and names a server answers. Every rule is in `listen::gate`; here is that they hold.

use tokio_tungstenite::tungstenite::Error;

use super::world::World;
use crate::serve::*;

/// The status that a request leads to.
async fn status(world: &World, headers: &[(&str, &str)]) -> u16 {
    match world.connect_with("", headers).await {
        Ok(mut client) => {
            assert_eq!(client.numbers(1).await, [0]);
            101
        }
        Err(Error::Http(answer)) => answer.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn pages_and_names_of_strangers_are_refused() {
    let world = World::new().await;
    for (header, value, expected) in [
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
        ("origin", "http://localhost:3000", 101),
        ("host", "evil.example:6008", 403),
        ("host", "localhost", 101),
    ] {
        assert_eq!(
            status(&world, &[(header, value)]).await,
            expected,
            "{value}"
        );
    }
    let answer = world
        .ask(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
    assert!(
        answer.contains("'evil.example'") && answer.contains("add it to the allowed hosts"),
        "{answer}"
    );
    let twice = b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n";
    assert!(world.ask(twice).await.starts_with("HTTP/1.1 400 "));
    // As HTTP/1.0 allows, and no browser does.
    assert!(
        world
            .ask(b"GET / HTTP/1.0\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 200 ")
    );
}

#[tokio::test]
async fn pages_and_names_that_are_allowed_are_answered() {
    let settings = ServerSettings {
        allowed_hosts: vec![HostPattern::parse("jet.example").unwrap()],
        allowed_origins: vec![OriginPattern::parse("https://app.example").unwrap()],
        ..ServerSettings::default()
    };
    let world = World::with(Schedule::Max, settings).await;
    let both = [("origin", "https://app.example"), ("host", "jet.example")];
    assert_eq!(status(&world, &both).await, 101);
    // Its own pages, where a name leads to it.
    let own = [("origin", "https://jet.example"), ("host", "jet.example")];
    assert_eq!(status(&world, &own).await, 101);
    let other = [("origin", "https://evil.example"), ("host", "jet.example")];
    assert_eq!(status(&world, &other).await, 403);
}
