//! The settings of a context that libssl has no function to read, and that a digest may not cover.

/// A setting that libssl has no function to read; it is noted when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// SSL_CTX_set_cert_cb(3): the certificate is chosen for each connection.
    CertificateCallback = 1,
    /// SSL_CTX_set_psk_server_callback(3).
    PskServerCallback = 2,
    /// SSL_CTX_set_psk_find_session_callback(3).
    PskFindSessionCallback = 4,
    /// SSL_CTX_set_srp_username_callback(3).
    SrpCallback = 8,
    /// SSL_CTX_set_client_hello_cb(3): it may switch the connection to another context before the search.
    ClientHelloCallback = 16,
    /// SSL_CTX_set_tlsext_servername_callback(3): it may switch the connection after the search.
    ServerNameCallback = 32,
    /// SSL_CTX_set1_param(3), SSL_CTX_set_purpose(3), SSL_CTX_set_trust(3).
    VerifyParameters = 64,
    /// SSL_CTX_set_cert_verify_callback(3) with an argument.
    CertVerifyArgument = 128,
    /// SSL_CTX_load_verify_store(3): authorities are at a URI.
    StoreByUri = 256,
    /// SSL_CTX_set0_verify_cert_store(3): another store verifies. OpenSSL 3.0.0 to 3.0.2 cannot say
    /// which.
    VerifyStore = 512,
}

/// The settings of that kind that are in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    bits: u32,
    /// SSL_CTX_set_cert_verify_callback(3): its address; 0 for none.
    pub cert_verify_callback: usize,
}

impl Settings {
    /// Returns the settings of these bits.
    pub const fn new(bits: u32, cert_verify_callback: usize) -> Settings {
        Settings { bits, cert_verify_callback }
    }

    /// Returns true if the setting has been made.
    pub const fn has(self, setting: Setting) -> bool {
        self.bits & setting as u32 != 0
    }

    /// Returns the settings of a connection that began with a context of these settings and now has
    /// one of those. The connection keeps what it copied at its beginning.
    pub const fn switched_to(self, now: Settings) -> Settings {
        const KEPT: u32 = Setting::PskServerCallback as u32
            | Setting::PskFindSessionCallback as u32
            | Setting::SrpCallback as u32
            | Setting::VerifyParameters as u32;
        Settings { bits: self.bits & KEPT | now.bits & !KEPT, cert_verify_callback: now.cert_verify_callback }
    }
}
