"""Connects once for each line of standard input and prints what came of it."""
import socket
import ssl
import sys


def get(port, suite, cert, key, ca, name):
    context = ssl.create_default_context(cafile=ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suite)
    if cert != "-":
        context.load_cert_chain(cert, key)
    with socket.create_connection(("127.0.0.1", int(port)), 10) as raw:
        with context.wrap_socket(raw, server_hostname=name) as conn:
            conn.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b""
            while chunk := conn.recv(4096):
                answer += chunk
    return answer.decode()


for line in sys.stdin:
    port, suite, _, cert, key, ca, name = line.split()
    try:
        result = get(port, suite, cert, key, ca, name)
    except OSError as e:
        result = str(e)
    print(result.replace("\r", " ").replace("\n", " "), flush=True)
