// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// sslContext is an SSL_CTX: the profile, one certificate and one generation of
// pins. It does not change after it is made, and is freed when neither the end
// nor a connection refers to it.
type sslContext struct {
	lib    *library
	ctx    uintptr
	server bool
	cert   *tls.Certificate
	subCAs []*x509.Certificate
	signer uintptr       // the RSA by which signers finds the key; 0: libssl has the key itself
	places chan struct{} // for the steps of its handshakes
}

// Constants of openssl/ssl.h; they are part of the ABI of version 3.
const (
	ctrlMode                = 33
	ctrlSessionCacheMode    = 44
	ctrlServerName          = 55
	ctrlStatusCallback      = 63
	ctrlStatusType          = 65
	ctrlStatusResponse      = 70
	ctrlSetStatusResponse   = 71
	ctrlChainCertificate    = 89
	ctrlSignatureAlgorithms = 98
	ctrlGroups              = 92
	ctrlClientAlgorithms    = 102
	ctrlDHAuto              = 118
	ctrlMinVersion          = 123
	ctrlMaxVersion          = 124
	versionTLS12            = tls.VersionTLS12
	sessionCacheOff         = 0
	statusTypeOCSP          = 1
	modeNoAutoChain         = 0x8
	modeReleaseBuffers      = 0x10
	verifyPeer              = 1
	optLegacyServer         = 1 << 2
	optClientRenegotiate    = 1 << 8
	optNoTicket             = 1 << 14
	optNoCompression        = 1 << 17
	optUnsafeRenegotiate    = 1 << 18
	optServerPreference     = 1 << 22
	optNoRenegotiation      = 1 << 30
	minimumSecurityLevel    = 2
	nameTypeHost            = 0
	wantedOptions           = optNoTicket | optNoCompression | optServerPreference | optNoRenegotiation
	unwantedOptions         = optLegacyServer | optClientRenegotiate | optUnsafeRenegotiate
	protocolsOffered        = "\x08" + http11
	opensslCipherListSep    = ":"
)

// groups are those that crypto/tls has for TLS 1.2. They and the signature algorithms are
// set on each context, since what the system's configuration says of them would have
// libssl choose another suite, or fail.
const groups = "X25519:P-256:P-384:P-521"

// newContext makes an SSL_CTX with the guidance's profile. The system's
// configuration file may have put other values in it: what is not wanted of
// those is taken out, and a security level above 2 stays.
func (l *library) newContext(server bool, suites []tlsconfig.Suite) (uintptr, error) {
	names := make([]string, len(suites))
	for i, s := range suites {
		names[i] = s.String()
	}
	list, none, protocols := cString(strings.Join(names, opensslCipherListSep)), cString(""), []byte(protocolsOffered)
	curves, algorithms := cString(groups), cString(signatureAlgorithms(nil, false))
	method := l.tlsClientMethod
	if server {
		method = l.tlsServerMethod
	}
	var ctx uintptr
	step := ""
	err := l.protected("SSL_CTX_new", func() bool {
		ctx = call(l.ctxNew, call(method))
		return ctx != 0
	})
	if err != nil {
		return 0, err
	}
	l.live.contexts.Add(1)
	ctrl := func(name string, cmd, larg uintptr) bool {
		step = name
		return int64(call(l.ctxCtrl, ctx, cmd, larg, 0)) > 0
	}
	err = l.protected("SSL_CTX", func() bool {
		if !ctrl("minimum protocol", ctrlMinVersion, versionTLS12) || !ctrl("maximum protocol", ctrlMaxVersion, versionTLS12) {
			return false
		}
		step = "cipher list"
		if int32(call(l.ctxSetCipherList, ctx, uintptr(pointer(list)))) != 1 || int32(call(l.ctxSetCiphersuites, ctx, uintptr(pointer(none)))) != 1 {
			return false
		}
		call(l.ctxSetOptions, ctx, wantedOptions)
		call(l.ctxClearOptions, ctx, unwantedOptions)
		call(l.ctxCtrl, ctx, ctrlMode, modeNoAutoChain|modeReleaseBuffers, 0)
		call(l.ctxCtrl, ctx, ctrlSessionCacheMode, sessionCacheOff, 0)
		if int32(call(l.ctxGetLevel, ctx)) < minimumSecurityLevel {
			call(l.ctxSetLevel, ctx, minimumSecurityLevel)
		}
		step = "groups"
		if int64(call(l.ctxCtrl, ctx, ctrlGroups, 0, uintptr(pointer(curves)))) != 1 {
			return false
		}
		// One list is what a server signs with and a client offers, the other what a
		// server asks of its clients and a client signs with.
		step = "signature algorithms"
		for _, cmd := range []uintptr{ctrlSignatureAlgorithms, ctrlClientAlgorithms} {
			if int64(call(l.ctxCtrl, ctx, cmd, 0, uintptr(pointer(algorithms)))) != 1 {
				return false
			}
		}
		call(l.ctxSetVerify, ctx, verifyPeer, 0)
		call(l.ctxSetVerifyCallback, ctx, l.verifyCallback, 0)
		if server {
			call(l.ctxSetALPNCallback, ctx, l.alpnCallback, 0)
			step = "OCSP stapling"
			if int64(call(l.ctxCallbackCtrl, ctx, ctrlStatusCallback, l.statusCallback)) != 1 {
				return false
			}
			return ctrl("Diffie-Hellman parameters", ctrlDHAuto, 1)
		}
		step = "ALPN" // the one function here that returns 0 for success
		return int32(call(l.ctxSetALPN, ctx, uintptr(pointer(protocols)), uintptr(len(protocols)))) == 0 &&
			ctrl("OCSP stapling", ctrlStatusType, statusTypeOCSP)
	})
	if err == nil {
		err = l.checkSuites(ctx, suites)
	} else {
		err = fmt.Errorf("%s: %w", step, err)
	}
	if err != nil {
		l.freeContext(ctx)
		return 0, err
	}
	return ctx, nil
}

// checkSuites compares what libssl made of the list with what was asked for: it
// drops what it does not have without a word.
func (l *library) checkSuites(ctx uintptr, want []tlsconfig.Suite) error {
	stack := call(l.ctxGetCiphers, ctx)
	have := make([]tlsconfig.Suite, max(int32(call(l.skNum, stack)), 0))
	for i := range have {
		have[i] = tlsconfig.Suite(uint16(call(l.cipherProtocolID, call(l.skValue, stack, uintptr(i)))))
	}
	if !slices.Equal(have, want) {
		return fmt.Errorf("%s offers %v where %v is wanted", l.version, have, want)
	}
	return nil
}

func (l *library) freeContext(ctx uintptr) {
	call(l.ctxFree, ctx)
	l.live.contexts.Add(-1)
}

// useKey gives the context the key of its certificate.
func (c *sslContext) useKey(pkey uintptr) error {
	return c.lib.protected("SSL_CTX_use_PrivateKey", func() bool {
		return int32(call(c.lib.ctxUseKey, c.ctx, pkey)) == 1 && int32(call(c.lib.ctxCheckKey, c.ctx)) == 1
	})
}
