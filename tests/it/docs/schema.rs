//! The schema of the line: lines of servers satisfy it, and lines that lack something do not.

use std::fs;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};

use super::root;
use crate::support::{program::Rocketman, world::World};

/// `docs/line.schema.json`, compiled.
struct LineSchema(Schemas, SchemaIndex);

impl LineSchema {
    fn read() -> Self {
        let text = fs::read_to_string(root().join("docs/line.schema.json")).unwrap();
        let mut compiler = Compiler::new();
        let document = serde_json::from_str(&text).unwrap();
        compiler.add_resource("line.schema.json", document).unwrap();
        let mut schemas = Schemas::new();
        let index = compiler.compile("line.schema.json", &mut schemas).unwrap();
        Self(schemas, index)
    }

    fn check(&self, line: &Value) -> Result<(), String> {
        let Self(schemas, index) = self;
        schemas
            .validate(line, *index)
            .map_err(|error| format!("{error:#}"))
    }

    /// Checks what a run prints, and returns its lines.
    fn assert_holds(&self, run: Rocketman) -> Vec<Value> {
        let printed = run.with("-q").succeed().stdout;
        let lines = printed.lines().map(|line| {
            let value = serde_json::from_str(line).unwrap();
            self.check(&value)
                .unwrap_or_else(|error| panic!("{line}\n{error}"));
            value
        });
        lines.collect()
    }
}

/// One line of each kind, and of each operation.
fn one_of_each(lines: &[Value]) -> Vec<&Value> {
    let mut seen = std::collections::BTreeSet::new();
    let is_new = |line: &&Value| {
        let operation = &line["commit"]["operation"];
        seen.insert(format!("{}{operation}", line["kind"]))
    };
    lines.iter().filter(is_new).collect()
}

#[test]
fn lines_of_a_demo_satisfy_the_schema() {
    let demo = Rocketman::tail("demo:?rate=max").with("--kind all -n 20000");
    let lines = LineSchema::read().assert_holds(demo);
    let kinds = one_of_each(&lines);
    // create, update, delete, identity, account
    assert_eq!((lines.len(), kinds.len()), (20_000, 5), "{kinds:?}");
}

#[test]
fn lines_of_the_official_server_satisfy_the_schema() {
    let Some(world) = World::start("lines_of_the_official_server") else {
        return;
    };
    let run = Rocketman::tail(&world.url()).with("--kind all --cursor 1 -n 3000");
    let lines = LineSchema::read().assert_holds(run);
    assert_eq!(lines.len(), 3000);
}

#[test]
fn every_member_that_the_schema_requires_is_missed() {
    let demo = Rocketman::tail("demo:?rate=max").with("--kind all -n 20000");
    let schema = LineSchema::read();
    let lines = schema.assert_holds(demo);
    for line in one_of_each(&lines) {
        let kind = line["kind"].as_str().unwrap();
        let is_delete = line["commit"]["operation"] == "delete";
        let inner: &[&str] = match kind {
            "commit" if is_delete => &["rev", "operation", "collection", "rkey"],
            "commit" => &["rev", "operation", "collection", "rkey", "record", "cid"],
            "identity" => &["did"],
            _ => &["did", "active"],
        };
        let outer = ["did", "time_us", "kind", kind].map(|name| format!("/{name}"));
        let inner = inner.iter().map(|name| format!("/{kind}/{name}"));
        for pointer in outer.into_iter().chain(inner) {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            let mut without = line.clone();
            let object = without.pointer_mut(parent).unwrap();
            assert!(object.as_object_mut().unwrap().remove(name).is_some());
            assert!(
                schema.check(&without).is_err(),
                "without {pointer}: {without}"
            );
            let mut other = line.clone();
            *other.pointer_mut(&pointer).unwrap() = json!([]);
            assert!(
                schema.check(&other).is_err(),
                "{pointer} is a list: {other}"
            );
        }
    }
}

#[test]
fn a_kind_and_members_of_tomorrow_satisfy_the_schema() {
    let line =
        json!({"did": "did:web:a.example", "time_us": 1, "kind": "new", "new": 1, "more": []});
    LineSchema::read().check(&line).unwrap();
}
