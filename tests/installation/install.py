"""From whatever .venv there is to a whole one: what is done, in which order, and what when a part of it fails?

uv installs, since it is several times faster than pip; pip brings it, and does the work itself where uv cannot.
.venv/.ready is written last. Killed anywhere, the next call starts over: a minute at worst, where mending would leave
doubt.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from subprocess import DEVNULL

from installation import pip_settings
from installation.alone import alone
from installation.display import Display
from installation.failure import Failed, why
from installation.hearing import Hearing
from installation.programs import Ended, Programs

VENV = Path(".venv")
READY = VENV / ".ready"
REQUIREMENTS, INSTALLER, CONSTRAINTS = "requirements-dev.txt", "requirements-installer.txt", "constraints.txt"
NEEDS = ("requirements.txt", REQUIREMENTS, INSTALLER, CONSTRAINTS)
# Of the bar; measured with empty caches.
_AFTER_UV = 0.3
_LONGER = "pip installs instead, which takes a minute or two."
INTERRUPTED = 130


def main() -> int:
    """In the checkout, which is the directory that make runs in."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    display = Display()
    try:
        with alone(display) as (lock, waited):
            if not (waited and is_whole()):
                Installation(display, Programs(_for_programs(os.environ), lock), os.environ).make()
        return 0
    except Failed as failure:
        display.close()
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        display.say("stopped: the next make begins anew")
        return INTERRUPTED


def is_whole() -> bool:
    """Made, and none of what it was made from is newer."""
    return READY.is_file() and all(Path(name).stat().st_mtime <= READY.stat().st_mtime for name in NEEDS)


class Installation:
    """One making of .venv. `environment` is the user's."""

    def __init__(self, display: Display, programs: Programs, environment: Mapping[str, str]) -> None:
        self._display = display
        self._programs = programs
        self._environment = environment
        self._pins = sum("==" in line for line in Path(CONSTRAINTS).read_text().splitlines())
        self._bundled = bundled_pip()

    def make(self) -> None:
        """Raises Failed."""
        with_uv = _wished(self._environment)
        self._display.say(
            f"{VENV} is missing or out of date: installing {self._pins} Python packages into it, about 85 MB\n"
            f"unless they are in a cache. It usually takes {'10 to 60 seconds' if with_uv else 'a minute or two'}."
        )
        self._show("making an empty environment", 0.0)
        self._make_empty()
        if not (with_uv and self._install_with_uv()):
            self._install_with_pip()
        READY.touch()
        self._display.say(f"{self._unpacked()} packages installed into {VENV} in {self._display.elapsed}")

    def _make_empty(self) -> None:
        try:
            import ensurepip  # noqa: F401
            import venv
        except ImportError:
            raise Failed(
                f"{sys.executable} has no venv module. "
                "Debian and Ubuntu: apt install python3-venv. Then say make again."
            ) from None
        try:
            _clear_away()
            venv.EnvBuilder(symlinks=os.name != "nt", with_pip=self._bundled is None).create(VENV)
        except OSError as error:
            raise Failed(f"{VENV.absolute()} could not be made: {error}. Mend that, then say make again.") from error

    def _install_with_uv(self) -> bool:
        """False when it is pip's turn; .venv is empty then."""
        try:
            settings = self._fetch_uv()
            if not settings.unknown:
                self._run_uv(settings)
                return True
            options = ", ".join(settings.unknown)
            self._display.say(f"pip is configured with {options}, for which uv has nothing like it: {_LONGER}")
        except Ended as ended:
            self._display.say(f"uv could not be had or could not do it ({ended.reason}): {_LONGER}")
        self._make_empty()
        return False

    def _fetch_uv(self) -> pip_settings.ForUv:
        """Both start pip, which takes a second each: side by side."""
        fetch = ["install", "--no-deps", "--only-binary=:all:", "--no-compile", "--retries=2", "-r", INSTALLER]
        with self._programs.started([*self._pip, "config", "list"], stderr=DEVNULL) as listing:
            self._programs.run(
                "pip",
                [*self._pip, *fetch],
                heard=lambda line: None,
                tick=lambda: self._show("fetching uv, which installs the rest", _AFTER_UV / 2),
            )
            text = listing.communicate()[0].decode(errors="replace")
        return pip_settings.translate(pip_settings.read(text), self._environment)

    def _run_uv(self, settings: pip_settings.ForUv) -> None:
        constraints = (CONSTRAINTS, *settings.constraints)
        arguments = ["pip", "install", "--python", str(_program("python")), "--color=never", "--no-progress"]
        arguments += [*settings.arguments, *(f"--constraints={path}" for path in constraints)]
        self._install(
            "uv", [str(_program("uv")), *arguments], _AFTER_UV, {**settings.environment, **_cache(self._environment)}
        )

    def _install_with_pip(self) -> None:
        arguments = ["install", "--no-compile", "--progress-bar=off", f"--constraint={CONSTRAINTS}"]
        try:
            self._install("pip", [*self._pip, *arguments], 0.0, {})
        except Ended as ended:
            raise Failed(why(ended)) from ended

    def _install(self, name: str, command: list[str], begin: float, environment: Mapping[str, str]) -> None:
        """The part that takes long; both programs take what to install in the same words."""
        hearing = Hearing(self._pins)

        def tick() -> None:
            unpacked = self._unpacked()
            self._show(hearing.words(unpacked), begin + (1 - begin) * hearing.share(unpacked))

        # pip is there for whoever uses .venv by hand; it is the one that Python brings, so nothing is downloaded
        also = [] if self._bundled is None else [str(self._bundled)]
        self._programs.run(name, [*command, "-r", REQUIREMENTS, *also], hearing.hear, tick, environment)

    @property
    def _pip(self) -> list[str]:
        """Python's own, run from its wheel: installing it would take longer than all that it is needed for."""
        python = str(_program("python"))
        return [python, "-m", "pip"] if self._bundled is None else [python, f"{self._bundled}/pip"]

    def _unpacked(self) -> int:
        return sum(1 for _ in VENV.glob("lib/python*/site-packages/*.dist-info"))

    def _show(self, words: str, share: float) -> None:
        self._display.show(words, share)


def bundled_pip() -> Path | None:
    """The wheel that ensurepip would install. None: it is not where Pythons have it, and ensurepip must do its work."""
    try:
        import ensurepip
    except ImportError:
        return None
    folders = [Path(ensurepip.__file__).parent / "_bundled", sysconfig.get_config_var("WHEEL_PKG_DIR")]
    wheels = [path for folder in folders if folder for path in Path(folder).glob("pip-*.whl")]
    return wheels[0] if wheels else None


def _clear_away() -> None:
    """The mark first: whoever dies in the middle of the rest must not leave it."""
    READY.unlink(missing_ok=True)
    if VENV.is_symlink():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)


def _program(name: str) -> Path:
    return VENV / "bin" / name


def _wished(environment: Mapping[str, str]) -> bool:
    """With uv?"""
    wish = environment.get("INSTALLER") or "uv"
    if wish not in ("uv", "pip"):
        raise Failed(f"INSTALLER={wish} is not known: it is uv or pip.")
    return wish == "uv"


def _for_programs(environment: Mapping[str, str]) -> dict[str, str]:
    """The user's, less what speaks to Python: of our own modules installers must see nothing."""
    kept = {name: value for name, value in environment.items() if not name.startswith("PYTHON")}
    kept.pop("VIRTUAL_ENV", None)
    # pip in an environment refuses to install for the user, and its questions would be seen by nobody
    return {**kept, "PYTHONUNBUFFERED": "1", "PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def _cache(environment: Mapping[str, str]) -> dict[str, str]:
    """uv ends where it cannot write its cache; then it does without."""
    home = environment.get("XDG_CACHE_HOME") or str(Path(environment.get("HOME") or "~").expanduser() / ".cache")
    path = Path(environment.get("UV_CACHE_DIR") or Path(home) / "uv").absolute()
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    return {} if there.is_dir() and os.access(there, os.W_OK | os.X_OK) else {"UV_NO_CACHE": "1"}
