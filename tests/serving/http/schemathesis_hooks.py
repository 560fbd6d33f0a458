"""What JSON Schema cannot say of a request, for schemathesis: a key of an earlier request is no key for another one."""

import re
import uuid

import schemathesis

KEY = re.compile("^[!-~](?:[ -~]*[!-~])?$")


@schemathesis.hook
def before_call(context, case, kwargs):
    for name, value in (case.headers or {}).items():
        if name.lower() == "idempotency-key" and isinstance(value, str) and KEY.match(value) and len(value) < 256:
            case.headers[name] = str(uuid.uuid4())
