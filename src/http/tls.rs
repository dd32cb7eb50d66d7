//! TLS: the certificate chain and its key, read once at the start.

use std::{fs, path::Path, sync::Arc};

use rustls::{
    InconsistentKeys, ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

use crate::error::Error;

/// Reads the files into a configuration with TLS 1.2 and 1.3. The server adds ALPN.
pub fn read(certificate: &Path, key: &Path) -> Result<ServerConfig, Error> {
    let fault = |path: &Path, what: &str| Error::internal(&format!("TLS: {}", path.display()), what);
    let load = |path| fs::read(path).map_err(|e| fault(path, &e.to_string()));
    let broken = |path| move |e: pem::Error| fault(path, &format!("is not PEM: {e}"));

    let chain = CertificateDer::pem_slice_iter(&load(certificate)?).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(broken(certificate))?;
    if chain.is_empty() {
        return Err(fault(certificate, "has no certificate in PEM"));
    }
    let secret = PrivateKeyDer::from_pem_slice(&load(key)?).map_err(|e| match e {
        pem::Error::NoItemsFound => fault(key, "has no private key in PEM (PKCS #8, PKCS #1 or SEC 1, not encrypted)"),
        e => broken(key)(e),
    })?;
    // Not installed process-wide, so that a program that embeds the service can choose its own.
    let provider = Arc::new(ring::default_provider());
    // Checked separately first, so that the error names the right file.
    if let Err(e) = provider.key_provider.load_private_key(secret.clone_key()) {
        return Err(fault(key, &format!("its private key cannot be used: {e}")));
    }
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::internal("TLS", e))?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|e| match e {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                fault(key, &format!("is not the key of the first certificate in {}", certificate.display()))
            }
            e => fault(certificate, &format!("its first certificate cannot be used: {e}")),
        })
}
