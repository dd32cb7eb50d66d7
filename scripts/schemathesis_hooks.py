"""What no schema can say of two parameters: a cursor is good only if the service made it, and `fields` takes required
fields away. Values of the documented form are left out of a request; all others go through, and must be refused."""

import re

import schemathesis

FORMS = {
    "cursor": re.compile(r"[A-Za-z0-9_-]+"),
    "fields": re.compile(r"-?[a-z_]+(\.[a-z_]+)?(,-?[a-z_]+(\.[a-z_]+)?)*"),
}


@schemathesis.hook
def before_call(context, case, kwargs):
    for name, form in FORMS.items():
        value = (case.query or {}).get(name)
        if isinstance(value, str) and form.fullmatch(value):
            del case.query[name]
