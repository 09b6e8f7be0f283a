"""Serves TLS as each line of a file says, faults included, until it is killed."""
import socket
import ssl
import sys
import threading

VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
CLIENTS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def configure(cert, key, ca, lowest, highest, suites, order, clients, sessions, http2):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Old versions sign with SHA-1, which OpenSSL has at level 0 only.
    context.set_ciphers(suites + (":@SECLEVEL=0" if lowest == "1.0" else ""))
    context.minimum_version, context.maximum_version = VERSIONS[lowest], VERSIONS[highest]
    context.load_cert_chain(cert, key)
    context.load_verify_locations(ca)
    context.load_dh_params(sys.argv[2])
    context.verify_mode = CLIENTS[clients]
    context.options |= ssl.OP_NO_TICKET
    if order == "server":
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["h2", "http/1.1"] if http2 == "on" else ["http/1.1"])
    return context


def serve(port, *settings):
    kept = configure(*settings)
    listener = socket.create_server(("127.0.0.1", int(port)))
    while True:
        raw, _ = listener.accept()
        try:
            # The module cannot switch the cache of sessions off, but each context has its own.
            context = kept if settings[8] == "on" else configure(*settings)
            with context.wrap_socket(raw, server_side=True) as conn:
                conn.recv(4096)
                conn.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nserved")
                conn.unwrap()
        except OSError:
            raw.close()


threads = [threading.Thread(target=serve, args=line.split()) for line in open(sys.argv[1])]
for thread in threads:
    thread.start()
