// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

func until(days int) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, days) }
}

// The pinned CAs are looked after as the own certificate is.
func TestExpiryOfThePinsIsLogged(t *testing.T) {
	t.Parallel()
	s := rsaSpine(t)
	at := now
	s.subCA = s.root.issueCA(t, "NHS INT Authentication G2", testca.RSA("subca"), until(20))
	later := s.root.issueCA(t, "NHS INT Authentication G3", testca.RSA("sibling"), until(400))
	e, log := s.endpoint(t, providerName, sspName), new(testenv.Log)
	e.Verifier.Pins = pin(t, []*authority{s.root}, []*authority{s.subCA, later})
	e.Verifier.Time = func() time.Time { return at }
	e.Logger = slog.New(slog.NewJSONHandler(log, nil))
	e.Certificate = tlsconfig.StaticCertificate(later.issue(t, providerName, until(300)))
	cfg := serverConfig(t, e)
	for range 22 * 24 { // an hour a step
		_, err := cfg.GetCertificate(new(tls.ClientHelloInfo))
		require.NoError(t, err)
		at = at.Add(time.Hour)
	}
	texts := map[string]int{}
	for _, record := range log.Records(t) {
		texts[record["level"].(string)+" "+record["msg"].(string)]++
		assert.Equal(t, s.subCA.cert.Subject.String(), record["subject"])
	}
	assert.Equal(t, map[string]int{"WARN pinned SubCA expires soon": 1 + 8, "ERROR pinned SubCA has expired": 2}, texts)

	found, err := e.Expiry(t.Context())
	require.NoError(t, err)
	roles := map[string][]string{}
	for _, x := range found {
		roles[x.Role] = append(roles[x.Role], x.Cert.Subject.CommonName)
	}
	assert.Equal(t, map[string][]string{"own": {providerName}, "subca": {"NHS INT Authentication G2", "NHS INT Authentication G3"},
		"root": {s.root.cert.Subject.CommonName}}, roles)
}

func TestExpiryWhileTheSourceFails(t *testing.T) {
	t.Parallel()
	s := rsaSpine(t)
	locked := errors.New("the store is locked")
	own := s.subCA.issue(t, providerName)
	for name, test := range map[string]struct {
		cert *tls.Certificate
		want int
	}{"with a certificate": {&own, 3}, "without": {nil, 2}, "with one that is none": {&tls.Certificate{Certificate: [][]byte{{1}}}, 2}} {
		e := s.endpoint(t, providerName, sspName)
		e.Certificate = func(context.Context) (*tls.Certificate, error) { return test.cert, locked }
		found, err := e.Expiry(t.Context())
		assert.ErrorIs(t, err, locked, name)
		assert.Len(t, found, test.want, name)
	}
	found, err := new(tlsconfig.Endpoint).Expiry(t.Context())
	assert.NoError(t, err)
	assert.Empty(t, found)
}

// A metric asks again and again. Of a source that never returns only so many calls go on.
func TestExpiryOfASourceThatNeverReturns(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		release := make(chan struct{})
		e := s.endpoint(t, providerName, sspName)
		e.Certificate = func(context.Context) (*tls.Certificate, error) {
			asked.Add(1)
			<-release
			return nil, errors.New("the store was closed")
		}
		for range bounded.MaxLate / 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			found, err := e.Expiry(ctx)
			cancel()
			require.ErrorContains(t, err, "has not answered")
			require.Len(t, found, 2, "the CAs")
		}
		assert.Less(t, asked.Load(), int64(bounded.MaxLate/2))
		close(release)
	})
}

// RFC 7633: a server's certificate may say that a response is stapled.
func TestACertificateThatMustBeStapledWithoutAResponseIsLogged(t *testing.T) {
	t.Parallel()
	s := rsaSpine(t)
	feature := func(numbers ...int) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			value, err := asn1.Marshal(numbers)
			require.NoError(t, err)
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: value})
		}
	}
	for name, test := range map[string]struct {
		change func(*x509.Certificate)
		staple []byte
		client bool
		want   int
	}{
		"status_request, no response":  {feature(17, 5), nil, false, 1},
		"status_request, a response":   {feature(5), []byte("a response"), false, 0},
		"another feature":              {feature(17), nil, false, 0},
		"no feature":                   {func(*x509.Certificate) {}, nil, false, 0},
		"a client's, which has no way": {feature(5), nil, true, 0},
	} {
		e, log := s.logged(t)
		cert := s.subCA.issue(t, providerName, test.change)
		cert.OCSPStaple = test.staple
		e.Certificate = tlsconfig.StaticCertificate(cert)
		if test.client {
			clientConfig(t, e)
		} else {
			cfg := serverConfig(t, e)
			for range 2 {
				_, err := cfg.GetCertificate(new(tls.ClientHelloInfo))
				require.NoError(t, err)
			}
		}
		records := log.Records(t)
		if assert.Len(t, records, test.want, name) && test.want > 0 {
			assert.Contains(t, records[0]["msg"], "stapled")
		}
	}
}

// A source that hangs holds up one handshake for two seconds, and the others not at
// all, while there is a certificate to present. What it returns in the end counts.
func TestASlowSourceIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := rsaSpine(t)
	older, newer := s.subCA.issue(t, providerName, until(30)), s.subCA.issue(t, providerName)
	synctest.Test(t, func(t *testing.T) {
		var slow atomic.Bool
		var asked atomic.Int32
		answer, at := make(chan *tls.Certificate), now
		e := s.endpoint(t, providerName, sspName)
		e.Verifier.Time = func() time.Time { return at }
		e.Certificate = func(context.Context) (*tls.Certificate, error) {
			asked.Add(1)
			if slow.Load() {
				return <-answer, nil
			}
			return &older, nil
		}
		cfg, err := e.ServerConfig()
		require.NoError(t, err)
		get := func() ([]byte, time.Duration) {
			start := time.Now()
			cert, err := cfg.GetCertificate(new(tls.ClientHelloInfo))
			require.NoError(t, err)
			return cert.Certificate[0], time.Since(start)
		}
		slow.Store(true)
		cert, took := get()
		assert.Equal(t, older.Certificate[0], cert)
		assert.Equal(t, 2*time.Second, took)
		for range 3 {
			cert, took = get()
			assert.Equal(t, older.Certificate[0], cert)
			assert.Zero(t, took)
		}
		assert.EqualValues(t, 2, asked.Load(), "when it was built, and once since")

		at = now.AddDate(0, 0, 31) // there is none to present: all wait for the answer
		got := make(chan []byte)
		for range 3 {
			go func() { cert, _ := get(); got <- cert }()
		}
		synctest.Wait()
		answer <- &newer
		for range 3 {
			assert.Equal(t, newer.Certificate[0], <-got)
		}
		assert.EqualValues(t, 2, asked.Load())
	})
}

// No name goes out for an address, and the refusal says so.
func TestAnAddressThatWasDialledIsTheReason(t *testing.T) {
	t.Parallel()
	s := rsaSpine(t)
	server := serverConfig(t, s.endpoint(t, providerName, sspName))
	o := handshake(t, dialling(clientConfig(t, s.endpoint(t, sspName)), "127.0.0.1"), server)
	assert.Contains(t, refused(t, o.clientErr, tlsconfig.RuleFQDN).Error(), "IP address")
}
