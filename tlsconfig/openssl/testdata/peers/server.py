"""Serves on each port, certificate, key given, until its input ends."""
import socket
import ssl
import sys
import threading


def serve(port, cert, key, ca, dh):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    context.load_verify_locations(ca)
    context.load_dh_params(dh)
    context.set_ciphers("ALL")
    context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", int(port)))
    while True:
        raw, _ = listener.accept()
        try:
            with context.wrap_socket(raw, server_side=True) as conn:
                conn.recv(4096)
                conn.sendall(b"HTTP/1.0 200 OK\r\n\r\nserved")
        except OSError:
            raw.close()


ca, dh, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
for i in range(0, len(rest), 3):
    threading.Thread(target=serve, args=(*rest[i : i + 3], ca, dh), daemon=True).start()
sys.stdin.read()
