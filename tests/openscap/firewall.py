"""Loads the image's firewall rules and sends real packets through them: to a second network namespace that plays the
rest of the world, and back. Runs inside a throw-away copy of the image, in a network namespace of its own."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

HERE, THERE = "198.51.100.2", "198.51.100.7"
WORLD = [THERE, "169.254.169.254", "169.254.169.123", "198.51.100.53"]
# What has to pass, and what must not: protocol, address, port.
LET_OUT = [
    ("tcp", "169.254.169.254", 80, "instance metadata"),
    ("tcp", THERE, 443, "SSM and everything else over HTTPS"),
    ("udp", "198.51.100.53", 53, "names"),
    ("tcp", "198.51.100.53", 53, "long names"),
    ("udp", "169.254.169.123", 123, "the time"),
]
KEEP_IN = [("tcp", THERE, 25, "mail"), ("udp", THERE, 9999, "anything"), ("tcp", THERE, 6667, "chat")]


def run(*command):
    subprocess.run(command, check=True)


def serve(kind, address, port):
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    if kind == "tcp":
        server.listen()

    def answer():
        while True:
            if kind == "tcp":
                peer, _ = server.accept()
                peer.sendall(b"ok")
                peer.close()
            else:
                _, peer = server.recvfrom(100)
                server.sendto(b"ok", peer)

    threading.Thread(target=answer, daemon=True).start()


def reaches(kind, address, port):
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    client.settimeout(1.5)
    try:
        client.connect((address, port))
        if kind == "udp":
            client.send(b"?")
        return client.recv(100) != b""
    except OSError:
        return False
    finally:
        client.close()


def world(ready, go, said):
    """The rest of the world: answers on all addresses, and later knocks on the image's ports."""
    ready.write(b"1")
    ready.flush()
    go.read(1)
    for address in WORLD:
        run("ip", "address", "add", address + "/32", "dev", "far")
    run("ip", "link", "set", "far", "up")
    run("ip", "route", "add", HERE, "dev", "far")
    for kind, address, port, _ in LET_OUT + KEEP_IN:
        serve(kind, address, port)
    ready.write(b"2")
    ready.flush()
    go.read(1)
    for port, wanted in ((22, True), (8080, False)):
        said.write(b"%d" % (reaches("tcp", HERE, port) == wanted))
    said.flush()
    signal.pause()


def main():
    if len(sys.argv) > 1:
        world(os.fdopen(int(sys.argv[1]), "wb"), os.fdopen(int(sys.argv[2]), "rb"), os.fdopen(int(sys.argv[3]), "wb"))
    ready, ready_end = os.pipe()
    go_end, go = os.pipe()
    said, said_end = os.pipe()
    ends = (ready_end, go_end, said_end)
    there = subprocess.Popen(
        ["unshare", "--net", sys.executable, __file__, *map(str, ends)], pass_fds=ends, stdin=subprocess.DEVNULL
    )
    wrong = []
    try:
        os.read(ready, 1)
        run("ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", str(there.pid))
        run("ip", "address", "add", HERE + "/32", "dev", "near")
        run("ip", "link", "set", "near", "up")
        for address in WORLD:
            run("ip", "route", "add", address, "dev", "near", "src", HERE)
        os.write(go, b"1")
        os.read(ready, 1)
        serve("tcp", HERE, 8080)
        # Without rules all of it gets through: else the rest would prove nothing.
        for kind, address, port, what in LET_OUT + KEEP_IN:
            if not reaches(kind, address, port):
                wrong.append(f"{what} ({kind} {address}:{port}) does not get through although no rule holds")
        run("nft", "-f", "/etc/nftables.conf")
        time.sleep(0.2)
        for kind, address, port, what in LET_OUT:
            if not reaches(kind, address, port):
                wrong.append(f"{what} ({kind} {address}:{port}) is stopped")
        for kind, address, port, what in KEEP_IN:
            if reaches(kind, address, port):
                wrong.append(f"{what} ({kind} {address}:{port}) gets out")
        if not reaches("tcp", "127.0.0.1", 22):
            wrong.append("loopback is stopped")
        os.write(go, b"1")
        if os.read(said, 2) != b"11":
            wrong.append("from outside, SSH must be reached and 8080 must not")
    finally:
        there.kill()
        there.wait()
    if wrong:
        sys.exit("\n".join(wrong))
    print("  out: " + ", ".join(what for *_, what in LET_OUT) + "; in: SSH; nothing else")


main()
