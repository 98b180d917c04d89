# SPDX-License-Identifier: MIT
"""Follow tytod, the daemon that says what cameras hear and see.

    import tyto

    for item in tyto.follow(position="seen.pos"):
        if isinstance(item, tyto.Lost):
            print(item)
        elif item.event and item.event.phase == "new":
            print(item.event.begin, item.event.camera, item.event.class_name)

Each message comes once and in order, over restarts of tytod and of the program, or as a Lost that
says what does not come, and why. tyto.events() asks for what has been. Needs Debian's python3-zmq
and python3-protobuf.
"""
from .decode import Alignment, Box, Event, Scores, phase_name
from .feed import Feed, Lost, Message, follow
from .query import Query, TytoError, events

__all__ = ["Alignment", "Box", "Event", "Feed", "Lost", "Message", "Query", "Scores", "TytoError", "events",
           "follow", "phase_name"]
DEFAULT_ENDPOINT = "tcp://127.0.0.1:5571"
