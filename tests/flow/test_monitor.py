#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What tytod tells monitors: /metrics in Prometheus' format, /healthz and /readyz, with clients that
behave and clients that do not; and that dashboard and alert rules ask for what is told.

  test_monitor.py --bin DIR ... --make PROGRAM [NAME...]"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402
from test_control import Place  # noqa: E402
from test_daemon import EAGER, ROOT, end, text_of, wait_for  # noqa: E402

RULES = os.path.join(ROOT, "daemon", "monitor", "alerts.yaml")
DASHBOARD = os.path.join(ROOT, "daemon", "monitor", "grafana.json")
NAME = re.compile(r"\b((?:tyto|process)_[a-z0-9_]+)")
SAMPLE = re.compile(r'^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\["\\n])*",?)*)\})? (\S+)$')
CAMERAS = ("cameras: [{id: a, uri: 'test://?width=64&height=48'},"
           " {id: b, uri: 'test://?width=64&height=48'}]\n" + EAGER)


def watched(place, more="", **kwargs):
    daemon = place.serve(CAMERAS + "metrics: {listen: '0'}\n" + more, **kwargs)
    found = wait_for("it says where", lambda: re.search(r"metrics on http://(\S+)/metrics",
                                                        text_of(daemon)))
    place.http = found.group(1)
    return daemon


def limit(name):
    """One of those in daemon/monitor/http.h."""
    with open(os.path.join(ROOT, "daemon", "monitor", "http.h"), encoding="ascii") as file:
        return int(re.search(rf"TYTO_HTTP_{name} = (\d+)", file.read()).group(1))


def get(place, path, method="GET"):
    request = urllib.request.Request(f"http://{place.http}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


def samples_of(text):
    """{(name, labels): value}; the text is checked on the way."""
    kinds, found, ended = {}, {}, set()
    last = None
    for line in text.splitlines():
        if line.startswith("# "):
            word, name, rest = line[2:].split(" ", 2)
            assert rest.strip(), line
            if word == "TYPE":
                assert name not in kinds, f"{name} comes twice"
                kinds[name] = rest
            continue
        match = SAMPLE.match(line)
        assert match, f"no sample: {line}"
        name, labels, value = match.groups()
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        base = base if kinds.get(base) == "histogram" else name
        assert base in kinds, f"{name} has no TYPE"
        assert base == last or base not in ended, f"{base} is torn apart"
        ended.add(base)
        last = base
        assert (kinds[base] == "counter") == name.endswith("_total"), name
        key = (name, labels or "")
        assert key not in found, f"{key} comes twice"
        found[key] = float(value)
    for (name, labels), value in found.items():
        if name.endswith("_count") and kinds.get(name[:-6]) == "histogram":
            bound = (labels + "," if labels else "") + 'le="+Inf"'
            assert found[(name[:-6] + "_bucket", bound)] == value, name
    return found


def figures_are_told_in_prometheus_format(place):
    daemon = watched(place)
    wait_for("segments", lambda: samples_of(get(place, "/metrics")[1])
             .get(("tyto_segments_total", ""), 0) > 4)
    status, text, headers = get(place, "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4"), headers
    found = samples_of(text)
    for camera in "ab":
        assert found[("tyto_camera_up", f'camera="{camera}"')] == 1, text
        assert found[("tyto_camera_status", f'camera="{camera}",status="live"')] == 1, text
        assert found[("tyto_camera_status", f'camera="{camera}",status="lost"')] == 0, text
    for stage in ("capture", "segment", "encode", "attend", "track"):
        assert found[("tyto_stage_seconds_count", f'stage="{stage}"')] > 0, text
    assert found[("tyto_messages_total", "")] > 0 and found[("process_open_fds", "")] > 10, text
    assert found[("process_resident_memory_bytes", "")] > 1e6, text
    result = place.run("tyto", "status", "--metrics", "--socket", place.socket)
    assert {n for n, _ in samples_of(result.stdout)} == {n for n, _ in found}, result
    if shutil.which("promtool"):
        subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=True,
                       capture_output=True, timeout=60)
    for path, word in (("/healthz", "ok"), ("/readyz", "ok"), ("/", "/metrics")):
        status, text, _ = get(place, path)
        assert status == 200 and word in text, (path, status, text)
    assert get(place, "/nothing")[0] == 404 and get(place, "/metrics", "POST")[0] == 405
    status, text, headers = get(place, "/metrics", "HEAD")
    assert status == 200 and text == "" and int(headers["Content-Length"]) > 1000
    assert end(daemon) == 0, text_of(daemon)


def dashboard_and_rules_ask_for_what_is_told(place):
    clips = os.path.join(place.folder, "clips")
    daemon = watched(place, f"record: {{dir: {clips}}}\n")
    told = {name for name, _ in samples_of(get(place, "/metrics")[1])}
    told |= {"tyto_camera_av_offset_seconds"}  # of cameras whose offset is known
    with open(DASHBOARD, encoding="utf-8") as file:
        dashboard = json.load(file)
    targets = [t["expr"] for p in dashboard["panels"] for t in p.get("targets", [])]
    assert len(targets) > 30 and dashboard["title"] == "tyto"
    ids = [p["id"] for p in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    with open(RULES, encoding="utf-8") as file:
        rules = file.read()
    alerts = re.findall(r"alert: (\w+)\n\s+expr: (.+)\n", rules)
    assert len(alerts) == rules.count("alert:") > 10 and len(dict(alerts)) == len(alerts), alerts
    assert rules.count("summary:") == rules.count("severity:") == len(alerts)
    for text in targets + [expression for _, expression in alerts]:
        assert text.count("(") == text.count(")") and text.count("{") == text.count("}"), text
        missing = set(NAME.findall(text)) - told
        assert not missing, (text, missing)
    if shutil.which("promtool"):
        subprocess.run(["promtool", "check", "rules", RULES], check=True, capture_output=True,
                       timeout=60)
    try:
        import yaml
        assert len(yaml.safe_load(rules)["groups"][0]["rules"]) == len(alerts)
    except ImportError:
        pass
    assert end(daemon) == 0, text_of(daemon)


def clients_that_do_not_behave_hold_nobody_up(place):
    daemon = watched(place)
    host, port = place.http.rsplit(":", 1)
    clients = []
    for number in range(40):
        client = socket.create_connection((host, int(port)), timeout=30)
        client.sendall((b"", b"GET /metr", b"GET /metrics HTTP/1.1\r\nX: y", b"\x00\xff\r\n\r\n",
                        b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n",
                        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nabc")[
                            number % 6])
        clients.append(client)
    drip = clients[2]
    begin = time.monotonic()
    is_open = True
    while is_open and time.monotonic() - begin < 60:  # a byte now and then does not help
        try:
            drip.sendall(b"z")
            time.sleep(0.5)
        except OSError:
            is_open = False
    assert not is_open, "it is let go, whatever it sends"
    wait_for("others are served", lambda: get(place, "/healthz")[0] == 200)
    for client in clients:
        client.close()
    # Those that say nothing are not waited for: they take all places twice over, so that whoever waits
    # for their own deadline is served after two of them.
    begin = time.monotonic()
    clients = [socket.create_connection((host, int(port)), timeout=30) for _ in range(2 * limit("MAX_CLIENTS"))]
    assert get(place, "/healthz")[0] == 200
    assert time.monotonic() - begin < 2 * limit("CLIENT_S"), "clients that say nothing are waited for"
    for client in clients:
        client.close()
    nices = {open(f"/proc/{daemon.pid}/task/{task}/stat", encoding="ascii", errors="replace").read()
             .rsplit(")", 1)[1].split()[16] for task in os.listdir(f"/proc/{daemon.pid}/task")}
    assert len(nices) == 1, f"a process is over when its last thread has had the processor: {nices}"
    before = place.segments()
    wait_for("segments go on", lambda: place.segments() > before + 1)
    assert end(daemon) == 0, text_of(daemon)


def what_may_not_be_told_to_all_is_refused(place):
    for listen, more, said in (("0.0.0.0:9466", "", "beyond_loopback"),
                               ("'[::]:9466'", "", "beyond_loopback"),
                               ("nonsense", "", "no address to listen on"),
                               ("'127.0.0.1:99999'", "", "no address to listen on"),
                               ("localhost:9466", "", "no address to listen on"),
                               ("0.0.0.0:9466", ", beyond_loopback: true", None),
                               ("9466", "", None), ("'[::1]:9466'", "", None), ("off", "", None)):
        path = place.config(CAMERAS + f"metrics: {{listen: {listen}{more}}}\n")
        result = place.run("tytod", "--check", "--config", path, "--models", place.models)
        if said:
            assert result.returncode == 1 and said in result.stderr, (listen, result)
            assert "metrics.listen" in result.stderr or "metrics" in result.stderr, result
        else:
            assert result.returncode == 0, (listen, result)
    taken = socket.create_server(("127.0.0.1", 0))
    daemon = place.start_daemon("--metrics", str(taken.getsockname()[1]), "test://",
                                env=place.env, log="taken.log")
    assert daemon.wait(60) == 1 and "metrics.listen" in text_of(daemon), text_of(daemon)
    taken.close()


CASES = [figures_are_told_in_prometheus_format,
         dashboard_and_rules_ask_for_what_is_told, clients_that_do_not_behave_hold_nobody_up,
         what_may_not_be_told_to_all_is_refused]

if __name__ == "__main__":
    sys.exit(cases.run_cases(CASES, cases.parser().parse_args(), Place))
