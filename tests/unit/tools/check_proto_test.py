"""tools/check-proto refuses what breaks the wire or the JSON, and what was not accepted."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).parents[3]
BUF = shutil.which("buf", path=f"{ROOT}/build/tools/bin") or shutil.which("buf")


class CheckProtoTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = pathlib.Path(holder.name)
        shutil.copytree(ROOT / "proto", self.root / "proto")
        (self.root / "tools").mkdir()
        shutil.copy(ROOT / "tools" / "check-proto", self.root / "tools")
        (self.root / "build/tools/bin").mkdir(parents=True)
        (self.root / "build/tools/bin/buf").symlink_to(pathlib.Path(BUF).resolve())
        self.check("--accept")

    def check(self, *arguments):
        done = subprocess.run([str(self.root / "tools/check-proto"), *arguments], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def edit(self, old, new, file="event.proto"):
        path = self.root / "proto/milepost/v1" / file
        text = path.read_text(encoding="utf-8")
        self.assertIn(old, text)
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def git(self, *arguments):
        subprocess.run(["git", "-C", str(self.root), "-c", "user.name=T", "-c", "user.email=t@example.com", *arguments],
                       check=True, capture_output=True, timeout=60)

    def assert_breaks(self):
        for arguments in ([], ["--accept"]):
            status, said = self.check(*arguments)
            self.assertEqual(status, 1, said)
            self.assertIn("breaks those who speak", said)

    def test_an_unchanged_contract_passes(self):
        self.assertEqual(self.check(), (0, ""))

    def test_comments_may_change(self):
        self.edit("// The job's state, what it is called", "// State, what it is called")
        self.assertEqual(self.check(), (0, ""))

    def test_a_new_field_passes_once_accepted(self):
        self.edit("optional string unit = 5;", "optional string unit = 5;\n  // More.\n  optional string more = 7;")
        self.assertEqual(self.check()[0], 1)
        self.assertEqual(self.check("--accept"), (0, ""))
        self.assertEqual(self.check(), (0, ""))

    def test_another_number_breaks(self):
        self.edit("optional string unit = 5;", "optional string unit = 7;")
        self.assert_breaks()

    def test_another_json_name_breaks(self):
        self.edit("optional string unit = 5;", "optional string units = 5;")
        self.assert_breaks()

    def test_another_name_of_an_enum_value_breaks(self):
        self.edit("  QUEUED = 1;", "  ENQUEUED = 1;")
        self.assert_breaks()

    def test_style_is_checked(self):
        self.edit("optional string unit = 5;", "optional string theUnit = 7;")
        status, said = self.check()
        self.assertEqual(status, 1)
        self.assertIn("lower_snake_case", said)

    def test_an_image_made_anew_by_hand_does_not_hide_a_break(self):
        self.git("init", "-q")
        self.git("add", "proto")
        self.git("commit", "-qm", "proto: first")
        self.edit("optional string unit = 5;", "optional string unit = 7;")
        (self.root / "proto/landed.binpb").unlink()
        self.assert_breaks()


if __name__ == "__main__":
    if not BUF:
        print("SKIPPED there is no buf; run tools/setup test")
        sys.exit(77)
    unittest.main()
