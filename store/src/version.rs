//! Versions of the protocol, which an integer alone does not tell from a length or a time.
#![forbid(unsafe_code)]

/// A protocol version, as its sessions name it. A store only compares them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(transparent)]
pub struct ProtocolVersion(pub i32);

impl ProtocolVersion {
    /// The version of a session for which none was set, and of a record that is no session.
    pub const NONE: ProtocolVersion = ProtocolVersion(0);
}
