//! Sessions that handshakes have made, stored for all processes.
#![forbid(unsafe_code)]

use super::begun::route;
use super::not_shared::Kind;
use super::policy::PolicyDigest;
use super::record::{Bearer, OPEN, ServerName};
use super::remote::Destination;
use super::{NotShared, Record, Sharing, report, search};
use crate::cache::SessionCache;
use crate::handle::{Connection, Session, Setting};
use sslsession_store::time::UnixTime;

impl SessionCache {
    /// Stores the session that a handshake has made, for all processes. Returns false if it is cached
    /// in this process only.
    pub(super) fn store_made(&self, connection: Connection, session: &Session, now: UnixTime) -> bool {
        search::end_offers();
        let terms = self.shared().and_then(|sharing| Ok((sharing, self.policy_and_completeness(sharing, connection)?)));
        let (sharing, (policy, is_complete)) = match terms {
            Ok(terms) => terms,
            Err(reason) => return self.note_private(reason),
        };
        let has_asked = sharing.has_asked(connection, &policy);
        let is_open = self.is_open(sharing);
        if !has_asked && !is_open {
            return self.note_private(NotShared::ConnectionSettings);
        }
        self.note(Kind::Shared);
        report::tell_of_trouble(sharing.store.statistics(), now);
        let name = connection.server_name().unwrap_or_default();
        let terms = ServerName::Said(&name).terms(sharing.store, Some(&policy));
        let once = connection.takes_sessions_once();
        let remote = is_complete.then_some(Destination { name: &name, policy: &policy, now });
        if !is_open {
            return self.store_record(sharing, session, &Record { scope: policy, terms, bearer: None, once, remote });
        }
        let is_certain = has_asked && self.learn_route(sharing, connection, &name, policy, now);
        let bearer = Some(Bearer { number: sharing.number, policy: is_certain.then_some(policy) });
        let remote = remote.filter(|_| is_certain);
        self.store_record(sharing, session, &Record { scope: OPEN, terms, bearer, once, remote })
    }

    fn note_private(&self, reason: NotShared) -> bool {
        self.note(Kind::NotShared(reason));
        false
    }

    /// Learns where a name leads, from a full handshake. Returns false for a resumed one that leads elsewhere than
    /// full ones do: the client was not asked what they are asked.
    fn learn_route(
        &self,
        sharing: &Sharing,
        connection: Connection,
        name: &[u8],
        policy: PolicyDigest,
        now: UnixTime,
    ) -> bool {
        let settings = sharing.settings.get();
        if !settings.has(Setting::ServerNameCallback) {
            return true;
        }
        let begun = sharing.begun.take(connection);
        if begun.is_none() && settings.has(Setting::ClientHelloCallback) {
            // The client offered nothing, or this is another ticket of one handshake.
            return !connection.is_resumed();
        }
        let route = route(name, begun.as_ref());
        if connection.is_resumed() {
            return sharing.routes.known(Some(sharing.store), &sharing.number, &route, now) == Some(policy);
        }
        sharing.routes.learn(Some(sharing.store), &sharing.number, &route, policy, now);
        true
    }
}
