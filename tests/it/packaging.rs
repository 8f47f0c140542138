//! What the packages hold, and the unit that they bring. `packaging/build --try` uses them.

mod release;

use std::{collections::BTreeSet, fs, path::Path};

const PACKAGES: [&str; 2] = ["package.metadata.deb", "package.metadata.generate-rpm"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of a table of Cargo.toml, up to the next one.
fn table(name: &str) -> Vec<String> {
    let manifest = read("Cargo.toml");
    let lines: Vec<_> = manifest
        .lines()
        .skip_while(|line| *line != format!("[{name}]"))
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .map(str::to_owned)
        .collect();
    assert!(!lines.is_empty(), "there is no [{name}] in Cargo.toml");
    lines
}

/// The files of this tree that a package is made of, as its table names them.
fn sources(package: &str) -> BTreeSet<String> {
    table(package)
        .iter()
        .filter_map(|line| {
            let line = line.trim_start();
            let rest = line
                .strip_prefix("[\"")
                .or_else(|| line.strip_prefix("{ source = \""))?;
            Some(rest.split_once('"').unwrap().0.to_owned())
        })
        .collect()
}

/// The settings of the unit's `[Service]`, as `Name=value`.
fn service(unit: &str) -> BTreeSet<&str> {
    unit.lines()
        .skip_while(|line| *line != "[Service]")
        .take_while(|line| *line != "[Install]")
        .collect()
}

#[test]
fn every_file_that_a_package_names_exists() {
    for package in PACKAGES {
        for source in sources(package) {
            let is_there = match source.as_str() {
                "target/release/rocketman" => true, // the binary, wherever it was built
                "man/*.1" => Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("man/rocketman.1")
                    .is_file(),
                file => Path::new(env!("CARGO_MANIFEST_DIR")).join(file).is_file(),
            };
            assert!(is_there, "[{package}] names {source}");
        }
    }
}

#[test]
fn packages_bring_the_manual_completions_and_the_unit() {
    let expected = [
        "completions/_rocketman",
        "completions/rocketman.bash",
        "completions/rocketman.fish",
        "man/*.1",
        "packaging/rocketman.service",
        "target/release/rocketman",
    ];
    for package in PACKAGES {
        let mut sources = sources(package);
        sources.remove("LICENSE");
        assert_eq!(
            sources,
            expected.map(str::to_owned).into(),
            "in [{package}]"
        );
    }
}

#[test]
fn the_unit_leaves_the_program_no_more_than_it_needs() {
    let unit = read("packaging/rocketman.service");
    let service = service(&unit);
    for setting in [
        "DynamicUser=yes",
        "CapabilityBoundingSet=",
        "NoNewPrivileges=yes",
        "PrivateDevices=yes",
        "ProtectHome=yes",
        "ProtectKernelLogs=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelTunables=yes",
        "ProtectSystem=strict",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX",
        "SystemCallFilter=@system-service",
        "MemoryMax=512M",
    ] {
        assert!(service.contains(setting), "the unit lacks {setting}");
    }
}

#[test]
fn the_unit_does_not_retry_what_cannot_mend_itself() {
    let unit = read("packaging/rocketman.service");
    let service = service(&unit);
    assert!(service.contains("Restart=on-failure"));
    assert!(service.contains("RestartPreventExitStatus=2 6 7"));
}
