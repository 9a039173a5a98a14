//! Redis, where there is one: the counters of the rate limits, and what anonymous visitors ask for again and again.
//!
//! Nothing depends on it: what it does not answer in time is done as if there were none.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use futures_util::{FutureExt, future::BoxFuture, future::Shared};
use redis::{
    Client, Cmd, ConnectionAddr, FromRedisValue, IntoConnectionInfo, RedisResult,
    aio::MultiplexedConnection, cmd,
};
use tokio::time::timeout;

use crate::config::RedisConfig;

/// How long a request waits for Redis.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long a connection may take to be opened, while requests do without.
const OPENING: Duration = Duration::from_secs(1);
/// How long a failed connection is left alone.
const RECOVERY: Duration = Duration::from_secs(1);
/// How long an answer is kept.
const KEPT_SECONDS: u32 = 15;
/// Longest answer that is kept.
const MAX_KEPT: usize = 1024 * 1024;

/// Kept answers carry the generation that they were made in; those of another one count no more. The braces keep the keys
/// of one command together in a cluster.
const GENERATION: &str = "{codecave}:generation";

/// Counts each key in its window and tells the counts and the milliseconds until the windows end.
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

/// Counts a key whose window runs from the last request that was let in, up to a limit; tells the milliseconds until there is
/// room, which are 0 for who is let in.
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

type Opening = Shared<BoxFuture<'static, Option<MultiplexedConnection>>>;

/// The instance's connection to Redis; cheap to clone.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    /// None where `REDIS_URL` is no address.
    client: Option<Client>,
    link: Mutex<Option<Link>>,
}

struct Link {
    opening: Opening,
    since: Instant,
    broken: bool,
}

/// Where an answer may be kept: under the question, as long as the generation lasts that it was asked in.
pub(crate) struct Place {
    key: String,
    generation: u64,
}

/// What was found under a question.
pub(crate) enum Kept {
    Answer(Vec<u8>),
    Nothing(Place),
}

impl Redis {
    /// Uses the configured server. If its address is not valid, a warning is logged and every command fails.
    pub fn new(config: &RedisConfig) -> Self {
        let client = client(&config.url, config.password.as_deref());
        if let Err(error) = &client {
            tracing::warn!(%error, "Redis cannot be used");
        }
        Self(Arc::new(Inner {
            client: client.ok(),
            link: Mutex::default(),
        }))
    }

    /// Asks the server, over a connection of its own, whether it is there.
    pub async fn ping(&self) -> anyhow::Result<()> {
        let client = self.0.client.as_ref().context("REDIS_URL is no address")?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        cmd("PING").query_async::<String>(&mut connection).await?;
        Ok(())
    }

    /// Starts to open the connection, so that the first request finds it.
    pub fn warm_up(&self) {
        drop(self.opening());
    }

    /// Counts a request under each key, in windows of seconds; the counts, and the seconds until the windows end.
    pub(crate) async fn count(&self, counters: &[(String, u32)]) -> Option<Vec<(i64, u64)>> {
        let mut command = cmd("EVAL");
        command.arg(COUNT).arg(counters.len());
        for (key, _) in counters {
            command.arg(format!("{{codecave}}:quota:{key}"));
        }
        for (_, seconds) in counters {
            command.arg(seconds);
        }
        let counted: Vec<i64> = self.ask(&command).await?;
        let counted = counted.chunks_exact(2).map(|pair| {
            let millis = u64::try_from(pair[1]).unwrap_or_default();
            (pair[0], millis.div_ceil(1000).max(1))
        });
        Some(counted.collect())
    }

    /// Lets a request in where fewer than so many were let in during a window of that many seconds since the last one. How
    /// long to wait otherwise: no time for who is let in.
    pub async fn admit(&self, key: &str, requests: u32, seconds: u32) -> Option<Duration> {
        let mut command = cmd("EVAL");
        command
            .arg(ADMIT)
            .arg(1)
            .arg(format!("{{codecave}}:limit:{key}"))
            .arg(requests)
            .arg(seconds);
        self.ask(&command).await.map(Duration::from_millis)
    }

    /// The answer that is kept under that question, or the place for one.
    pub(crate) async fn find(&self, question: &str) -> Option<Kept> {
        let key = format!("{{codecave}}:answer:{question}");
        let mut command = cmd("MGET");
        command.arg(GENERATION).arg(&key);
        let (generation, kept): (Option<u64>, Option<Vec<u8>>) = self.ask(&command).await?;
        let generation = generation.unwrap_or_default();
        let answer = kept.and_then(|kept| {
            let answer = kept.strip_prefix(&generation.to_be_bytes())?;
            Some(answer.to_vec())
        });
        Some(match answer {
            Some(answer) => Kept::Answer(answer),
            None => Kept::Nothing(Place { key, generation }),
        })
    }

    /// Keeps an answer. It is not found any more once the generation has changed that its place was found in, even where
    /// that happened while the answer was made.
    pub(crate) async fn keep(&self, place: &Place, answer: &[u8]) {
        if answer.len() > MAX_KEPT {
            return;
        }
        let mut command = cmd("SET");
        command
            .arg(&place.key)
            .arg([place.generation.to_be_bytes().as_slice(), answer].concat())
            .arg("EX")
            .arg(KEPT_SECONDS);
        self.ask::<()>(&command).await;
    }

    /// Drops all kept answers.
    pub(crate) async fn forget(&self) {
        self.ask::<i64>(cmd("INCR").arg(GENERATION)).await;
    }

    /// What the command answers; nothing where that takes too long or fails.
    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        let opening = self.opening()?;
        let answer = timeout(PATIENCE, async {
            let mut connection = opening.await?;
            let answer: RedisResult<T> = command.query_async(&mut connection).await;
            match answer {
                Ok(answer) => Some(answer),
                Err(error) => {
                    tracing::warn!(%error, "Redis has failed");
                    None
                }
            }
        });
        let answer = answer.await.ok().flatten();
        if answer.is_none() {
            self.has_failed();
        }
        answer
    }

    fn opening(&self) -> Option<Opening> {
        let client = self.0.client.as_ref()?;
        let mut link = self.0.link.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = &*link {
            if !link.broken {
                return Some(link.opening.clone());
            }
            if link.since.elapsed() < RECOVERY {
                return None;
            }
        }
        let client = client.clone();
        let opening = async move {
            let opened = timeout(OPENING, client.get_multiplexed_async_connection());
            match opened.await {
                Ok(Ok(connection)) => Some(connection),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "Redis cannot be reached");
                    None
                }
                Err(_) => {
                    tracing::warn!("Redis is silent");
                    None
                }
            }
        };
        let opening = opening.boxed().shared();
        // It goes on when the request does not wait any longer.
        tokio::spawn(opening.clone());
        *link = Some(Link {
            opening: opening.clone(),
            since: Instant::now(),
            broken: false,
        });
        Some(opening)
    }

    /// A connection that is still being opened may be good by the next request.
    fn has_failed(&self) {
        let mut link = self.0.link.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = &mut *link
            && link.opening.peek().is_some()
        {
            link.broken = true;
            link.since = Instant::now();
        }
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}

fn client(url: &str, password: Option<&str>) -> anyhow::Result<Client> {
    // The parser's words may quote the password.
    let mut info = url
        .into_connection_info()
        .map_err(|_| anyhow::anyhow!("the value of REDIS_URL is not an address"))?;
    ensure!(
        !matches!(info.addr(), ConnectionAddr::Unix(_)),
        "REDIS_URL names no server"
    );
    if let Some(password) = password {
        let settings = info.redis_settings().clone().set_password(password);
        info = info.set_redis_settings(settings);
    }
    Ok(Client::open(info)?)
}
