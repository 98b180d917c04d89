#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Another model for a running tytod: by tyto model push, by its control socket, by SIGHUP. The
networks are made up by make_small_models, so that this runs anywhere.

  test_control.py --bin DIR ... --make PROGRAM [NAME...]"""
import json
import os
import signal
import socket
import stat
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402
from test_daemon import EAGER, World, end, lines_of, text_of, wait_for  # noqa: E402


class Place(World):
    """A folder with small networks, where a daemon and its socket live."""

    def __init__(self, args, folder):
        super().__init__(args, folder)
        self.socket = os.path.join(folder, "tyto", "control.sock")
        self.env = {"XDG_RUNTIME_DIR": folder, "RUNTIME_DIRECTORY": ""}

    def model(self, name):
        return os.path.join(self.models, name + ".safetensors")

    def serve(self, config=None, **kwargs):
        """A daemon that listens, with an eager camera or two."""
        path = self.config(config or "cameras: [{id: a, uri: 'test://?width=64&height=48'},"
                                     " {id: b, uri: 'test://?width=64&height=48'}]\n" + EAGER)
        env = {**self.env, **kwargs.pop("env", {})}
        daemon = self.start_daemon("--config", path, env=env, **kwargs)
        wait_for("the cameras run", lambda: daemon.poll() is not None
                 or "b is live" in text_of(daemon) or "cameras: [{id: a" not in open(path).read())
        return daemon

    def make_keys(self):
        """tytod's and one client's, who may watch -> keys of `publish:`, options of tyto"""
        for name in ("server", "client"):
            result = self.run("tyto", "keygen", os.path.join(self.folder, name))
            assert result.returncode == 0, result
        with open(os.path.join(self.folder, "client.pub"), encoding="ascii") as file:
            key = file.read().split()[-1]
        with open(os.path.join(self.folder, "clients"), "w", encoding="ascii") as file:
            file.write(f"watcher viewer {key}\n")
        return (f"server_key: {self.folder}/server.key, clients: {self.folder}/clients",
                ("--server-key", self.folder + "/server.pub", "--key", self.folder + "/client.key"))

    def push(self, *arguments):
        result = self.run("tyto", "model", "push", *arguments, env={**os.environ, **self.env})
        return result.returncode, result.stdout, result.stderr

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(30)
        client.connect(self.socket)
        return client, client.makefile("rw")

    def ask(self, **request):
        client, stream = self.connect()
        with client:
            stream.write(json.dumps(request) + "\n")
            stream.flush()
            return json.loads(stream.readline())

    def digest(self):
        return self.ask(command="status")["model"]["digest"]

    def segments(self):
        return self.ask(command="status")["segments"]


def models_of(watch):
    return [m for m in lines_of(watch) if m["type"] == "model"]


def a_pushed_head_takes_over_and_all_hear_of_it(place):
    watch = place.start_watch("watch.log")
    daemon = place.serve()
    wait_for("events of each class", lambda: {"dog", "cat", "car"} <= {
        e["class"] for e in lines_of(watch) if e["type"] == "event"})
    old = place.digest()
    status, out, err = place.push(place.model("other"), "--json")
    assert (status, err) == (0, ""), (status, out, err)
    answer = json.loads(out)
    assert answer["ok"] and not answer["same"] and answer["old_digest"] == old, answer
    assert answer["added"] == ["owl"] and answer["removed"] == ["cat", "car"], answer
    assert answer["events_went_on"] == 2 and answer["events_ended"] == 4, answer
    print(f"    swapped within {answer['took_ms']:.0f} ms, {answer['stop_ms']:.1f} ms of it "
          "without batches")
    heard = wait_for("the model is told", lambda: [
        m for m in models_of(watch) if m["digest"] == answer["digest"]])[0]
    assert heard["outcome"] == "loaded" and heard["previous_digest"] == old, heard
    assert heard["classes"] == ["owl", "dog"] and heard["num_classes"] == 2, heard
    wait_for("owls", lambda: any(e.get("class") == "owl" for e in lines_of(watch)))
    status = place.ask(command="status")
    assert status["model"]["digest"] == answer["digest"] and status["heads"] == 2, status
    assert status["model"]["path"] == place.model("other"), status
    assert [c["id"] for c in status["cameras"]] == ["a", "b"], status
    assert all(c["status"] == "live" for c in status["cameras"]), status
    for word, arguments in (("serves already", [place.model("other")]),
                            ("3 classes; new: cat, car; gone: owl", [place.model("head")]),
                            ("tytod starts with it", [place.model("other")])):
        code, out, err = place.push(*arguments, "--socket", place.socket)
        if word == "tytod starts with it":
            assert code == 0 and word in out, (out, err)
        elif "gone" in word:
            assert code == 0 and "classes; new: dog" not in out and word in out, (out, err)
        else:
            assert code == 0 and word in out, (out, err)
    result = place.run("tyto", "status", env={**os.environ, **place.env})
    assert result.returncode == 0 and "classes: owl, dog" in result.stdout, result
    assert end(daemon) == 0, text_of(daemon)
    events = [e for e in lines_of(watch) if e["type"] == "event"]
    begun = {e["id"]: e["class"] for e in events if e["phase"] == "new"}
    ended = {e["id"]: e for e in events if e["phase"] == "end"}
    wait_for("each event has ended", lambda: set(begun) == {
        e["id"] for e in lines_of(watch) if e["type"] == "event" and e["phase"] == "end"})
    vanished = {e["class"] for e in ended.values() if e["reason"] == "model_changed"}
    assert vanished == {"cat", "car", "owl"}, vanished
    assert list(begun.values()).count("dog") == 2, "the dogs went on under one id"
    wait_for("the log says it", lambda: "model " + answer["digest"][:12] in text_of(daemon))


def what_must_not_serve_is_refused_with_file_and_key(place):
    watch = place.start_watch("watch.log")
    daemon = place.serve()
    wait_for("the first model is told", lambda: models_of(watch))
    old = place.digest()
    with open(place.model("other"), "rb") as file:
        whole = file.read()
    for name, data in (("cut", whole[:-100]), ("empty", b""), ("text", b"hello\n" * 100),
                       ("nan", whole[:-4] + b"\x00\x00\xc0\x7f")):
        with open(place.model(name), "wb") as file:
            file.write(data)
    os.mkdir(place.model("folder"))
    here = {"cut": "", "empty": "", "text": "", "nan": "finite",
            "visual": "tyto.format", "absent": "No such file", "folder": ""}
    for name, said in here.items():  # found without asking tytod
        status, out, err = place.push(place.model(name))
        assert status == 1 and out == "" and "refuses" not in err, (name, out, err)
        assert err.startswith(f"tyto model push: {place.model(name)}: ") and said in err, (name, err)
        assert err.count("\n") == 1, err
    asked = {"wide": "tyto.config", "stranger": "tyto.encoders audio", "early": "tyto.fusion"}
    for name, key in asked.items():
        status, out, err = place.push(place.model(name))
        assert status == 1 and out == "", (name, out)
        assert f"tytod refuses: {place.model(name)}: {key}: " in err, (name, err)
    keys = {"nan": "which.visual.s.weight", "visual": "tyto.format", **asked}
    for name in list(here) + list(asked):  # and tytod finds all of it itself
        answer = place.ask(command="swap", path=place.model(name))
        assert not answer["ok"] and answer["file"] == place.model(name), answer
        assert keys.get(name, "") in answer.get("key", ""), answer
    refused = wait_for("all refusals are told", lambda: (
        lambda found: found if len(found) == 13 else None)(
            [m for m in models_of(watch) if m["outcome"] == "rejected"]))
    for message in refused:
        assert message["digest"] == old and "/models/" in message["text"], message
    late = place.start_watch("late.log")
    told = wait_for("a newcomer hears of the model", lambda: models_of(late))
    assert told[0]["outcome"] == "loaded" and told[0]["digest"] == old, told
    assert place.digest() == old
    before = place.segments()
    wait_for("segments go on", lambda: place.segments() > before + 1)
    assert end(daemon) == 0, text_of(daemon)


def kept_files(place):
    return sorted(name.split(".pushed", 1)[1] for _, _, names in os.walk(place.folder)
                  for name in names if ".pushed" in name and not name.endswith(".log"))


def a_pushed_head_outlives_a_restart_and_goes_back(place):
    daemon = place.serve()
    old = place.digest()
    code, out, err = place.push("--back")
    assert code == 1 and "no model has been pushed" in err, (out, err)
    copy = place.model("pushed")
    with open(place.model("other"), "rb") as file, open(copy, "wb") as to:
        to.write(file.read())
    code, out, err = place.push(copy)
    assert code == 0 and "tytod starts with it from now on" in out, (out, err)
    os.remove(copy)  # what tytod keeps is its own
    new = place.digest()
    model = place.ask(command="status")["model"]
    assert new != old and model["kept"] and model["can_go_back"], model
    answer = place.ask(command="reload")
    assert answer["ok"] and answer["digest"] == new and answer["same"], answer
    daemon.kill()
    daemon.wait()
    daemon = place.serve(log="again.log")
    assert place.digest() == new and "the model that was pushed last is kept" in text_of(daemon)
    assert len(kept_files(place)) == 2, kept_files(place)
    for digest in (old, new, old):
        code, out, err = place.push("--back", "--json")
        assert code == 0 and json.loads(out)["digest"] == digest == place.digest(), (out, err)
    assert end(daemon) == 0
    daemon = place.serve(log="back.log")
    assert place.digest() == old, "going back is kept, too"
    assert place.ask(command="swap", back=True)["digest"] == new
    assert end(daemon) == 0
    # A copy that is not what was pushed does not serve.
    kept = [os.path.join(folder, name) for folder, _, names in os.walk(place.folder)
            for name in names if ".pushed-" in name]
    assert len(kept) == 1, kept
    with open(kept[0], "rb") as file:
        whole = file.read()
    with open(kept[0], "wb") as file:
        file.write(whole[:-4] + b"abcd")
    daemon = place.serve(log="damaged.log")
    assert place.digest() == old and "gone or damaged" in text_of(daemon)
    with open(kept[0], "wb") as file:
        file.write(whole)
    assert place.ask(command="reload")["digest"] == new
    # Another file where the configuration looks is the newer wish.
    os.replace(place.model("other"), place.model("head"))
    answer = place.ask(command="reload")
    assert answer["ok"] and answer["same"], answer
    wait_for("it is said", lambda: "is another file than when a model was pushed" in text_of(daemon))
    assert place.ask(command="status")["model"]["path"] == place.model("head")
    assert end(daemon) == 0


def sighup_reads_the_head_again(place):
    address = os.path.join(place.folder, "notify")
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(address)
    notify.settimeout(30)
    watch = place.start_watch("watch.log")
    daemon = place.serve(env={"NOTIFY_SOCKET": address})
    told = ""
    while "READY=1" not in told:
        told = notify.recv(4096).decode()

    def hang_up(words):
        daemon.send_signal(signal.SIGHUP)
        found = []
        while not found or found[-1] != "READY=1":
            text = notify.recv(4096).decode()
            if "RELOADING=1" in text or text == "READY=1":
                found.append(text)
        assert len(found) == 2 and "MONOTONIC_USEC=" in found[0], found
        wait_for(words, lambda: words in text_of(daemon))

    old = place.digest()
    hang_up("is the model that serves already")
    os.replace(place.model("other"), place.model("head"))
    hang_up("has taken over from " + old[:12])
    new = place.digest()
    assert new != old
    with open(place.model("head"), "r+b") as file:
        file.truncate(1000)
    hang_up("model refused, the old one goes on: " + place.model("head"))
    assert place.digest() == new
    # Who comes while the first loads hears of it twice: as what serves, and as what began.
    wait_for("the three are told", lambda: [m["digest"] for m in models_of(watch)
                                            if m["outcome"] == "loaded"][-1:] == [new]
             and models_of(watch)[-1]["outcome"] == "rejected")
    answer = place.ask(command="reload")
    assert not answer["ok"] and "head.safetensors" in answer["text"], answer
    assert end(daemon) == 0, text_of(daemon)


def the_socket_bears_all_sorts_of_clients(place):
    daemon = place.serve()
    mode = os.stat(place.socket).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660, oct(mode)
    client, stream = place.connect()
    for line, said in (("not json", ""), ("[1]", "JSON object"), ("{}", "status, config, metrics, swap, reload"),
                       ('{"command": 7}', "status, config, metrics, swap, reload"),
                       ('{"command": "swap"}', "absolute path"),
                       ('{"command": "swap", "path": "head.safetensors"}', "absolute path"),
                       ('{"command": "swap", "path": "/%s"}' % ("x" * 2000), "absolute path"),
                       ('{"command": "swap", "pathe": "/a"}', "did you mean 'path'?"),
                       ('{"command":"status","command":"status"}', "")):
        stream.write("\n" + line + "\n")
        stream.flush()
        answer = json.loads(stream.readline())
        assert not answer["ok"] and answer["error"] and said in answer["text"], (line, answer)
    stream.write('{"command":"status"}\n' * 20)  # all at once, answered one by one
    stream.flush()
    assert all(json.loads(stream.readline())["ok"] for _ in range(20))
    result = place.run("tyto", "status", "--socket", place.socket, "--config")
    config = json.loads(result.stdout)["config"]
    assert result.returncode == 0 and config["tracker"]["off_ratio"] == 0.8, config
    assert config["inference"]["look_ahead"] == "weights" and config["cameras"][0]["stall_s"] == 10, config
    client.sendall(b"x" * 5000)
    assert "4096 bytes" in json.loads(stream.readline())["text"]
    assert stream.readline() == "", "and then the line is cut"
    silent = [place.connect()[0] for _ in range(10)]  # they say nothing, or half a line
    for other in silent[:5]:
        other.sendall(b'{"command":')
    greedy, _ = place.connect()  # asks much and takes nothing
    greedy.setblocking(False)
    try:
        while True:
            greedy.send(b'{"command":"status"}\n' * 100)
    except BlockingIOError:
        pass
    begin = time.monotonic()
    assert place.ask(command="status")["ok"]
    assert time.monotonic() - begin < 5
    before = place.segments()
    wait_for("segments go on", lambda: place.segments() > before + 1)
    elsewhere = ("--models", place.models, "--endpoint",
                 "ipc://" + os.path.join(place.folder, "second.sock"), "test://?width=64&height=48")
    second = place.start("tytod", *elsewhere, env=place.env, log="second.log")
    wait_for("it does without a socket", lambda: "cam1 is live" in text_of(second))
    assert "no control socket: " in text_of(second) and "another process" in text_of(second)
    assert end(second) == 0
    assert place.ask(command="status")["pid"] == daemon.pid
    third = place.start("tytod", "--control", place.socket, *elsewhere, log="third.log")
    assert third.wait(60) == 1 and "another process listens there" in text_of(third)
    assert end(daemon) == 0, text_of(daemon)
    assert not os.path.exists(place.socket), "the socket is left behind"


def what_a_killed_daemon_left_behind_is_no_hindrance(place):
    status, out, err = place.push(place.model("other"))
    assert status == 1 and "no tytod listens there" in err, (out, err)
    daemon = place.serve()
    daemon.kill()
    daemon.wait()
    assert os.path.exists(place.socket)
    result = place.run("tyto", "status", "--socket", place.socket)
    assert result.returncode == 1 and "no tytod listens there" in result.stderr, result
    daemon = place.serve(log="again.log")
    assert place.ask(command="status")["pid"] == daemon.pid
    assert end(daemon) == 0
    daemon = place.start_daemon("--control", "off", "test://", env=place.env, log="off.log")
    wait_for("it runs", lambda: "cam1 is live" in text_of(daemon))
    assert not os.path.exists(place.socket)
    assert end(daemon) == 0
    for arguments, said in ((["model", "push"], "needs one file"), (["status", "x"], "no file"),
                            (["model", "push", "--frob"], "unknown option"),
                            (["status", "--socket"], "missing")):
        result = place.run("tyto", *arguments)
        assert result.returncode == 2 and said in result.stderr, result
    for arguments in (["model", "push", "--help"], ["status", "--help"]):
        result = place.run("tyto", *arguments)
        assert result.returncode == 0 and "examples:" in result.stdout, result
    path = place.config("cameras: [{id: a, uri: 'test://'}]\ncontrol: here.sock\n")
    result = place.run("tytod", "--check", "--config", path, "--models", place.models)
    assert result.returncode == 1 and "control: 'here.sock' is neither" in result.stderr, result


CASES = [a_pushed_head_takes_over_and_all_hear_of_it,
         a_pushed_head_outlives_a_restart_and_goes_back,
         what_must_not_serve_is_refused_with_file_and_key, sighup_reads_the_head_again,
         the_socket_bears_all_sorts_of_clients, what_a_killed_daemon_left_behind_is_no_hindrance]


if __name__ == "__main__":
    sys.exit(cases.run_cases(CASES, cases.parser().parse_args(), Place))
