// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// end is what all connections of a Listener or a Dialer share.
type end struct {
	lib      *library
	checked  *tlsconfig.End
	endpoint *tlsconfig.Endpoint // checked's
	server   bool
	suites   []tlsconfig.Suite
	signing  chan struct{} // has a place for each step of a key that signs elsewhere

	mu      sync.Mutex
	refused *tls.Certificate // fit to be presented, but not in libssl's view
	current *sslContext
}

// newEnd checks everything that can be checked before the first connection.
func newEnd(e *tlsconfig.Endpoint, server bool) (*end, error) {
	lib, err := system()
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, errors.New("no endpoint")
	}
	usage := x509.ExtKeyUsageClientAuth
	if server {
		usage = x509.ExtKeyUsageServerAuth
	}
	checked, err := e.Check(usage)
	if err != nil {
		return nil, err
	}
	d := &end{lib: lib, checked: checked, endpoint: checked.Endpoint(), server: server, suites: checked.Suites(),
		signing: make(chan struct{}, elsewhere)}
	if _, err := d.context(context.Background()); err != nil {
		return nil, err
	}
	return d, nil
}

// context returns the context for the current certificate and pins. A new
// certificate that libssl does not take leaves the one before in use.
func (d *end) context(ctx context.Context) (*sslContext, error) {
	cert := d.checked.Certificate(ctx)
	var subCAs []*x509.Certificate
	if d.server {
		subCAs = d.endpoint.Verifier.Pins.SubCAs()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	current := d.current
	if current != nil && cert == d.refused {
		cert = current.cert
	}
	if current != nil && current.cert == cert && slices.EqualFunc(current.subCAs, subCAs, (*x509.Certificate).Equal) {
		return current, nil
	}
	renewed, err := d.newContext(cert, subCAs)
	if err != nil && current != nil && current.cert != cert {
		d.refused = cert
		if logger := d.endpoint.Logger; logger != nil {
			logger.LogAttrs(ctx, slog.LevelError, "own certificate not renewed", slog.String("detail", err.Error()))
		}
		renewed, err = d.newContext(current.cert, subCAs)
	}
	if err != nil {
		return nil, err
	}
	// Connections that were made from the one before keep it alive.
	d.current = renewed
	return renewed, nil
}

// sslContext is an SSL_CTX: the profile, one certificate and one generation of
// pins. It does not change after it is made, and is freed when neither the end
// nor a connection refers to it.
type sslContext struct {
	lib    *library
	ctx    uintptr
	cert   *tls.Certificate
	subCAs []*x509.Certificate
	signer uintptr       // the RSA by which signers finds the key; 0: libssl has the key itself
	places chan struct{} // for the steps of its handshakes
}

func (d *end) newContext(cert *tls.Certificate, subCAs []*x509.Certificate) (*sslContext, error) {
	ctx, err := d.lib.newContext(d.server, d.suites)
	if err != nil {
		return nil, err
	}
	c := &sslContext{lib: d.lib, ctx: ctx, cert: cert, subCAs: subCAs, places: steps}
	if err = c.present(cert); err != nil {
		err = fmt.Errorf("own certificate: %w", err)
	}
	for _, ca := range subCAs {
		if err == nil {
			err = c.request(ca)
		}
	}
	if c.signer != 0 {
		c.places = d.signing
	}
	signer, lib := c.signer, d.lib
	free := func(ctx uintptr) {
		signers.Delete(signer) // before its address can be another's
		lib.freeContext(ctx)
	}
	if err != nil {
		free(ctx) // now: there may be one for each handshake, and the collector does not see how large it is
		return nil, err
	}
	// Sessions keep c alive: nothing signs or is made from it any more when this
	// runs. It must not refer to d, which refers to c.
	runtime.AddCleanup(c, free, ctx)
	return c, nil
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

// What crypto/tls has: its groups of TLS 1.2, and its RSA signatures, since the
// suites authenticate by RSA, with SHA-256 or better. They are set on each context,
// since what the system's configuration says of them would have libssl choose
// another suite, or fail.
const (
	groups              = "X25519:P-256:P-384:P-521"
	signatureAlgorithms = "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:" + signerAlgorithms
)

// newContext makes an SSL_CTX with the guidance's profile. The system's
// configuration file may have put other values in it: what is not wanted of
// those is taken out, and a security level above 2 stays.
func (l *library) newContext(server bool, suites []tlsconfig.Suite) (uintptr, error) {
	names := make([]string, len(suites))
	for i, s := range suites {
		names[i] = s.String()
	}
	list, none, protocols := cString(strings.Join(names, opensslCipherListSep)), cString(""), []byte(protocolsOffered)
	curves, algorithms := cString(groups), cString(signatureAlgorithms)
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

// present gives the context the certificate that this end presents, with its key.
func (c *sslContext) present(cert *tls.Certificate) error {
	if len(cert.Certificate) == 0 {
		return errors.New("no certificate in it")
	}
	err := c.lib.withCertificate(cert.Certificate[0], func(x uintptr) error {
		return c.lib.protected("SSL_CTX_use_certificate", func() bool {
			return int32(call(c.lib.ctxUseCertificate, c.ctx, x)) == 1
		})
	})
	if err != nil {
		return err
	}
	for _, der := range cert.Certificate[1:] {
		err := c.lib.withCertificate(der, func(x uintptr) error {
			return c.lib.protected("SSL_CTX_add1_chain_cert", func() bool {
				return int64(call(c.lib.ctxCtrl, c.ctx, ctrlChainCertificate, 1, x)) == 1
			})
		})
		if err != nil {
			return err
		}
	}
	switch key := cert.PrivateKey.(type) {
	case *rsa.PrivateKey:
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return err
		}
		defer clear(der)
		return c.lib.withKey(der, c.useKey)
	case crypto.Signer:
		return c.useSigner(key)
	}
	return fmt.Errorf("the key is a %T, neither an *rsa.PrivateKey nor a crypto.Signer", cert.PrivateKey)
}

// useKey gives the context the key of its certificate.
func (c *sslContext) useKey(pkey uintptr) error {
	return c.lib.protected("SSL_CTX_use_PrivateKey", func() bool {
		return int32(call(c.lib.ctxUseKey, c.ctx, pkey)) == 1 && int32(call(c.lib.ctxCheckKey, c.ctx)) == 1
	})
}

// request names ca in the CertificateRequest.
func (c *sslContext) request(ca *x509.Certificate) error {
	return c.lib.withCertificate(ca.Raw, func(x uintptr) error {
		return c.lib.protected("SSL_CTX_add_client_CA", func() bool {
			return int32(call(c.lib.ctxAddClientCA, c.ctx, x)) == 1
		})
	})
}
