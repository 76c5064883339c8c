"""Why is /usr/bin/kubelet a compiled program here, and not a script like the others?

The kernel tells by ``/proc/PID/exe`` whether the binary that runs has been replaced on disk, and an upgrade asks it.
Of a script it would tell that of the interpreter. So systemd's main process is this program, which starts the script.
"""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path

from hosts.packages.cache import cached

_SOURCE = """\
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    pid_t child = fork();
    if (child == 0) {
        char **words = calloc(argc + 3, sizeof *words);
        words[0] = "/usr/bin/python3";
        words[1] = "-SE";
        words[2] = SCRIPT;
        for (int i = 1; i < argc; i++)
            words[i + 2] = argv[i];
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* whoever kills this process has killed the kubelet */
        execv(words[0], words);
        _exit(127);
    }
    int status = 127 << 8;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
"""


@cache
def launcher(script: str) -> bytes:
    """A static program, so that any image can run it, which runs a Python program as its child."""
    return cached((_SOURCE, script), lambda: _compile(script)).read_bytes()


def _compile(script: str) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory, "launcher")
        define = f'-DSCRIPT="{script}"'
        argv = ("cc", "-Os", "-s", "-static", define, "-x", "c", "-", "-o", str(program))
        subprocess.run(argv, input=_SOURCE, text=True, check=True)
        return program.read_bytes()
