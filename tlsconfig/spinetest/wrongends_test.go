// SPDX-License-Identifier: Apache-2.0

package spinetest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// wrongEnds are made by taking one rule out, at either end.
var wrongEnds = map[string]wrong{
	"VerifyConnection cleared": {config: func(c *tls.Config, _ *spinetest.PKI) { c.VerifyConnection = nil },
		want: []string{certificate + "self-signed", certificate + "expired", certificate + "of another FQDN", byCRL, byOCSP, onHold, noCRL, resumption, passed, listPassed, subCA}},
	"VerifyConnection moved to VerifyPeerCertificate": {config: func(c *tls.Config, _ *spinetest.PKI) {
		hook := c.VerifyConnection
		c.VerifyConnection = nil
		c.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
			leaf, err := x509.ParseCertificate(raw[0])
			if err != nil {
				return err
			}
			return hook(tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, ServerName: provider})
		}
	}, want: []string{resumption, listPassed, subCA}},
	"resumed sessions are let pass": {hook: func(s tls.ConnectionState, verify func(tls.ConnectionState) error) error {
		if s.DidResume {
			return nil
		}
		return verify(s)
	}, want: []string{resumption, listPassed, subCA}},
	"a second handshake of the same certificate is let pass": {hook: func() func(tls.ConnectionState, func(tls.ConnectionState) error) error {
		var seen sync.Map
		return func(s tls.ConnectionState, verify func(tls.ConnectionState) error) error {
			key := ""
			if len(s.PeerCertificates) > 0 {
				key = string(s.PeerCertificates[0].Signature)
			}
			if _, ok := seen.Load(key); ok {
				return nil
			}
			err := verify(s)
			if err == nil {
				seen.Store(key, true)
			}
			return err
		}
	}(), want: []string{resumption, passed, listPassed, subCA}},
	"refuses in the log only": {hook: func(s tls.ConnectionState, verify func(tls.ConnectionState) error) error {
		verify(s)
		return nil
	}, want: []string{certificate + "self-signed", byCRL}},
	"a hook that panics": {hook: func(tls.ConnectionState, func(tls.ConnectionState) error) error { panic("no") },
		want: []string{resumption, subCA}},
	"refuses every peer": {hook: func(tls.ConnectionState, func(tls.ConnectionState) error) error { return errors.New("no") },
		want: []string{resumption, subCA}},
	"TLS 1.0 too": {config: func(c *tls.Config, _ *spinetest.PKI) {
		c.MinVersion = tls.VersionTLS10
		c.CipherSuites = append(c.CipherSuites, uint16(tlsconfig.ECDHE_RSA_AES256_SHA))
	}, want: []string{"TLS 1.0", "TLS 1.1"}},
	"TLS 1.1 too": {config: func(c *tls.Config, _ *spinetest.PKI) {
		c.MinVersion = tls.VersionTLS11
		c.CipherSuites = append(c.CipherSuites, uint16(tlsconfig.ECDHE_RSA_AES256_SHA))
	}, want: []string{"TLS 1.1"}},
	"TLS 1.3 too": {config: func(c *tls.Config, _ *spinetest.PKI) { c.MaxVersion = tls.VersionTLS13 }, want: []string{"TLS 1.3"}},
	"a suite without ECDHE": {config: func(c *tls.Config, _ *spinetest.PKI) {
		c.CipherSuites = append(c.CipherSuites, tls.TLS_RSA_WITH_AES_128_CBC_SHA)
	}, want: []string{others}},
	"ECDHE with AES-128 in CBC": {config: func(c *tls.Config, _ *spinetest.PKI) {
		c.CipherSuites = append(c.CipherSuites, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA)
	}, want: []string{others}},
	"ChaCha20": {config: func(c *tls.Config, _ *spinetest.PKI) {
		c.CipherSuites = append(c.CipherSuites, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)
	}, want: []string{others}},
	"the suites of crypto/tls": {config: func(c *tls.Config, _ *spinetest.PKI) { c.CipherSuites = nil }, want: []string{others}},
	"HTTP/2":                   {config: func(c *tls.Config, _ *spinetest.PKI) { c.NextProtos = []string{"h2", "http/1.1"} }, want: []string{"HTTP/2"}},

	"any CA": {verdict: pass(tlsconfig.RuleSubCA, nil), want: []string{certificate + "self-signed", certificate + "issued by the sibling SubCA",
		certificate + "issued by another CA with the SubCA's name", certificate + "issued by a CA below the SubCA", certificate + "issued by the root"}},
	"self-signed certificates": {verdict: pass(tlsconfig.RuleSubCA, func(c *x509.Certificate) bool { return string(c.RawIssuer) == string(c.RawSubject) }),
		want: []string{certificate + "self-signed"}},
	"the SubCA by its name": {verdict: pass(tlsconfig.RuleSubCA, func(c *x509.Certificate) bool { return c.Issuer.CommonName == "Test Authentication" }),
		want: []string{certificate + "issued by another CA with the SubCA's name"}},
	"leaves of the root": {verdict: pass(tlsconfig.RuleSubCA, func(c *x509.Certificate) bool { return c.Issuer.CommonName == "Test Root Authority" }),
		want: []string{certificate + "issued by the root"}},
	"a CA below the SubCA": {verdict: pass(tlsconfig.RuleSubCA, func(c *x509.Certificate) bool { return c.Issuer.CommonName == "Test Authority Below" }),
		want: []string{certificate + "issued by a CA below the SubCA"}},
	"the sibling SubCA pinned as well": {endpoint: func(e *tlsconfig.Endpoint, pki *spinetest.PKI) {
		pins, err := tlsconfig.NewPins([]*x509.Certificate{pki.Root}, []*x509.Certificate{pki.SubCA, pki.OtherSubCA})
		if err != nil {
			panic(err)
		}
		e.Verifier.Pins = pins
	}, want: []string{certificate + "issued by the sibling SubCA"}},

	"validity is not judged": {verdict: pass(tlsconfig.RuleValidity, nil), want: []string{certificate + "expired", certificate + "not yet valid", passed}},
	"notBefore is not judged": {verdict: pass(tlsconfig.RuleValidity, func(c *x509.Certificate) bool { return time.Now().Before(c.NotBefore) }),
		want: []string{certificate + "not yet valid"}},
	"a clock that stopped": {endpoint: func(e *tlsconfig.Endpoint, _ *spinetest.PKI) {
		stopped := e.Verifier.Time()
		e.Verifier.Time = func() time.Time { return stopped }
	}, want: []string{passed}},
	"a clock that is two hours slow": {endpoint: func(e *tlsconfig.Endpoint, _ *spinetest.PKI) {
		right := e.Verifier.Time
		e.Verifier.Time = func() time.Time { return right().Add(-2 * time.Hour) }
	}, want: []string{certificate + "expired", resumption}},
	"a clock that is two hours fast": {endpoint: func(e *tlsconfig.Endpoint, _ *spinetest.PKI) {
		right := e.Verifier.Time
		e.Verifier.Time = func() time.Time { return right().Add(2 * time.Hour) }
	}, want: []string{certificate + "not yet valid"}},

	"any key":      {verdict: pass(tlsconfig.RuleKey, nil), want: []string{certificate + "with an RSA key of 1024 bits", certificate + "signed with SHA-1"}},
	"RSA 1024":     {verdict: pass(tlsconfig.RuleKey, func(c *x509.Certificate) bool { return c.SignatureAlgorithm != x509.SHA1WithRSA }), want: []string{certificate + "with an RSA key of 1024 bits"}},
	"SHA-1":        {verdict: pass(tlsconfig.RuleKey, func(c *x509.Certificate) bool { return c.SignatureAlgorithm == x509.SHA1WithRSA }), want: []string{certificate + "signed with SHA-1"}},
	"any usage":    {verdict: pass(tlsconfig.RuleUsage, nil), want: []string{certificate + "with the CA bit", certificate + "for code signing only", certificate + "without digitalSignature"}},
	"the CA bit":   {verdict: pass(tlsconfig.RuleUsage, func(c *x509.Certificate) bool { return c.IsCA }), want: []string{certificate + "with the CA bit"}},
	"code signing": {verdict: pass(tlsconfig.RuleUsage, func(c *x509.Certificate) bool { return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageCodeSigning) }), want: []string{certificate + "for code signing only"}},
	"no extKeyUsage is any": {verdict: pass(tlsconfig.RuleUsage, func(c *x509.Certificate) bool { return len(c.ExtKeyUsage) == 0 }),
		want: []string{certificate + "without extKeyUsage"}},
	"anyExtendedKeyUsage": {verdict: pass(tlsconfig.RuleUsage, func(c *x509.Certificate) bool { return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny) }),
		want: []string{certificate + "for any usage"}},
	"unknown critical extensions": {verdict: pass(tlsconfig.RuleUsage, func(c *x509.Certificate) bool { return len(c.UnhandledCriticalExtensions) > 0 }),
		want: []string{certificate + "with an unknown critical extension"}},
	"keyUsage is not judged": {verdict: pass(tlsconfig.RuleUsage, func(c *x509.Certificate) bool { return c.KeyUsage&x509.KeyUsageDigitalSignature == 0 }),
		want: []string{certificate + "without digitalSignature"}},

	"any name of the Spine": {verdict: pass(tlsconfig.RuleFQDN, nil), want: []string{certificate + "of another FQDN", certificate + "without a common name", certificate + "of a wildcard"}},
	"the FQDN by prefix": {verdict: pass(tlsconfig.RuleFQDN, anyName(func(name, peer string) bool { return strings.HasPrefix(name, peer) })),
		want: []string{certificate + "of a name that the peer's begins", certificate + "with a NUL after the name"}},
	"the FQDN by the other's prefix": {verdict: pass(tlsconfig.RuleFQDN, anyName(func(name, peer string) bool { return name != "" && strings.HasPrefix(peer, name) })),
		want: []string{certificate + "of a name that begins the peer's"}},
	"the FQDN by suffix": {verdict: pass(tlsconfig.RuleFQDN, anyName(func(name, peer string) bool { return strings.HasSuffix(name, peer) })),
		want: []string{certificate + "of another FQDN", certificate + "of a subdomain"}},
	"the FQDN by its domain": {verdict: pass(tlsconfig.RuleFQDN, anyName(func(name, peer string) bool { return name != "" && strings.HasSuffix(peer, "."+name) })),
		want: []string{certificate + "of the domain above"}},
	"the FQDN by containment": {verdict: pass(tlsconfig.RuleFQDN, anyName(strings.Contains)),
		want: []string{certificate + "of another FQDN", certificate + "of a subdomain", certificate + "of a name that the peer's begins"}},
	"subdomains": {verdict: pass(tlsconfig.RuleFQDN, anyName(func(name, peer string) bool { return strings.HasSuffix(name, "."+peer) })),
		want: []string{certificate + "of a subdomain"}},
	"wildcards": {verdict: pass(tlsconfig.RuleFQDN, anyName(func(name, peer string) bool {
		_, domain, _ := strings.Cut(peer, ".")
		return name == "*."+domain
	})), want: []string{certificate + "of a wildcard", certificate + "with a wildcard in the subjectAltName"}},
	"trailing dots": {verdict: pass(tlsconfig.RuleFQDN, anyName(func(name, peer string) bool { return strings.TrimSuffix(name, ".") == peer })),
		want: []string{certificate + "with a trailing dot"}},
	"names up to a NUL": {verdict: pass(tlsconfig.RuleFQDN, anyName(func(name, peer string) bool {
		name, _, _ = strings.Cut(name, "\x00")
		return name == peer
	})), want: []string{certificate + "with a NUL after the name"}},
	"the common name beside a subjectAltName": {verdict: pass(tlsconfig.RuleFQDN, func(c *x509.Certificate) bool {
		return c.Subject.CommonName == proxy || c.Subject.CommonName == provider
	}),
		want: []string{certificate + "with the name in the CN, beside a subjectAltName of another", certificate + "with the name in the CN, beside a subjectAltName without any"}},
	"any of several common names": {verdict: pass(tlsconfig.RuleFQDN, func(c *x509.Certificate) bool {
		return slices.ContainsFunc(c.Subject.Names, func(a pkix.AttributeTypeAndValue) bool { return a.Value == proxy || a.Value == provider })
	}), want: []string{certificate + "with two common names, the peer's first", certificate + "with two common names, the peer's last"}},
	"the FQDN byte by byte": {hook: func(s tls.ConnectionState, verify func(tls.ConnectionState) error) error {
		if len(s.PeerCertificates) > 0 && strings.ToLower(s.PeerCertificates[0].Subject.CommonName) != s.PeerCertificates[0].Subject.CommonName {
			return errors.New("capitals")
		}
		return verify(s)
	}, want: []string{"with the name in capitals"}},
	"subjectAltNames are not looked at": {hook: func(s tls.ConnectionState, verify func(tls.ConnectionState) error) error {
		if len(s.PeerCertificates) > 0 && len(s.PeerCertificates[0].DNSNames) > 0 {
			return errors.New("no name")
		}
		return verify(s)
	}, want: []string{"with the name in a subjectAltName"}},
	"a peer of another name": {endpoint: func(e *tlsconfig.Endpoint, _ *spinetest.PKI) { e.Verifier.FQDNs = []string{"other.nhs.uk"} },
		want: []string{"with the name in the common name"}},

	"no revocation": {endpoint: func(e *tlsconfig.Endpoint, _ *spinetest.PKI) {
		e.Verifier.Revocation = tlsconfig.InsecureSkipRevocation{}
	},
		want: []string{byCRL, byOCSP, onHold, noCRL, oldCRL, forgedCRL, foreignCRL, siblingCRL, resumption, listPassed, subCA}},
	"soft failure": {verdict: func(refusal *tlsconfig.PeerError, _ *x509.Certificate) error {
		if _, ok := errors.AsType[*revocation.UnknownError](refusal); ok {
			return nil
		}
		return refusal
	}, want: []string{noCRL, oldCRL, forgedCRL, foreignCRL, siblingCRL, listPassed}},
	"depth EndEntity": {endpoint: asked(func(c *revocation.Checker) { c.Policy.Depth = revocation.EndEntity }), want: []string{subCA}},
	"holds are ignored": {verdict: func(refusal *tlsconfig.PeerError, _ *x509.Certificate) error {
		if revoked, ok := errors.AsType[*revocation.RevokedError](refusal); ok && revoked.Reason == revocation.ReasonCertificateHold {
			return nil
		}
		return refusal
	}, want: []string{onHold, subCA}},
	"a revocation without a reason that is grave": {verdict: func(refusal *tlsconfig.PeerError, _ *x509.Certificate) error {
		if revoked, ok := errors.AsType[*revocation.RevokedError](refusal); ok && revoked.Reason == revocation.ReasonKeyCompromise {
			return nil
		}
		return refusal
	}, want: []string{byCRL, byOCSP, resumption}},
	"MaxStale": {endpoint: func(e *tlsconfig.Endpoint, pki *spinetest.PKI) {
		crls := &revocation.CRLs{Fetcher: pki.Fetcher(), Time: pki.Now}
		ocsp := &revocation.OCSP{Fetcher: pki.Fetcher(), Time: pki.Now}
		e.Verifier.Revocation = &revocation.Checker{Sources: []revocation.Source{ocsp, crls}, Time: pki.Now,
			Policy: revocation.Policy{Unknown: revocation.Allow, MaxStale: time.Hour}}
	}, want: []string{listPassed}},
	"the checker's clock stopped": {endpoint: func(e *tlsconfig.Endpoint, pki *spinetest.PKI) {
		stopped := pki.Now()
		still := func() time.Time { return stopped }
		crls := &revocation.CRLs{Fetcher: pki.Fetcher(), Time: still}
		e.Verifier.Revocation = &revocation.Checker{Sources: []revocation.Source{crls}, Time: still}
	}, want: []string{listPassed}},
	"answers are kept for ever": {endpoint: remembering, want: []string{resumption, listPassed, subCA}},
	"lists that are out of reach are good": {endpoint: answering(func(a revocation.Answer, err error) (revocation.Answer, error) {
		if _, ok := errors.AsType[*revocation.FetchError](err); ok {
			return good(time.Now().Add(-time.Minute)), nil
		}
		return a, err
	}), want: []string{noCRL}},
	"lists that have expired are good":    {endpoint: unlisted(revocation.ErrExpired), want: []string{oldCRL}},
	"lists count by whatever key":         {endpoint: unlisted(revocation.ErrSignature), want: []string{forgedCRL}},
	"lists count whatever they are about": {endpoint: unlisted(revocation.ErrScope), want: []string{foreignCRL, siblingCRL}},
	"the revocation of leaves is not asked": {endpoint: func(e *tlsconfig.Endpoint, _ *spinetest.PKI) {
		inner := e.Verifier.Revocation
		e.Verifier.Revocation = checker(func(ctx context.Context, chain []*x509.Certificate, stapled []byte) error {
			return inner.Check(ctx, chain[1:], nil)
		})
	}, want: []string{byCRL, byOCSP, onHold, noCRL, oldCRL}},
	"an OCSP responder alone is asked": {endpoint: asked(func(c *revocation.Checker) { c.Sources = c.Sources[:1] }),
		want: []string{"with the name in the common name"}},
}

// wrongServers and wrongClients are wrong in what only they can be.
var wrongServers = map[string]wrong{
	"no client certificate is asked for": {config: func(c *tls.Config, _ *spinetest.PKI) { c.ClientAuth, c.VerifyConnection = tls.NoClientCert, nil }, want: []string{noCert}},
	"a client certificate is optional": {config: func(c *tls.Config, _ *spinetest.PKI) {
		hook := c.VerifyConnection
		c.ClientAuth = tls.RequestClientCert
		c.VerifyConnection = func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return nil
			}
			return hook(state)
		}
	}, want: []string{noCert}},
	"crypto/x509 alone, by the root": {config: func(c *tls.Config, pki *spinetest.PKI) {
		c.ClientAuth, c.VerifyConnection, c.ClientCAs, c.Time = tls.RequireAndVerifyClientCert, nil, x509.NewCertPool(), pki.Now
		c.ClientCAs.AddCert(pki.Root)
	}, want: []string{certificate + "issued by the sibling SubCA", certificate + "issued by the root", certificate + "of another FQDN", byCRL}},
	"the order left to crypto/tls": {config: func(c *tls.Config, _ *spinetest.PKI) {
		c.CipherSuites = append(c.CipherSuites, uint16(tlsconfig.ECDHE_RSA_AES128_GCM_SHA256))
	}, want: []string{order}},
	"no suite of the list": {config: func(c *tls.Config, _ *spinetest.PKI) { c.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA} }, want: []string{order, others}},
	"certificates of servers": {verdict: pass(tlsconfig.RuleUsage, func(c *x509.Certificate) bool { return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) }),
		want: []string{certificate + "for servers only"}},
	"ECDSA keys": {verdict: pass(tlsconfig.RuleKey, func(c *x509.Certificate) bool { return c.PublicKeyAlgorithm == x509.ECDSA }),
		want: []string{certificate + "with an ECDSA key"}},
	"AllowAnyFQDN": {endpoint: func(e *tlsconfig.Endpoint, _ *spinetest.PKI) { e.Verifier.FQDNs, e.Verifier.AllowAnyFQDN = nil, true },
		want: []string{certificate + "of another FQDN", certificate + "of a subdomain"}},
	"VerifyConnection cleared where it counts": {config: func(c *tls.Config, pki *spinetest.PKI) {
		whole, err := pki.Endpoint(provider, proxy).ServerConfig()
		if err != nil {
			panic(err)
		}
		choose := whole.GetConfigForClient
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen, err := choose(hello)
			chosen = chosen.Clone()
			chosen.VerifyConnection = nil
			return chosen, err
		}
	}, want: []string{certificate + "self-signed", byCRL}},
}

var wrongClients = map[string]wrong{
	"certificates of clients": {verdict: pass(tlsconfig.RuleUsage, func(c *x509.Certificate) bool { return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) }),
		want: []string{certificate + "for clients only"}},
	"crypto/x509 alone, by the root": {config: func(c *tls.Config, pki *spinetest.PKI) {
		c.InsecureSkipVerify, c.VerifyConnection, c.RootCAs, c.Time = false, nil, x509.NewCertPool(), pki.Now
		c.RootCAs.AddCert(pki.Root)
	}, want: []string{"with the name in the common name"}}, // crypto/x509 does not know that one
	"crypto/x509 alone, whatever the name": {config: func(c *tls.Config, pki *spinetest.PKI) {
		roots := x509.NewCertPool()
		roots.AddCert(pki.Root)
		c.VerifyConnection = func(s tls.ConnectionState) error {
			between := x509.NewCertPool()
			for _, cert := range s.PeerCertificates[1:] {
				between.AddCert(cert)
			}
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: pki.Now()})
			return err
		}
	}, want: []string{certificate + "issued by the sibling SubCA", certificate + "of another FQDN", byCRL}},
	"no certificate of its own": {config: func(c *tls.Config, _ *spinetest.PKI) { c.Certificates = nil }, want: []string{own}},
	"a certificate of its own that no CA issued": {config: func(c *tls.Config, pki *spinetest.PKI) {
		c.Certificates = []tls.Certificate{pki.Issue(proxy, spinetest.SelfSigned())}
	}, want: []string{own}},
	"an expired certificate of its own": {config: func(c *tls.Config, pki *spinetest.PKI) {
		c.Certificates = []tls.Certificate{pki.Issue(proxy, spinetest.Expired())}
	}, want: []string{own}},
	"a certificate of its own without a name": {config: func(c *tls.Config, pki *spinetest.PKI) { c.Certificates = []tls.Certificate{pki.Issue("")} }, want: []string{own}},
	"a certificate of its own for servers only": {config: func(c *tls.Config, pki *spinetest.PKI) {
		c.Certificates = []tls.Certificate{pki.Issue(proxy, spinetest.Usages(x509.ExtKeyUsageServerAuth))}
	}, want: []string{own}},
}
