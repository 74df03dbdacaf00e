//! A cluster's slots. Pure.
#![forbid(unsafe_code)]

/// Number of slots.
pub const SLOTS: usize = 16_384;

/// Returns the slot of a name. Names have no braces, so all of it counts.
pub fn slot(name: &[u8]) -> usize {
    usize::from(crc16(name)) % SLOTS
}

/// Returns the CRC-16 (XMODEM), as the specification of clusters has it.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot(b"foo"), 12182, "as CLUSTER KEYSLOT says");
    }
}
