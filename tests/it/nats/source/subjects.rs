//! Which subjects of a stream are read, and those that nothing comes of.

use async_nats::jetstream::stream;

use super::{make, numbers, numbers_of, publish};
use crate::support::{nats::Nats, program::Rocketman};

#[test]
fn subjects_that_nothing_comes_of_are_said() {
    let Some(nats) = Nats::start("subjects_that_nothing_comes_of_are_said") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    publish(&nats, "s.a", numbers(1..3));
    publish(&nats, "s.b", numbers(3..4));
    publish(&nats, "s.c", numbers(4..6));
    let read = |path: &str| {
        let call = Rocketman::tail(&nats.address(path)).with("--cursor 0 -e");
        call.succeed()
    };
    let both = read("S?subject=s.a&subject=s.c");
    assert_eq!(numbers_of(&both), [1, 2, 4, 5]);
    assert!(!both.stderr.contains("takes no messages"), "{both:#?}");
    for (path, words) in [
        ("S?subject=x.>", "the subject 'x.>': its own are s.>"),
        ("S?subject=s", "the subject 's': its own are s.>"),
        ("S?subject=s.a&subject=x", "the subject 'x'"),
    ] {
        let output = read(path);
        output.assert_says(0, &["takes no messages of ", words, "?subject=A&subject=B"]);
    }
    // A mirror has no subjects of its own.
    nats.with(async |jetstream| {
        let config = stream::Config {
            name: "M".to_owned(),
            mirror: Some(stream::Source {
                name: "S".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        jetstream.create_stream(config).await.unwrap();
    });
    let mirror = read("M?subject=s.b");
    assert!(!mirror.stderr.contains("takes no messages"), "{mirror:#?}");
}
