//! Values of SSLSESSION_STORE, and of paths.

use super::*;
#[cfg(not(miri))]
use proptest::prelude::*;

/// Returns the store, or the words of the error.
fn parse(value: &[u8]) -> Result<Config, String> {
    Config::parse(value).map_err(|error| error.to_string())
}

fn made(path: Option<&str>, size: impl Into<Option<usize>>) -> Result<Config, String> {
    Ok(Config::Shared(SharedConfig {
        path: path.map(PathBuf::from),
        size: size.into(),
        front: SharedConfig::DEFAULT_FRONT,
    }))
}

fn refused(reason: &str) -> Result<Config, String> {
    Err(reason.to_owned())
}

const UNKNOWN: &str = "none of memory, shared, shared:NAME, of which the last two may have ,size=64M";

#[test]
fn stores() {
    let table = [
        ("memory", Ok(Config::Memory)),
        ("shared", made(None, None)),
        ("shared:web", made(Some("/dev/shm/web"), None)),
        ("shared:...", made(Some("/dev/shm/..."), None)),
        ("shared:/var/lib/tls/store", made(Some("/var/lib/tls/store"), None)),
        ("sharde", refused(UNKNOWN)),
        ("SHARED", refused(UNKNOWN)),
        ("shared2", refused(UNKNOWN)),
        (" shared", refused(UNKNOWN)),
        ("redis://localhost", refused(UNKNOWN)),
        (",", refused(UNKNOWN)),
        ("memory,size=1M", refused("\"memory\" takes no options")),
        ("memory:web", refused(UNKNOWN)),
        ("shared:", refused("the store has no name after the colon")),
        ("shared:,size=1M", refused("the store has no name after the colon")),
        ("shared:.", refused("the store's name is a directory")),
        ("shared:..", refused("the store's name is a directory")),
        ("shared:../web", refused("the store's name is not an absolute path")),
        ("shared:run/web", refused("the store's name is not an absolute path")),
        ("shared:web/", refused("the store's name is not an absolute path")),
        ("shared:/", refused("the store's name is a directory")),
        ("shared:/run/", refused("the store's name is a directory")),
        ("shared:/run/..", refused("the store's name is a directory")),
        ("shared:/dev/shm/../../var/web", refused("the store's name is a path with \"..\" in it")),
        ("shared:/run/..web..", made(Some("/run/..web.."), None)),
        ("shared:web:64M", refused("the store's name has a colon: a size is given as ,size=64M")),
        ("shared:64M", refused("the store's name is a size, which is given as ,size=64M")),
        ("shared,", refused("unknown option \"\"")),
        ("shared,64M", refused("unknown option \"64M\"")),
        ("shared:web,Size=64M", refused("unknown option \"Size=64M\"")),
    ];
    for (value, expected) in table {
        assert_eq!(parse(value.as_bytes()), expected, "{value}");
    }
}

#[test]
fn sizes() {
    let no_number = "the size is no number of bytes, such as 64M";
    let table = [
        ("shared,size=1M", made(None, 1 << 20)),
        ("shared:/a:b c,size=65536", made(Some("/a:b c"), 65536)),
        ("shared:web,size=64K", made(Some("/dev/shm/web"), 64 << 10)),
        ("shared:web,size=64k", made(Some("/dev/shm/web"), 64 << 10)),
        ("shared,size=3m", made(None, 3 << 20)),
        ("shared,size=32G", made(None, 32 << 30)),
        ("shared,size=34359738368", made(None, 32 << 30)),
        ("shared,size=0000000000000000000000065537", made(None, 65537)),
        ("shared,size=64M,size=64M", refused("the size is given twice")),
        ("shared,size=", refused(no_number)),
        ("shared,size=M", refused(no_number)),
        ("shared,size=64MB", refused(no_number)),
        ("shared,size=64T", refused(no_number)),
        ("shared,size=+64M", refused(no_number)),
        ("shared,size=-64M", refused(no_number)),
        ("shared,size=0x10000", refused(no_number)),
        ("shared,size=1.5G", refused(no_number)),
        ("shared,size= 64M", refused(no_number)),
        ("shared,size=0", refused("the size is less than 64K")),
        ("shared,size=65535", refused("the size is less than 64K")),
        ("shared,size=63K", refused("the size is less than 64K")),
        ("shared,size=33G", refused("the size is more than 32G")),
        ("shared,size=34359738369", refused("the size is more than 32G")),
        ("shared,size=18446744073709551616", refused("the size is more than 32G")),
        ("shared,size=17179869185G", refused("the size is more than 32G")), // 2^64 + 1G, by 1024s
    ];
    for (value, expected) in table {
        assert_eq!(parse(value.as_bytes()), expected, "{value}");
    }
}

#[test]
fn a_name_need_not_be_text() {
    let path = PathBuf::from(OsStr::from_bytes(b"/dev/shm/\xff\xfe"));
    assert_eq!(
        parse(b"shared:\xff\xfe"),
        Ok(Config::Shared(SharedConfig { path: Some(path), size: None, front: SharedConfig::DEFAULT_FRONT }))
    );
}

#[test]
fn paths() {
    assert_eq!(absolute(b"/etc/keys"), Ok(PathBuf::from("/etc/keys")));
    for value in ["keys", "./keys", "~/keys", ""] {
        assert_eq!(absolute(value.as_bytes()), Err(PathError::NotAbsolute), "{value}");
    }
    for value in ["/", "/etc/", "/etc/."] {
        assert_eq!(absolute(value.as_bytes()), Err(PathError::Directory), "{value}");
    }
    assert_eq!(absolute(b"/../keys"), Err(PathError::Climbs));
}

#[cfg(not(miri))] // where it takes minutes and touches nothing that Miri watches
proptest! {
    #[test]
    fn no_value_brings_a_path_or_a_size_outside_the_limits(
        start in prop_oneof!["shared", "shared:", "shared,size=", "shared:x,size=", ""],
        rest in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"./,:=0123456789KMGsize".to_vec())], 0..24),
    ) {
        if let Ok(Config::Shared(shared)) = parse(&[start.as_bytes(), &rest].concat()) {
            prop_assert!(shared.size.is_none_or(SharedConfig::is_size));
            prop_assert!(shared.path.is_none_or(|path| path.is_absolute() && path.file_name().is_some()));
        }
    }
}
