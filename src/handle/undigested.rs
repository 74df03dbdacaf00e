//! Reasons why a policy cannot be compared.
#![forbid(unsafe_code)]

use std::fmt;

/// A reason why a policy is not all in its digest, so that only copies of the context are known to have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undigested {
    /// No certificate: nothing tells this server from another.
    NoCertificate,
    /// The certificate that is current has no key, so the others cannot be listed.
    CertificateWithoutKey,
    /// A callback chooses the certificate.
    CertificateCallback,
    /// Pre-shared keys, which only a callback knows.
    PreSharedKeys,
    /// SRP's users, which only a callback knows.
    Srp,
    /// The store looks certificates up in a directory, or has one that cannot be encoded.
    Store,
    /// Purpose, trust or policies were set, and cannot be read.
    VerifyParameters,
    /// Which keys and signatures are accepted cannot be read.
    Accepted,
    /// A callback that verifies, or says what is secure, has an argument, or is in no object with a build id.
    VerifyCallback,
}

impl fmt::Display for Undigested {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Undigested::NoCertificate => "it has no certificate",
            Undigested::CertificateWithoutKey => "it has a certificate without a key",
            Undigested::CertificateCallback => "a callback chooses its certificate",
            Undigested::PreSharedKeys => "its pre-shared keys come from a callback",
            Undigested::Srp => "SRP's users come from a callback",
            Undigested::Store => "its authorities stand in a directory, or have no encoding",
            Undigested::VerifyParameters => "it has a purpose, trust or policies of its own for certificates",
            Undigested::Accepted => "the keys and signatures that it accepts cannot be read",
            Undigested::VerifyCallback => "a callback that verifies cannot be compared",
        })
    }
}
