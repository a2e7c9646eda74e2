"""Which operations a server has, found out from outside: each that AWS's models know is called without parameters, and
those that the server does not call unknown are there."""

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.handlers import inject_presigned_url_ec2

from aws import SERVICES

# A HEAD has no body, and the status stands for the code.
UNKNOWN = {"InvalidAction", "UnknownOperationException", "NotImplemented", "501"}


def implemented(endpoint):
    found = set()
    for service in SERVICES:
        # A prefix of the host's name has no meaning on loopback.
        config = Config(parameter_validation=False, inject_host_prefix=False, retries={"total_max_attempts": 1})
        client = boto3.client(service, endpoint_url=endpoint, config=config)
        # It would sign a call to a region that was not given.
        client.meta.events.unregister("before-call.ec2.CopySnapshot", inject_presigned_url_ec2)
        model = client.meta.service_model
        for operation in model.operation_names:
            if _is_there(client, operation, model.operation_model(operation)):
                found.add(f"{model.endpoint_prefix}:{operation}")
    return found


def _is_there(client, name, model):
    # Streams would be read, and what goes into a path or a host's name can't be left out.
    arguments = {
        key: "x"
        for key, shape in (model.input_shape.members.items() if model.input_shape else ())
        if shape.serialization.get("location") == "uri" or shape.serialization.get("hostLabel")
    }
    if model.service_model.metadata["protocol"] == "rest-xml" and model.input_shape:
        # There the path is the same for several, and what is in query and head tells them apart.
        for key in model.input_shape.required_members:
            shape = model.input_shape.members[key]
            if shape.serialization.get("location") in ("querystring", "header"):
                arguments[key] = 1 if shape.type_name == "integer" else "x"
    # Nothing is to happen where nothing is asked for.
    if model.input_shape and "DryRun" in model.input_shape.members:
        arguments["DryRun"] = True
    try:
        client._make_api_call(name, arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        # A call that needs no credentials, and is asked for them, is not known either.
        return code not in UNKNOWN and not (model.auth_type == "none" and code == "InvalidClientTokenId")
    return True
