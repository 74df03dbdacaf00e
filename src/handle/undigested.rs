//! Reasons why a policy cannot be compared.
#![forbid(unsafe_code)]

use std::fmt;

/// A reason why the digest does not cover all of a policy, so that only copies of the context
/// share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undigested {
    /// No certificate: nothing distinguishes this server from another.
    NoCertificate,
    /// A current certificate without a key, so that the others cannot be listed.
    CertificateWithoutKey,
    /// A callback that chooses the certificate.
    CertificateCallback,
    /// Pre-shared keys, which only a callback knows.
    PreSharedKeys,
    /// SRP's users, which only a callback knows.
    Srp,
    /// A store that looks certificates up in a directory, or has one that cannot be encoded.
    Store,
    /// A purpose, trust or policies that were set and cannot be read.
    VerifyParameters,
    /// Accepted keys and signatures that cannot be read.
    Accepted,
    /// A callback that verifies, or decides security, with an argument, or in no object with a
    /// build id.
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
