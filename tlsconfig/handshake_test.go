// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

func TestTwoEndpointsShakeHands(t *testing.T) {
	s := newSpine(t)
	server := serverConfig(t, s.endpoint(t, providerName, sspName))
	for name, accepted := range map[string][]string{
		"by the name dialled":    nil,
		"by the name configured": {providerName},
	} {
		t.Run(name, func(t *testing.T) {
			client := clientConfig(t, s.endpoint(t, sspName, accepted...))
			o := handshake(t, dialling(client, providerName), server)
			require.NoError(t, o.clientErr)
			require.NoError(t, o.serverErr)
			for _, end := range []tls.ConnectionState{o.client, o.server} {
				assert.EqualValues(t, tls.VersionTLS12, end.Version)
				assert.Equal(t, tlsconfig.ECDHE_RSA_AES256_GCM_SHA384, tlsconfig.Suite(end.CipherSuite))
				assert.Equal(t, "http/1.1", end.NegotiatedProtocol)
				assert.Equal(t, providerName, end.ServerName)
			}
		})
	}
}

func TestAServerRefusesEveryClientThatIsNotTheOneNamed(t *testing.T) {
	s := newSpine(t)
	checker := new(revocations)
	e := s.endpoint(t, providerName, sspName)
	e.Verifier.Revocation = checker
	server := serverConfig(t, e)

	revoked := s.subCA.issue(t, sspName)
	checker.revoke(revoked.Leaf)
	impostor := s.root.issueCA(t, "NHS INT Authentication G2", testca.RSA("impostor"))

	for _, test := range []struct {
		name string
		cert tls.Certificate
		want tlsconfig.Rule
	}{
		{"self-signed", newRoot(t, sspName, "leaf").asClient(), tlsconfig.RuleSubCA},
		{"of the sibling SubCA", s.sibling.issue(t, sspName), tlsconfig.RuleSubCA},
		{"of a SubCA with the pinned one's name", impostor.issue(t, sspName), tlsconfig.RuleSubCA},
		{"expired", s.subCA.issue(t, sspName, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) }), tlsconfig.RuleValidity},
		{"with serverAuth only", s.subCA.issue(t, sspName, func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] }), tlsconfig.RuleUsage},
		{"of another system", s.subCA.issue(t, "other.nhs.uk"), tlsconfig.RuleFQDN},
		{"revoked", revoked, tlsconfig.RuleRevocation},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := handshake(t, plainClient(test.cert), server)
			refused(t, o.serverErr, test.want)
			alert(t, o.clientErr, alertBadCertificate)
		})
	}
	t.Run("without a certificate", func(t *testing.T) {
		o := handshake(t, plainClient(), server)
		require.Error(t, o.serverErr)
		alert(t, o.clientErr, alertHandshakeFailure)
	})
	t.Run("and accepts that one", func(t *testing.T) {
		o := handshake(t, plainClient(s.subCA.issue(t, sspName)), server)
		require.NoError(t, o.serverErr)
		require.NoError(t, o.clientErr)
	})
	t.Run("and accepts that one without its SubCA", func(t *testing.T) {
		cert := s.subCA.issue(t, sspName)
		cert.Certificate = cert.Certificate[:1]
		o := handshake(t, plainClient(cert), server)
		require.NoError(t, o.serverErr)
		require.NoError(t, o.clientErr)
	})
}

// asClient presents a CA's own certificate.
func (a *authority) asClient() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{a.cert.Raw}, PrivateKey: a.key, Leaf: a.cert}
}

func TestAClientRefusesEveryServerThatIsNotTheOneDialled(t *testing.T) {
	s := newSpine(t)
	checker := new(revocations)
	e := s.endpoint(t, sspName)
	e.Verifier.Revocation = checker
	client := dialling(clientConfig(t, e), providerName)

	revoked := s.subCA.issue(t, providerName)
	checker.revoke(revoked.Leaf)
	for _, test := range []struct {
		name string
		cert tls.Certificate
		want tlsconfig.Rule
	}{
		{"of the sibling SubCA", s.sibling.issue(t, providerName), tlsconfig.RuleSubCA},
		{"with clientAuth only", s.subCA.issue(t, providerName, func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[1:] }), tlsconfig.RuleUsage},
		{"of another name", s.subCA.issue(t, sspName), tlsconfig.RuleFQDN},
		{"revoked", revoked, tlsconfig.RuleRevocation},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := handshake(t, client, &tls.Config{Certificates: []tls.Certificate{test.cert}, ClientAuth: tls.RequireAnyClientCert, Time: clock})
			refused(t, o.clientErr, test.want)
			alert(t, o.serverErr, alertBadCertificate)
		})
	}
}

func TestAClientHandsOnTheStapledResponse(t *testing.T) {
	s := newSpine(t)
	own := s.subCA.issue(t, providerName)
	own.OCSPStaple = []byte("a response")
	server := s.endpoint(t, providerName, sspName)
	server.Certificate = tlsconfig.StaticCertificate(own)

	stapled := map[string]int{}
	e := s.endpoint(t, sspName)
	e.Verifier.Revocation = checkerFunc(func(_ context.Context, _ []*x509.Certificate, response []byte) error {
		stapled[string(response)]++
		return nil
	})
	client := dialling(clientConfig(t, e), providerName)
	serverCfg := serverConfig(t, server)
	for range 2 { // the second resumes the first, with the response of then
		o := handshake(t, client, serverCfg)
		require.NoError(t, o.clientErr)
	}
	require.Equal(t, map[string]int{"a response": 3}, stapled, "in each handshake, and before the session is offered")
}

// The check of a client ends with the context of its handshake.
func TestTheCheckEndsWithTheServersContext(t *testing.T) {
	s := newSpine(t)
	ctx, cancel := context.WithCancel(t.Context())
	e := s.endpoint(t, providerName, sspName)
	e.Timeout = 30 * time.Second
	e.Verifier.Revocation = checkerFunc(func(ctx context.Context, _ []*x509.Certificate, _ []byte) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	server, client := serverConfig(t, e), plainClient(s.subCA.issue(t, sspName))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		if conn, err := tls.Dial("tcp", l.Addr().String(), client); err == nil {
			conn.Close()
		}
	}()
	raw, err := l.Accept()
	require.NoError(t, err)
	defer raw.Close()
	require.ErrorIs(t, tls.Server(raw, server).HandshakeContext(ctx), context.Canceled)
}

func TestOtherProtocolVersionsGetAnAlert(t *testing.T) {
	s := newSpine(t)
	server := serverConfig(t, s.endpoint(t, providerName, sspName))
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			client := plainClient(s.subCA.issue(t, sspName))
			client.MinVersion, client.MaxVersion = version, version
			o := handshake(t, client, server)
			require.Error(t, o.serverErr)
			alert(t, o.clientErr, alertProtocolVersion)
		})
	}
	t.Run("and TLS 1.3 is not chosen beside 1.2", func(t *testing.T) {
		client := plainClient(s.subCA.issue(t, sspName))
		client.MaxVersion = tls.VersionTLS13
		o := handshake(t, client, server)
		require.NoError(t, o.clientErr)
		require.EqualValues(t, tls.VersionTLS12, o.client.Version)
	})
}

func TestAClientSpeaksOnlyTLS12(t *testing.T) {
	s := newSpine(t)
	client := dialling(clientConfig(t, s.endpoint(t, sspName)), providerName)
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS13} {
		o := handshake(t, client, &tls.Config{
			Certificates: []tls.Certificate{s.subCA.issue(t, providerName)}, MinVersion: version, MaxVersion: version,
		})
		require.Error(t, o.clientErr)
		alert(t, o.clientErr, alertProtocolVersion)
	}
}

func TestEachRefusalIsLoggedOnce(t *testing.T) {
	s := newSpine(t)
	var log testenv.Log
	e := s.endpoint(t, providerName, sspName)
	e.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	server := serverConfig(t, e)
	other := s.subCA.issue(t, "other.nhs.uk")

	require.NoError(t, handshake(t, plainClient(s.subCA.issue(t, sspName)), server).serverErr)
	require.Error(t, handshake(t, plainClient(other), server).serverErr)

	records := log.Records(t)
	require.Len(t, records, 1)
	record := records[0]
	delete(record, "time")
	require.Regexp(t, `^127\.0\.0\.1:[0-9]+$`, record["remote"])
	delete(record, "remote")
	require.Equal(t, map[string]any{
		"level": "WARN", "msg": "peer refused", "rule": "fqdn",
		"subject": other.Leaf.Subject.String(), "serial": other.Leaf.SerialNumber.Text(16),
		"detail": `the certificate is that of "other.nhs.uk", not of "` + sspName + `"`,
	}, record)
}

func TestACheckerThatPanicsRefuses(t *testing.T) {
	s := newSpine(t)
	var log testenv.Log
	e := s.endpoint(t, providerName, sspName)
	e.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	e.Verifier.Revocation = checkerFunc(func(context.Context, []*x509.Certificate, []byte) error { panic("out of order") })
	o := handshake(t, plainClient(s.subCA.issue(t, sspName)), serverConfig(t, e))
	refused(t, o.serverErr, tlsconfig.RuleRevocation)
	alert(t, o.clientErr, alertBadCertificate)
	require.Len(t, log.Lines(), 1)
}

func TestACheckerIsGivenNoMoreTimeThanTheTimeout(t *testing.T) {
	s := newSpine(t)
	leaf := s.subCA.issue(t, sspName).Leaf
	for timeout, want := range map[time.Duration]time.Duration{0: 10 * time.Second, time.Minute: time.Minute} {
		e := s.endpoint(t, providerName, sspName)
		e.Timeout = timeout
		e.Verifier.Revocation = checkerFunc(func(ctx context.Context, _ []*x509.Certificate, _ []byte) error {
			<-ctx.Done()
			return ctx.Err()
		})
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			err := e.VerifyPeer(context.Background(), clientPresents(leaf))
			refused(t, err, tlsconfig.RuleRevocation)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, want, time.Since(start)) // the bubble's time
		})
	}
}

func TestAConfigThatWasLoosenedAfterwardsStillRefuses(t *testing.T) {
	s := newSpine(t)
	var log testenv.Log
	loosen := func(suite tlsconfig.Suite, edit func(*tls.Config)) *tls.Config {
		e := s.endpoint(t, providerName, sspName)
		e.Logger = slog.New(slog.NewJSONHandler(&log, nil))
		e.Suites = []tlsconfig.Suite{suite}
		cfg := serverConfig(t, e)
		cfg.GetConfigForClient = nil
		edit(cfg)
		return cfg
	}
	for _, test := range []struct {
		name  string
		cfg   *tls.Config
		offer tlsconfig.Suite
		want  tlsconfig.Rule
	}{
		{"it still serves the suite asked for", loosen(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384, func(*tls.Config) {}), tlsconfig.ECDHE_RSA_AES256_GCM_SHA384, 0},
		{"another suite of the guidance", loosen(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384, func(*tls.Config) {}), tlsconfig.ECDHE_RSA_AES128_GCM_SHA256, tlsconfig.RuleSuite},
		{"a foreign suite", loosen(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384, func(c *tls.Config) { c.CipherSuites = nil }), tlsconfig.Suite(tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256), tlsconfig.RuleSuite},
		{"an older protocol", loosen(tlsconfig.ECDHE_RSA_AES256_SHA, func(c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
		}), tlsconfig.ECDHE_RSA_AES256_SHA, tlsconfig.RuleVersion},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := plainClient(s.subCA.issue(t, sspName))
			client.MinVersion = tls.VersionTLS10
			client.CipherSuites = []uint16{uint16(test.offer)}
			before := len(log.Records(t))
			o := handshake(t, client, test.cfg)
			records := log.Records(t)[before:]
			if test.want == 0 {
				require.NoError(t, o.serverErr)
				require.Empty(t, records)
			} else {
				refused(t, o.serverErr, test.want)
				require.Len(t, records, 1)
				require.Equal(t, test.want.String(), records[0]["rule"])
			}
		})
	}
}

func TestManyHandshakesAtOnceWhilePinsChange(t *testing.T) {
	s := newSpine(t)
	pins := pin(t, []*authority{s.root}, []*authority{s.subCA})
	e := s.endpoint(t, providerName, sspName)
	e.Verifier.Pins = pins
	server := serverConfig(t, e)
	both := pin(t, []*authority{s.root}, []*authority{s.subCA, s.sibling})
	client := dialling(clientConfig(t, s.endpoint(t, sspName)), providerName)
	other := plainClient(s.subCA.issue(t, "other.nhs.uk"))

	var wg sync.WaitGroup
	errs := make(chan error, 100)
	for range 4 {
		wg.Go(func() {
			for i := range 8 {
				pins.Replace(both)
				if o := handshake(t, client, server); o.clientErr != nil || o.serverErr != nil {
					errs <- errors.Join(o.clientErr, o.serverErr)
				}
				if i%4 == 0 && handshake(t, other, server).serverErr == nil {
					errs <- errors.New("another client was let in")
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
}
