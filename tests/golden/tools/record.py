#!/usr/bin/env python3
"""Records what real tools print, byte for byte, as test data for the parsers of `milepost run`.

  tests/golden/tools/record.py [TOOL…]       TOOL: ninja make ctest pytest curl wget rsync pip ffmpeg tqdm

Every case is recorded under a pseudo-terminal of 80 columns (NAME.pty.txt) and under pipes (NAME.stdout.txt and
NAME.stderr.txt; empty ones are not kept). Names of this machine are replaced by neutral ones of any length, which
no parser looks at.
"""
import fcntl
import functools
import http.server
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = tempfile.mkdtemp(prefix="record")
ENV = {"PATH": os.environ["PATH"], "HOME": ROOT, "LANG": "C.UTF-8", "TERM": "xterm-256color", "PYTHONDONTWRITEBYTECODE": "1",
       "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1", "PYTHONUNBUFFERED": "1"}


def scrub(data):
    data = data.replace(ROOT.encode(), b"/home/dev/demo")
    data = re.sub(rb"127\.0\.0\.1:\d+", b"127.0.0.1:8000", data)
    data = re.sub(rb"/[a-z]+/\.pyenv/versions/[0-9.]+/", b"/usr/", data)
    data = re.sub(rb"/usr/local/lib/python3[^ \r\n]*/site-packages", b"/usr/lib/python3/dist-packages", data)
    return data


def keep(name, stream, data):
    if data.strip():
        with open(os.path.join(HERE, f"{name}.{stream}.txt"), "wb") as file:
            file.write(scrub(data))


def under_pty(command, cwd):
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execvpe(command[0], command, ENV)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    data = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        data += piece
    os.waitpid(pid, 0)
    os.close(master)
    return data


def record(name, command, cwd, before=lambda: None):
    before()
    keep(name, "pty", under_pty(command, cwd))
    before()
    done = subprocess.run(command, cwd=cwd, env=ENV, capture_output=True, timeout=300)
    keep(name, "stdout", done.stdout)
    keep(name, "stderr", done.stderr)


def fresh(name):
    path = os.path.join(ROOT, name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def c_project(generator):
    src = fresh("project")
    names = ["parse", "lexer", "table", "cursor", "frame", "stream", "batch", "lease", "clock"]
    for name in names:
        warn = "int unused;" if name == "table" else ""
        write(f"{src}/{name}.c", f"int {name}(void) {{ {warn} return 1; }}\n")
    write(f"{src}/main.c", "int parse(void);\nint main(void) { return parse() - 1; }\n")
    tests = "\n".join(f"add_test(NAME {name}_test COMMAND demo)" for name in names)
    write(f"{src}/CMakeLists.txt", "cmake_minimum_required(VERSION 3.25)\nproject(demo C)\nenable_testing()\n"
          "add_compile_options(-Wall)\nadd_library(core STATIC " + " ".join(f"{n}.c" for n in names) + ")\n"
          "add_executable(demo main.c)\ntarget_link_libraries(demo core)\n" + tests +
          "\nadd_test(NAME fails COMMAND false)\nset_tests_properties(fails PROPERTIES WILL_FAIL FALSE)\n")

    def configure():
        shutil.rmtree(f"{src}/build", ignore_errors=True)
        subprocess.run(["cmake", "-G", generator, "-B", "build"], cwd=src, env=ENV, check=True, capture_output=True)
    return src, configure


def ninja():
    src, configure = c_project("Ninja")
    record("ninja", ["ninja", "-C", "build", "-j2"], src, configure)
    record("cmake-configure", ["cmake", "-G", "Ninja", "-B", "build"], src, lambda: shutil.rmtree(f"{src}/build"))


def make():
    src, configure = c_project("Unix Makefiles")
    record("make", ["make", "-C", "build"], src, configure)


def ctest():
    src, configure = c_project("Ninja")
    configure()
    subprocess.run(["ninja", "-C", "build"], cwd=src, check=True, capture_output=True)
    record("ctest", ["ctest", "--test-dir", "build", "-j2"], src)


def pytest():
    src = fresh("suite")
    for name, count in (("codec", 40), ("cursor", 25), ("window", 90)):
        write(f"{src}/test_{name}.py", "import pytest\n\n@pytest.mark.parametrize('n', range(%d))\n"
              "def test_%s(n):\n    assert n != 70\n" % (count, name))
    record("pytest", ["pytest", "-p", "no:cacheprovider"], src)
    record("pytest-verbose", ["pytest", "-v", "-p", "no:cacheprovider", "test_cursor.py"], src)


class Slow(http.server.SimpleHTTPRequestHandler):
    """Serves files in small pieces, so that a download lasts long enough to be drawn."""
    def copyfile(self, source, outputfile):
        while piece := source.read(40000):
            outputfile.write(piece)
            outputfile.flush()
            time.sleep(0.12)

    def log_message(self, *args):
        pass


def serve(root):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Slow, directory=root))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def downloads():
    root = fresh("served")
    with open(f"{root}/data.bin", "wb") as file:
        file.write(os.urandom(1500000))
    return serve(root), fresh("download")


def curl():
    url, cwd = downloads()
    record("curl", ["curl", "-o", "data.bin", f"{url}/data.bin"], cwd)
    record("curl-bar", ["curl", "-#", "-o", "data.bin", f"{url}/data.bin"], cwd)


def wget():
    url, cwd = downloads()
    record("wget", ["wget", "-O", "data.bin", f"{url}/data.bin"], cwd)


def rsync():
    src = fresh("photos")
    for n in range(4):
        with open(f"{src}/part{n}.bin", "wb") as file:
            file.write(os.urandom(700000))
    command = ["rsync", "-a", "--bwlimit=900", "photos/", "copy/"]
    clean = lambda: shutil.rmtree(f"{ROOT}/copy", ignore_errors=True)
    record("rsync", command + ["--progress"], ROOT, clean)
    record("rsync-total", command + ["--info=progress2"], ROOT, clean)


def pip():
    root = fresh("index")
    os.makedirs(f"{root}/demo")
    wheel = f"{root}/demo/demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("demo/__init__.py", "")
        archive.writestr("demo/data.bin", os.urandom(1500000))
        archive.writestr("demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
        archive.writestr("demo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: record\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("demo-1.0.dist-info/RECORD", "")
    write(f"{root}/demo/index.html", '<a href="demo-1.0-py3-none-any.whl">demo-1.0-py3-none-any.whl</a>')
    url = serve(root)
    cwd = fresh("wheels")
    command = ["pip", "download", "--index-url", url, "--no-cache-dir", "--no-deps", "demo"]
    record("pip", command, cwd, lambda: fresh("wheels"))


def ffmpeg():
    cwd = fresh("video")
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=duration=60:size=640x360:rate=25", "-c:v", "mpeg4", "in.mp4"],
                   cwd=cwd, check=True)
    record("ffmpeg", ["ffmpeg", "-nostdin", "-y", "-i", "in.mp4", "-vf", "hflip", "-c:v", "mpeg4", "-q:v", "2", "out.mp4"], cwd)


def tqdm():
    cwd = fresh("train")
    write(f"{cwd}/train.py", "import time\nfrom tqdm import tqdm\n"
          "for epoch in tqdm(range(40), desc='epoch', mininterval=0.02):\n    time.sleep(0.01)\n"
          "for _ in tqdm(range(5), mininterval=0):\n    time.sleep(0.01)\n"
          "for _ in tqdm(iter(range(30)), desc='no total', mininterval=0.05):\n    time.sleep(0.01)\n")
    record("tqdm", ["/usr/bin/python3", "train.py"], cwd)


CASES = {f.__name__: f for f in (ninja, make, ctest, pytest, curl, wget, rsync, pip, ffmpeg, tqdm)}
for case in sys.argv[1:] or CASES:
    CASES[case]()
shutil.rmtree(ROOT, ignore_errors=True)
