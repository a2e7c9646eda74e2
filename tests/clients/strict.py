"""Compares what a server answers with AWS's own model of its services, which botocore carries.

boto3 leaves out in silence what it does not know, so a misspelt member would look like a missing one.
"""

import json
import xml.etree.ElementTree as ElementTree


def unknown_members(operation, response):
    """Paths of what the body has and the model has not."""
    body = response["body"]
    if not body or operation.output_shape is None or not isinstance(body, (bytes, str)):
        return []
    protocol = operation.service_model.metadata["protocol"]
    if response["status_code"] >= 300:
        return []
    found = []
    if protocol in ("ec2", "query", "rest-xml") and not operation.has_streaming_output:
        root = ElementTree.fromstring(body)
        if protocol == "query":
            root = next((child for child in root if _name(child).endswith("Result")), root)
        _xml(root, operation.output_shape, operation.name, found)
    elif not operation.has_streaming_output:
        _json(json.loads(body), operation.output_shape, operation.name, found)
    return found


def _name(node):
    return node.tag.split("}")[-1]


def _xml(node, shape, path, found):
    if shape.type_name == "structure":
        members = {member.serialization.get("name", key): member for key, member in shape.members.items()}
        for child in node:
            name = _name(child)
            if name in members:
                member = members[name]
                _xml(child, member, f"{path}.{name}", found)
            # EC2 says `return` where the model has nothing of the kind (EC2 API reference, examples).
            elif name not in ("requestId", "ResponseMetadata", "return"):
                found.append(f"{path}.{name}")
    elif shape.type_name == "list":
        item = shape.member.serialization.get("name", "item" if shape.serialization.get("name") else "member")
        if shape.serialization.get("flattened"):
            _xml(node, shape.member, path, found)
            return
        for child in node:
            if _name(child) not in (item, "item", "member"):
                found.append(f"{path}.{_name(child)}")
            _xml(child, shape.member, f"{path}[]", found)
    elif shape.type_name != "map" and len(node):
        found.append(f"{path} has children")


def _json(value, shape, path, found):
    if value is None:
        return
    if shape.type_name == "structure":
        if not isinstance(value, dict):
            found.append(f"{path} is no structure")
            return
        members = {member.serialization.get("name", key): member for key, member in shape.members.items()}
        for key, inner in value.items():
            if key in members:
                _json(inner, members[key], f"{path}.{key}", found)
            else:
                found.append(f"{path}.{key}")
    elif shape.type_name == "list":
        for inner in value:
            _json(inner, shape.member, f"{path}[]", found)
    elif shape.type_name == "string" and not isinstance(value, str):
        found.append(f"{path} is no string")
    elif shape.type_name in ("integer", "long") and (not isinstance(value, int) or isinstance(value, bool)):
        found.append(f"{path} is no integer")
    elif shape.type_name == "boolean" and not isinstance(value, bool):
        found.append(f"{path} is no boolean")
