"""The machine, and the versions of everybody on it."""

import os
import platform
import subprocess

LIBRARIES = {
    "jax": ("jax", "keras"),
    "torch": ("torch",),
    "tensorflow": ("tensorflow-cpu", "keras"),
}


def field(path, name, separator=":"):
    try:
        with open(path) as file:
            return next(line.split(separator, 1)[1].strip() for line in file if line.startswith(name))
    except (OSError, StopIteration):
        return ""


def version(python, package):
    code = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
    return subprocess.run([python, "-c", code, package], capture_output=True, text=True).stdout.strip()


def describe(given):
    flags = field("/proc/cpuinfo", "flags").split()
    vectors = next((name for name in ("avx512f", "avx2") if name in flags), "")
    family = [field("/proc/cpuinfo", name) for name in ("cpu family", "model\t")]
    versions = {
        f"{package} ({environment})" if package == "keras" else package:
            version(os.path.join(given.work, environment, "bin", "python"), package)
        for environment, packages in LIBRARIES.items()
        for package in packages
    }
    runner = subprocess.run([given.runner, "--version"], capture_output=True, text=True)
    return {
        "cpu": field("/proc/cpuinfo", "model name") or platform.machine(),
        "family": "family {}, model {}".format(*family) if all(family) else "",
        "vectors": vectors,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(field("/proc/meminfo", "MemTotal").split()[0]) / 2**20),
        "system": field("/etc/os-release", "PRETTY_NAME", "=").strip('"') or platform.system(),
        "python": platform.python_version(),
        "runner": runner.stdout.strip().removeprefix("bn-runner "),
        "versions": versions,
    }
