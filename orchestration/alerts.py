"""The word to people when a night fails: a webhook where one is set, the log otherwise."""

from __future__ import annotations

import logging

from orchestration.errors import mask
from orchestration.settings import Settings

_TIMEOUT_SECONDS = 10
_LONGEST = 500

log = logging.getLogger(__name__)


def alert(settings: Settings, what: str, why: str) -> bool:
    """Say that `what` failed and `why`, masked; return whether the webhook took it.

    The body is `{"text": ...}`, as chat programs take it. A webhook that does not answer is logged
    and never makes the failure worse.
    """
    text = f"{what} failed: {mask(' '.join(why.split()))[:_LONGEST]}"
    if not settings.alert_webhook_url:
        log.error(text)
        return False
    import requests

    try:
        answer = requests.post(
            settings.alert_webhook_url, json={"text": text}, timeout=_TIMEOUT_SECONDS
        )
        answer.raise_for_status()
    except requests.RequestException as error:
        # The address may hold a secret: the kind of error is enough.
        log.error("%s (and the alert webhook did not take it: %s)", text, type(error).__name__)
        return False
    return True
