"""dbt that has read the project before it is asked: each build of a run is a fork of one process.

To load dbt and the project takes five seconds of a processor, three times a night; here they are
loaded once, while the raw tables land. `dbt_client` asks for a build; one runs at a time.
`python -m orchestration.warm_dbt SOCKET PARENT` is the process itself.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from orchestration.dbt_client import ANSWER
from orchestration.dbt_runner import MANIFEST_VARIABLE, leave_manifest, reading
from orchestration.settings import PROJECT_DIR

_QUIETLY = {"DBT_WRITE_JSON": "false", MANIFEST_VARIABLE: "1"}


@contextmanager
def warm_dbt() -> Iterator[str]:
    """Start the process and yield the address at which it waits; end it with the block.

    Where it cannot start, or the project does not parse, nobody waits there: the client then runs
    dbt itself, which says why.
    """
    with ExitStack() as kept:
        try:
            address = _start(kept)
        except OSError:  # no room for a socket, or a folder whose name is too long for one
            address = os.devnull
        yield address


def _start(kept: ExitStack) -> str:
    # Not under VIP_HOME: the address of a socket may have no more than a hundred characters.
    folder = Path(tempfile.mkdtemp(prefix="vip-dbt-"))
    kept.callback(shutil.rmtree, folder, ignore_errors=True)
    address = str(folder / "dbt")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        command = [sys.executable, "-m", __name__, str(listener.fileno()), str(os.getpid())]
        process = subprocess.Popen(  # noqa: S603  this very package
            command,
            pass_fds=[listener.fileno()],
            cwd=PROJECT_DIR,
            env={**os.environ, **reading(), **_QUIETLY},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    kept.callback(process.wait)
    # It keeps nothing, and in the background of a shell a night ignores SIGTERM.
    kept.callback(process.kill)
    return address


def serve(listener: socket.socket, parent: int) -> int | None:
    """Read the project, then build what is asked for until the parent is gone.

    Returns twice: in each fork with the exit code of its build, at last in the process itself.
    """
    from dbt.cli.main import dbtRunner

    leave_manifest()
    parsed = dbtRunner().invoke(["--quiet", "parse"])
    if not parsed.success:
        return 2
    while os.getppid() == parent:
        if not select.select([listener], [], [], 0.1)[0]:
            continue
        connection, _ = listener.accept()
        with connection, suppress(ConnectionError):
            connection.sendall(ANSWER)
            child = os.fork()
            if not child:
                listener.close()
                return _build(connection, dbtRunner(manifest=parsed.result))
            _, status = os.waitpid(child, 0)
            connection.sendall(bytes([os.waitstatus_to_exitcode(status) & 0xFF]))
    shutil.rmtree(Path(listener.getsockname()).parent, ignore_errors=True)
    return None


def _build(connection: socket.socket, runner: object) -> int:
    """Do what a client asks for, in its place and with its output, for as long as it lives."""
    _, outputs, _, _ = socket.recv_fds(connection, 1, 2)
    with connection.makefile("rb") as words:
        request = json.loads(words.readline())
    for output, number in zip(outputs, (1, 2), strict=True):
        os.dup2(output, number)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])

    def end_with_client() -> None:
        connection.recv(1)
        os._exit(1)

    threading.Thread(target=end_with_client, daemon=True).start()
    built = runner.invoke(request["arguments"])
    return 0 if built.success else 2 if built.exception else 1


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        sys.exit(serve(asked, int(sys.argv[2])))
