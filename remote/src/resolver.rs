//! Addresses of hosts' names.
//!
//! ```text
//!   prepare, on a thread of the program's ──► names as they are now, kept
//!   connection ──► name looked up again ─ not in TRY, or not found ──► as kept
//! ```
//! A program that has changed its root or its rights may find no name any more. A server that has moved is found.
#![forbid(unsafe_code)]

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::OnceLock;
use std::time::Duration;

use redis::io::AsyncDNSResolver;
use redis::{ErrorKind, RedisFuture, RedisResult};
use tokio::net::lookup_host;
use tokio::time::timeout;

/// The time for a name to be found before the kept addresses are taken.
const TRY: Duration = Duration::from_millis(100);

/// The names of the settings, and their addresses.
pub struct Resolver {
    names: Vec<String>,
    kept: OnceLock<Vec<(String, Vec<IpAddr>)>>,
}

impl Resolver {
    /// Returns the resolver for these hosts, of which some may be addresses.
    pub fn new(hosts: impl Iterator<Item = String>) -> Resolver {
        let names = hosts.filter(|host| host.parse::<IpAddr>().is_err()).collect();
        Resolver { names, kept: OnceLock::new() }
    }

    /// Looks up all names, once.
    pub fn prepare(&self) {
        self.kept.get_or_init(|| self.names.iter().map(|name| (name.clone(), now(name))).collect());
    }

    async fn find(&self, host: &str, port: u16) -> RedisResult<Vec<SocketAddr>> {
        if let Ok(Ok(found)) = timeout(TRY, lookup_host((host, port))).await {
            let found: Vec<SocketAddr> = found.collect();
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let kept = self.kept.get().and_then(|kept| kept.iter().find(|(name, _)| name == host));
        match kept {
            Some((_, addresses)) if !addresses.is_empty() => {
                Ok(addresses.iter().map(|&address| (address, port).into()).collect())
            }
            _ => Err((ErrorKind::InvalidClientConfig, "the host has no address").into()),
        }
    }
}

fn now(name: &str) -> Vec<IpAddr> {
    (name, 0).to_socket_addrs().map_or_else(|_| Vec::new(), |found| found.map(|address| address.ip()).collect())
}

/// The resolver, for a connection on which another name than the host's is asked for.
pub struct Asked {
    pub resolver: &'static Resolver,
    /// The host in place of that name.
    pub host: Option<String>,
}

impl AsyncDNSResolver for Asked {
    fn resolve<'a, 'b: 'a>(
        &'a self,
        host: &'b str,
        port: u16,
    ) -> RedisFuture<'a, Box<dyn Iterator<Item = SocketAddr> + Send + 'a>> {
        let host = self.host.as_deref().unwrap_or(host);
        Box::pin(async move {
            let found = self.resolver.find(host, port).await?;
            Ok(Box::new(found.into_iter()) as Box<dyn Iterator<Item = SocketAddr> + Send>)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_found_any_more_has_the_addresses_of_before() {
        let hosts = ["localhost", "127.0.0.1", "gone.invalid"];
        let resolver = Resolver::new(hosts.iter().map(|host| (*host).to_owned()));
        assert_eq!(resolver.names, ["localhost", "gone.invalid"]);
        resolver.prepare();
        let kept = resolver.kept.get().expect("prepared");
        assert!(kept[0].1.iter().all(IpAddr::is_loopback) && !kept[0].1.is_empty());
        let kept = OnceLock::from(vec![("gone.invalid".to_owned(), vec![IpAddr::from([127, 0, 0, 7])])]);
        let resolver = Resolver { names: Vec::new(), kept };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let found = runtime.block_on(resolver.find("gone.invalid", 6379)).expect("kept");
        assert_eq!(found, [SocketAddr::from(([127, 0, 0, 7], 6379))]);
        assert!(runtime.block_on(resolver.find("other.invalid", 6379)).is_err());
    }
}
