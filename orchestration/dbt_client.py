"""dbt for the few who have it warm: `python dbt_client.py ARGUMENTS` lets a waiting process build.

Only the standard library is read here, so that it starts at once. Whoever started it sees dbt's own
words on its output and dbt's exit code; its death is the end of the build. With nobody waiting at
the address it becomes `orchestration.dbt_runner` itself.
"""

import json
import os
import select
import signal
import socket
import sys
from pathlib import Path

ADDRESS_VARIABLE = "VIP_DBT_ADDRESS"
PARENT_VARIABLE = "VIP_PARENT_PID"
ANSWER = b"\1"
"""What whoever waits says before anything is asked of it."""


def main() -> int:
    """Hand over arguments, folder, environment and output; return the exit code of the build."""
    parent = int(os.environ[PARENT_VARIABLE])
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    request = {
        "arguments": sys.argv[1:],
        "folder": str(Path.cwd()),
        "environment": dict(os.environ),
    }
    with socket.socket(socket.AF_UNIX) as connection:
        if not _is_answered(connection, parent):
            command = [sys.executable, "-m", "orchestration.dbt_runner", *sys.argv[1:]]
            os.execv(sys.executable, command)  # noqa: S606  there is no shell to want
        socket.send_fds(connection, [b"\0"], [1, 2])
        connection.sendall(json.dumps(request).encode() + b"\n")
        code = _hear(connection, parent)
        return code[0] if code else 1


def _is_answered(connection: socket.socket, parent: int) -> bool:
    """Whether somebody who has read the project waits at the address; one who is reading may."""
    try:
        connection.connect(os.environ[ADDRESS_VARIABLE])
        return _hear(connection, parent) == ANSWER
    except (KeyError, OSError):
        return False


def _hear(connection: socket.socket, parent: int) -> bytes:
    while os.getppid() == parent:
        if select.select([connection], [], [], 0.1)[0]:
            return connection.recv(1)
    sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())
