use super::*;

/// A home folder with the contexts of somebody who uses several servers.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let folder = home.0.path().join(".config/nats/context");
        std::fs::create_dir_all(&folder).unwrap();
        home.context("west", r#"{"description": "d", "url": "nats://w:5000,w2", "creds": "~/w.creds", "jetstream_domain": "hub", "color_scheme": "", "inbox_prefix": "_MINE", "more": {"x": 1}}"#);
        home.context(
            "east",
            r#"{"url": "tls://ann:geheim%40@e", "cert": "/c", "key": "/k", "tls_first": true}"#,
        );
        home.context("nsc", r#"{"nsc": "nsc://o/a/u"}"#);
        home.context("damaged", r#"{"url": 7}"#);
        home
    }

    fn context(&self, name: &str, text: &str) {
        let folder = self.0.path().join(".config/nats/context");
        std::fs::write(folder.join(format!("{name}.json")), text).unwrap();
    }

    fn select(&self, name: &str) {
        std::fs::write(self.0.path().join(".config/nats/context.txt"), name).unwrap();
    }

    fn resolve(
        &self,
        address: &str,
        given: &NatsOverrides,
        variables: &[(&str, &str)],
    ) -> Result<NatsSettings, ServerError> {
        let address = address::StreamAddress::parse(address).unwrap();
        let home = self.0.path().to_str().unwrap().to_owned();
        let variable = |name: &str| match name {
            "HOME" => Some(home.clone()),
            name => variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned()),
        };
        let context = address.context.as_deref();
        super::resolve(&address.servers, context, given, &variable)
    }
}

/// The login that a context has now.
#[track_caller]
fn in_context(login: &Login) -> Login {
    match login {
        Login::Anew { read, .. } => read().unwrap(),
        other => panic!("{other:?} is of no context"),
    }
}

#[test]
fn without_anything_it_is_this_machine() {
    let home = Home::new();
    let settings = home
        .resolve("nats:S", &NatsOverrides::default(), &[])
        .unwrap();
    assert_eq!(settings.servers, ["nats://127.0.0.1:4222"]);
    assert_eq!(settings.login, Login::Nobody);
}

#[test]
fn the_selected_context_says_where_and_who() {
    let home = Home::new();
    home.select("west\n");
    let settings = home
        .resolve("nats:S", &NatsOverrides::default(), &[])
        .unwrap();
    assert_eq!(settings.servers, ["nats://w:5000", "nats://w2:4222"]);
    assert_eq!(
        in_context(&settings.login),
        Login::Credentials(home.0.path().join("w.creds"))
    );
    assert_eq!(settings.js_domain.as_deref(), Some("hub"));
    assert_eq!(settings.inbox_prefix.as_deref(), Some("_MINE"));
    let settings = home
        .resolve("nats://x/S", &NatsOverrides::default(), &[])
        .unwrap();
    assert_eq!(settings.servers, ["nats://x:4222"]);
    assert!(matches!(in_context(&settings.login), Login::Credentials(_)));
}

#[test]
fn what_is_given_wins_over_variables_and_those_over_the_context() {
    let home = Home::new();
    home.select("west");
    let variables = [
        ("NATS_CONTEXT", "east"),
        ("NATS_CREDS", "~/v.creds"),
        ("NATS_URL", "nats://v"),
        ("NATS_CA", ""),
    ];
    let settings = home
        .resolve("nats:S", &NatsOverrides::default(), &variables)
        .unwrap();
    assert_eq!(settings.servers, ["nats://v:4222"]);
    assert_eq!(
        settings.login,
        Login::Credentials(home.0.path().join("v.creds"))
    );
    assert_eq!(settings.tls_identity, Some(("/c".into(), "/k".into())));
    assert!(settings.tls_first && settings.tls_ca.is_none());
    let given = NatsOverrides {
        creds: Some("/g.creds".into()),
        context: Some("west".to_owned()),
        js_domain: Some("leaf".to_owned()),
        ..NatsOverrides::default()
    };
    let settings = home
        .resolve("nats:S?context=east", &given, &variables[..2])
        .unwrap();
    assert_eq!(settings.servers, ["tls://e:4222"]);
    assert_eq!(settings.login, Login::Credentials("/g.creds".into()));
    assert_eq!(settings.js_domain.as_deref(), Some("leaf"));
}

#[test]
fn every_form_of_a_login_is_known_and_no_secret_is_shown() {
    let home = Home::new();
    let secret = || "geheim".to_owned();
    let cases: [(&[(&str, &str)], Login); 5] = [
        (
            &[("NATS_USER", "ann"), ("NATS_PASSWORD", "geheim")],
            Login::Password {
                user: "ann".to_owned(),
                password: secret(),
            },
        ),
        (&[("NATS_USER", "geheim")], Login::Token(secret())),
        (&[("NATS_TOKEN", "geheim")], Login::Token(secret())),
        (
            &[("NATS_JWT", "geheim"), ("NATS_SEED", "geheim")],
            Login::Jwt {
                jwt: secret(),
                seed: secret(),
            },
        ),
        (
            &[("NATS_URL", "nats://ann:geheim@h")],
            Login::Password {
                user: "ann".to_owned(),
                password: secret(),
            },
        ),
    ];
    for (variables, expected) in cases {
        let settings = home
            .resolve("nats:S", &NatsOverrides::default(), variables)
            .unwrap();
        assert_eq!(settings.login, expected);
        let shown = format!("{settings:?} {} {}", settings.shown(), settings.login);
        assert!(!shown.contains("geheim"), "{shown}");
    }
    let east = home
        .resolve("nats:S?context=east", &NatsOverrides::default(), &[])
        .unwrap();
    assert_eq!(
        in_context(&east.login),
        Login::Password {
            user: "ann".to_owned(),
            password: "geheim@".to_owned()
        }
    );
    let half = home.resolve(
        "nats:S",
        &NatsOverrides::default(),
        &[("NATS_JWT", "geheim")],
    );
    assert!(matches!(half, Err(ServerError::Half { .. })));
}

#[test]
fn a_context_that_cannot_be_used_is_told_by_its_file() {
    let home = Home::new();
    let refused = |name: &str| {
        let error = home.resolve(
            &format!("nats:S?context={name}"),
            &NatsOverrides::default(),
            &[],
        );
        Shown::error(&error.unwrap_err()).to_string()
    };
    assert!(
        refused("north").contains("no context 'north'"),
        "{}",
        refused("north")
    );
    assert!(
        refused("damaged").contains("damaged.json"),
        "{}",
        refused("damaged")
    );
    assert!(refused("nsc").contains("has 'nsc'"), "{}", refused("nsc"));
    assert!(
        refused("../x").contains("neither the name"),
        "{}",
        refused("../x")
    );
    home.select("north");
    let given = NatsOverrides {
        no_context: true,
        ..NatsOverrides::default()
    };
    assert!(home.resolve("nats:S", &given, &[]).is_ok());
    assert!(
        home.resolve("nats:S", &NatsOverrides::default(), &[])
            .is_err()
    );
}
