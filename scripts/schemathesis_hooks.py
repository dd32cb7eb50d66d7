"""Rules that no schema can express: a cursor is valid only if the service made it, and `fields` removes required
fields. Values of the documented form are left out of a request; all others are sent, and must be refused."""

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
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            value = ",".join(value)
        if isinstance(value, str) and form.fullmatch(value):
            del case.query[name]
