"""tools/check-includes finds what it is there to find, and nothing in a tree that keeps the rules."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).parents[3] / "tools" / "check-includes"


class CheckIncludesTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = pathlib.Path(holder.name)
        for header in ("services/hub/hub.h", "services/auth/grant.h", "services/history/history.h", "edge/feed/feed.h",
                       "edge/sse/session.h", "proto/contract/cursor.h", "proto/milepost/v1/event_service.proto"):
            self.write(header, "#pragma once\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def check(self):
        done = subprocess.run([sys.executable, str(CHECK), str(self.root)], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.returncode, 1 if done.stdout else 0)
        return done.stdout.splitlines()

    def assert_fault(self, name, include, words):
        self.write(name, f"// A line before it.\n#include {include}\n")
        faults = self.check()
        self.assertEqual(len(faults), 1, faults)
        self.assertTrue(faults[0].startswith(f"{name}:2: "), faults)
        self.assertIn(words, faults[0])

    def test_a_tree_that_keeps_the_rules_passes(self):
        self.write("services/rpc/publish.cc",
                   '#include "services/hub/hub.h"\n#include "services/history/history.h"\n'
                   '#include "milepost/v1/event_service.grpc.pb.h"\n#include <grpcpp/grpcpp.h>\n')
        self.write("edge/http/listener.cc", '#include <boost/beast/http.hpp>\n#include "services/auth/grant.h"\n')
        self.write("edge/main.cc", '#include "edge/feed/feed.h"\n#include <boost/asio/io_context.hpp>\n')
        self.write("tests/unit/hub_test.cc", '#include "services/hub/hub.h"\n#include "edge/feed/feed.h"\n')
        self.write("services/jobs/fold.cc", '#include <vector>\n#include "absl/strings/string_view.h"\n')
        self.assertEqual(self.check(), [])

    def test_edge_and_services_never_include_each_other(self):
        self.assert_fault("edge/feed/frame.cc", '"services/hub/hub.h"', "edge/feed must not include services/hub")

    def test_services_do_not_include_the_edge(self):
        self.assert_fault("services/hub/x.cc", '"edge/feed/feed.h"', "services/hub must not include edge/feed")

    def test_arrows_do_not_point_back(self):
        self.assert_fault("services/history/x.cc", '"services/hub/hub.h"', "services/history must not include services/hub")

    def test_feed_does_not_know_sessions(self):
        self.assert_fault("edge/feed/x.cc", '"edge/sse/session.h"', "edge/feed must not include edge/sse")

    def test_nobody_includes_tests(self):
        self.write("tests/support/fake.h", "")
        self.assert_fault("tools/milepost/x.cc", '"tests/support/fake.h"', "tools must not include tests")

    def test_only_some_rooms_see_grpc(self):
        self.assert_fault("services/hub/x.cc", "<grpcpp/grpcpp.h>", "services/hub must not see gRPC")

    def test_generated_stubs_are_grpc_too(self):
        self.assert_fault("edge/sse/x.cc", '"milepost/v1/event_service.grpc.pb.h"', "edge/sse must not see gRPC")

    def test_pure_rooms_see_no_sockets(self):
        self.assert_fault("edge/sse/x.cc", "<boost/asio/steady_timer.hpp>", "edge/sse must not see sockets")

    def test_pure_rooms_see_no_system_sockets(self):
        self.assert_fault("services/jobs/x.cc", "<sys/socket.h>", "services/jobs must not see sockets")

    def test_includes_are_written_from_the_root(self):
        self.assert_fault("services/hub/x.cc", '"hub.h"', "include from the root")

    def test_included_files_of_ours_exist(self):
        self.assert_fault("services/hub/x.cc", '"services/hub/gone.h"', "no such file")

    def test_generated_headers_of_ours_have_a_source(self):
        self.assert_fault("edge/feed/x.cc", '"milepost/v1/gone.pb.h"', "no such file: proto/milepost/v1/gone.proto")

    def test_new_rooms_are_named_first(self):
        self.write("services/billing/x.cc", "")
        self.write("edge/billing/x.cc", "")
        faults = self.check()
        self.assertEqual(len(faults), 2, faults)
        for fault in faults:
            self.assertIn("no room", fault)

    def test_the_top_level_is_a_fixed_list(self):
        self.write("docs/x.md", "")
        self.assertEqual(len(self.check()), 1)
        self.assertTrue(self.check()[0].startswith("docs: "))

    def test_what_git_ignores_and_dotfiles_are_left_alone(self):
        for name in ("build/x.cc", ".ci/run", "milepost-data/log"):
            self.write(name, '#include "services/hub/hub.h"\n')
        self.assertEqual(self.check(), [])


if __name__ == "__main__":
    unittest.main()
