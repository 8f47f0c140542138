//! Certificates for a server and a client, by an authority of the test's own.

use std::{fs, path::PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// A folder with `ca.pem`, and `server` and `client`, each with `.pem` and `.key`.
pub struct Certificates(TempDir);

impl Certificates {
    pub fn new() -> Self {
        let certificates = Self(tempfile::tempdir().unwrap());
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap();
        fs::write(certificates.path("ca.pem"), authority.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        for name in ["server", "client"] {
            let key = KeyPair::generate().unwrap();
            let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
            let params = CertificateParams::new(names).unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            fs::write(certificates.path(&format!("{name}.pem")), certificate.pem()).unwrap();
            fs::write(
                certificates.path(&format!("{name}.key")),
                key.serialize_pem(),
            )
            .unwrap();
        }
        certificates
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The configuration of a server that shows its certificate and wants to see one.
    pub fn configuration(&self, more: &str) -> String {
        let path = |name| self.path(name).display().to_string();
        format!(
            "jetstream {{}}, tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", verify: true, {more} }}",
            path("server.pem"),
            path("server.key"),
            path("ca.pem")
        )
    }
}
