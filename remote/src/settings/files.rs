//! The files that options name.
#![forbid(unsafe_code)]

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use sslsession_store::secret::Secret;

/// Length in bytes of the longest file.
const MAX_FILE_LEN: usize = 1 << 20;

/// Reads a file. The memory is allocated once, so that no moved text leaves a copy behind.
fn read(path: &Path, is_secret: bool) -> Result<Secret, String> {
    let refuse = |why: &str| format!("{}: {why}", path.display());
    // Without waiting for the other end of a FIFO.
    let mut open = OpenOptions::new();
    open.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let mut file = open.open(path).map_err(|why| refuse(&why.to_string()))?;
    let metadata = file.metadata().map_err(|why| refuse(&why.to_string()))?;
    if !metadata.is_file() {
        return Err(refuse("not a regular file"));
    }
    if is_secret && metadata.mode() & 0o007 != 0 {
        return Err(refuse("others may read it; `chmod o= FILE` mends that"));
    }
    let length = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if length > MAX_FILE_LEN {
        return Err(refuse("longer than 1 MiB"));
    }
    let mut bytes = Secret::from(vec![0; length]);
    file.read_exact(&mut bytes).map_err(|why| refuse(&why.to_string()))?;
    Ok(bytes)
}

/// Returns the first line of a file that is not for everybody.
pub fn password(path: &Path) -> Result<Secret, String> {
    let mut text = read(path, true)?;
    let line = text.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(text.len());
    if line == 0 || str::from_utf8(&text[..line]).is_err() {
        return Err(format!("{}: its first line is no password", path.display()));
    }
    text.truncate(line);
    Ok(text)
}

/// Returns the text of a file with certificates.
pub fn authorities(path: &Path) -> Result<Vec<u8>, String> {
    let text = read(path, false)?.to_vec();
    let begin: &[u8] = b"-----BEGIN CERTIFICATE-----";
    match text.windows(begin.len()).any(|window| window == begin) {
        true => Ok(text),
        false => Err(format!("{}: no certificates in PEM", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn files_are_read_or_refused() {
        let directory = std::env::temp_dir().join(format!("sslsession-remote-files-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("our own directory");
        let file = |name: &str, text: &str, mode: u32| {
            let path = directory.join(name);
            fs::write(&path, text).expect("our own file");
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("our own file");
            path
        };
        let word = password(&file("word", "pass word\n# other\n", 0o640)).expect("a password");
        assert_eq!(word.as_slice(), b"pass word");
        let why = |result: Result<Secret, String>| result.expect_err("no password");
        assert!(
            why(password(&file("open", "word", 0o644))).ends_with("others may read it; `chmod o= FILE` mends that")
        );
        assert!(why(password(&file("empty", "\nword", 0o600))).ends_with("its first line is no password"));
        assert!(why(password(&directory)).ends_with("not a regular file"));
        assert!(why(password(&directory.join("none"))).contains("No such file"));
        assert!(authorities(&file("ca", "text", 0o644)).is_err_and(|why| why.ends_with("no certificates in PEM")));
        assert!(authorities(&file("pem", "-----BEGIN CERTIFICATE-----\n", 0o644)).is_ok());
        fs::remove_dir_all(&directory).expect("our own directory");
    }
}
