"""The tests' reduction against the golden cases that the service's is held to."""
import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from job_state import fold, struct_bytes  # noqa: E402


class JobStateTest(unittest.TestCase):
    def test_the_golden_cases(self):
        with open(os.path.join(HERE, "..", "golden", "job_states.json")) as file:
            cases = json.load(file)
        self.assertGreaterEqual(len(cases), 9)
        for case in cases:
            with self.subTest(case["name"]):
                self.assertEqual(fold(case["events"]), case["state"])
                for cut in range(len(case["events"])):
                    self.assertEqual(fold(case["events"][cut:], fold(case["events"][:cut])), case["state"])

    def test_bytes_of_structs(self):
        # As protobuf gives them.
        for struct, size in (({}, 0), ({"a": 1}, 16), ({"a": "x" * 200, "b": None, "c": {"d": True, "e": [1, 2, "z"]}}, 275)):
            self.assertEqual(struct_bytes(struct), size, struct)


if __name__ == "__main__":
    unittest.main()
