//! Session ids that say whom to ask.
//!
//! ```text
//!   nonce 16, random | (host 4 | minute 4) xor mask 8 | tag 8
//!                              │                         └ SipHash-2-4-128(key of the tag, nonce | masked field), 8 bytes
//!                              └ mask: SipHash-2-4-128(key of the mask, nonce), 8 bytes
//! ```
//! A server asks the fleet only for ids that another of its hosts made in time. Others cost no question: random ids,
//! as clients of TLS 1.3 send them; those of other servers; forgeries, of which one in 2^64 passes; this host's own,
//! as what its store no longer has was removed or is the oldest. The mask hides from observers which host served whom.
#![forbid(unsafe_code)]

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

use sslsession_store::time::{Seconds, UnixTime};

use crate::keys::Line;

/// The length of an id.
pub const LENGTH: usize = 32;

/// The message of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another host of the fleet made it in time: the only one to ask for. The number is of the line that made it.
    Foreign(usize),
    /// This host made it.
    Own(usize),
    /// A host of the fleet made it, too long ago.
    Old,
    /// None of the lines made it.
    NotOurs,
}

#[inline(never)]
fn siphash(key: &[u8; 16], parts: &[&[u8]]) -> u64 {
    let mut hasher = SipHasher24::new_with_key(key);
    parts.iter().for_each(|part| hasher.write(part));
    hasher.finish128().h1
}

/// Makes an id of 16 random bytes, a host and a minute since 1970.
pub fn make(line: &Line, nonce: [u8; 16], host: u32, minute: u32) -> [u8; LENGTH] {
    let mut id = [0; LENGTH];
    id[..16].copy_from_slice(&nonce);
    let field = u64::from(host) << 32 | u64::from(minute);
    id[16..24].copy_from_slice(&(field ^ siphash(line.mask, &[&nonce])).to_be_bytes());
    let tag = siphash(line.tag, &[&id[..24]]);
    id[24..].copy_from_slice(&tag.to_be_bytes());
    id
}

/// Returns the number of the line that made an id, with its host and minute; None if none of them did.
pub fn read(lines: &[Line], id: &[u8]) -> Option<(usize, u32, u32)> {
    let (body, tag) = id.split_at_checked(24)?;
    let tag = u64::from_be_bytes(tag.try_into().ok()?);
    let number = lines.iter().position(|line| siphash(line.tag, &[body]) == tag)?;
    let (nonce, field) = body.split_at(16);
    let field = u64::from_be_bytes(field.try_into().ok()?) ^ siphash(lines[number].mask, &[nonce]);
    Some((number, (field >> 32) as u32, field as u32))
}

/// Judges an id that a client offers to `host` at a second since 1970, where sessions live for `timeout` seconds.
pub fn judge(lines: &[Line], id: &[u8], host: u32, now: UnixTime, timeout: Seconds) -> Verdict {
    let Some((line, maker, minute)) = read(lines, id) else { return Verdict::NotOurs };
    if maker == host { Verdict::Own(line) } else { in_time(line, minute, now, timeout) }
}

/// Judges the id of a session for single use: the host that made it has to ask for it like all others.
pub fn judge_once(lines: &[Line], id: &[u8], now: UnixTime, timeout: Seconds) -> Verdict {
    let Some((line, _, minute)) = read(lines, id) else { return Verdict::NotOurs };
    in_time(line, minute, now, timeout)
}

fn in_time(line: usize, minute: u32, now: UnixTime, timeout: Seconds) -> Verdict {
    // The hosts' clocks may be a minute apart.
    let age = now.0.saturating_sub(i64::from(minute).saturating_mul(60));
    if age > timeout.0.saturating_add(120) { Verdict::Old } else { Verdict::Foreign(line) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_800_000_000);
    const TIMEOUT: Seconds = Seconds(300);

    fn lines(texts: &[&str]) -> Box<[Line]> {
        Line::of(texts.iter().map(|text| text.as_bytes())).expect("memory")
    }

    /// Returns bytes that differ for each number.
    fn nonce(number: u64) -> [u8; 16] {
        let mut nonce = [0; 16];
        for (at, half) in nonce.chunks_mut(8).enumerate() {
            let mut word = number.wrapping_mul(2).wrapping_add(at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            half.copy_from_slice(&(word ^ word >> 27).to_ne_bytes());
        }
        nonce
    }

    fn minute(time: UnixTime) -> u32 {
        (time.0 / 60) as u32
    }

    fn after(seconds: i64) -> UnixTime {
        UnixTime(NOW.0 + seconds)
    }

    /// Random ids, this host's own, old ones and those of another fleet: a million of them, and none is asked for.
    #[test]
    #[cfg_attr(miri, ignore = "takes too long")]
    fn a_million_ids_that_are_not_to_be_asked_for_are_not() {
        let (ours, others) = (lines(&["new line of this fleet", "its old line"]), lines(&["another fleet's line"]));
        for number in 0..250_000 {
            let nonce_here = nonce(number);
            let mut random = [0; LENGTH];
            random[..16].copy_from_slice(&nonce(number ^ 1 << 40));
            random[16..].copy_from_slice(&nonce(number ^ 1 << 41));
            assert_eq!(judge(&ours, &random, 7, NOW, TIMEOUT), Verdict::NotOurs);
            let line = (number % 2) as usize;
            let own = make(&ours[line], nonce_here, 7, minute(NOW));
            assert_eq!(judge(&ours, &own, 7, NOW, TIMEOUT), Verdict::Own(line));
            assert_eq!(judge_once(&ours, &own, NOW, TIMEOUT), Verdict::Foreign(line), "for single use it is asked for");
            let old = make(&ours[line], nonce_here, 8, minute(after(-TIMEOUT.0 - 180)));
            assert_eq!(judge(&ours, &old, 7, NOW, TIMEOUT), Verdict::Old);
            assert_eq!(judge_once(&ours, &old, NOW, TIMEOUT), Verdict::Old);
            let foreign = make(&others[0], nonce_here, 8, minute(NOW));
            assert_eq!(judge(&ours, &foreign, 7, NOW, TIMEOUT), Verdict::NotOurs);
        }
    }

    #[test]
    fn ids_of_other_hosts_are_asked_for_under_their_line_until_they_are_old() {
        let ours = lines(&["new line of this fleet", "its old line"]);
        for (number, line) in [(0, 0), (1, 1), (2, 0)] {
            let id = make(&ours[line], nonce(number), 8, minute(NOW));
            for later in [-60, 0, TIMEOUT.0] {
                assert_eq!(judge(&ours, &id, 7, after(later), TIMEOUT), Verdict::Foreign(line));
            }
            assert_eq!(judge(&ours, &id, 7, after(TIMEOUT.0 + 181), TIMEOUT), Verdict::Old);
        }
    }

    #[test]
    fn a_changed_bit_or_another_length_makes_an_id_no_longer_ours() {
        let ours = lines(&["new line of this fleet"]);
        let id = make(&ours[0], nonce(3), 8, minute(NOW));
        for bit in 0..8 * LENGTH {
            let mut forged = id;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(judge(&ours, &forged, 7, NOW, TIMEOUT), Verdict::NotOurs, "bit {bit}");
        }
        for length in 0..LENGTH {
            assert_eq!(judge(&ours, &id[..length], 7, NOW, TIMEOUT), Verdict::NotOurs);
        }
    }

    /// Ids differ in no more than chance where only host and minute differ, and say nothing without the key.
    #[test]
    fn the_mask_hides_host_and_minute() {
        let ours = lines(&["new line of this fleet"]);
        let fields = (0..64).map(|number| make(&ours[0], nonce(number), 8, 1)).map(|id| id[16..24].to_vec());
        let different: std::collections::BTreeSet<_> = fields.collect();
        assert_eq!(different.len(), 64);
    }
}
