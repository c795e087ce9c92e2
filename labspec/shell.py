"""Text for shells: the one place where a value of a spec becomes a shell word."""

import re

_SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


def quote(text: str) -> str:
    """One word of a POSIX shell that stands for exactly `text`."""
    return text if _SAFE.fullmatch(text) else "'" + text.replace("'", "'\"'\"'") + "'"


def literal_for_kubernetes(text: str) -> str:
    """`text` as `command`, `args` and `env` need it: Kubernetes expands `$(NAME)` there and reads `$$` as `$`.

    Source: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/.
    """
    return text.replace("$", "$$") if "$(" in text or "$$" in text else text
