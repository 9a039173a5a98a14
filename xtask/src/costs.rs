//! `cargo xtask costs`: the monthly costs of a deployment, computed from the resources of the template.

use std::{collections::BTreeSet, fmt::Write as _, fs};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use testkit::workspace;

use crate::template::Stack;

/// Options of `cargo xtask costs`
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct CostsOptions {
    /// Write the table into docs/deployment.md
    #[arg(long)]
    write: bool,
}

const START: &str = "<!-- The table of `cargo xtask costs --write` -->\n";
const END: &str = "<!-- End of the table -->\n";

/// Hours of a month, on average.
const HOURS: f64 = 730.0;
/// Requests of a busy month, in millions.
const BUSY: f64 = 30.0;
/// Capacity units of an instance of a busy database, on average.
const BUSY_CAPACITY: f64 = 2.0;
/// Capacity units of a cluster that pauses, on average: once a day the scheduled job wakes it, and it pauses again after 15
/// minutes with half a unit.
const PAUSED_CAPACITY: f64 = 0.5 * 16.0 / (24.0 * 60.0);

/// Metrics of each route, of a function, and of its version. A test of the telemetry compares them with the lines of a
/// real function.
const PER_ROUTE: usize = 3;
const PER_FUNCTION: usize = 7;
const PER_VERSION: usize = 1;

/// Prints or writes the table.
pub fn run(options: CostsOptions) -> anyhow::Result<()> {
    let table = table()?;
    if !options.write {
        print!("{table}");
        return Ok(());
    }
    let path = workspace().join("docs/deployment.md");
    let text = fs::read_to_string(&path)?;
    let (before, rest) = text.split_once(START).context("the start is not marked")?;
    let (_, after) = rest.split_once(END).context("the end is not marked")?;
    fs::write(path, format!("{before}{table}{after}"))?;
    Ok(())
}

/// Returns the number of custom metrics in a month in which every route is called.
pub fn custom_metrics() -> anyhow::Result<usize> {
    let document = fs::read(workspace().join("functions/health/openapi.json"))?;
    let document: Value = serde_json::from_slice(&document)?;
    let mut routes = BTreeSet::new();
    let mut functions = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for operation in methods.as_object().into_iter().flatten() {
            let function = operation.1["x-function"].as_str();
            let function = function.context("an operation belongs to a function")?;
            functions.insert(function.to_owned());
            routes.insert((function.to_owned(), path.clone()));
            // Requests that match no route.
            routes.insert((function.to_owned(), "unmatched".to_owned()));
        }
    }
    Ok(routes.len() * PER_ROUTE + functions.len() * (PER_FUNCTION + PER_VERSION))
}

/// Returns the table in Markdown, between its two markers.
pub fn table() -> anyhow::Result<String> {
    let development = environment("default")?;
    let mut production = environment("production")?;
    // The receiver of the alarms, which costs nothing.
    production.push(("AlarmTopicArn".to_owned(), "arn".to_owned()));
    let mut existing = development.clone();
    existing.push(("DatabaseSecretArn".to_owned(), "arn".to_owned()));
    let columns = [
        ("Idle, existing database", PricedStack::new(&existing, 0.0)?),
        ("Idle, development", PricedStack::new(&development, 0.0)?),
        ("Idle, production", PricedStack::new(&production, 0.0)?),
        (
            "30 million requests, production",
            PricedStack::new(&production, BUSY)?,
        ),
    ];
    let mut table = START.to_owned();
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    writeln!(table, "| Per month | {} |", names.join(" | "))?;
    writeln!(table, "|---|{}", "---|".repeat(columns.len()))?;
    let rows = columns
        .iter()
        .map(|(_, deployment)| deployment.rows())
        .collect::<anyhow::Result<Vec<_>>>()?;
    for (index, (name, _)) in rows[0].iter().enumerate() {
        let prices: Vec<_> = rows.iter().map(|column| dollars(column[index].1)).collect();
        writeln!(table, "| {name} | {} |", prices.join(" | "))?;
    }
    let sums: Vec<_> = rows
        .iter()
        .map(|column| column.iter().map(|(_, price)| price).sum())
        .map(|sum| format!("**{}**", dollars(sum)))
        .collect();
    writeln!(table, "| **Sum** | {} |", sums.join(" | "))?;
    table.push_str(END);
    Ok(table)
}

fn dollars(price: f64) -> String {
    match price {
        0.0 => "–".to_owned(),
        price if price < 10.0 => format!("${price:.2}"),
        price => format!("${price:.0}"),
    }
}

/// Returns the parameters of an environment in `samconfig.toml`.
pub fn environment(name: &str) -> anyhow::Result<Vec<(String, String)>> {
    let config = fs::read_to_string(workspace().join("samconfig.toml"))?;
    let config: toml::Table = toml::from_str(&config)?;
    let overrides = &config[name]["deploy"]["parameters"]["parameter_overrides"];
    let overrides = overrides.as_array().context("an environment has a list")?;
    overrides
        .iter()
        .map(|pair| {
            let (name, value) = pair
                .as_str()
                .and_then(|pair| pair.split_once('='))
                .context("a parameter has a value")?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect()
}

/// A stack, and the number of its requests.
struct PricedStack {
    stack: Stack,
    resources: Vec<(String, String)>,
    /// Requests a month, in millions.
    requests: f64,
}

impl PricedStack {
    fn new(parameters: &[(String, String)], requests: f64) -> anyhow::Result<Self> {
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let stack = Stack::new(&parameters, &[])?;
        let rejections = stack.rejections()?;
        ensure!(rejections.is_empty(), "{rejections:?}");
        Ok(Self {
            resources: stack.resources()?,
            stack,
            requests,
        })
    }

    fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        let resources = self.resources.iter();
        resources
            .filter(move |(_, found)| found == kind)
            .map(|(name, _)| name.as_str())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a stack has a few hundred resources"
    )]
    fn count(&self, kind: &str) -> f64 {
        self.of_kind(kind).count() as f64
    }

    /// Returns names and prices in US dollars.
    fn rows(&self) -> anyhow::Result<Vec<(&'static str, f64)>> {
        let requests = self.requests;
        let is_busy = requests > 0.0;
        let instances = self.count("AWS::RDS::DBInstance");
        let has_database = instances > 0.0;
        let capacity = self.capacity(is_busy)?;
        let storage = match (has_database, is_busy) {
            (false, _) => 0.0,
            (true, false) => 1.0 * 0.10,
            (true, true) => 20.0 * 0.10 + requests * 0.20,
        };
        // RDS creates the owner's secret.
        let secrets = self.count("AWS::SecretsManager::Secret") + f64::from(u8::from(has_database));
        let metrics = if is_busy { metrics()? } else { 0.0 };
        Ok(vec![
            ("HTTP API, $1.00 per million", requests),
            ("Lambda requests, $0.20 per million", requests * 0.20),
            (
                "Lambda time: 20 ms at 256 MB, arm64, $0.0000133 per GB-second",
                requests * 1e6 * 0.02 * 0.25 * 0.000_013_3,
            ),
            (
                "X-Ray: one request per second and 5 % of the others, $5 per million",
                if is_busy {
                    (2.628 + 0.05 * (requests - 2.628)) * 5.0
                } else {
                    0.0
                },
            ),
            (
                "Logs: 1.5 kB per request, $0.50 per GB",
                requests * 1.5 * 0.50,
            ),
            (
                "Custom metrics, $0.30 each while their route is called",
                metrics,
            ),
            ("Alarms, $0.10 for each metric", self.alarms()? * 0.10),
            (
                "Dashboard, $3",
                self.count("AWS::CloudWatch::Dashboard") * 3.0,
            ),
            ("Secrets, $0.40 each", secrets * 0.40),
            (
                "Aurora, $0.12 per capacity unit and hour, of an instance 2 units when busy",
                instances * capacity * 0.12 * HOURS,
            ),
            (
                "Aurora storage, 1 GB and 20 GB, and I/O, $0.20 per million",
                storage,
            ),
            (
                "RDS Proxy, $0.015 per capacity unit and hour, at least 8 units",
                self.count("AWS::RDS::DBProxy") * 8.0 * 0.015 * HOURS,
            ),
            (
                "NAT gateways, $0.045 per hour each",
                self.count("AWS::EC2::NatGateway") * 0.045 * HOURS,
            ),
            (
                "Public addresses, $0.005 per hour each",
                self.addresses()? * 0.005 * HOURS,
            ),
            (
                "Bastion, t4g.nano, $0.0042 per hour",
                self.count("AWS::EC2::Instance") * 0.0042 * HOURS,
            ),
        ])
    }

    /// Returns the capacity units of each instance.
    fn capacity(&self, is_busy: bool) -> anyhow::Result<f64> {
        let Some(name) = self.of_kind("AWS::RDS::DBCluster").next() else {
            return Ok(0.0);
        };
        let database = self.stack.resource(name)?.unwrap_or_default();
        let scaling = &database["ServerlessV2ScalingConfiguration"];
        let minimum = &scaling["MinCapacity"];
        let minimum = match minimum.as_str() {
            Some(text) => text.parse()?,
            None => minimum.as_f64().context("a cluster has a minimum")?,
        };
        Ok(if is_busy {
            BUSY_CAPACITY.max(minimum)
        } else {
            minimum.max(PAUSED_CAPACITY)
        })
    }

    /// Returns the number of public addresses: those of NAT gateways, and of instances that can be reached over the
    /// internet.
    fn addresses(&self) -> anyhow::Result<f64> {
        let mut addresses = self.count("AWS::EC2::EIP");
        for name in self.of_kind("AWS::RDS::DBInstance") {
            let instance = self.stack.resource(name)?.unwrap_or_default();
            if instance["PubliclyAccessible"] == true {
                addresses += 1.0;
            }
        }
        Ok(addresses)
    }

    /// Returns the number of metrics that the alarms use.
    #[expect(clippy::cast_precision_loss, reason = "a few dozen metrics")]
    fn alarms(&self) -> anyhow::Result<f64> {
        let mut metrics = 0;
        for name in self.of_kind("AWS::CloudWatch::Alarm") {
            let alarm = self.stack.resource(name)?.unwrap_or_default();
            let watched = alarm["Metrics"].as_array().map(|metrics| {
                let watched = metrics.iter();
                watched
                    .filter(|metric| metric.get("MetricStat").is_some())
                    .count()
            });
            metrics += watched.unwrap_or(1);
        }
        Ok(metrics as f64)
    }
}

/// Returns the monthly price of custom metrics in dollars.
#[expect(clippy::cast_precision_loss, reason = "a few hundred metrics")]
fn metrics() -> anyhow::Result<f64> {
    Ok(custom_metrics()? as f64 * 0.30)
}
