"""What the figures were measured on."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import scipy
import sklearn
from threadpoolctl import threadpool_info


def n_threads() -> int:
    """Return how many threads the linear algebra library uses, as do both sides when not told otherwise."""
    return max((library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"), default=1)


def describe() -> dict[str, str]:
    """Return what a reader needs to compare figures, by name."""
    simd = np.show_config(mode="dicts")["SIMD Extensions"]
    libraries = {
        f"{library['internal_api']} {library['version']} ({library.get('architecture', 'unknown')})"
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{_processor()}, {os.cpu_count()} cores, {n_threads()} threads of linear algebra",
        # On a busy machine scikit-learn's side, whose linear algebra splits small products over threads, suffers most.
        "others at work (load average)": f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown",
        "SIMD features numpy found": ", ".join([*simd["baseline"], *simd["found"]]),
        "SIMD features numpy did not find": ", ".join(simd.get("not found", [])),
        "Python": f"{platform.python_version()} on {platform.platform()}",
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "linear algebra": ", ".join(sorted(libraries)),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor()
    names = [
        line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
    ]
    return names[0] if names else platform.processor()
