//! Optional Redis: the counters of the rate limits, and cached responses to anonymous requests.
//!
//! Nothing depends on it. If a command fails or takes too long, the request is served as if Redis were not configured.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use futures_util::{FutureExt, future::BoxFuture, future::Shared};
use platform::config::RedisConfig;
use redis::{
    Client, Cmd, ConnectionAddr, FromRedisValue, IntoConnectionInfo, RedisResult,
    aio::MultiplexedConnection, cmd,
};
use tokio::time::timeout;

/// Timeout of opening a connection. Requests do not wait for it longer than for a command.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Minimum time between a failure and the next attempt to connect.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Time for which a response is cached.
const CACHE_SECONDS: u32 = 15;
/// Maximum size of a cached response.
const MAX_CACHED_BYTES: usize = 1024 * 1024;

/// The current generation of cached responses. A cached response contains its generation, and one of another generation is
/// ignored. The braces put all keys of a command into the same slot of a cluster.
const GENERATION: &str = "{codecave}:generation";

/// Counts each key in its window. Returns each count and the milliseconds until the end of its window.
const COUNT: &str = r"
local counted = {}
for i, key in ipairs(KEYS) do
  local count = redis.call('INCR', key)
  local left = redis.call('PTTL', key)
  if left < 0 then
    left = ARGV[i] * 1000
    redis.call('PEXPIRE', key, left)
  end
  counted[2 * i - 1] = count
  counted[2 * i] = left
end
return counted
";

/// Counts a key up to a limit, in a window that starts again with each admitted request. Returns 0 if the request is
/// admitted, otherwise the milliseconds until the next one is.
const ADMIT: &str = r"
local left = redis.call('PTTL', KEYS[1])
local count = 0
if left > 0 then
  count = tonumber(redis.call('GET', KEYS[1]))
  if count >= tonumber(ARGV[1]) then
    return left
  end
end
redis.call('SET', KEYS[1], count + 1, 'PX', ARGV[2] * 1000)
return 0
";

/// A connection that is open or is being opened; `None` if that failed.
type PendingConnection = Shared<BoxFuture<'static, Option<MultiplexedConnection>>>;

/// The instance's connection to Redis. Cloning it is cheap.
#[derive(Clone)]
pub struct Redis(Arc<RedisInner>);

struct RedisInner {
    /// `None` if the configured address is not valid.
    client: Option<Client>,
    /// Timeout of a command.
    timeout: Duration,
    connection: Mutex<Option<Connection>>,
}

struct Connection {
    pending: PendingConnection,
    /// Whether a command has failed on it.
    broken: bool,
    /// The time of the failure, otherwise of the attempt to connect.
    since: Instant,
}

/// The place of a response in the cache. It is valid in the generation in which it was looked up.
pub(crate) struct CacheSlot {
    key: String,
    generation: u64,
}

/// The result of a lookup in the cache.
pub(crate) enum CacheLookup {
    Hit(Vec<u8>),
    Miss(CacheSlot),
}

impl Redis {
    /// Uses the configured server. If its address is not valid, a warning is logged and every command fails.
    pub fn new(config: &RedisConfig) -> Self {
        let client = client(&config.url, config.password.as_deref());
        if let Err(error) = &client {
            tracing::warn!(%error, "Redis cannot be used");
        }
        Self(Arc::new(RedisInner {
            client: client.ok(),
            timeout: config.timeout,
            connection: Mutex::default(),
        }))
    }

    /// Checks over a connection of its own whether the server responds.
    pub async fn ping(&self) -> anyhow::Result<()> {
        let client = self
            .0
            .client
            .as_ref()
            .context("REDIS_URL is not an address")?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        cmd("PING").query_async::<String>(&mut connection).await?;
        Ok(())
    }

    /// Starts to open the connection before the first request.
    pub fn warm_up(&self) {
        drop(self.connection());
    }

    /// Counts a request under each key, in windows of that many seconds. Returns each count and the seconds until the end of
    /// its window.
    pub(crate) async fn count(&self, counters: &[(String, u32)]) -> Option<Vec<(i64, u64)>> {
        let mut command = cmd("EVAL");
        command.arg(COUNT).arg(counters.len());
        for (key, _) in counters {
            command.arg(format!("{{codecave}}:quota:{key}"));
        }
        for (_, seconds) in counters {
            command.arg(seconds);
        }
        let counted: Vec<i64> = self.run(&command).await?;
        let counted = counted.chunks_exact(2).map(|pair| {
            let millis = u64::try_from(pair[1]).unwrap_or_default();
            (pair[0], millis.div_ceil(1000).max(1))
        });
        Some(counted.collect())
    }

    /// Admits a request unless `requests` were admitted already, each at most `seconds` after the one before. Returns the time
    /// to wait, which is zero if the request is admitted.
    pub async fn admit(&self, key: &str, requests: u32, seconds: u32) -> Option<Duration> {
        let mut command = cmd("EVAL");
        command
            .arg(ADMIT)
            .arg(1)
            .arg(format!("{{codecave}}:limit:{key}"))
            .arg(requests)
            .arg(seconds);
        self.run(&command).await.map(Duration::from_millis)
    }

    /// Looks up the response that is cached under that key.
    pub(crate) async fn look_up(&self, key: &str) -> Option<CacheLookup> {
        let key = format!("{{codecave}}:answer:{key}");
        let mut command = cmd("MGET");
        command.arg(GENERATION).arg(&key);
        let (generation, cached): (Option<u64>, Option<Vec<u8>>) = self.run(&command).await?;
        let generation = generation.unwrap_or_default();
        let response = cached.and_then(|cached| {
            let response = cached.strip_prefix(&generation.to_be_bytes())?;
            Some(response.to_vec())
        });
        Some(match response {
            Some(response) => CacheLookup::Hit(response),
            None => CacheLookup::Miss(CacheSlot { key, generation }),
        })
    }

    /// Caches a response. If the generation has changed since the lookup, the response is never found.
    pub(crate) async fn store(&self, slot: &CacheSlot, response: &[u8]) {
        if response.len() > MAX_CACHED_BYTES {
            return;
        }
        let mut command = cmd("SET");
        command
            .arg(&slot.key)
            .arg([slot.generation.to_be_bytes().as_slice(), response].concat())
            .arg("EX")
            .arg(CACHE_SECONDS);
        self.run::<()>(&command).await;
    }

    /// Invalidates all cached responses.
    pub(crate) async fn purge(&self) {
        self.run::<i64>(cmd("INCR").arg(GENERATION)).await;
    }

    /// Runs a command. Returns `None` if it fails or takes too long.
    async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        let pending = self.connection()?;
        let result = timeout(self.0.timeout, async {
            let mut connection = pending.await?;
            let result: RedisResult<T> = command.query_async(&mut connection).await;
            match result {
                Ok(value) => Some(value),
                Err(error) => {
                    tracing::warn!(%error, "a Redis command failed");
                    None
                }
            }
        });
        let value = result.await.ok().flatten();
        if value.is_none() {
            self.record_failure();
        }
        value
    }

    /// Returns the connection. Opens one if there is none, or if the last failure is long enough ago.
    fn connection(&self) -> Option<PendingConnection> {
        let client = self.0.client.as_ref()?;
        let mut connection = self.lock();
        if let Some(connection) = &*connection {
            if !connection.broken {
                return Some(connection.pending.clone());
            }
            if connection.since.elapsed() < RETRY_INTERVAL {
                return None;
            }
        }
        let client = client.clone();
        let pending = async move {
            let opened = timeout(CONNECT_TIMEOUT, client.get_multiplexed_async_connection());
            match opened.await {
                Ok(Ok(connection)) => Some(connection),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "Redis cannot be reached");
                    None
                }
                Err(_) => {
                    tracing::warn!("Redis does not respond");
                    None
                }
            }
        };
        let pending = pending.boxed().shared();
        // The task opens the connection even if the request stops waiting for it.
        tokio::spawn(pending.clone());
        *connection = Some(Connection {
            pending: pending.clone(),
            broken: false,
            since: Instant::now(),
        });
        Some(pending)
    }

    /// Marks the connection as broken, unless it is still being opened: then the next request may succeed.
    fn record_failure(&self) {
        if let Some(connection) = &mut *self.lock()
            && connection.pending.peek().is_some()
        {
            connection.broken = true;
            connection.since = Instant::now();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        self.0
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}

fn client(url: &str, password: Option<&str>) -> anyhow::Result<Client> {
    // The parser's message may quote the password.
    let mut info = url
        .into_connection_info()
        .map_err(|_| anyhow::anyhow!("the value of REDIS_URL is not an address"))?;
    ensure!(
        !matches!(info.addr(), ConnectionAddr::Unix(_)),
        "REDIS_URL must name a server, not a socket"
    );
    if let Some(password) = password {
        let settings = info.redis_settings().clone().set_password(password);
        info = info.set_redis_settings(settings);
    }
    Ok(Client::open(info)?)
}
