//! `template.yaml` as CloudFormation reads it: with parameters, evaluated conditions, and resolved references.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};
use testkit::workspace;
use yaml_serde::Value as Yaml;

/// A stack that was not deployed.
pub struct Stack {
    template: Value,
    parameters: BTreeMap<String, Value>,
    /// Values of `!Ref Name` and `!GetAtt Name.Attribute`.
    known: BTreeMap<String, String>,
    region: String,
    /// The nested stacks, by the names of their resources.
    nested: BTreeMap<String, Stack>,
}

/// A function of the stack.
#[derive(Debug)]
pub struct StackFunction {
    /// Name in the template, which is also the name of its folder in the output of `sam build`.
    pub logical_id: String,
    /// Name of its binary.
    pub binary: String,
    /// All variables of its environment.
    pub environment: BTreeMap<String, String>,
    /// Pairs of an action and a resource that its policies allow.
    pub allowed: BTreeSet<(String, String)>,
}

impl Stack {
    /// Reads the template with these parameters, and the defaults of others. `known` has the values of references:
    /// `Name` or `Name.Attribute`. The value of any other reference is its own name.
    pub fn new(parameters: &[(&str, &str)], known: &[(&str, &str)]) -> anyhow::Result<Self> {
        let parameters = parameters
            .iter()
            .map(|(name, value)| (*name, (*value).into()));
        let known = known
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self::of("template.yaml", &parameters.collect(), known)
    }

    fn of(
        file: &str,
        given: &BTreeMap<&str, Value>,
        known: BTreeMap<String, String>,
    ) -> anyhow::Result<Self> {
        let text = fs::read_to_string(workspace().join(file))?;
        let template = json_of(yaml_serde::from_str(&text)?)?;
        let mut all = BTreeMap::new();
        for (name, parameter) in entries(&template, "Parameters") {
            let given = given.get(name.as_str()).cloned();
            let value = given.unwrap_or_else(|| parameter["Default"].clone());
            let value = match parameter["Type"].as_str() {
                Some("CommaDelimitedList") => list(&text_of(&value)),
                _ => value,
            };
            all.insert(name.clone(), value);
        }
        for name in given.keys() {
            anyhow::ensure!(all.contains_key(*name), "there is no parameter {name}");
        }
        let mut stack = Self {
            template,
            parameters: all,
            known,
            region: "eu-central-1".to_owned(),
            nested: BTreeMap::new(),
        };
        stack.nested = stack.nest()?;
        Ok(stack)
    }

    /// Returns the nested stacks.
    fn nest(&self) -> anyhow::Result<BTreeMap<String, Self>> {
        let mut nested = BTreeMap::new();
        for (name, resource) in entries(&self.template, "Resources") {
            if resource["Type"] != "AWS::CloudFormation::Stack" {
                continue;
            }
            let Some(properties) = self.attribute(name, "Properties")? else {
                continue;
            };
            let file = text_of(&properties["TemplateURL"]);
            let given = entries(&properties, "Parameters")
                .map(|(name, value)| (name.as_str(), value.clone()))
                .collect();
            let inner = Self::of(&file, &given, self.known.clone())?;
            nested.insert(name.clone(), inner);
        }
        Ok(nested)
    }

    /// Returns the same stack in another region.
    pub fn in_region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        for inner in self.nested.values_mut() {
            region.clone_into(&mut inner.region);
        }
        self
    }

    /// Returns the properties that all functions have.
    pub fn common_properties(&self) -> anyhow::Result<Value> {
        let common = self.value(&self.template["Globals"]["Function"])?;
        common.context("the functions have no common properties")
    }

    /// Returns the names of all parameters, each with its value.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &Value)> {
        let parameters = self.parameters.iter();
        parameters.map(|(name, value)| (name.as_str(), value))
    }

    /// Returns the values that a parameter may have. The list is empty if the template does not limit them.
    pub fn allowed_values(&self, parameter: &str) -> Vec<String> {
        let allowed = &self.template["Parameters"][parameter]["AllowedValues"];
        items(Some(allowed)).map(text_of).collect()
    }

    /// Returns all functions.
    pub fn functions(&self) -> anyhow::Result<Vec<StackFunction>> {
        entries(&self.template, "Resources")
            .filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function")
            .map(|(name, resource)| self.function(name, resource))
            .collect()
    }

    /// Returns the resource's properties, if its condition is true.
    pub fn resource(&self, name: &str) -> anyhow::Result<Option<Value>> {
        self.attribute(name, "Properties")
    }

    /// Returns an attribute of the resource, for example `DeletionPolicy`, if its condition is true.
    pub fn attribute(&self, name: &str, attribute: &str) -> anyhow::Result<Option<Value>> {
        let resource = &self.template["Resources"][name];
        if resource.is_null() {
            let mut nested = self.nested.values();
            let inner = nested.find(|inner| !inner.template["Resources"][name].is_null());
            let inner = inner.with_context(|| format!("there is no resource {name}"))?;
            return inner.attribute(name, attribute);
        }
        if let Some(condition) = resource["Condition"].as_str()
            && !self.condition(condition)?
        {
            return Ok(None);
        }
        self.value(&resource[attribute])
    }

    /// Returns the names of all resources of the stack and of its nested stacks, with their types.
    pub fn resources(&self) -> anyhow::Result<Vec<(String, String)>> {
        let mut resources = Vec::new();
        for (name, resource) in entries(&self.template, "Resources") {
            if self.attribute(name, "Type")?.is_some() {
                resources.push((name.clone(), text_of(&resource["Type"])));
            }
        }
        for inner in self.nested.values() {
            resources.extend(inner.resources()?);
        }
        Ok(resources)
    }

    /// Returns the descriptions of assertions that are false. CloudFormation would reject the parameters with them.
    pub fn rejections(&self) -> anyhow::Result<Vec<String>> {
        let mut rejections = Vec::new();
        for (_, rule) in entries(&self.template, "Rules") {
            if !self.holds(&rule["RuleCondition"])? {
                continue;
            }
            for assertion in items(rule.get("Assertions")) {
                if !self.holds(&assertion["Assert"])? {
                    rejections.push(text_of(&assertion["AssertDescription"]));
                }
            }
        }
        Ok(rejections)
    }

    /// Returns the keys of all routes of the gateway.
    pub fn routes(&self) -> Vec<String> {
        entries(&self.template, "Resources")
            .filter(|(_, resource)| resource["Type"] == "AWS::ApiGatewayV2::Route")
            .map(|(_, route)| text_of(&route["Properties"]["RouteKey"]))
            .collect()
    }

    fn function(&self, name: &str, resource: &Value) -> anyhow::Result<StackFunction> {
        let mut environment = BTreeMap::new();
        for source in [
            &self.template["Globals"]["Function"],
            &resource["Properties"],
        ] {
            for (variable, value) in entries(&source["Environment"], "Variables") {
                match self.value(value)? {
                    Some(value) => environment.insert(variable.clone(), text_of(&value)),
                    None => environment.remove(variable),
                };
            }
        }
        let mut allowed = BTreeSet::new();
        let policies = self.value(&resource["Properties"]["Policies"])?;
        for policy in items(policies.as_ref()) {
            for statement in items(policy.get("Statement")) {
                anyhow::ensure!(statement["Effect"] == "Allow", "{name} is denied something");
                for action in items(statement.get("Action")) {
                    for resource in items(statement.get("Resource")) {
                        allowed.insert((text_of(action), text_of(resource)));
                    }
                }
            }
        }
        let binary = &resource["Metadata"]["BuildProperties"]["Binary"];
        Ok(StackFunction {
            logical_id: name.to_owned(),
            binary: binary.as_str().context("a binary has a name")?.to_owned(),
            environment,
            allowed,
        })
    }

    fn condition(&self, name: &str) -> anyhow::Result<bool> {
        let condition = &self.template["Conditions"][name];
        anyhow::ensure!(!condition.is_null(), "there is no condition {name}");
        self.holds(condition)
    }

    fn holds(&self, condition: &Value) -> anyhow::Result<bool> {
        let (function, argument) = intrinsic(condition).context("a condition is a function")?;
        let mut arguments = items(Some(argument));
        Ok(match function {
            "Condition" => self.condition(&text_of(argument))?,
            "Fn::Not" => !self.holds(&argument[0])?,
            "Fn::And" => {
                arguments.try_fold(true, |so_far, part| anyhow::Ok(so_far & self.holds(part)?))?
            }
            "Fn::Or" => {
                arguments.try_fold(false, |so_far, part| anyhow::Ok(so_far | self.holds(part)?))?
            }
            "Fn::Equals" => {
                let [one, other] = [self.value(&argument[0])?, self.value(&argument[1])?];
                one.as_ref().map(text_of) == other.as_ref().map(text_of)
            }
            other => bail!("{other} is no condition"),
        })
    }

    /// Evaluates all intrinsic functions in a value. Returns `None` for `AWS::NoValue`.
    fn value(&self, value: &Value) -> anyhow::Result<Option<Value>> {
        if let Some((function, argument)) = intrinsic(value) {
            return self.call(function, argument);
        }
        Ok(Some(match value {
            Value::Array(parts) => {
                let parts = parts.iter().map(|part| self.value(part));
                Value::Array(
                    parts
                        .filter_map(Result::transpose)
                        .collect::<Result<_, _>>()?,
                )
            }
            Value::Object(fields) => {
                let mut object = Map::new();
                for (name, value) in fields {
                    if let Some(value) = self.value(value)? {
                        object.insert(name.clone(), value);
                    }
                }
                Value::Object(object)
            }
            other => other.clone(),
        }))
    }

    fn call(&self, function: &str, argument: &Value) -> anyhow::Result<Option<Value>> {
        Ok(Some(match function {
            "Ref" | "Fn::GetAtt" => return self.reference(&text_of(argument)),
            "Fn::If" => {
                let condition = self.condition(&text_of(&argument[0]))?;
                return self.value(&argument[if condition { 1 } else { 2 }]);
            }
            "Fn::Sub" => match argument {
                Value::Array(parts) => {
                    let given = self.value(&parts[1])?.unwrap_or_default();
                    self.substitute(&text_of(&parts[0]), &given)?.into()
                }
                text => self.substitute(&text_of(text), &Value::Null)?.into(),
            },
            "Fn::Join" => {
                let parts = self.value(&argument[1])?;
                let parts: Vec<_> = items(parts.as_ref()).map(text_of).collect();
                parts.join(&text_of(&argument[0])).into()
            }
            "Fn::Split" => {
                let text = self.value(&argument[1])?.as_ref().map(text_of);
                let text = text.unwrap_or_default();
                text.split(&text_of(&argument[0])).collect()
            }
            "Fn::Select" => {
                let index = text_of(&argument[0]).parse::<usize>()?;
                let parts = self.value(&argument[1])?;
                let part = items(parts.as_ref()).nth(index).cloned();
                part.context("a list is too short")?
            }
            "Fn::GetAZs" => json!(["eu-central-1a", "eu-central-1b", "eu-central-1c"]),
            "Fn::Base64" => return self.value(argument),
            "Fn::FindInMap" => {
                let mut place = &self.template["Mappings"];
                let path = self.value(argument)?;
                for name in items(path.as_ref()) {
                    place = &place[text_of(name)];
                }
                place.clone()
            }
            other => bail!("{other} is not known here"),
        }))
    }

    fn reference(&self, name: &str) -> anyhow::Result<Option<Value>> {
        if let Some(value) = self.known.get(name) {
            return Ok(Some(value.as_str().into()));
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(Some(value.clone()));
        }
        let resource = name.split('.').next().unwrap_or_default();
        if let Some((inner, output)) = name.split_once(".Outputs.")
            && let Some(inner) = self.nested.get(inner)
        {
            let output = &inner.template["Outputs"][output];
            anyhow::ensure!(!output.is_null(), "there is no {name}");
            return inner.value(&output["Value"]);
        }
        Ok(Some(match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::StackName" => "codecave-test".into(),
            "AWS::Region" => self.region.as_str().into(),
            "AWS::AccountId" => "123456789012".into(),
            "AWS::Partition" => "aws".into(),
            "AWS::URLSuffix" => "amazonaws.com".into(),
            name if self.template["Resources"].get(resource).is_some() => name.into(),
            _ => bail!("there is no {name} to refer to"),
        }))
    }

    /// Replaces `${Name}` in a text.
    fn substitute(&self, text: &str, given: &Value) -> anyhow::Result<String> {
        let mut parts = text.split("${");
        let mut result = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').context("a brace is not closed")?;
            let value = match given.get(name) {
                Some(value) => Some(value.clone()),
                None => self.reference(name)?,
            };
            result.push_str(&text_of(&value.unwrap_or_default()));
            result.push_str(rest);
        }
        Ok(result)
    }
}

/// Converts a YAML value to JSON. `!Name value` becomes `{"Fn::Name": value}`.
fn json_of(value: Yaml) -> anyhow::Result<Value> {
    Ok(match value {
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let argument = json_of(tagged.value)?;
            match tag.trim_start_matches('!') {
                name @ ("Ref" | "Condition") => json!({ name: argument }),
                name => json!({ format!("Fn::{name}"): argument }),
            }
        }
        Yaml::Sequence(parts) => parts.into_iter().map(json_of).collect::<Result<_, _>>()?,
        Yaml::Mapping(fields) => {
            let mut object = Map::new();
            for (name, value) in fields {
                let name = name.as_str().context("a name is a text")?.to_owned();
                object.insert(name, json_of(value)?);
            }
            Value::Object(object)
        }
        other => serde_json::to_value(other)?,
    })
}

/// Returns the name and the argument of an intrinsic function, if the value is one.
fn intrinsic(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    let (name, argument) = object.iter().next()?;
    let known = name.starts_with("Fn::") || name == "Ref" || name == "Condition";
    known.then_some((name.as_str(), argument))
}

fn entries<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value[name].as_object().into_iter().flatten()
}

/// Returns the items of a list, or the single value that may replace a list.
fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let list = value.and_then(Value::as_array);
    let one = value.filter(|value| list.is_none() && !value.is_null());
    list.into_iter().flatten().chain(one)
}

fn list(text: &str) -> Value {
    text.split(',').collect()
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
