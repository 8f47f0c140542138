//! Small trees with something planted in them, which has to be found, and honest ones, in which
//! nothing is.

use super::{circles::circles, forbidden_imports, tree::Tree};

/// A crate of these files, by their paths below `src/`.
fn tree(files: &[(&str, &str)]) -> Tree {
    Tree::new("src/lib.rs", &|wanted| {
        let name = wanted.strip_prefix("src/")?;
        let found = files.iter().find(|(file, _)| *file == name)?;
        Some(found.1.to_owned())
    })
}

#[track_caller]
fn assert_circles(files: &[(&str, &str)], expected: &[&[&str]]) {
    let found = circles(&tree(files).edges());
    let expected: Vec<Vec<String>> = expected
        .iter()
        .map(|group| group.iter().map(|file| format!("src/{file}")).collect())
        .collect();
    assert_eq!(found, expected, "{files:?}");
}

#[test]
fn a_circle_is_found_however_the_files_name_each_other() {
    for (of_a, of_b) in [
        (
            "use crate::b::B; pub struct A(B);",
            "use crate::a::A; pub struct B(Box<A>);",
        ),
        (
            "use super::b::{B}; pub struct A(B);",
            "pub struct B(Box<super::a::A>);",
        ),
        (
            "use crate::{other::O, b::B as C}; pub struct A(C);",
            "pub fn b() { crate::a::a() }",
        ),
        (
            "use crate::b; fn a() { b::b() }",
            "mod inner { use super::super::a::A; }",
        ),
        (
            "use crate::Again; pub struct A;",
            "pub struct B; use crate::a as c; fn b(_: c::A) {}",
        ),
    ] {
        let files = [
            (
                "lib.rs",
                "mod a; mod b; mod other; pub use crate::b::B as Again;",
            ),
            ("a.rs", of_a),
            ("b.rs", of_b),
            ("other.rs", "pub struct O;"),
        ];
        assert_circles(&files, &[&["a.rs", "b.rs"]]);
    }
}

#[test]
fn a_circle_may_lead_through_a_folder_and_what_it_exports() {
    let files = [
        ("lib.rs", "mod error; mod sink;"),
        (
            "error.rs",
            "pub enum Error { Sink(crate::sink::SinkError) } pub fn chain() {}",
        ),
        (
            "sink/mod.rs",
            "mod nats; pub enum SinkError { Nats(nats::Lost) }",
        ),
        ("sink/nats/mod.rs", "mod lost; pub use self::lost::Lost;"),
        (
            "sink/nats/lost.rs",
            "use crate::error::chain; pub struct Lost;",
        ),
    ];
    assert_circles(&files, &[&["error.rs", "sink/mod.rs", "sink/nats/lost.rs"]]);
}

#[test]
fn a_folder_and_what_is_in_it_are_no_circle() {
    let files = [
        (
            "lib.rs",
            "pub mod source; pub use source::Source; pub const STATE: &str = \"\";",
        ),
        (
            "source/mod.rs",
            "mod jet; mod quiet; pub use self::jet::Jet; pub trait Source {} fn f(_: jet::Other) {}",
        ),
        (
            "source/jet.rs",
            "use super::{Source, quiet::Q}; use crate::STATE; pub struct Jet(Q); pub struct Other;",
        ),
        (
            "source/quiet.rs",
            "pub struct Q; #[cfg(test)] mod tests { use super::super::jet::Jet; }",
        ),
    ];
    assert_circles(&files, &[]);
}

#[test]
fn words_in_comments_and_literals_and_scopes_are_no_uses() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B; pub(in crate::a) struct A(B);"),
        (
            "b.rs",
            "//! Not [`crate::a::A`].\nconst B: &str = \"crate::a::A\"; const C: char = '\"'; /* crate::a */ fn b() { let a = 1; a::<u8>(); }",
        ),
    ];
    assert_circles(&files, &[]);
}

#[test]
fn a_planted_import_is_found_directly_and_through_an_export() {
    let plant = |of_nats: &str, of_sink: &str| -> Vec<String> {
        let files = [
            (
                "lib.rs",
                "#[cfg(feature = \"cli\")] #[doc(hidden)] pub mod cli; mod event; mod filter; mod nats; mod sink; pub use crate::filter::Filter;",
            ),
            ("cli.rs", "use clap::Parser; pub struct Args;"),
            ("event.rs", "pub struct Event;"),
            (
                "filter.rs",
                "use crate::event::Event; pub struct Filter(Event);",
            ),
            ("nats.rs", of_nats),
            ("sink.rs", of_sink),
        ];
        let found = forbidden_imports(&tree(&files));
        found
            .into_iter()
            .map(|(file, name)| format!("{file} {name}"))
            .collect()
    };
    assert_eq!(plant("", "use crate::event::Event;"), [""; 0]);
    assert_eq!(
        plant("pub use crate::filter::Filter;", ""),
        ["src/nats.rs filter"]
    );
    assert_eq!(
        plant("", "fn f(_: &crate::Filter) {}"),
        ["src/sink.rs filter"]
    );
    assert_eq!(
        plant("fn f(_: super::event::Event) {}", ""),
        ["src/nats.rs event"]
    );
    assert_eq!(plant("", "use crate::cli::Args;"), ["src/sink.rs cli"]);
    assert_eq!(
        plant("", "#[derive(clap::Args)] struct S;"),
        ["src/sink.rs clap"]
    );
}
