//! `cargo xtask sbom`: lists what each program contains, as `CycloneDX` 1.6: <https://cyclonedx.org/docs/1.6/json/>.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    env, fs,
};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{target, workspace};

use crate::{bundle::FUNCTIONS, tools::cargo_output};

/// Programs that are deployed beside the functions.
const OTHERS: [&str; 2] = ["migrate", "codecave"];

/// Writes a document for each program.
pub async fn write() -> anyhow::Result<()> {
    let folder = target().join("sbom");
    fs::create_dir_all(&folder)?;
    for program in FUNCTIONS.into_iter().chain(OTHERS) {
        let document = document(program).await?;
        let file = folder.join(format!("{program}.cdx.json"));
        fs::write(&file, serde_json::to_vec_pretty(&document)?)?;
        let count = document["components"].as_array().map_or(0, Vec::len);
        println!("{}: {count} components", file.display());
    }
    Ok(())
}

/// Returns the document of a program: the crates that are linked into it, with licence and checksum. The same commit gives the
/// same document.
pub async fn document(program: &str) -> anyhow::Result<Value> {
    let linked = linked(program).await?;
    let metadata: Metadata = serde_json::from_slice(
        &cargo_output(&["metadata", "--locked", "--format-version", "1"]).await?,
    )?;
    let checksums = checksums()?;
    let packages: HashMap<&str, &MetadataPackage> = metadata
        .packages
        .iter()
        .map(|package| (package.id.as_str(), package))
        .filter(|(_, package)| linked.contains(&package.key()))
        .collect();
    let mut components = BTreeMap::new();
    for package in packages.values() {
        let checksum = checksums.get(&package.key()).map(String::as_str);
        components.insert(package.key(), package.component(checksum));
    }
    ensure!(
        components.len() == linked.len(),
        "cargo metadata lacks crates of {program}"
    );
    let own = packages.values().find(|package| package.name == program);
    let own = own.with_context(|| format!("there is no program {program}"))?;
    let mut application = components
        .remove(&own.key())
        .context("the program has a component")?;
    application["type"] = "application".into();

    let mut dependencies = BTreeMap::new();
    for node in &metadata.resolve.nodes {
        let Some(package) = packages.get(node.id.as_str()) else {
            continue;
        };
        let on: BTreeSet<String> = node
            .deps
            .iter()
            .filter(|edge| edge.dep_kinds.iter().any(|kind| kind.kind.is_none()))
            .filter_map(|edge| packages.get(edge.pkg.as_str()))
            .map(|package| package.purl())
            .collect();
        dependencies.insert(package.purl(), on);
    }
    let dependencies: Vec<Value> = dependencies
        .into_iter()
        .map(|(package, on)| json!({ "ref": package, "dependsOn": on }))
        .collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": application },
        "components": components.into_values().collect::<Vec<_>>(),
        "dependencies": dependencies,
    }))
}

/// Name and version of a crate.
type Key = (String, String);

/// The crates that are linked into the program. Macros and build scripts are not among them.
async fn linked(program: &str) -> anyhow::Result<BTreeSet<Key>> {
    let target = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let tree = cargo_output(&[
        "tree",
        "--locked",
        "--package",
        program,
        "--target",
        &target,
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ])
    .await?;
    String::from_utf8(tree)?
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let mut words = line.split(' ');
            let name = words.next().unwrap_or_default();
            let version = words.next().and_then(|word| word.strip_prefix('v'));
            let version = version.with_context(|| format!("a version in `{line}`"))?;
            Ok((name.to_owned(), version.to_owned()))
        })
        .collect()
}

/// The checksums in `Cargo.lock`. The crates of the workspace have none.
fn checksums() -> anyhow::Result<HashMap<Key, String>> {
    let lock: Lock = toml::from_str(&fs::read_to_string(workspace().join("Cargo.lock"))?)?;
    let packages = lock.package.into_iter();
    Ok(packages
        .filter_map(|package| Some(((package.name, package.version), package.checksum?)))
        .collect())
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// Output of `cargo metadata`: <https://doc.rust-lang.org/cargo/commands/cargo-metadata.html>.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct MetadataPackage {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    description: Option<String>,
    repository: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    /// `None` for a normal dependency.
    kind: Option<String>,
}

impl MetadataPackage {
    fn key(&self) -> Key {
        (self.name.clone(), self.version.clone())
    }

    /// The package URL: <https://github.com/package-url/purl-spec>.
    fn purl(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }

    fn component(&self, checksum: Option<&str>) -> Value {
        let mut component = json!({
            "type": "library",
            "bom-ref": self.purl(),
            "name": self.name,
            "version": self.version,
            "purl": self.purl(),
        });
        if let Some(license) = &self.license {
            // Older crates separate alternatives by a slash, which SPDX does not allow.
            let expression = license.replace('/', " OR ");
            component["licenses"] = json!([{ "expression": expression }]);
        }
        if let Some(description) = &self.description {
            component["description"] = description.trim().into();
        }
        if let Some(repository) = &self.repository {
            component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
        }
        if let Some(checksum) = checksum {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        }
        component
    }
}
