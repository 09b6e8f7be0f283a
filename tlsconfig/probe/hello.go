// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"net/netip"
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// A hello is a ClientHello (RFC 5246 section 7.4.1.2) as a test wants it, which
// crypto/tls would not send: any version, any suites in any order, and each
// extension or not. Nothing is encrypted with it: a handshake that goes further
// than the server's first flight is made by crypto/tls.
type hello struct {
	version     uint16   // client_version, and that of the record
	supported   []uint16 // supported_versions; nil: no such extension
	suites      []uint16
	compression []byte // nil: null alone
	serverName  string
	protocols   []string // ALPN; nil: none
	signatures  []uint16 // signature_algorithms; nil: the usual ones
	groups      []uint16 // supported_groups; nil: the usual ones
	session     []byte   // session to resume, of a handshake of crypto/tls; nil: none
	verifyData  []byte   // of the client's Finished, to renegotiate within a handshake of crypto/tls; nil: a first handshake
}

var (
	usualGroups     = []uint16{uint16(tls.X25519), uint16(tls.CurveP256), uint16(tls.CurveP384), uint16(tls.CurveP521)}
	groups13        = append(slices.Clone(usualGroups), 0x001E, 0x0100, 0x0101, 0x0102, uint16(tls.X25519MLKEM768), 0x11EB) // X448, ffdhe2048 to ffdhe4096, SecP256r1MLKEM768
	usualSignatures = []uint16{
		uint16(tls.PSSWithSHA256), uint16(tls.PSSWithSHA384), uint16(tls.PSSWithSHA512),
		uint16(tls.PKCS1WithSHA256), uint16(tls.PKCS1WithSHA384), uint16(tls.PKCS1WithSHA512),
		uint16(tls.ECDSAWithP256AndSHA256), uint16(tls.ECDSAWithP384AndSHA384), uint16(tls.ECDSAWithP521AndSHA512),
		uint16(tls.Ed25519), 0x0808, 0x0809, 0x080A, 0x080B, // Ed448, and PSS with keys for nothing else
		0x0402, 0x0502, 0x0602, // DSA
		uint16(tls.PKCS1WithSHA1), uint16(tls.ECDSAWithSHA1), 0x0202,
	}
)

// Handshake types (RFC 5246 section 7.4).
const (
	typeHelloRequest      = 0
	typeClientHello       = 1
	typeServerHello       = 2
	typeCertificate       = 11
	typeServerKeyExchange = 12
	typeCertificateReq    = 13
	typeServerHelloDone   = 14
)

// Extension types (IANA, TLS ExtensionType Values).
const (
	extServerName          = 0
	extSupportedGroups     = 10
	extPointFormats        = 11
	extSignatureAlgorithms = 13
	extALPN                = 16
	extExtendedMaster      = 23
	extSupportedVersions   = 43
	extKeyShare            = 51
	extRenegotiationInfo   = 0xff01
)

// versionSSL30 is asked about, and nothing more.
const versionSSL30 = 0x0300

const (
	recordChangeCipherSpec = 20
	recordAlert            = 21
	recordHandshake        = 22
	recordApplicationData  = 23
)

// record returns the hello in a record of its own.
func (h *hello) record() []byte {
	var b cryptobyte.Builder
	b.AddUint8(recordHandshake)
	// RFC 5246 appendix E.1: servers must not mind the record's version.
	b.AddUint16(min(h.version, tls.VersionTLS10))
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(h.message()) })
	return b.BytesOrPanic() // nothing in it is of a length that could overflow
}

// message returns the hello without a record.
func (h *hello) message() []byte {
	var random [32]byte
	rand.Read(random[:])
	var b cryptobyte.Builder
	b.AddUint8(typeClientHello)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint16(min(h.version, tls.VersionTLS12))
		b.AddBytes(random[:])
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(h.session) })
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { addUint16s(b, h.suites) })
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) {
			if h.compression == nil {
				b.AddUint8(0)
			}
			b.AddBytes(h.compression)
		})
		if h.version > versionSSL30 {
			b.AddUint16LengthPrefixed(h.extensions)
		}
	})
	return b.BytesOrPanic()
}

func addUint16s(b *cryptobyte.Builder, values []uint16) {
	for _, value := range values {
		b.AddUint16(value)
	}
}

func (h *hello) extensions(b *cryptobyte.Builder) {
	extension := func(id uint16, content func(b *cryptobyte.Builder)) {
		b.AddUint16(id)
		b.AddUint16LengthPrefixed(content)
	}
	list := func(values, usual []uint16) func(b *cryptobyte.Builder) {
		if values == nil {
			values = usual
		}
		return func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { addUint16s(b, values) })
		}
	}
	if _, err := netip.ParseAddr(h.serverName); h.serverName != "" && err != nil { // RFC 6066 section 3: no addresses
		extension(extServerName, func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				b.AddUint8(0)
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(h.serverName)) })
			})
		})
	}
	extension(extSupportedGroups, list(h.groups, usualGroups))
	extension(extPointFormats, func(b *cryptobyte.Builder) { b.AddBytes([]byte{1, 0}) })
	extension(extSignatureAlgorithms, list(h.signatures, usualSignatures))
	extension(extRenegotiationInfo, func(b *cryptobyte.Builder) {
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(h.verifyData) })
	})
	if h.session != nil || h.verifyData != nil { // RFC 7627 section 5.3: as when the session began
		extension(extExtendedMaster, func(*cryptobyte.Builder) {})
	}
	if h.protocols != nil {
		extension(extALPN, func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				for _, protocol := range h.protocols {
					b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(protocol)) })
				}
			})
		})
	}
	if h.supported == nil {
		return
	}
	extension(extSupportedVersions, func(b *cryptobyte.Builder) {
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { addUint16s(b, h.supported) })
	})
	extension(extKeyShare, func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			key, err := ecdh.X25519().GenerateKey(rand.Reader)
			if err != nil {
				b.SetError(err)
				return
			}
			b.AddUint16(uint16(tls.X25519))
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(key.PublicKey().Bytes()) })
		})
	})
}

// sslv2 returns a CLIENT-HELLO of SSL version 2, whose suites are three octets
// long and whose record has a header of its own.
func sslv2() []byte {
	challenge := make([]byte, 16)
	rand.Read(challenge)
	suites := []byte{
		0x01, 0x00, 0x80, // SSL_CK_RC4_128_WITH_MD5
		0x03, 0x00, 0x80, // SSL_CK_RC2_128_CBC_WITH_MD5
		0x05, 0x00, 0x80, // SSL_CK_IDEA_128_CBC_WITH_MD5
		0x06, 0x00, 0x40, // SSL_CK_DES_64_CBC_WITH_MD5
		0x07, 0x00, 0xc0, // SSL_CK_DES_192_EDE3_CBC_WITH_MD5
	}
	var b cryptobyte.Builder
	b.AddUint8(1)      // CLIENT-HELLO
	b.AddUint16(0x002) // version
	b.AddUint16(uint16(len(suites)))
	b.AddUint16(0) // no session
	b.AddUint16(uint16(len(challenge)))
	b.AddBytes(suites)
	b.AddBytes(challenge)
	body := b.BytesOrPanic()
	return append([]byte{0x80 | byte(len(body)>>8), byte(len(body))}, body...)
}
