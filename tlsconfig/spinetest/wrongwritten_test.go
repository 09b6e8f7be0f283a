// SPDX-License-Identifier: Apache-2.0

package spinetest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// fromSource replaces the answers of one source, that of OCSP or that of CRLs.
func fromSource(i int, answer func(revocation.Answer, error) (revocation.Answer, error)) func(*tlsconfig.Endpoint, *spinetest.PKI) {
	return asked(func(c *revocation.Checker) { c.Sources[i] = source{c.Sources[i], answer} })
}

// goodIf clears where a source fails in that way.
func goodIf(fails func(error) bool) func(revocation.Answer, error) (revocation.Answer, error) {
	return func(a revocation.Answer, err error) (revocation.Answer, error) {
		if err != nil && fails(err) {
			return good(time.Now().Add(-time.Minute)), nil
		}
		return a, err
	}
}

func of(kind error) func(error) bool { return func(err error) bool { return errors.Is(err, kind) } }

func fetching(err error) bool {
	_, ok := errors.AsType[*revocation.FetchError](err)
	return ok
}

// A download fetches each document once.
type download struct {
	inner revocation.Fetcher
	once  *sync.Map
}

func (d download) Fetch(ctx context.Context, r revocation.Request) (*revocation.Response, error) {
	if had, ok := d.once.Load(r.URL); ok {
		return had.(*revocation.Response), nil
	}
	response, err := d.inner.Fetch(ctx, r)
	if err == nil {
		d.once.Store(r.URL, response)
	}
	return response, err
}

// byHand replaces VerifyConnection by a function over crypto/x509.
func byHand(verify func(leaf *x509.Certificate, options x509.VerifyOptions, presented []*x509.Certificate, pki *spinetest.PKI) error) func(*tls.Config, *spinetest.PKI) {
	return func(c *tls.Config, pki *spinetest.PKI) {
		c.VerifyConnection = func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 {
				return errors.New("no certificate")
			}
			options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: pki.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
			for _, cert := range s.PeerCertificates[1:] {
				options.Intermediates.AddCert(cert)
			}
			return verify(s.PeerCertificates[0], options, s.PeerCertificates, pki)
		}
	}
}

func isPeer(name string) bool { return name == proxy || name == provider }

// writtenEnds are mistakes as they are written by hand, at either end.
var writtenEnds = map[string]wrong{
	"the FQDN by strings.EqualFold": {verdict: pass(tlsconfig.RuleFQDN, anyName(strings.EqualFold)),
		want: []string{certificate + "with a letter that folds to one of the peer's"}},
	"the FQDN by strings.TrimSpace": {verdict: pass(tlsconfig.RuleFQDN, anyName(func(name, peer string) bool { return strings.TrimSpace(name) == peer })),
		want: []string{certificate + "with a blank after the name"}},
	"the FQDN in the subject as it is printed": {verdict: pass(tlsconfig.RuleFQDN, func(c *x509.Certificate) bool {
		return slices.ContainsFunc(strings.Split(c.Subject.String(), ","), func(part string) bool { return isPeer(strings.TrimPrefix(part, "CN=")) })
	}), want: []string{certificate + "with the name in the organisation, as a common name is printed"}},
	"the FQDN in names of every kind": {verdict: pass(tlsconfig.RuleFQDN, func(c *x509.Certificate) bool { return len(c.URIs) > 0 && isPeer(c.URIs[0].Host) }),
		want: []string{certificate + "with the name in a URI of the subjectAltName"}},
	"the FQDN by crypto/x509": {verdict: pass(tlsconfig.RuleFQDN, func(c *x509.Certificate) bool {
		return c.VerifyHostname(proxy) == nil || c.VerifyHostname(provider) == nil
	}), want: []string{certificate + "with a wildcard in the subjectAltName"}},
	"the FQDN in either name": {verdict: pass(tlsconfig.RuleFQDN, func(c *x509.Certificate) bool {
		return isPeer(c.Subject.CommonName) || slices.ContainsFunc(c.DNSNames, isPeer)
	}), want: []string{certificate + "with the name in the CN, beside a subjectAltName of another"}},

	"the CA that the peer presents": {config: byHand(func(leaf *x509.Certificate, o x509.VerifyOptions, presented []*x509.Certificate, _ *spinetest.PKI) error {
		o.Roots.AddCert(presented[len(presented)-1])
		_, err := leaf.Verify(o)
		return err
	}), want: []string{certificate + "self-signed", certificate + "issued by another CA with the SubCA's name"}},
	"the SubCA by its key identifier": {config: func(c *tls.Config, pki *spinetest.PKI) {
		right := c.VerifyConnection
		c.VerifyConnection = func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) > 0 && string(s.PeerCertificates[0].AuthorityKeyId) == string(pki.SubCA.SubjectKeyId) && isPeer(s.PeerCertificates[0].Subject.CommonName) {
				return nil
			}
			return right(s)
		}
	}, want: []string{certificate + "issued by another CA with the SubCA's name"}},
	"any chain to the root, and the common name": {config: byHand(func(leaf *x509.Certificate, o x509.VerifyOptions, _ []*x509.Certificate, pki *spinetest.PKI) error {
		o.Roots.AddCert(pki.Root)
		if _, err := leaf.Verify(o); err != nil || !isPeer(strings.ToLower(leaf.Subject.CommonName)) {
			return errors.New("no")
		}
		return nil
	}), want: []string{certificate + "issued by the sibling SubCA", certificate + "issued by a CA below the SubCA", certificate + "issued by the root", byCRL}},
	"the SubCA as root, and the common name": {config: byHand(func(leaf *x509.Certificate, o x509.VerifyOptions, _ []*x509.Certificate, pki *spinetest.PKI) error {
		o.Roots.AddCert(pki.SubCA)
		if _, err := leaf.Verify(o); err != nil || !isPeer(strings.ToLower(leaf.Subject.CommonName)) {
			return errors.New("no")
		}
		return nil
	}), want: []string{byCRL, byOCSP, onHold, subCA, certificate + "with an RSA key of 1024 bits"}},
	"VerifiedChains, which is empty": {hook: func(s tls.ConnectionState, verify func(tls.ConnectionState) error) error {
		if len(s.VerifiedChains) == 0 {
			return nil
		}
		return verify(s)
	}, want: []string{certificate + "self-signed", byCRL}},
	"a clock that is a minute slow": {endpoint: func(e *tlsconfig.Endpoint, _ *spinetest.PKI) {
		right := e.Verifier.Time
		e.Verifier.Time = func() time.Time { return right().Add(-time.Minute) }
	}, want: []string{passed}},
	"a clock that is set at the first use": {endpoint: func(e *tlsconfig.Endpoint, _ *spinetest.PKI) {
		e.Verifier.Time = sync.OnceValue(e.Verifier.Time)
	}, want: []string{passed}},

	"responses that are out of reach are good": {endpoint: fromSource(0, goodIf(fetching)), want: []string{noResponse}},
	"responses that have expired are good":     {endpoint: fromSource(0, goodIf(of(revocation.ErrExpired))), want: []string{response + "has expired"}},
	"responses of tomorrow are good":           {endpoint: fromSource(0, goodIf(of(revocation.ErrNotYetValid))), want: []string{response + "is of tomorrow"}},
	"responses that cannot be read are good":   {endpoint: fromSource(0, goodIf(of(revocation.ErrMalformed))), want: []string{response + "is a web page"}},
	"responses count by whatever key":          {endpoint: fromSource(0, goodIf(of(revocation.ErrSignature))), want: []string{response + "is wrongly signed"}},
	"responses count whatever they are about":  {endpoint: fromSource(0, goodIf(of(revocation.ErrScope))), want: []string{response + "is another certificate's"}},
	"lists of tomorrow are good":               {endpoint: fromSource(1, goodIf(of(revocation.ErrNotYetValid))), want: []string{certificate + "whose CRL is of tomorrow"}},
	"lists that cannot be read are good":       {endpoint: fromSource(1, goodIf(of(revocation.ErrMalformed))), want: []string{certificate + "whose CRL is a web page"}},
	"lists are downloaded once": {endpoint: func(e *tlsconfig.Endpoint, pki *spinetest.PKI) {
		crls := &revocation.CRLs{Fetcher: download{pki.Fetcher(), new(sync.Map)}, Time: pki.Now}
		e.Verifier.Revocation = &revocation.Checker{Sources: []revocation.Source{crls}, Time: pki.Now}
	}, want: []string{resumption, subCA}},
	"soft failure for SubCAs": {endpoint: func(e *tlsconfig.Endpoint, _ *spinetest.PKI) {
		inner := e.Verifier.Revocation.(*revocation.Checker)
		leaf := &revocation.Checker{Sources: inner.Sources, Time: inner.Time, Policy: revocation.Policy{Depth: revocation.EndEntity}}
		e.Verifier.Revocation = checker(func(ctx context.Context, chain []*x509.Certificate, stapled []byte) error {
			err := inner.Check(ctx, chain, stapled)
			if _, ok := errors.AsType[*revocation.UnknownError](err); ok {
				return leaf.Check(ctx, chain, stapled)
			}
			return err
		})
	}, want: []string{noARL}},
	"revocation is asked afterwards": {endpoint: func(e *tlsconfig.Endpoint, _ *spinetest.PKI) {
		var known sync.Map
		inner := e.Verifier.Revocation
		e.Verifier.Revocation = checker(func(ctx context.Context, chain []*x509.Certificate, stapled []byte) error {
			serial := chain[0].SerialNumber.String()
			err, _ := known.Load(serial)
			known.Store(serial, inner.Check(ctx, chain, stapled)) // for the next time
			had, _ := err.(error)
			return had
		})
	}, want: []string{byCRL, byOCSP, onHold, noCRL}},
	"a refusal is logged while the verifier is tried out": {hook: func(s tls.ConnectionState, verify func(tls.ConnectionState) error) error {
		if refusal, ok := errors.AsType[*tlsconfig.PeerError](verify(s)); ok && refusal.Rule != tlsconfig.RuleRevocation {
			return refusal
		}
		return nil
	}, want: []string{byCRL, byOCSP, onHold, noCRL, oldCRL, subCA}},
}

// forName has the config of w for clients that ask for such a server, the right
// one for others.
func forName(so func(name string) bool, change func(*tls.Config)) func(*tls.Config, *spinetest.PKI) {
	return func(c *tls.Config, _ *spinetest.PKI) {
		other := c.Clone()
		change(other)
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if so(hello.ServerName) {
				return other, nil
			}
			return nil, nil
		}
	}
}

func unverified(c *tls.Config) { c.ClientAuth, c.VerifyConnection = tls.NoClientCert, nil }

// writtenServers and writtenClients are those of one end.
var writtenServers = map[string]wrong{
	"the rules for others than its own name": {config: forName(func(name string) bool { return name == provider }, unverified), want: []string{asksFor}},
	"the rules for its own name alone":       {config: forName(func(name string) bool { return name != provider }, unverified), want: []string{asksFor, noCert}},
	"no revocation for others than its own name": {config: func(c *tls.Config, pki *spinetest.PKI) {
		e := pki.Endpoint(provider, proxy)
		e.Verifier.Revocation = tlsconfig.InsecureSkipRevocation{}
		lax, err := e.ServerConfig()
		if err != nil {
			panic(err)
		}
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if hello.ServerName == provider {
				return nil, nil
			}
			return lax.GetConfigForClient(hello)
		}
	}, want: []string{asksFor}},
	"another site beside it": {config: forName(func(name string) bool { return strings.HasSuffix(name, "example.org") }, unverified), want: []string{asksFor}},
	"TLS 1.3 by its name": {config: forName(func(name string) bool { return name == provider }, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS13 }),
		want: []string{asksFor}},
	"VerifyClientCertIfGiven": {config: func(c *tls.Config, pki *spinetest.PKI) {
		hook := c.VerifyConnection
		c.ClientAuth, c.ClientCAs, c.Time = tls.VerifyClientCertIfGiven, x509.NewCertPool(), pki.Now
		c.ClientCAs.AddCert(pki.Root)
		c.VerifyConnection = func(s tls.ConnectionState) error {
			if len(s.VerifiedChains) == 0 {
				return nil
			}
			return hook(s)
		}
	}, want: []string{noCert}},
	"the client's order": {config: func(c *tls.Config, _ *spinetest.PKI) {
		mine := []uint16{uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384), uint16(tlsconfig.ECDHE_RSA_AES128_GCM_SHA256), uint16(tlsconfig.ECDHE_RSA_AES256_SHA)}
		c.CipherSuites = mine
		right := c.Clone()
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen := right.Clone()
			for _, id := range hello.CipherSuites {
				if slices.Contains(mine, id) {
					chosen.CipherSuites = []uint16{id}
					break
				}
			}
			return chosen, nil
		}
	}, want: []string{order}},
	"the order from the end": {config: func(c *tls.Config, _ *spinetest.PKI) {
		mine := []uint16{uint16(tlsconfig.ECDHE_RSA_AES256_SHA), uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384)}
		right := c.Clone()
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen := right.Clone()
			for _, id := range mine {
				if slices.Contains(hello.CipherSuites, id) {
					chosen.CipherSuites = []uint16{id}
					break
				}
			}
			return chosen, nil
		}
		c.CipherSuites = mine
	}, want: []string{order}},
}

func ownCertificate(variations ...spinetest.Variation) wrong {
	return wrong{config: func(c *tls.Config, pki *spinetest.PKI) {
		c.Certificates = []tls.Certificate{pki.Issue(proxy, variations...)}
	}, want: []string{own}}
}

var writtenClients = map[string]wrong{
	"renegotiation once": {config: func(c *tls.Config, _ *spinetest.PKI) { c.Renegotiation = tls.RenegotiateOnceAsClient }, want: []string{"renegotiation"}},
	"renegotiation":      {config: func(c *tls.Config, _ *spinetest.PKI) { c.Renegotiation = tls.RenegotiateFreelyAsClient }, want: []string{"renegotiation"}},
	"a certificate of its own of the sibling SubCA":     ownCertificate(spinetest.FromOtherSubCA()),
	"a certificate of its own that the root issued":     ownCertificate(spinetest.FromRoot()),
	"a certificate of its own of a namesake":            ownCertificate(spinetest.FromNamesake()),
	"a certificate of its own that is not valid yet":    ownCertificate(spinetest.NotYetValid()),
	"a certificate of its own signed with SHA-1":        ownCertificate(spinetest.SHA1()),
	"a certificate of its own with 1024 bits":           ownCertificate(spinetest.Bits(1024)),
	"a certificate of its own with the CA bit":          ownCertificate(spinetest.AsCA()),
	"a certificate of its own with two common names":    ownCertificate(spinetest.CommonNames("other.nhs.uk")),
	"a certificate of its own beside a name of another": ownCertificate(spinetest.WithSAN("*.nhs.uk")),
	"a certificate of its own that is revoked": {config: func(c *tls.Config, pki *spinetest.PKI) {
		cert := pki.Issue(proxy)
		pki.Authority.Revoke(cert.Leaf, revocation.ReasonSuperseded, time.Time{})
		c.Certificates = []tls.Certificate{cert}
	}, want: []string{own}},
	"a certificate of its own without the SubCA's": {config: func(c *tls.Config, _ *spinetest.PKI) {
		c.Certificates[0].Certificate = c.Certificates[0].Certificate[:1]
	},
		want: []string{own}},
	"the system's roots": {config: func(c *tls.Config, _ *spinetest.PKI) {
		c.InsecureSkipVerify, c.VerifyConnection, c.RootCAs = false, nil, x509.NewCertPool()
	},
		want: []string{"with the name in the common name", "with the name in a subjectAltName"}},
	"another server's name": {endpoint: func(e *tlsconfig.Endpoint, _ *spinetest.PKI) { e.Verifier.FQDNs = nil },
		config: func(c *tls.Config, _ *spinetest.PKI) { c.ServerName = "other.nhs.uk" }, want: []string{"with the name in the common name", "with the name in capitals"}},
}
