"""Turns the template into plain CloudFormation, as AWS does before it deploys it, once for each way to configure it."""

import logging
import sys

import boto3
import tomlkit
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

# Its own bookkeeping.
logging.disable(logging.WARNING)

template, config = sys.argv[1:]
with open(config, encoding="utf-8") as file:
    ways = {
        name: dict(
            override.split("=", 1)
            for override in environment["deploy"]["parameters"]["parameter_overrides"]
        )
        for name, environment in tomlkit.load(file).unwrap().items()
        if isinstance(environment, dict) and "deploy" in environment
    }
ways["an existing database"] = {"DatabaseSecretArn": "arn", "SubnetIds": "subnet-1,subnet-2"}
ways["everything"] = {
    **ways["production"],
    "CertificateArn": "arn",
    "DomainName": "api.codecave.tech",
    "HostedZoneId": "Z1",
    "AlarmTopicArn": "arn",
    "AuthConcurrency": "10",
    "TrustedOrigins": "https://*.codecave.tech",
    "Bastion": "on",
    "RedisCidr": "10.0.0.0/8",
    "DatabaseSnapshot": "snapshot",
    "DatabaseRetention": "delete",
    "UsersBackend": "node",
    "NodeUrl": "https://node.codecave.tech",
}


def references(value):
    """The resources and parameters that a part of a template refers to."""
    if isinstance(value, list):
        for part in value:
            yield from references(part)
    elif isinstance(value, dict):
        for name, argument in value.items():
            if name == "Ref":
                yield argument
            elif name == "Fn::GetAtt":
                yield argument[0]
            else:
                yield from references(argument)


for way, given in ways.items():
    with open(template, encoding="utf-8") as file:
        stack = yaml_parse(file.read())
    for resource in stack["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # Where `sam deploy` puts what was built.
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    values = {}
    for name, parameter in stack["Parameters"].items():
        values[name] = given.pop(name, parameter["Default"])
        allowed = parameter.get("AllowedValues")
        if allowed and str(values[name]) not in map(str, allowed):
            sys.exit(f"{way}: {name} cannot be {values[name]}")
    if given:
        sys.exit(f"{way}: there is no parameter {', '.join(given)}")
    session = boto3.Session(region_name="eu-central-1")
    plain = Translator({}, Parser(), boto_session=session).translate(stack, values)
    known = {*plain["Resources"], *plain["Parameters"]}
    for name in references([plain["Resources"], plain["Outputs"]]):
        if name not in known and not name.startswith("AWS::"):
            sys.exit(f"{way}: there is no {name} to refer to")
    for name, resource in plain["Resources"].items():
        if resource["Type"] != "AWS::Lambda::Version" or name.startswith("MigrateFunction"):
            continue
        # Another description replaces a version. The old one stays, so that an alias can go back to it.
        if resource["Properties"].get("Description") != {"Fn::GetAtt": ["Migration", "SettingsDigest"]}:
            sys.exit(f"{way}: other settings publish no {name}")
        if resource.get("DeletionPolicy") != "Retain" or resource.get("UpdateReplacePolicy") != "Retain":
            sys.exit(f"{way}: {name} is deleted when another version replaces it")
    print(f"{way}: {len(plain['Resources'])} resources")
