//! The connection: to one server, or to the nodes of a cluster.
#![forbid(unsafe_code)]

use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, Pipeline, RedisResult,
    TlsCertificates, Value,
};

use crate::resolver::{Asked, Resolver};
use crate::settings::Settings;

/// The time in which a connection must be made.
const CONNECT: Duration = Duration::from_millis(200);

/// A connection on which questions and answers of many tasks are out at once.
#[derive(Clone)]
pub enum Link {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    /// Connects to the server or the nodes, and asks for an answer.
    pub async fn connect(settings: &Settings, resolver: &'static Resolver) -> RedisResult<Link> {
        let mut link = match settings.addresses.is_cluster() {
            true => Link::cluster(settings, resolver).await?,
            false => Link::one(settings, resolver).await?,
        };
        link.ask(&redis::cmd("PING")).await?;
        Ok(link)
    }

    async fn one(settings: &Settings, resolver: &'static Resolver) -> RedisResult<Link> {
        let server = settings.servers()?.remove(0);
        Ok(Link::One(settings.connect(server, resolver, CONNECT, settings.options.park * 2).await?))
    }

    async fn cluster(settings: &Settings, resolver: &'static Resolver) -> RedisResult<Link> {
        let mut builder = ClusterClientBuilder::new(settings.servers()?)
            .connection_timeout(CONNECT)
            .response_timeout(settings.options.park * 2)
            .retries(1)
            .min_retry_wait(5)
            .max_retry_wait(10)
            .async_dns_resolver(Asked { resolver, host: None });
        if let Some(certificates) = settings.certificates() {
            builder = builder.certs(certificates);
        }
        Ok(Link::Cluster(builder.build()?.get_async_connection().await?))
    }

    pub async fn ask(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Link::One(link) => link.req_packed_command(command).await,
            Link::Cluster(link) => link.req_packed_command(command).await,
        }
    }

    /// Sends commands at once. A cluster's are told apart, as one node may be down: here they are one by one.
    pub async fn ask_all(&mut self, commands: Vec<Cmd>) -> Vec<RedisResult<Value>> {
        match self {
            Link::One(link) => {
                let mut pipeline = Pipeline::with_capacity(commands.len());
                pipeline.ignore_errors();
                let number = commands.len();
                for command in commands {
                    pipeline.add_command(command);
                }
                match link.req_packed_commands(&pipeline, 0, number).await {
                    Ok(answers) => answers.into_iter().map(Value::extract_error).collect(),
                    Err(error) => vec![Err(error)],
                }
            }
            Link::Cluster(link) => {
                let tasks: Vec<_> = commands
                    .into_iter()
                    .map(|command| {
                        let mut link = link.clone();
                        tokio::task::spawn_local(async move { link.req_packed_command(&command).await })
                    })
                    .collect();
                let mut answers = Vec::with_capacity(tasks.len());
                for task in tasks {
                    answers.extend(task.await);
                }
                answers
            }
        }
    }
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
                Ok(server.set_redis_settings(account))
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
