# SPDX-License-Identifier: MIT
"""A Kafka broker as far as the log-in: says which requests it knows, and goes the way of SASL (PLAIN,
SCRAM-SHA-256, SCRAM-SHA-512) with whoever comes. What is asked for afterwards it only notes."""
import base64
import hashlib
import hmac
import os
import socket
import struct
import threading

METADATA, HANDSHAKE, VERSIONS, AUTHENTICATE = 3, 17, 18, 36
KNOWN = {0: (0, 7), METADATA: (0, 2), HANDSHAKE: (0, 1), VERSIONS: (0, 0), 22: (0, 1), AUTHENTICATE: (0, 0)}
REFUSED, UNKNOWN_VERSION, UNKNOWN_MECHANISM = 58, 35, 33


def text(value):
    raw = value.encode()
    return struct.pack(">h", len(raw)) + raw


class Scram:
    """RFC 5802, the server's side."""

    def __init__(self, hash_name, user, password):
        self.hash, self.user, self.password, self.first = hash_name, user, password, None

    def hmac(self, key, message):
        return hmac.digest(key, message, self.hash)

    def step(self, message):
        """What is answered, None: refused."""
        if self.first is None:
            self.first = message.split(b",", 2)[2]
            fields = dict(part.split(b"=", 1) for part in self.first.split(b","))
            self.is_known = fields[b"n"].decode() == self.user
            self.salt, self.nonce = os.urandom(16), fields[b"r"] + base64.b64encode(os.urandom(12))
            self.second = b"r=" + self.nonce + b",s=" + base64.b64encode(self.salt) + b",i=4096"
            return self.second
        without, proof = message.rsplit(b",p=", 1)
        salted = hashlib.pbkdf2_hmac(self.hash, self.password.encode(), self.salt, 4096)
        client_key = self.hmac(salted, b"Client Key")
        signed = self.first + b"," + self.second + b"," + without
        wanted = bytes(a ^ b for a, b in zip(client_key, self.hmac(hashlib.new(self.hash, client_key).digest(), signed)))
        if not self.is_known or not hmac.compare_digest(wanted, base64.b64decode(proof)):
            return None
        return b"v=" + base64.b64encode(self.hmac(self.hmac(salted, b"Server Key"), signed))


class Plain:
    def __init__(self, user, password):
        self.wanted = f"\0{user}\0{password}".encode()

    def step(self, message):
        return b"" if message.endswith(self.wanted) else None


class Broker:
    """mechanisms: that it takes. logged_in: mechanism of each that came in; asked: api keys of what was
    asked for then; num_refused."""

    def __init__(self, user, password, mechanisms=("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"), context=None):
        self.user, self.password, self.mechanisms, self.context = user, password, mechanisms, context
        self.logged_in, self.asked, self.num_refused = [], [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def close(self):
        self.listener.close()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            connection.settimeout(30)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as stream:
                self.talk(connection, stream)
        except (OSError, struct.error, ValueError, IndexError):
            pass

    def talk(self, connection, stream):
        mechanism, login, is_in = None, None, False
        while len(head := stream.read(4)) == 4:
            request = stream.read(struct.unpack(">i", head)[0])
            api, version, correlation, client = struct.unpack(">hhih", request[:10])
            body = request[10 + max(0, client):]
            answer = b""
            if api == VERSIONS:
                answer = struct.pack(">hi", UNKNOWN_VERSION if version > 0 else 0, len(KNOWN)) + b"".join(struct.pack(">hhh", key, *span) for key, span in KNOWN.items())
            elif api == HANDSHAKE:
                mechanism = body[2:2 + struct.unpack(">h", body[:2])[0]].decode()
                is_known = mechanism in self.mechanisms
                login = Plain(self.user, self.password) if mechanism == "PLAIN" else Scram(mechanism[6:].replace("-", "").lower(), self.user, self.password)
                answer = struct.pack(">hi", 0 if is_known else UNKNOWN_MECHANISM, len(self.mechanisms)) + b"".join(text(one) for one in self.mechanisms)
            elif api == AUTHENTICATE and login:
                said = login.step(body[4:])
                if said is None:
                    self.num_refused += 1
                    answer = struct.pack(">h", REFUSED) + text("Authentication failed: invalid credentials") + struct.pack(">i", 0)
                else:
                    if not is_in and (mechanism == "PLAIN" or said.startswith(b"v=")):
                        is_in = True
                        self.logged_in.append(mechanism)
                    answer = struct.pack(">hhi", 0, -1, len(said)) + said
            else:
                if is_in:
                    self.asked.append(api)
                return
            connection.sendall(struct.pack(">ii", len(answer) + 4, correlation) + answer)
