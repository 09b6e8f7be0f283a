// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// departures returns the fields that Audit complains about.
func departures(tb testing.TB, err error) []string {
	tb.Helper()
	if err == nil {
		return nil
	}
	var fields []string
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(tb, ok, "%T", err)
	for _, err := range joined.Unwrap() {
		var departure *tlsconfig.AuditError
		require.ErrorAs(tb, err, &departure)
		require.NotEmpty(tb, departure.Clause)
		require.NotEmpty(tb, departure.Detail)
		fields = append(fields, departure.Field)
	}
	return fields
}

func TestAuditFindsNothingInOurOwnConfigs(t *testing.T) {
	s := newSpine(t)
	for _, narrowed := range [][]tlsconfig.Suite{nil, {tlsconfig.ECDHE_RSA_AES256_GCM_SHA384}, {tlsconfig.ECDHE_RSA_AES256_SHA, tlsconfig.DHE_RSA_AES256_SHA}} {
		e := s.endpoint(t, providerName, sspName)
		e.Suites = narrowed
		server, client := serverConfig(t, e), clientConfig(t, e)
		require.NoError(t, tlsconfig.Audit(client))
		require.NoError(t, tlsconfig.Audit(client.Clone()))
		require.NoError(t, tlsconfig.Audit(server))
		require.NoError(t, tlsconfig.Audit(server.Clone()))
	}
}

func TestAuditFindsEveryDeparture(t *testing.T) {
	s := newSpine(t)
	cas := x509.NewCertPool()
	cas.AddCert(s.subCA.cert)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	verify := func(tls.ConnectionState) error { return nil }
	gcm256, gcm128 := uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384), uint16(tlsconfig.ECDHE_RSA_AES128_GCM_SHA256)
	own := []tls.Certificate{s.subCA.issue(t, providerName)}

	ourServer := func(edit func(*tls.Config)) *tls.Config {
		cfg := serverConfig(t, s.endpoint(t, providerName, sspName))
		edit(cfg)
		return cfg
	}
	plainServer := func(edit func(*tls.Config)) *tls.Config {
		cfg := &tls.Config{
			MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{gcm256},
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: cas, VerifyConnection: verify, Certificates: own,
		}
		edit(cfg)
		return cfg
	}
	ourClient := func(edit func(*tls.Config)) *tls.Config {
		cfg := clientConfig(t, s.endpoint(t, sspName))
		edit(cfg)
		return cfg
	}
	for _, test := range []struct {
		name string
		cfg  *tls.Config
		want []string
	}{
		{"a plain server with one suite and a hook", plainServer(func(*tls.Config) {}), nil},
		{"a plain server that verifies full handshakes and has no others", plainServer(func(c *tls.Config) {
			c.VerifyConnection, c.SessionTicketsDisabled = nil, true
			c.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { return nil }
		}), nil},
		{"an empty config", &tls.Config{}, []string{"MinVersion", "MaxVersion", "CipherSuites", "ClientAuth", "VerifyConnection", "CipherSuites"}},

		{"TLS 1.0 allowed", plainServer(func(c *tls.Config) { c.MinVersion = tls.VersionTLS10 }), []string{"MinVersion"}},
		{"TLS 1.3 allowed", plainServer(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS13 }), []string{"MaxVersion"}},
		{"a foreign suite", plainServer(func(c *tls.Config) {
			c.CipherSuites = append(c.CipherSuites, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)
		}), []string{"CipherSuites"}},
		{"no suite at all", plainServer(func(c *tls.Config) { c.CipherSuites = []uint16{} }), []string{"CipherSuites"}},
		{"two suites whose order crypto/tls chooses", plainServer(func(c *tls.Config) { c.CipherSuites = []uint16{gcm256, gcm128} }), []string{"CipherSuites"}},
		{"no client certificate", plainServer(func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.NoClientCert, nil }), []string{"ClientAuth"}},
		{"a client certificate only if given", plainServer(func(c *tls.Config) { c.ClientAuth = tls.VerifyClientCertIfGiven }), []string{"ClientAuth"}},
		{"the CAs of the system", plainServer(func(c *tls.Config) { c.ClientCAs = nil }), []string{"ClientCAs"}},
		{"no hook", plainServer(func(c *tls.Config) { c.VerifyConnection = nil }), []string{"VerifyConnection"}},
		{"a hook that resumed sessions do not call", plainServer(func(c *tls.Config) {
			c.VerifyConnection = nil
			c.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { return nil }
		}), []string{"VerifyConnection"}},
		{"renegotiation", plainServer(func(c *tls.Config) { c.Renegotiation = tls.RenegotiateOnceAsClient }), []string{"Renegotiation"}},
		{"a key log", plainServer(func(c *tls.Config) { c.KeyLogWriter = new(bytes.Buffer) }), []string{"KeyLogWriter"}},
		{"an ECDSA certificate", plainServer(func(c *tls.Config) { c.Certificates = []tls.Certificate{s.subCA.issueFor(t, providerName, ecKey)} }), []string{"Certificates"}},
		{"a weak certificate, its leaf not parsed", plainServer(func(c *tls.Config) {
			cert := s.subCA.issueFor(t, providerName, testca.RSAOf("weak", 1024))
			cert.Leaf = nil
			c.Certificates = []tls.Certificate{cert}
		}), []string{"Certificates"}},
		{"a certificate that is none", plainServer(func(c *tls.Config) { c.Certificates = []tls.Certificate{{}} }), []string{"Certificates"}},

		{"our server with its choice of suite cleared", ourServer(func(c *tls.Config) { c.GetConfigForClient = nil }), []string{"CipherSuites"}},
		{"our server with its hook cleared", ourServer(func(c *tls.Config) { c.VerifyConnection = nil }), []string{"VerifyConnection"}},
		{"our server with a stricter hook, which no connection calls", ourServer(func(c *tls.Config) { c.VerifyConnection = verify }), []string{"VerifyConnection"}},
		{"our server with tickets disabled afterwards", ourServer(func(c *tls.Config) { c.SessionTicketsDisabled = true }), []string{"SessionTicketsDisabled"}},
		{"our server with another clock", ourServer(func(c *tls.Config) { c.Time = time.Now }), []string{"Time"}},
		{"our server with verification by crypto/x509 too", ourServer(func(c *tls.Config) { c.ClientAuth = tls.RequireAndVerifyClientCert }), []string{"ClientAuth"}},
		{"our server with HTTP/2, which net/http adds", ourServer(func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} }), nil},
		{"our server with another protocol", ourServer(func(c *tls.Config) { c.NextProtos = append(c.NextProtos, "acme-tls/1", "x") }), []string{"NextProtos"}},
		{"our server with another certificate", ourServer(func(c *tls.Config) {
			c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("none") }
		}), []string{"GetCertificate"}},
		{"our server with suites left out", ourServer(func(c *tls.Config) { c.CipherSuites = c.CipherSuites[:1] }), []string{"CipherSuites"}},
		{"our server with the hook cleared on what it chooses", ourServer(func(c *tls.Config) {
			choose := c.GetConfigForClient
			c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				chosen, err := choose(hello)
				chosen = chosen.Clone()
				chosen.VerifyConnection = nil
				return chosen, err
			}
		}), []string{"VerifyConnection"}},
		{"our server with the order turned round", ourServer(func(c *tls.Config) {
			choose := c.GetConfigForClient
			c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				hello.CipherSuites = hello.CipherSuites[len(hello.CipherSuites)-1:]
				return choose(hello)
			}
		}), []string{"GetConfigForClient"}},
		{"a hook that falls back to something weaker for strangers", ourServer(func(c *tls.Config) {
			choose := c.GetConfigForClient
			c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				if hello.SupportedVersions[0] == tls.VersionTLS13 {
					return plainServer(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS13 }), nil
				}
				return choose(hello)
			}
		}), []string{"MaxVersion", "VerifyConnection"}},
		{"a hook that panics", plainServer(func(c *tls.Config) {
			c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { panic("lost") }
		}), []string{"GetConfigForClient", "CipherSuites"}},
		{"a hook that leaves it to the config", plainServer(func(c *tls.Config) {
			c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				_ = hello.Conn.RemoteAddr()
				return nil, nil
			}
		}), nil},

		{"our client with its hook cleared", ourClient(func(c *tls.Config) { c.VerifyConnection = nil }), []string{"InsecureSkipVerify", "VerifyConnection"}},
		{"our client with renegotiation", ourClient(func(c *tls.Config) { c.Renegotiation = tls.RenegotiateFreelyAsClient }), []string{"Renegotiation"}},
		{"our client without a certificate", ourClient(func(c *tls.Config) { c.GetClientCertificate = nil }), []string{"Certificates"}},
		{"our client with the system's CAs and no hook", ourClient(func(c *tls.Config) { c.InsecureSkipVerify, c.VerifyConnection = false, nil }), []string{"VerifyConnection", "RootCAs"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, departures(t, tlsconfig.Audit(test.cfg)))
		})
	}
	t.Run("no config", func(t *testing.T) { require.Error(t, tlsconfig.Audit(nil)) })
}
func TestAuditFindsAServerThatPrefersLengthOfKeyToTheList(t *testing.T) {
	s := newSpine(t)
	of := map[tlsconfig.Suite]*tls.Config{}
	for _, suite := range native() {
		e := s.endpoint(t, providerName, sspName)
		e.Suites = []tlsconfig.Suite{suite}
		cfg := serverConfig(t, e)
		cfg.GetConfigForClient = nil
		cfg.CipherSuites = []uint16{uint16(suite)}
		of[suite] = cfg
	}
	cfg := of[tlsconfig.ECDHE_RSA_AES256_GCM_SHA384].Clone()
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		// 256 bits before 128, against the list.
		for _, suite := range []tlsconfig.Suite{tlsconfig.ECDHE_RSA_AES256_GCM_SHA384, tlsconfig.ECDHE_RSA_AES256_SHA, tlsconfig.ECDHE_RSA_AES128_GCM_SHA256} {
			if slices.Contains(hello.CipherSuites, uint16(suite)) {
				return of[suite], nil
			}
		}
		return nil, nil
	}
	client := plainClient(s.subCA.issue(t, sspName))
	client.CipherSuites = []uint16{uint16(tlsconfig.ECDHE_RSA_AES128_GCM_SHA256), uint16(tlsconfig.ECDHE_RSA_AES256_SHA)}
	o := handshake(t, client, cfg)
	require.NoError(t, o.serverErr)
	require.Equal(t, tlsconfig.ECDHE_RSA_AES256_SHA, tlsconfig.Suite(o.server.CipherSuite), "it departs")
	require.Error(t, tlsconfig.Audit(cfg))
}

// Each field that only one end uses makes the config that end's, alone.
func TestAuditKnowsTheEndByEachField(t *testing.T) {
	t.Parallel()
	client := map[string]func(*tls.Config){
		"InsecureSkipVerify": func(c *tls.Config) { c.InsecureSkipVerify = true },
		"RootCAs":            func(c *tls.Config) { c.RootCAs = x509.NewCertPool() },
		"ServerName":         func(c *tls.Config) { c.ServerName = providerName },
		"GetClientCertificate": func(c *tls.Config) {
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return nil, nil }
		},
		"ClientSessionCache": func(c *tls.Config) { c.ClientSessionCache = tls.NewLRUClientSessionCache(0) },
	}
	server := map[string]func(*tls.Config){
		"ClientAuth": func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert },
		"ClientCAs":  func(c *tls.Config) { c.ClientCAs = x509.NewCertPool() },
		"GetCertificate": func(c *tls.Config) {
			c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }
		},
		"GetConfigForClient": func(c *tls.Config) {
			c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil }
		},
	}
	base := func() *tls.Config {
		return &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384)}}
	}
	require.Contains(t, departures(t, tlsconfig.Audit(base())), "ClientAuth", "neither's is a server's")
	for ours, set := range client {
		cfg := base()
		set(cfg)
		found := departures(t, tlsconfig.Audit(cfg))
		require.NotContains(t, found, "ClientAuth", ours)
		require.Contains(t, found, "VerifyConnection", ours)
		for theirs, setToo := range server {
			cfg := base()
			set(cfg)
			setToo(cfg)
			require.Contains(t, departures(t, tlsconfig.Audit(cfg)), "ClientAuth", "%s and %s", ours, theirs)
		}
	}
}

func TestAuditReadsALeafThatWasNotParsed(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	cert := s.subCA.issueFor(t, providerName, key)
	cert.Leaf = nil
	require.ErrorContains(t, tlsconfig.Audit(&tls.Config{Certificates: []tls.Certificate{cert}}), "certificate 0 is ECDSA")
}

// What is reported of several configs of one server is said once.
func TestAuditSaysEachDepartureOnce(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	cfg := serverConfig(t, s.endpoint(t, providerName, sspName))
	choose := cfg.GetConfigForClient
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		chosen, err := choose(hello)
		chosen = chosen.Clone()
		chosen.KeyLogWriter = new(bytes.Buffer)
		return chosen, err
	}
	require.Equal(t, []string{"KeyLogWriter"}, departures(t, tlsconfig.Audit(cfg)))
}
