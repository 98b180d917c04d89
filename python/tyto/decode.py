# SPDX-License-Identifier: MIT
"""An event as a program wants it, out of the protocol's messages."""
import dataclasses
import datetime
from typing import Optional, Tuple

from . import event_pb2 as pb


def _time(unix_ns: int) -> datetime.datetime:
    """UTC; microseconds are what Python's datetime can hold."""
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return epoch + datetime.timedelta(microseconds=unix_ns // 1000)


def phase_name(phase: int) -> str:
    """"new", "update", "end", "retracted"; "unspecified" for one of a later version."""
    name = pb.Phase.Name(phase) if phase in pb.Phase.values() else "PHASE_UNSPECIFIED"
    return name[len("PHASE_"):].lower()


@dataclasses.dataclass(frozen=True)
class Scores:
    """0 to 1: sound and picture together, each alone, and what joint was held against."""
    joint: float
    heard: float
    seen: float
    threshold: float


@dataclasses.dataclass(frozen=True)
class Box:
    """Of the picture, 0 to 1, y downwards."""
    x0: float
    y0: float
    x1: float
    y1: float


@dataclasses.dataclass(frozen=True)
class Alignment:
    """Which second of picture answered which second of sound: a row for each of the event's last
    segments, of shares from 0 to 1. Column `before` is the row's own second, those in front of it are
    earlier ones; what a row lacks to 1 went to seconds beyond it."""
    before: int
    audio: Tuple[Tuple[float, ...], ...]  # what the sound asked of the pictures
    visual: Tuple[Tuple[float, ...], ...]  # what the picture asked of the sounds
    trust: Tuple[float, ...]  # in the sound, row by row; the rest was in the picture

    @classmethod
    def of(cls, wire: pb.Alignment) -> "Alignment":
        def rows(data: bytes) -> Tuple[Tuple[float, ...], ...]:
            return tuple(tuple(byte / 255 for byte in data[i * wire.cols:(i + 1) * wire.cols]) for i in range(min(wire.rows, len(wire.trust))))

        return cls(before=wire.before, audio=rows(wire.audio), visual=rows(wire.visual), trust=tuple(byte / 255 for byte in wire.trust))


@dataclasses.dataclass(frozen=True)
class Event:
    """One message about an event: the same id from "new" to "end", rev counts from 0."""
    id: str
    rev: int
    phase: str  # as phase_name()
    camera: str
    class_name: str
    modality: str  # "av", "a" (heard only), "v" (seen only)
    begin: datetime.datetime  # UTC
    end: Optional[datetime.datetime]  # None: it goes on
    scores: Scores
    box: Optional[Box]
    zones: Tuple[str, ...]
    clip_uri: str  # "": it is not recorded
    alignment: Optional[Alignment]  # of an "end", where the network says it
    wire: pb.Event = dataclasses.field(repr=False, compare=False)  # all there is: proto/event.proto

    @property
    def seconds(self) -> Optional[float]:
        """How long it lasted, by the camera's clock; None while it goes on."""
        if not self.wire.HasField("end_media_ns"):
            return None
        return (self.wire.end_media_ns - self.wire.begin_media_ns) / 1e9

    @classmethod
    def of(cls, wire: pb.Event) -> "Event":
        modality = pb.Modality.Name(wire.modality) if wire.modality in pb.Modality.values() else ""
        return cls(
            id=wire.id, rev=wire.rev, phase=phase_name(wire.phase), camera=wire.camera,
            class_name=wire.class_name, modality=modality[len("MODALITY_"):].lower(),
            begin=_time(wire.begin_unix_ns),
            end=_time(wire.end_unix_ns) if wire.HasField("end_unix_ns") else None,
            scores=Scores(wire.scores.joint, wire.scores.heard, wire.scores.seen, wire.scores.threshold),
            box=Box(wire.box.x0, wire.box.y0, wire.box.x1, wire.box.y1) if wire.HasField("box") else None,
            zones=tuple(wire.zones), clip_uri=wire.clip_uri,
            alignment=Alignment.of(wire.alignment) if wire.HasField("alignment") else None, wire=wire)
