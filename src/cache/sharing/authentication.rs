//! A context's policies, settings and routes, by which it shares sessions and tickets.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::asked::Asked;
use super::by_connection::ByConnection;
use super::not_shared::Noted;
use super::open::store;
use super::{policy, routes, ticket_keys};

/// A context's policies, settings and routes: they decide whom its sessions and tickets are for.
pub(in crate::cache) struct Authentication {
    /// Number of the context and its copies.
    pub(super) number: policy::Number,
    pub(super) settings: policy::NotedSettings,
    pub(super) policies: policy::Policies,
    pub(super) routes: routes::Routes,
    /// Connections with settings of their own that cannot be read. They neither find others'
    /// sessions nor store any.
    pub(super) apart: ByConnection<()>,
    pub(super) asked: ByConnection<Asked>,
    pub(super) tickets: ticket_keys::Tickets,
    pub(super) noted: Noted,
}

impl Authentication {
    /// Returns the state for a new cache; None if it shares neither sessions nor tickets.
    pub(in crate::cache) fn new() -> Option<Arc<Authentication>> {
        if store().is_none() && !ticket_keys::are_wanted() {
            return None;
        }
        Some(Arc::new(Authentication {
            number: policy::new_number()?,
            settings: policy::NotedSettings::default(),
            policies: policy::Policies::default(),
            routes: routes::Routes::default(),
            apart: ByConnection::default(),
            asked: ByConnection::default(),
            tickets: ticket_keys::Tickets::default(),
            noted: Noted::default(),
        }))
    }
}
