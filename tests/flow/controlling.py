# SPDX-License-Identifier: MIT
"""A stand-in for tytod's control socket: figures that grow as those of a daemon that is well, or not."""
import json
import os
import socket
import threading
import time

CAMERAS = ("yard", "front-door", "workshop")
BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000)
STAGES = {"capture": 3, "segment": 900, "encode": 38, "attend": 4, "track": 0.4}  # ms, about


def histogram(name, label, ms, num):
    """num of them, most of them between half of ms and its double."""
    inner, lines, total = f"{label}," if label else "", [], 0
    for bound in BOUNDS_MS:
        share = min(1.0, max(0.0, (bound - ms / 2) / (ms * 1.6)))
        total = int(num * share)
        lines.append(f'{name}_bucket{{{inner}le="{bound / 1000:g}"}} {total}')
    lines += [f'{name}_bucket{{{inner}le="+Inf"}} {num}', f"{name}_sum{{{label}}} {num * ms / 1000}".replace("{}", ""), f"{name}_count{{{label}}} {num}".replace("{}", "")]
    return lines


class Control:
    """with Control(path, **wrong): name -> value in the place of what is well. is_mute: it takes
    connections and says nothing; status: what else `status` says."""

    def __init__(self, path, status=None, **wrong):
        self.path, self.status, self.wrong, self.is_mute = path, status or {}, wrong, False
        self.begin, self.num_asked = time.time() - 3600, 0
        if os.path.exists(path):
            os.unlink(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(path)
        self.socket.listen(8)
        threading.Thread(target=self.run, daemon=True).start()

    def metrics(self):
        age = time.time() - self.begin
        num = int(3 * age)
        values = {
            "process_start_time_seconds": self.begin, "process_cpu_seconds_total": 0.21 * age + 0.4, "process_resident_memory_bytes": 310 << 20, "process_open_fds": 85, "process_max_fds": 20000,
            "tyto_threads": 38, "tyto_heap_bytes": 250 << 20, "tyto_heap_used_bytes": 230 << 20, "tyto_log_lines_left_out_total": 0,
            "tyto_messages_total": 900 + num // 40, "tyto_messages_lost_total": 0, "tyto_debug_scores_dropped_total": 0, "tyto_publish_queue_messages": num % 3, "tyto_subscribers": 2, "tyto_subscriptions": 9, "tyto_subscribers_cut_off_total": 0,
            "tyto_journal_committed_total": 900 + num // 40, "tyto_journal_commits_total": 700 + num // 50, "tyto_journal_unwritten_total": 0, "tyto_journal_waiting": num % 2, "tyto_journal_failing": 0,
            "tyto_recordings": 41, "tyto_recordings_bytes": 380 << 20, "tyto_recordings_written_total": 41, "tyto_recordings_failed_total": 0, "tyto_recordings_cut_total": 0, "tyto_recordings_deleted_total": 0, "tyto_recording_failing": 0,
            "tyto_preroll_bytes": 9 << 20, "tyto_disk_free_bytes{use=\"recordings\"}": 55 << 30, "tyto_disk_size_bytes{use=\"recordings\"}": 250 << 30, "tyto_snapshots": 40, "tyto_snapshots_bytes": 2 << 20, "tyto_snapshots_waiting": 0, "tyto_snapshots_dropped_total": 0, "tyto_snapshots_failing": 0,
            "tyto_segments_total": num, "tyto_events_total": 450, "tyto_batches_total": num // 3, "tyto_batch_segments_total": num, "tyto_dropped_total": 0, "tyto_inference_cpu_seconds_total": 0.15 * age, "tyto_device_fallback": 0, "tyto_device_losses_total": 0,
            "tyto_segments_given_up_total": 0, "tyto_config_waiting_keys": 0, "tyto_teardowns_hanging": 0,
            **{f'tyto_camera_{name}_total{{camera="{camera}"{more}}}': value for camera in CAMERAS
               for name, more, value in (("dropped", ',stream="audio"', 0), ("dropped", ',stream="video"', 0), ("overrun", "", 0), ("skipped_pictures", "", 0), ("connects", "", 1), ("losses", "", 0))},
        }
        values.update(self.wrong)
        lines = [f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items()]
        for stage, ms in STAGES.items():
            lines += histogram("tyto_stage_seconds", f'stage="{stage}"', ms, num)
        return "\n".join(lines + histogram("tyto_segment_latency_seconds", "", 70, num)) + "\n"

    def answer(self, command):
        if command == "metrics":
            return {"ok": True, "metrics": self.metrics()}
        return {"ok": True, "version": "0.1.0", **self.status}

    def run(self):
        held = []
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.num_asked += 1
            if self.is_mute:
                held.append(connection)
                continue
            with connection, connection.makefile("rwb") as stream:
                line = stream.readline()
                if line:
                    stream.write(json.dumps(self.answer(json.loads(line)["command"])).encode() + b"\n")

    def close(self):
        self.socket.close()
        if os.path.exists(self.path):
            os.unlink(self.path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
