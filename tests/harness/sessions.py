"""How do we start processes so that they, and all that they start, end with us, whatever happens to us?

Every process started here leads a session of its own. Airflow's tasks leave their parent's process *group*,
but nothing of Airflow's leaves its *session*, so the session is what is ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

_POLL = 0.05


class Guard:
    """Ends the sessions it was told of when our own process ends without having done so: even by SIGKILL."""

    def __init__(self) -> None:
        # Reads from a pipe that only we hold the other end of: it is closed when we die, whatever the way.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("guard.py"))],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def watch(self, leader: int) -> None:
        self._tell(f"+{leader}")

    def forget(self, leader: int) -> None:
        """Once closed it has forgotten everything."""
        if self._process.poll() is None:
            self._tell(f"-{leader}")

    def close(self) -> None:
        """End what is still watched, and the guard itself."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()


class Session:
    """A process and everything that it starts."""

    def __init__(
        self, argv: Sequence[str], environment: Mapping[str, str], log: Path, guard: Guard, directory: Path
    ) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        self._guard = guard
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                list(argv),
                env=dict(environment),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self.started = time.time()
        guard.watch(self.pid)

    @property
    def exit_code(self) -> int | None:
        """None while the first process is alive."""
        return self._process.poll()

    def end_of_log(self, lines: int = 15) -> str:
        """The last lines the process has printed, for an error message."""
        end = "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return f"The end of {self.log}:\n{end}"

    def ask_to_end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def stop(self, patience: float = 10.0) -> None:
        """Ask politely, then end whatever is left."""
        self.ask_to_end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        self.kill()

    def kill(self) -> None:
        """SIGKILL for every process of the session at once, as when the machine's memory has run out."""
        end_session(self.pid)
        self._process.wait()
        self._guard.forget(self.pid)


def end_session(leader: int) -> None:
    """SIGKILL until no process of the session is left."""
    while members := list(session_members(leader)):
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL)


def session_members(leader: int) -> Iterator[int]:
    """The living processes of a session; one that is dead and not yet waited for does not count."""
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            if os.getsid(pid) == leader and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                yield pid
