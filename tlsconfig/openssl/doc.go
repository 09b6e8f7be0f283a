// SPDX-License-Identifier: Apache-2.0

// Package openssl is the guidance's TLS profile on the system's libssl 3, with
// all eight suites. crypto/tls, and with it package tlsconfig, has three: who must
// meet a peer that has only the others, imports this package.
//
// NewListener gives what http.Server.Serve wants, Dialer.DialContext what
// http.Transport.DialTLSContext wants. Both take the same tlsconfig.Endpoint as the
// crypto/tls engine does, so that both engines accept the same peers:
//
//	l, err := openssl.NewListener(inner, endpoint)
//	if err != nil {
//		log.Fatal(err)
//	}
//	log.Fatal(server.Serve(l))
//
// # What is needed
//
// OpenSSL 3.0 or a later 3.x (libssl.so.3 and libcrypto.so.3), on Linux on amd64
// or arm64, with glibc; it is tried with 3.0 and 3.5. Available says what is missing, and so do NewListener and NewDialer;
// elsewhere the package compiles, and that is the error. cgo is not needed, but
// the program is linked dynamically to glibc either way, even with CGO_ENABLED=0: where
// there is none, as on Alpine, it does not start, and nothing can say why. A program that must do without leaves this package out, as the examples do
// with the build tag nolibssl.
//
// An *rsa.PrivateKey with its primes is given to libssl. Any other crypto.Signer with an RSA key,
// such as one that does not leave its store, is asked to sign, by PKCS #1 v1.5 with
// SHA-256, SHA-384 or SHA-512: libssl lets it sign nothing else, so that peers which
// accept only RSASSA-PSS cannot be met with it, and one whose SupportedSignatureAlgorithms
// names none of these is refused. It holds a thread while it signs, for ten seconds at most.
//
// # What it does
//
// TLS 1.2 and the endpoint's suites; a server prefers them in the guidance's order.
// Diffie-Hellman groups match the strength of the certificate's key, 2048 bits for
// RSA of 2048, and smaller ones are refused. The security level is 2, or what the
// system's configuration has above it; nothing else in that
// configuration counts, neither its groups nor its signature algorithms: both engines
// ask for, make and accept the same ones.
// There is no compression. A peer that asks for a renegotiation is cut off. Nothing
// is resumed: no tickets are issued and no sessions cached, so every connection is a
// full handshake with a verdict of its own. The application protocol is HTTP/1.1. A
// client asks for a stapled OCSP response, which reaches the revocation checker; a
// server staples the OCSPStaple of its certificate to clients that ask.
//
// # The verdict
//
// libssl works on memory, the network is Go's. When libssl has a certificate of
// the peer and next has something to send, tlsconfig's Endpoint.VerifyPeer is
// asked, outside of libssl: whatever it waits for, it holds no thread. Until it has
// accepted the peer nothing more leaves: neither this end's Finished nor, from a
// client, its certificate. If it refuses, the peer gets an alert instead, in the
// clear, as the connection still is:
//
//	no certificate              40 handshake_failure
//	another SubCA or root       48 unknown_ca
//	expired                     45 certificate_expired
//	for another use             43 unsupported_certificate
//	revoked                     44 certificate_revoked
//	revocation not known        46 certificate_unknown
//	anything else               42 bad_certificate
//
// The error is the verifier's *tlsconfig.PeerError. A peer's alert is a *net.OpError
// with the operation "remote error", as with crypto/tls. What libssl itself refuses
// is a *LibraryError.
//
// # Limits
//
// A handshake ends after ten seconds and Endpoint.Timeout; HandshakeContext can make
// it shorter. http.Server does not: its ReadHeaderTimeout begins when the handshake is
// over, so that half a ClientHello lives as long as a handshake may. No more handshakes are computed at a time than GOMAXPROCS says, so
// that many of them do not become as many threads. Each connection's calls into
// libssl exclude one another: reading and writing may go on at the same time, but
// not on two processors. ConnectionState fills neither VerifiedChains nor TLSUnique,
// and keying material cannot be exported from it.
//
// What libssl allocates is glibc's to give back, which keeps some for each thread:
// a server that must be small sets MALLOC_ARENA_MAX=2.
//
// testdata/interop.md has what was tried with other implementations, and tests
// keep it true.
package openssl
