// SPDX-License-Identifier: Apache-2.0

package spinetest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

func TestRunServer(t *testing.T) {
	pki := newPKI(t)
	cfg, err := pki.Endpoint(provider, proxy).ServerConfig()
	require.NoError(t, err)
	spinetest.RunServer(t, pki, cfg, proxy)
}

func TestRunClient(t *testing.T) {
	pki := newPKI(t)
	cfg, err := pki.Endpoint(proxy).ClientConfig()
	require.NoError(t, err)
	spinetest.RunClient(t, pki, cfg, provider)
}

func TestASuiteLessIsNoFault(t *testing.T) {
	pki := newPKI(t)
	for _, suites := range [][]tlsconfig.Suite{
		{tlsconfig.ECDHE_RSA_AES256_GCM_SHA384},
		{tlsconfig.ECDHE_RSA_AES128_GCM_SHA256, tlsconfig.ECDHE_RSA_AES256_SHA},
	} {
		e := pki.Endpoint(provider, proxy)
		e.Suites = suites
		cfg, err := e.ServerConfig()
		require.NoError(t, err)
		assert.NoError(t, spinetest.TestServer(pki, cfg, proxy))
	}
}

// verify returns a VerifyConnection hook of the verifier, as a user may write it.
func verify(v tlsconfig.Verifier, usage x509.ExtKeyUsage) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		_, err := v.Verify(context.Background(), tlsconfig.Presented{
			Certificates: state.PeerCertificates, Usage: usage, ServerName: state.ServerName, OCSPResponse: state.OCSPResponse})
		return err
	}
}

// without is a RevocationChecker that cannot see some of what Checker sees.
type without struct {
	inner tlsconfig.RevocationChecker
	pass  func(error) bool
}

func (w without) Check(ctx context.Context, chain []*x509.Certificate, stapled []byte) error {
	err := w.inner.Check(ctx, chain, stapled)
	if err != nil && w.pass(err) {
		return nil
	}
	return err
}

func unknown(err error) bool {
	_, ok := errors.AsType[*revocation.UnknownError](err)
	return ok
}

// faults returns the names of the cases that failed.
func faults(err error) []string {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var names []string
	for _, e := range joined.Unwrap() {
		name, _, _ := strings.Cut(e.Error(), ": ")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// A mistake in a config, and the cases that must fail for it.
type mistake struct {
	make func(t *testing.T, pki *spinetest.PKI) *tls.Config
	want []string
}

const (
	resumption = "a certificate that is revoked between handshake and resumption"
	byCRL      = "a certificate that is revoked by CRL"
	byOCSP     = "a certificate that is revoked by OCSP"
	noCert     = "a client without a certificate"
	order      = "the order of the suites"
	others     = "suites outside the list"
)

var unreachable = []string{"a certificate whose CRL has expired", "a certificate whose CRL is another CA's",
	"a certificate whose CRL is another partition's", "a certificate whose CRL is out of reach", "a certificate whose CRL is wrongly signed"}

// plain returns a server's config that does all by itself that crypto/tls can
// do, but for the order of the suites.
func plain(t *testing.T, pki *spinetest.PKI, v func(*tlsconfig.Verifier)) *tls.Config {
	t.Helper()
	e := pki.Endpoint(provider, proxy)
	if v != nil {
		v(&e.Verifier)
	}
	return &tls.Config{
		Certificates:     []tls.Certificate{pki.Issue(provider)},
		MinVersion:       tls.VersionTLS12,
		MaxVersion:       tls.VersionTLS12,
		CipherSuites:     []uint16{uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384)},
		ClientAuth:       tls.RequireAnyClientCert,
		VerifyConnection: verify(e.Verifier, x509.ExtKeyUsageClientAuth),
	}
}

func TestTestServerFindsEachMistake(t *testing.T) {
	if testing.Short() {
		t.Skip("connects to a wrong server for each mistake")
	}
	pki := newPKI(t)
	good := []string{"a good client whose certificate names a responder", "a good client with the name in a subjectAltName",
		"a good client with the name in capitals", "a good client with the name in the common name"}
	var bad []string
	for _, b := range spinetest.BadClients() {
		bad = append(bad, "a certificate "+b.Name)
	}
	certs := func(names ...string) []string {
		for i := range names {
			names[i] = "a certificate " + names[i]
		}
		return names
	}
	everybody := slices.Concat(bad, []string{byCRL, byOCSP, resumption}, unreachable)
	change := func(f func(*tls.Config)) func(*testing.T, *spinetest.PKI) *tls.Config {
		return func(t *testing.T, pki *spinetest.PKI) *tls.Config {
			cfg := plain(t, pki, nil)
			f(cfg)
			return cfg
		}
	}
	peer := func(f func(*tlsconfig.Verifier)) func(*testing.T, *spinetest.PKI) *tls.Config {
		return func(t *testing.T, pki *spinetest.PKI) *tls.Config { return plain(t, pki, f) }
	}
	for name, m := range map[string]mistake{
		"none": {change(func(*tls.Config) {}), nil},
		"InsecureSkipRevocation": {func(t *testing.T, pki *spinetest.PKI) *tls.Config {
			e := pki.Endpoint(provider, proxy)
			e.Verifier.Revocation = tlsconfig.InsecureSkipRevocation{}
			cfg, err := e.ServerConfig()
			require.NoError(t, err)
			return cfg
		}, slices.Concat([]string{byCRL, byOCSP, resumption}, unreachable)},
		"VerifyConnection cleared where it counts": {func(t *testing.T, pki *spinetest.PKI) *tls.Config {
			cfg, err := pki.Endpoint(provider, proxy).ServerConfig()
			require.NoError(t, err)
			choose := cfg.GetConfigForClient
			cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				chosen, err := choose(hello)
				chosen = chosen.Clone()
				chosen.VerifyConnection = nil
				return chosen, err
			}
			return cfg
		}, everybody},
		"VerifyConnection moved to VerifyPeerCertificate": {change(func(cfg *tls.Config) {
			hook := cfg.VerifyConnection
			cfg.VerifyConnection = nil
			cfg.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
				leaf, err := x509.ParseCertificate(raw[0])
				if err != nil {
					return err
				}
				return hook(tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}})
			}
		}), []string{resumption}},
		"the order left to crypto/tls": {change(func(cfg *tls.Config) {
			cfg.CipherSuites = []uint16{uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384), uint16(tlsconfig.ECDHE_RSA_AES128_GCM_SHA256)}
		}), []string{order}},
		"no suite of the list": {change(func(cfg *tls.Config) {
			cfg.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
		}), slices.Concat(good, []string{order, others, resumption})},
		"a suite outside the list": {change(func(cfg *tls.Config) {
			cfg.CipherSuites = append(cfg.CipherSuites, tls.TLS_RSA_WITH_AES_128_CBC_SHA)
		}), []string{others}},
		"TLS 1.0 to 1.2": {change(func(cfg *tls.Config) {
			cfg.MinVersion = tls.VersionTLS10
			cfg.CipherSuites = append(cfg.CipherSuites, uint16(tlsconfig.ECDHE_RSA_AES256_SHA))
		}), []string{"a client of TLS 1.0", "a client of TLS 1.1"}},
		"TLS 1.3 too": {change(func(cfg *tls.Config) { cfg.MaxVersion = tls.VersionTLS13 }), []string{"a client of TLS 1.3"}},
		"no client certificate required": {change(func(cfg *tls.Config) {
			hook := cfg.VerifyConnection
			cfg.ClientAuth = tls.RequestClientCert
			cfg.VerifyConnection = func(state tls.ConnectionState) error {
				if len(state.PeerCertificates) == 0 {
					return nil
				}
				return hook(state)
			}
		}), []string{noCert}},
		"the sibling SubCA pinned as well": {peer(func(v *tlsconfig.Verifier) {
			pins, err := tlsconfig.NewPins([]*x509.Certificate{pki.Root}, []*x509.Certificate{pki.SubCA, pki.OtherSubCA})
			require.NoError(t, err)
			v.Pins = pins
		}), certs("issued by the sibling SubCA")},
		"any name of the Spine accepted": {change(func(cfg *tls.Config) {
			hook := cfg.VerifyConnection
			cfg.VerifyConnection = func(state tls.ConnectionState) error {
				err := hook(state)
				if refusal, ok := errors.AsType[*tlsconfig.PeerError](err); ok && refusal.Rule == tlsconfig.RuleFQDN {
					return nil
				}
				return err
			}
		}), certs("of another FQDN", "of a subdomain", "of a wildcard", "with a trailing dot", "with a NUL after the name",
			"with two common names, the peer's first", "with two common names, the peer's last", "without a common name",
			"with the name in the CN, beside a subjectAltName of another", "with the name in the CN, beside a subjectAltName without any",
			"with a wildcard in the subjectAltName")},
		"soft failure": {peer(func(v *tlsconfig.Verifier) { v.Revocation = without{v.Revocation, unknown} }), unreachable},
		"a peer of another name": {peer(func(v *tlsconfig.Verifier) { v.FQDNs = []string{"other.nhs.uk"} }),
			slices.Concat(good, []string{order, resumption})},
		"a hook that panics": {change(func(cfg *tls.Config) { cfg.VerifyConnection = func(tls.ConnectionState) error { panic("no") } }),
			slices.Concat(good, []string{order, resumption})},
	} {
		t.Run(name, func(t *testing.T) {
			err := spinetest.TestServer(pki, m.make(t, pki), proxy)
			slices.Sort(m.want)
			assert.Equal(t, m.want, faults(err), "%v", err)
		})
	}
}

func TestTestClientFindsEachMistake(t *testing.T) {
	if testing.Short() {
		t.Skip("connects a wrong client for each mistake")
	}
	pki := newPKI(t)
	var bad []string
	for _, b := range spinetest.BadServers() {
		bad = append(bad, "a certificate "+b.Name)
	}
	base := func(t *testing.T) *tls.Config {
		t.Helper()
		cfg, err := pki.Endpoint(proxy).ClientConfig()
		require.NoError(t, err)
		return cfg
	}
	change := func(f func(*tls.Config)) func(*testing.T) *tls.Config {
		return func(t *testing.T) *tls.Config {
			cfg := base(t)
			f(cfg)
			return cfg
		}
	}
	const own = "the client's own certificate"
	for name, m := range map[string]struct {
		make func(*testing.T) *tls.Config
		want []string
	}{
		"none": {base, nil},
		"bound to the name by FQDNs": {func(t *testing.T) *tls.Config {
			cfg, err := pki.Endpoint(proxy, provider).ClientConfig()
			require.NoError(t, err)
			return cfg
		}, nil},
		"InsecureSkipRevocation": {func(t *testing.T) *tls.Config {
			e := pki.Endpoint(proxy)
			e.Verifier.Revocation = tlsconfig.InsecureSkipRevocation{}
			cfg, err := e.ClientConfig()
			require.NoError(t, err)
			return cfg
		}, slices.Concat([]string{byCRL, byOCSP, resumption}, unreachable)},
		"VerifyConnection cleared": {change(func(cfg *tls.Config) { cfg.VerifyConnection = nil }),
			slices.Concat(bad, []string{byCRL, byOCSP, resumption}, unreachable)},
		"verified by VerifyPeerCertificate": {change(func(cfg *tls.Config) {
			hook := cfg.VerifyConnection
			cfg.VerifyConnection = nil
			cfg.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
				leaf, err := x509.ParseCertificate(raw[0])
				if err != nil {
					return err
				}
				return hook(tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, ServerName: provider,
					Version: tls.VersionTLS12, CipherSuite: uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384)})
			}
		}), []string{resumption}},
		"a suite outside the list": {change(func(cfg *tls.Config) {
			cfg.CipherSuites = append(cfg.CipherSuites, tls.TLS_RSA_WITH_AES_128_CBC_SHA)
			hook := cfg.VerifyConnection
			cfg.VerifyConnection = func(state tls.ConnectionState) error {
				state.CipherSuite = uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384)
				return hook(state)
			}
		}), []string{others}},
		"TLS 1.0 to 1.3": {change(func(cfg *tls.Config) {
			cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS13
			hook := cfg.VerifyConnection
			cfg.VerifyConnection = func(state tls.ConnectionState) error {
				state.Version, state.CipherSuite = tls.VersionTLS12, uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384)
				return hook(state)
			}
		}), []string{"a server of TLS 1.0", "a server of TLS 1.1", "a server of TLS 1.3"}},
		"a certificate that is nobody's": {change(func(cfg *tls.Config) {
			cert := pki.Issue(proxy, spinetest.SelfSigned())
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
		}), []string{own}},
		"a certificate without a name": {change(func(cfg *tls.Config) {
			cert := pki.Issue("")
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
		}), []string{own}},
		"the server's OCSP answer not looked at": {func(t *testing.T) *tls.Config {
			e := pki.Endpoint(proxy)
			e.Verifier.Revocation = &revocation.Checker{Sources: []revocation.Source{pki.Checker().Sources[1]}}
			cfg, err := e.ClientConfig()
			require.NoError(t, err)
			return cfg
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			err := spinetest.TestClient(pki, m.make(t), provider)
			slices.Sort(m.want)
			assert.Equal(t, m.want, faults(err), "%v", err)
		})
	}
}
