//! The connection: to one server, or to the nodes of a cluster.
#![forbid(unsafe_code)]

use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, RedisResult, Value};

/// The time in which a connection must be made.
const CONNECT: Duration = Duration::from_millis(200);

/// A connection on which questions and answers of many tasks are out at once.
#[derive(Clone)]
pub enum Link {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    /// Connects to the addresses, and asks for an answer within that time.
    pub async fn connect(addresses: &str, answer: Duration) -> RedisResult<Link> {
        let mut link = match addresses.contains(',') {
            true => {
                let nodes: Vec<&str> = addresses.split(',').collect();
                let builder = ClusterClientBuilder::new(nodes)
                    .connection_timeout(CONNECT)
                    .response_timeout(answer * 2)
                    .retries(1)
                    .min_retry_wait(5)
                    .max_retry_wait(10);
                Link::Cluster(builder.build()?.get_async_connection().await?)
            }
            false => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT))
                    .set_response_timeout(Some(answer * 2));
                Link::One(Client::open(addresses)?.get_multiplexed_async_connection_with_config(&config).await?)
            }
        };
        link.ask(&redis::cmd("PING")).await?;
        Ok(link)
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
