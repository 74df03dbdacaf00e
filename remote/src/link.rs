//! The connection: to one server, or to the nodes of a cluster.
#![forbid(unsafe_code)]

use std::rc::Rc;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, Pipeline, RedisError,
    RedisResult, TlsCertificates, Value,
};
use tokio::time::timeout;

use crate::cluster::Cluster;
use crate::resolver::{Asked, Resolver};
use crate::settings::{Options, Settings};

/// The time in which a connection must be made.
const CONNECT: Duration = Duration::from_millis(200);

/// A connection on which questions and answers of many tasks are out at once.
#[derive(Clone)]
pub enum Link {
    One(MultiplexedConnection),
    Cluster(Rc<Cluster>),
}

impl Link {
    /// Connects to the server or the nodes, and asks for an answer. `on_up` is called when another node answers.
    pub async fn connect(
        settings: &'static Settings,
        resolver: &'static Resolver,
        on_up: Rc<dyn Fn()>,
    ) -> RedisResult<Link> {
        match settings.addresses.is_cluster() {
            true => Ok(Link::Cluster(Cluster::connect(settings, resolver, on_up).await?)),
            false => Ok(Link::One(connect_to(settings, resolver, settings.servers()?.remove(0)).await?)),
        }
    }

    /// Returns true if the server of a name is known to be away.
    pub fn is_away(&self, name: &[u8]) -> bool {
        matches!(self, Link::Cluster(cluster) if !cluster.is_up(name))
    }

    /// Returns true if no node of a cluster is up.
    pub fn is_lost(&self) -> bool {
        matches!(self, Link::Cluster(cluster) if cluster.is_lost())
    }

    /// Looks up a record.
    pub async fn find(&mut self, name: &[u8]) -> RedisResult<Value> {
        let mut pipeline = Pipeline::new();
        pipeline.ignore_errors().cmd("GET").arg(name);
        self.ask(name, &pipeline, false).await?.into_iter().next().unwrap_or(Value::Nil).extract_error()
    }

    /// Takes a record out of the store: of any number that ask, one gets it. Nil for none, and if fewer replicas than
    /// the settings say have noted it in time: one of the others may become the server, and still have the record.
    pub async fn take(&mut self, name: &[u8], options: &Options) -> RedisResult<Value> {
        let mut pipeline = Pipeline::new();
        pipeline.ignore_errors().cmd("GETDEL").arg(name);
        if options.replicas > 0 {
            // 0 would be for ever.
            pipeline.cmd("WAIT").arg(options.replicas).arg(options.wait.as_millis().max(1) as u64);
        }
        let mut answers = self.ask(name, &pipeline, options.replicas > 0).await?.into_iter();
        let record = answers.next().unwrap_or(Value::Nil).extract_error()?;
        let noted = answers.next().map(Value::extract_error).transpose()?;
        let is_noted =
            options.replicas == 0 || matches!(noted, Some(Value::Int(number)) if number >= i64::from(options.replicas));
        Ok(if is_noted { record } else { Value::Nil })
    }

    /// `waits` is true for WAIT, which keeps all that is sent after it waiting: a cluster has connections for that.
    async fn ask(&mut self, name: &[u8], pipeline: &Pipeline, waits: bool) -> RedisResult<Vec<Value>> {
        match self {
            Link::One(link) => link.req_packed_commands(pipeline, 0, pipeline.len()).await,
            Link::Cluster(cluster) => cluster.ask(name, pipeline, waits).await,
        }
    }

    /// Sends commands at once. Returns an answer to each; none to those that may have been executed without one.
    pub async fn ask_all(
        &mut self,
        commands: Vec<(Box<[u8]>, Cmd)>,
        longest: Duration,
    ) -> Vec<Option<RedisResult<Value>>> {
        let link = match self {
            Link::Cluster(cluster) => return cluster.ask_all(commands).await,
            Link::One(link) => link,
        };
        let number = commands.len();
        let mut pipeline = Pipeline::with_capacity(number);
        pipeline.ignore_errors();
        for (_, command) in commands {
            pipeline.add_command(command);
        }
        let answers = timeout(longest, link.req_packed_commands(&pipeline, 0, number)).await;
        let answers = answers.ok().and_then(Result::ok).unwrap_or_default();
        let mut answers: Vec<_> = answers.into_iter().map(|answer| Some(answer.extract_error())).collect();
        answers.resize_with(number, || None);
        answers
    }
}

/// Connects to a server, and asks for an answer.
pub async fn connect_to(
    settings: &Settings,
    resolver: &'static Resolver,
    server: ConnectionInfo,
) -> RedisResult<MultiplexedConnection> {
    let mut link = settings.connect(server, resolver, CONNECT, settings.options.park * 2).await?;
    link.req_packed_command(&redis::cmd("PING")).await?.extract_error()?;
    Ok(link)
}

/// Returns another server of the same cluster.
pub fn at(server: &ConnectionInfo, host: &str, port: u16) -> ConnectionInfo {
    let host = host.to_owned();
    let address = match server.addr().clone() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure, tls_params }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    server.clone().set_addr(address)
}

/// Returns the host of a server; nothing for a socket.
pub fn host(server: &ConnectionInfo) -> String {
    match server.addr() {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
        _ => String::new(),
    }
}

/// Returns true for the end of a connection.
pub fn is_lost(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_io_error()
}

impl Settings {
    /// Connects to one server. There is a time for that, and one for each answer.
    pub async fn connect(
        &self,
        mut server: ConnectionInfo,
        resolver: &'static Resolver,
        connection: Duration,
        answer: Duration,
    ) -> RedisResult<MultiplexedConnection> {
        let mut host = None;
        if let (Some(name), ConnectionAddr::TcpTls { host: real, port, insecure, tls_params }) =
            (&self.options.name, server.addr().clone())
        {
            host = Some(real);
            server = server.set_addr(ConnectionAddr::TcpTls { host: name.clone(), port, insecure, tls_params });
        }
        let client = match self.certificates() {
            Some(certificates) => Client::build_with_tls(server, certificates)?,
            None => Client::open(server)?,
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(connection))
            .set_response_timeout(Some(answer))
            .set_dns_resolver(Asked { resolver, host });
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Returns the servers, as the client wants them.
    pub fn servers(&self) -> RedisResult<Vec<ConnectionInfo>> {
        self.addresses
            .each()
            .map(|address| {
                let server = address.into_connection_info()?;
                // An account needs no right to what serves nothing but statistics.
                let mut account = server.redis_settings().clone().set_skip_set_lib_name();
                if let Some(password) = self.password.as_ref().and_then(|word| str::from_utf8(word).ok()) {
                    account = account.set_password(password);
                }
                // A question is not to wait until the one before it has arrived.
                let at_once = server.tcp_settings().clone().set_nodelay(true);
                Ok(server.set_redis_settings(account).set_tcp_settings(at_once))
            })
            .collect()
    }

    /// Returns the authorities for TLS, if they are not the system's.
    fn certificates(&self) -> Option<TlsCertificates> {
        let root_cert = Some(self.authorities.clone()?);
        Some(TlsCertificates { client_tls: None, root_cert })
    }

    /// Returns the hosts in the addresses.
    pub fn hosts(&self) -> RedisResult<Vec<String>> {
        let host = |server: &ConnectionInfo| match server.addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => Some(host.clone()),
            _ => None,
        };
        Ok(self.servers()?.iter().filter_map(host).collect())
    }
}
