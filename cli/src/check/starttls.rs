//! What protocols say before TLS. Nothing is read beyond the server's word to go on: what follows is TLS's.
#![forbid(unsafe_code)]

use std::io::{ErrorKind, Read, Write};

use crate::arguments::Protocol;

/// Longer lines and packets than any server sends here.
const LONGEST: usize = 64 << 10;

/// Asks a server to begin with TLS. If it does not: why.
pub fn start(protocol: Protocol, stream: &mut (impl Read + Write)) -> Result<(), String> {
    match protocol {
        Protocol::Smtp => {
            reply(stream, b"220")?;
            send(stream, b"EHLO sslsession.invalid\r\n")?;
            reply(stream, b"250")?;
            send(stream, b"STARTTLS\r\n")?;
            reply(stream, b"220")
        }
        Protocol::Ftp => {
            reply(stream, b"220")?;
            send(stream, b"AUTH TLS\r\n")?;
            reply(stream, b"234")
        }
        Protocol::Imap => {
            expect(&line(stream)?, b"* OK")?;
            send(stream, b"a STARTTLS\r\n")?;
            tagged(stream)
        }
        Protocol::Pop3 => {
            expect(&line(stream)?, b"+OK")?;
            send(stream, b"STLS\r\n")?;
            expect(&line(stream)?, b"+OK")
        }
        Protocol::Ldap => ldap(stream),
        Protocol::Postgres => postgres(stream),
        Protocol::Mysql => mysql(stream),
    }
}

/// Returns what ends a connection of the protocol.
pub fn farewell(protocol: Protocol) -> &'static [u8] {
    match protocol {
        Protocol::Smtp | Protocol::Ftp | Protocol::Pop3 => b"QUIT\r\n",
        Protocol::Imap => b"b LOGOUT\r\n",
        // An unbind request.
        Protocol::Ldap => &[0x30, 5, 2, 1, 2, 0x42, 0],
        // Nothing was begun that is to be ended.
        Protocol::Postgres | Protocol::Mysql => b"",
    }
}

/// Sends SSLRequest; the answer is one letter.
fn postgres(stream: &mut (impl Read + Write)) -> Result<(), String> {
    send(stream, &[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f])?;
    match bytes::<1>(stream)? {
        [b'S'] => Ok(()),
        [b'N'] => Err("the server has no TLS: ssl = on in postgresql.conf".to_owned()),
        _ => Err("the server is not PostgreSQL, or refuses the connection".to_owned()),
    }
}

/// The capabilities that a client of MySQL says to have here: PROTOCOL_41, SSL, SECURE_CONNECTION.
const MYSQL_CLIENT: u32 = MYSQL_SSL | 0x200 | 0x8000;
const MYSQL_SSL: u32 = 0x800;

/// Reads the server's greeting and sends SSLRequest, which has no answer.
///
/// ```text
///   greeting: length [3], number, 10, version, 0, thread [4], salt [8], 0, capabilities [2], ...
/// ```
fn mysql(stream: &mut (impl Read + Write)) -> Result<(), String> {
    let [a, b, c, _number] = bytes::<4>(stream)?;
    let mut greeting = vec![0; u32::from_le_bytes([a, b, c, 0]) as usize];
    if greeting.len() > LONGEST {
        return Err("the server is not MySQL".to_owned());
    }
    read(stream, &mut greeting)?;
    if greeting.first() == Some(&0xff) {
        return Err(format!("the server says: {}", text(greeting.get(3..).unwrap_or_default())));
    }
    let version = greeting.iter().skip(1).position(|&byte| byte == 0);
    let capabilities = version.and_then(|length| greeting.get(length + 15..length + 17));
    match (greeting.first(), capabilities) {
        (Some(10), Some(&[low, high])) if u32::from(u16::from_le_bytes([low, high])) & MYSQL_SSL != 0 => {}
        (Some(10), Some(_)) => {
            return Err("the server has no TLS: ssl-cert and ssl-key in its configuration".to_owned());
        }
        _ => return Err("the server is not MySQL".to_owned()),
    }
    let mut request = vec![32, 0, 0, 1];
    request.extend(MYSQL_CLIENT.to_le_bytes());
    request.extend((1u32 << 24).to_le_bytes());
    request.push(45); // utf8mb4
    request.extend([0; 23]);
    send(stream, &request)
}

/// Sends the extended request 1.3.6.1.4.1.1466.20037, and reads the result code of its answer.
///
/// ```text
///   30 length  02 01 01  78 length  0a 01 CODE ...
/// ```
fn ldap(stream: &mut (impl Read + Write)) -> Result<(), String> {
    let mut request = vec![0x30, 29, 2, 1, 1, 0x77, 24, 0x80, 22];
    request.extend(b"1.3.6.1.4.1.1466.20037");
    send(stream, &request)?;
    let [tag] = bytes::<1>(stream)?;
    let mut answer = vec![0; length(stream)?];
    read(stream, &mut answer)?;
    let result = answer.windows(3).find(|part| part[..2] == [0x0a, 1]);
    match result {
        Some([_, _, 0]) if tag == 0x30 => Ok(()),
        Some([_, _, code]) if tag == 0x30 => Err(format!("the server does not start TLS: result code {code}")),
        _ => Err("the server does not speak LDAP".to_owned()),
    }
}

/// Reads a length of BER.
fn length(stream: &mut impl Read) -> Result<usize, String> {
    let [first] = bytes::<1>(stream)?;
    let mut length = usize::from(first & 0x7f);
    if first & 0x80 != 0 {
        let mut long = vec![0; length.min(8)];
        read(stream, &mut long)?;
        length = long.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
    }
    if length > LONGEST { Err("the server does not speak LDAP".to_owned()) } else { Ok(length) }
}

/// Reads a reply of SMTP or FTP, of several lines but for the last one's space.
fn reply(stream: &mut impl Read, code: &[u8; 3]) -> Result<(), String> {
    loop {
        let line = line(stream)?;
        expect(&line, code)?;
        if line.get(3) != Some(&b'-') {
            return Ok(());
        }
    }
}

/// Reads IMAP's answer to command a, and what may come before it.
fn tagged(stream: &mut impl Read) -> Result<(), String> {
    loop {
        let line = line(stream)?;
        if !line.starts_with(b"* ") {
            return expect(&line, b"a OK");
        }
    }
}

fn expect(line: &[u8], beginning: &[u8]) -> Result<(), String> {
    if line.starts_with(beginning) { Ok(()) } else { Err(format!("the server says: {}", text(line))) }
}

/// What a server says, as one line of a terminal.
fn text(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    text.trim_end().chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).take(200).collect()
}

fn line(stream: &mut impl Read) -> Result<Vec<u8>, String> {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.extend(bytes::<1>(stream)?);
        if line.len() > LONGEST {
            return Err("the server sends no lines: does it speak this protocol?".to_owned());
        }
    }
    Ok(line)
}

fn bytes<const N: usize>(stream: &mut impl Read) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    read(stream, &mut bytes).map(|()| bytes)
}

fn read(stream: &mut impl Read, bytes: &mut [u8]) -> Result<(), String> {
    stream.read_exact(bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => "the server closed the connection before TLS".to_owned(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            "the server says nothing before TLS: does it speak this protocol?".to_owned()
        }
        _ => error.to_string(),
    })
}

fn send(stream: &mut impl Write, bytes: &[u8]) -> Result<(), String> {
    stream.write_all(bytes).map_err(|error| error.to_string())
}
