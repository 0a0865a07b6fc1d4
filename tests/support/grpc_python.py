"""Import this before grpc in a test that speaks it: the test goes on under the system's Python, whose package python3-grpcio
it needs. Without that package the test is skipped.
"""
import importlib.util
import os
import subprocess
import sys

GRPC_PYTHON = "/usr/bin/python3"


def _has_grpc():
    return subprocess.run([GRPC_PYTHON, "-c", "import grpc"], capture_output=True).returncode == 0


if importlib.util.find_spec("grpc") is None:
    if os.path.realpath(sys.executable) == os.path.realpath(GRPC_PYTHON) or not os.path.exists(GRPC_PYTHON) or not _has_grpc():
        print(f"SKIPPED {sys.argv[0]}: python3-grpcio is not installed", flush=True)
        sys.exit(0)
    os.execv(GRPC_PYTHON, [GRPC_PYTHON, "-B", *sys.argv])
