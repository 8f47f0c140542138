//! What a release is made of: archives, the formula, the image, and the one address in them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::{read, table};

const PLACEHOLDER: &str = "https://repository.invalid/rocketman";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The value of a string in a table of Cargo.toml.
fn value(table_name: &str, key: &str) -> String {
    let line = table(table_name)
        .into_iter()
        .find(|line| line.starts_with(&format!("{key} = \"")));
    let line = line.unwrap_or_else(|| panic!("no {key} in [{table_name}]"));
    line.split('"').nth(1).unwrap().to_owned()
}

fn run(script: &Path, arguments: &[&str]) -> Output {
    Command::new(script).args(arguments).output().unwrap()
}

#[track_caller]
fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// All files that people and releases read, beside the sources.
fn texts() -> Vec<PathBuf> {
    let files = [
        "README.md",
        "CONTRIBUTING.md",
        "ARCHITECTURE.md",
        "Dockerfile",
        "flake.nix",
    ];
    let mut found: Vec<_> = files.iter().map(|file| root().join(file)).collect();
    for folder in [
        "docs",
        "docs/decisions",
        "packaging",
        ".github/workflows",
        "man",
    ] {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        found.extend(paths.filter(|path| path.is_file()));
    }
    found
}

#[test]
fn the_address_of_the_repository_stands_in_one_place() {
    let repository = value("package", "repository");
    let (_, address) = repository.split_once("://").unwrap();
    let mut n_downloads = 0;
    for path in texts() {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(address), "{} names it too", path.display());
        for line in text.lines().filter(|line| line.contains("/releases/")) {
            assert!(
                line.contains("$repository") || line.contains("\"%s/"),
                "{line}"
            );
            n_downloads += 1;
        }
    }
    assert!(n_downloads > 0);
    assert!(value("package.metadata.binstall", "pkg-url").starts_with("{ repo }/"));
    assert!(read("flake.nix").contains("homepage = about.repository;"));
    assert_eq!(
        stdout(&run(&root().join("packaging/about"), &["repository"])),
        repository + "\n"
    );
}

#[test]
fn a_release_fails_while_the_address_is_a_placeholder() {
    let tree = tempfile::tempdir().unwrap();
    let packaging = tree.path().join("packaging");
    fs::create_dir(&packaging).unwrap();
    for script in ["about", "check-release"] {
        fs::copy(
            root().join("packaging").join(script),
            packaging.join(script),
        )
        .unwrap();
    }
    let check = |repository: &str, changelog: &str, tag: &str| {
        let manifest = read("Cargo.toml").replace(&value("package", "repository"), repository);
        let manifest = manifest.replacen("version = \"0.1.0\"", "version = \"1.2.3\"", 1);
        fs::write(tree.path().join("Cargo.toml"), manifest).unwrap();
        fs::write(tree.path().join("CHANGELOG.md"), changelog).unwrap();
        let output = run(&packaging.join("check-release"), &[tag]);
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), said)
    };
    let (real, changelog) = ("https://code.example/rocketman", "## 1.2.3 - 2026-12-01\n");
    assert_eq!(check(real, changelog, "v1.2.3"), (true, String::new()));
    for (repository, changelog, tag, why) in [
        (PLACEHOLDER, changelog, "v1.2.3", "is a placeholder"),
        ("code.example", changelog, "v1.2.3", "https://"),
        (real, changelog, "1.2.3", "it has to be v1.2.3"),
        (real, "## Unreleased\n", "v1.2.3", "no section"),
    ] {
        let (passes, said) = check(repository, changelog, tag);
        assert!(!passes && said.contains(why), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn archives_are_where_binstall_and_the_formula_look() {
    let folder = tempfile::tempdir().unwrap();
    let [binary, dist] = ["rocketman", "dist"].map(|name| folder.path().join(name));
    fs::write(&binary, "the program").unwrap();
    let version = value("package", "version");
    let filled = |template: String, target: &str| {
        [
            ("repo", value("package", "repository").as_str()),
            ("name", "rocketman"),
            ("bin", "rocketman"),
            ("version", &version),
            ("target", target),
            ("archive-suffix", ".tar.gz"),
            ("binary-ext", ""),
        ]
        .iter()
        .fold(template, |text, (name, value)| {
            text.replace(&format!("{{ {name} }}"), value)
        })
    };
    let mut sums = String::new();
    let mut addresses = Vec::new();
    for (n, target) in [
        "aarch64-apple-darwin",
        "x86_64-apple-darwin",
        "aarch64-unknown-linux-gnu",
        "x86_64-unknown-linux-gnu",
    ]
    .into_iter()
    .enumerate()
    {
        let [binary, dist] = [&binary, &dist].map(|path| path.to_str().unwrap());
        stdout(&run(
            &root().join("packaging/archive"),
            &[target, binary, dist],
        ));
        let address = filled(value("package.metadata.binstall", "pkg-url"), target);
        let file = address.rsplit('/').next().unwrap().to_owned();
        let list = Command::new("tar")
            .arg("-tzf")
            .arg(Path::new(dist).join(&file))
            .output();
        let list = stdout(&list.unwrap());
        let program = filled(value("package.metadata.binstall", "bin-dir"), target);
        let top = program.strip_suffix("/rocketman").unwrap();
        for name in [
            "rocketman",
            "man/rocketman.1",
            "completions/_rocketman",
            "completions/rocketman.bash",
            "completions/rocketman.fish",
            "LICENSE",
        ] {
            let path = format!("{top}/{name}");
            assert!(list.lines().any(|line| line == path), "no {path} in {list}");
        }
        sums.extend([&*format!("{n}{n}  {file}"), "\n"]);
        addresses.push((address, format!("{n}{n}")));
    }
    let formula = || run(&root().join("packaging/formula"), &[dist.to_str().unwrap()]);
    fs::write(dist.join("SHA256SUMS"), &sums).unwrap();
    let text = stdout(&formula());
    for (address, sum) in &addresses {
        let lines = format!("      url \"{address}\"\n      sha256 \"{sum}\"\n");
        assert!(text.contains(&lines), "no {lines} in {text}");
    }
    let file = folder.path().join("rocketman.rb");
    fs::write(&file, text).unwrap();
    match Command::new("ruby").arg("-c").arg(&file).output() {
        Ok(checked) => assert!(checked.status.success(), "{checked:?}"),
        Err(_) => println!("not checked by ruby, which is not installed"),
    }
    // An archive that is missing is no formula.
    fs::write(dist.join("SHA256SUMS"), sums.lines().next().unwrap()).unwrap();
    assert!(!formula().status.success());
}

#[test]
fn the_image_has_no_rights_and_a_health_check() {
    let file = read("Dockerfile");
    let stages: Vec<_> = file
        .lines()
        .filter(|line| line.starts_with("FROM "))
        .collect();
    let last = stages.last().unwrap();
    assert!(
        last.contains("/distroless/") && last.ends_with(":nonroot"),
        "{last}"
    );
    assert!(!file.contains("USER root"));
    let check = r#"CMD ["/usr/bin/rocketman", "health"]"#;
    let is_check = |line: &str| line.starts_with("HEALTHCHECK ") && line.ends_with(check);
    assert!(file.lines().any(is_check), "{file}");
    // It asks where these say.
    for variable in [
        "ROCKETMAN_METRICS_ADDR=127.0.0.1:",
        "ROCKETMAN_LISTEN=0.0.0.0:",
    ] {
        assert!(file.contains(variable), "{file}");
    }
    // What is built is all that is sent.
    let sent = read(".dockerignore");
    for path in ["Cargo.toml", "Cargo.lock", "src", "target/image"] {
        assert!(
            sent.lines().any(|line| line == format!("!{path}")),
            "{path}"
        );
    }
}

#[test]
fn every_asset_of_a_release_is_made_by_its_workflow() {
    let workflow = read(".github/workflows/release.yml");
    for word in [
        "packaging/check-release",
        "target: x86_64-unknown-linux-gnu",
        "target: aarch64-unknown-linux-gnu",
        "target: aarch64-apple-darwin",
        "target: x86_64-apple-darwin",
        "target: x86_64-pc-windows-msvc",
        "target/packages/*.deb",
        "target/packages/*.rpm",
        "SHA256SUMS",
        "packaging/formula",
    ] {
        assert!(workflow.contains(word), "no {word}");
    }
    // Nothing is published but from a tag that was checked.
    for job in ["  publish:\n", "  image:\n"] {
        let (_, job) = workflow.split_once(job).unwrap();
        assert!(job.starts_with("    if: github.ref_type == 'tag'\n    needs: [linux, others]\n"));
    }
    for job in ["  linux:\n", "  others:\n"] {
        let (_, job) = workflow.split_once(job).unwrap();
        assert!(job.starts_with("    needs: check\n"));
    }
}

#[test]
fn scripts_of_packaging_pass_shellcheck() {
    if Command::new("shellcheck")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("skipped: shellcheck is not installed");
        return;
    }
    let scripts = [
        "about",
        "archive",
        "build",
        "check-release",
        "formula",
        "notes",
    ];
    let output = Command::new("shellcheck")
        .args(scripts)
        .current_dir(root().join("packaging"))
        .output();
    stdout(&output.unwrap());
}

#[test]
fn the_notes_of_a_release_are_its_section() {
    let tree = tempfile::tempdir().unwrap();
    let packaging = tree.path().join("packaging");
    fs::create_dir(&packaging).unwrap();
    fs::copy(root().join("packaging/notes"), packaging.join("notes")).unwrap();
    let changelog = "# Changelog\n\n## Unreleased\n\n## 0.2.0 - 2027\n\n### Added\n\n- two\n\n## 0.1.0\n\n- one\n";
    fs::write(tree.path().join("CHANGELOG.md"), changelog).unwrap();
    let notes = |version: &str| stdout(&run(&packaging.join("notes"), &[version]));
    assert_eq!(notes("0.2.0").trim(), "### Added\n\n- two");
    assert_eq!(notes("0.1.0").trim(), "- one");
}
