// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"sync"
	"unsafe"
)

// acceptForNow stands in for libssl's own verification of the peer's chain,
// which knows neither pins nor Spine names. It only defers the verdict: nothing
// that libssl writes after it has a peer's certificate leaves the process before
// Endpoint.VerifyPeer has accepted that certificate, and no handshake completes
// without that verdict: see Conn.handshake.
//
// SSL_set_retry_verify, which would suspend the handshake inside of libssl, is
// honoured for clients alone, came with OpenSSL 3.0.2, and asks before a stapled
// response has arrived.
func acceptForNow(_, _ uintptr) int32 { return 1 }

// stapleWhatIsThere is asked when a client wants a stapled response. libssl sends the
// one that the session was given, or none.
func stapleWhatIsThere(_, _ uintptr) int32 { return 0 } // SSL_TLSEXT_ERR_OK

// selectProtocol picks HTTP/1.1 for a server. The other suites than the two GCM
// ones are forbidden in HTTP/2 (RFC 9113 section 9.2.2), so it is never picked.
// A client that offers only other protocols gets a no_application_protocol
// alert (RFC 7301 section 3.2); a client that does not use ALPN never gets here.
func selectProtocol(_ uintptr, out **byte, outLen *byte, in *byte, inLen uint32, _ uintptr) int32 {
	const (
		ok    = 0 // SSL_TLSEXT_ERR_OK
		fatal = 2 // SSL_TLSEXT_ERR_ALERT_FATAL
	)
	if in == nil {
		return fatal
	}
	// The list is libssl's own copy of the extension and lives as long as the SSL.
	for offered := unsafe.Slice(in, inLen); len(offered) > 0; {
		n := int(offered[0])
		if n == 0 || n >= len(offered) {
			return fatal
		}
		name := offered[1 : 1+n]
		if string(name) == http11 {
			*out, *outLen = &name[0], byte(n)
			return ok
		}
		offered = offered[1+n:]
	}
	return fatal
}

const http11 = "http/1.1"

// signers finds the Go side of an RSA of libcrypto's.
var signers sync.Map // uintptr to storedKey

// A storedKey keeps the size that libcrypto has made room for, whatever Public
// says later.
type storedKey struct {
	crypto.Signer
	size int
}

// digests are by the identifiers of openssl/obj_mac.h.
var digests = map[int32]crypto.Hash{672: crypto.SHA256, 673: crypto.SHA384, 674: crypto.SHA512}

// signNoBlock is RSA_METHOD's priv_enc, for RSASSA-PSS, and fails. libcrypto calls it without
// looking whether there is one.
func signNoBlock(int32, *byte, *byte, uintptr, int32) int32 { return -1 }

// signDigest is RSA_METHOD's sign. What goes wrong, a panic included, is a
// handshake that fails with an internal_error alert.
func signDigest(nid int32, digest *byte, digestLen uint32, signature *byte, signatureLen *uint32, key uintptr) (ok int32) {
	defer func() {
		if recover() != nil {
			ok = 0
		}
	}()
	value, found := signers.Load(key)
	hash, known := digests[nid]
	if !found || !known || int(digestLen) != hash.Size() {
		return 0
	}
	signer := value.(storedKey)
	// A copy: libssl's is gone when this returns, a worker of the signer's may not be.
	out, err := signer.Sign(rand.Reader, bytes.Clone(unsafe.Slice(digest, digestLen)), hash)
	if err != nil || len(out) != signer.size {
		return 0
	}
	copy(unsafe.Slice(signature, signer.size), out) // RSA_sign's caller has RSA_size bytes there
	*signatureLen = uint32(signer.size)
	return 1
}
