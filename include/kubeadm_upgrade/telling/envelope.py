"""A notice as a CloudEvent 1.0 in JSON (structured mode), and the signature of what is sent.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md

Signed as Standard Webhooks has it, for which there are libraries in most languages: HMAC-SHA256 over id, timestamp and
body (https://www.standardwebhooks.com). docs/notifications.md shows how a receiver verifies it.
"""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from datetime import datetime
from typing import Any

from kubeadm_upgrade.telling.events import Kind
from kubeadm_upgrade.telling.notice import Notice

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_TYPE = "io.kubeadm-fleet.upgrade."
_SECRET_IN_BASE64 = "whsec_"  # noqa: S105 that is how such a secret begins, and none


def type_of(kind: Kind) -> str:
    return f"{_TYPE}{kind}"


def envelope(notice: Notice) -> dict[str, Any]:
    """`source` and `id` together are one event's for ever: whoever has seen them has been told."""
    return {
        "specversion": "1.0",
        "id": notice.id,
        "source": f"{notice.airflow}/dags/{notice.dag_id}",
        "type": type_of(notice.event.kind),
        "subject": notice.event.cluster,
        "time": notice.at,
        "datacontenttype": "application/json",
        "data": notice.variables,
    }


def body(notice: Notice) -> bytes:
    return json.dumps(envelope(notice), ensure_ascii=False, separators=(",", ":")).encode()


def headers(notice: Notice, body: bytes, secret: str, now: datetime) -> dict[str, str]:
    """`secret` "": it is not signed. A second try has the same id, and a signature of its own."""
    plain = {"content-type": CONTENT_TYPE, ID: notice.id, TIMESTAMP: str(int(now.timestamp()))}
    return plain | ({SIGNATURE: signature(secret, plain[ID], plain[TIMESTAMP], body)} if secret else {})


def signature(secret: str, id: str, timestamp: str, body: bytes) -> str:  # noqa: A002 as the header
    signed = b".".join((id.encode(), timestamp.encode(), body))
    return f"v1,{b64encode(hmac.digest(_key(secret), signed, 'sha256')).decode()}"


def _key(secret: str) -> bytes:
    """Any text will do; one that begins with whsec_ is the rest of it in base64, as those libraries want it."""
    if secret.startswith(_SECRET_IN_BASE64):
        try:
            return b64decode(secret.removeprefix(_SECRET_IN_BASE64), validate=True)
        except NotBase64:
            pass
    return secret.encode()
