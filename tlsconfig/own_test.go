// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A token signs by PKCS #1 v1.5 alone.
type token struct{ crypto.Signer }

func (k token) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if _, pss := opts.(*rsa.PSSOptions); pss {
		return nil, errors.New("the token has no RSASSA-PSS")
	}
	return k.Signer.Sign(random, digest, opts)
}

func TestOwnKeyIsTriedWhenTheEndpointIsBuilt(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	build := func(change func(*tls.Certificate)) error {
		cert := s.subCA.issue(t, providerName)
		change(&cert)
		e := s.endpoint(t, providerName, sspName)
		e.Certificate = tlsconfig.StaticCertificate(cert)
		_, err := e.ServerConfig()
		return err
	}
	pkcs1 := []tls.SignatureScheme{tls.PKCS1WithSHA256, tls.PKCS1WithSHA384, tls.PKCS1WithSHA512}
	assert.ErrorContains(t, build(func(c *tls.Certificate) { c.PrivateKey = token{c.PrivateKey.(crypto.Signer)} }), "RSASSA-PSS")
	assert.NoError(t, build(func(c *tls.Certificate) {
		c.PrivateKey, c.SupportedSignatureAlgorithms = token{c.PrivateKey.(crypto.Signer)}, pkcs1
	}))
	assert.ErrorContains(t, build(func(c *tls.Certificate) {
		damaged := *c.PrivateKey.(*rsa.PrivateKey)
		damaged.D = new(big.Int).Add(damaged.D, big.NewInt(2))
		damaged.Primes, damaged.Precomputed = nil, rsa.PrecomputedValues{}
		c.PrivateKey = &damaged
	}), "signature")
	silent := func([]byte) ([]byte, error) { return nil, errors.New("the token was pulled") }
	garbled := func(signature []byte) ([]byte, error) { signature[9]++; return signature, nil }
	for _, c := range []struct {
		name              string
		messages, digests func(signature []byte) ([]byte, error)
		want              string
	}{
		{"signs digests alone, and crypto/tls has it sign messages", silent, nil, "the token was pulled"},
		{"signs messages wrongly", garbled, nil, "verification error"},
		{"signs messages alone, and libssl has it sign digests", nil, silent, "the token was pulled"},
		{"signs digests wrongly", nil, garbled, "verification error"},
		{"signs both", nil, nil, ""},
	} {
		err := build(func(cert *tls.Certificate) {
			cert.PrivateKey = hashingToken{cert.PrivateKey.(crypto.Signer), c.messages, c.digests}
		})
		if c.want == "" {
			assert.NoError(t, err, c.name)
		} else {
			assert.ErrorContains(t, err, c.want, c.name)
		}
	}
	for name, schemes := range map[string][]tls.SignatureScheme{
		"none":          {},
		"SHA-1":         {tls.PKCS1WithSHA1},
		"another key's": {tls.ECDSAWithP256AndSHA256, tls.Ed25519},
	} {
		assert.ErrorContains(t, build(func(c *tls.Certificate) { c.SupportedSignatureAlgorithms = schemes }), "SupportedSignatureAlgorithms", name)
	}
	assert.ErrorContains(t, build(func(c *tls.Certificate) {
		c.PrivateKey, c.SupportedSignatureAlgorithms = token{c.PrivateKey.(crypto.Signer)}, []tls.SignatureScheme{tls.PSSWithSHA512}
	}), "RSASSA-PSS")
}

// A hashingToken is a crypto.MessageSigner, and returns what messages and digests, which
// may be nil, make of its signatures.
type hashingToken struct {
	crypto.Signer
	messages, digests func(signature []byte) ([]byte, error)
}

func (k hashingToken) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return passed(k.digests)(k.Signer.Sign(random, digest, opts))
}

func (k hashingToken) SignMessage(random io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return passed(k.messages)(crypto.SignMessage(k.Signer, random, message, opts))
}

func passed(through func([]byte) ([]byte, error)) func([]byte, error) ([]byte, error) {
	return func(signature []byte, err error) ([]byte, error) {
		if err != nil || through == nil {
			return signature, err
		}
		return through(signature)
	}
}

func TestOwnCertificateStaysWhileItsSourceFails(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	cert := s.subCA.issue(t, providerName)
	fail := func() (*tls.Certificate, error) { return &cert, nil }
	e, log := s.logged(t)
	e.Certificate = func(context.Context) (*tls.Certificate, error) { return fail() }
	cfg, err := e.ServerConfig()
	require.NoError(t, err)
	for _, broken := range []func() (*tls.Certificate, error){
		func() (*tls.Certificate, error) { return nil, errors.New("the store is locked") },
		func() (*tls.Certificate, error) { panic("broken") },
	} {
		fail = broken
		for range 2 {
			got, err := cfg.GetCertificate(new(tls.ClientHelloInfo))
			require.NoError(t, err)
			assert.Equal(t, cert.Certificate, got.Certificate)
		}
	}
	records := log.Records(t)
	require.Len(t, records, 2, "each reason once")
	assert.Equal(t, "the store is locked", records[0]["detail"])
	assert.Equal(t, "the source panicked: broken", records[1]["detail"])
}

// A handshake that is broken off takes no renewal with it, which others wait for.
func TestASourceIsNotCancelledWithTheHandshakeThatAskedIt(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	cert := s.subCA.issue(t, providerName)
	asked, release := make(chan context.Context), make(chan struct{})
	built := false
	e := s.endpoint(t, providerName, sspName)
	e.Certificate = func(ctx context.Context) (*tls.Certificate, error) {
		if built {
			asked <- ctx
			<-release
		}
		return &cert, nil
	}
	end, err := e.Check(x509.ExtKeyUsageServerAuth)
	require.NoError(t, err)
	built = true
	ctx, cancel := context.WithCancel(t.Context())
	presented := make(chan *tls.Certificate, 1)
	go func() { presented <- end.Certificate(ctx) }()
	source := <-asked
	cancel()
	assert.NoError(t, source.Err())
	assert.Equal(t, cert.Certificate, (<-presented).Certificate, "the last good one")
	close(release)
}

// A stuck key never signs.
type stuck struct {
	crypto.Signer
	asked *atomic.Int64
	until chan struct{}
}

func (k stuck) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.asked.Add(1)
	<-k.until
	return nil, errors.New("the token was pulled")
}

// Tokens hang. A certificate whose key does is refused, asked to sign once at a time,
// and keeps no later one from being presented.
func TestAKeyThatNeverSignsDoesNotEndRenewal(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	old, renewed := s.subCA.issue(t, providerName), s.subCA.issue(t, providerName)
	var hanging [6]tls.Certificate
	for i := range hanging {
		hanging[i] = s.subCA.issue(t, providerName)
	}
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		until := make(chan struct{})
		for i := range hanging {
			hanging[i].PrivateKey = stuck{hanging[i].PrivateKey.(crypto.Signer), &asked, until}
		}
		var current atomic.Pointer[tls.Certificate]
		current.Store(&old)
		e, log := s.logged(t)
		e.Certificate = func(context.Context) (*tls.Certificate, error) { return current.Load(), nil }
		cfg, err := e.ServerConfig()
		require.NoError(t, err)
		presented := func() []byte {
			cert, err := cfg.GetCertificate(new(tls.ClientHelloInfo))
			require.NoError(t, err)
			time.Sleep(time.Minute)
			return cert.Certificate[0]
		}
		current.Store(&hanging[0])
		for range 5 {
			assert.Equal(t, old.Leaf.Raw, presented())
		}
		assert.EqualValues(t, 1, asked.Load(), "the same certificate's key is not asked again meanwhile")
		assert.Len(t, log.Records(t), 1)
		current.Store(&renewed)
		presented()
		assert.Equal(t, renewed.Leaf.Raw, presented())
		for i := range hanging {
			current.Store(&hanging[i])
			assert.Equal(t, renewed.Leaf.Raw, presented())
		}
		assert.EqualValues(t, 4, asked.Load(), "of certificates ever new, only so many at once")
		close(until)
		synctest.Wait()
		current.Store(&old)
		presented()
		assert.Equal(t, old.Leaf.Raw, presented(), "once the keys have answered")

		again, until := old, make(chan struct{})
		again.PrivateKey = stuck{old.PrivateKey.(crypto.Signer), &asked, until}
		current.Store(&again)
		_, err = e.ServerConfig()
		assert.ErrorContains(t, err, "has not answered")
		close(until)
	})
}

// A call that goes on for ever, whatever its context says, ends neither renewal nor
// the handshakes that wait for it, and only so many of them go on.
func TestASourceThatMindsNoContextDoesNotEndRenewal(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	older, newer, newest := s.subCA.issue(t, providerName, until(31)), s.subCA.issue(t, providerName), s.subCA.issue(t, providerName)
	synctest.Test(t, func(t *testing.T) {
		var hangs atomic.Bool
		answers, calls, at := make(chan *tls.Certificate), 0, now
		current := &older
		e, log := s.logged(t)
		e.Verifier.Time = func() time.Time { return at }
		e.Certificate = func(context.Context) (*tls.Certificate, error) {
			calls++
			if hangs.Load() {
				return <-answers, nil
			}
			return current, nil
		}
		cfg, err := e.ServerConfig()
		require.NoError(t, err)
		presented := func() ([]byte, time.Duration) {
			t.Helper()
			start := time.Now()
			cert, err := cfg.GetCertificate(new(tls.ClientHelloInfo))
			require.NoError(t, err)
			took := time.Since(start)
			time.Sleep(time.Minute)
			synctest.Wait()
			return cert.Certificate[0], took
		}
		hangs.Store(true)
		cert, took := presented()
		assert.Equal(t, older.Certificate[0], cert)
		assert.Equal(t, 2*time.Second, took)
		if records := log.Records(t); assert.Len(t, records, 1) {
			assert.Contains(t, records[0]["detail"], "has not answered")
		}
		at = now.AddDate(0, 0, 32) // there is none to present: the answer is waited for
		_, took = presented()
		assert.Equal(t, 11*time.Second, took, "but not for ever")
		presented()
		presented()
		_, took = presented()
		assert.Zero(t, took, "with four that go on no fifth begins")
		assert.Equal(t, 1+4, calls)

		answers <- &newer
		synctest.Wait()
		cert, _ = presented()
		assert.Equal(t, newer.Certificate[0], cert, "what comes late counts")
		answers <- &newer // the one that was begun in its place
		synctest.Wait()
		hangs.Store(false)
		current = &newest
		presented()
		for range 3 {
			answers <- &newer
			synctest.Wait()
		}
		cert, _ = presented()
		assert.Equal(t, newest.Certificate[0], cert, "and undoes nothing that was asked for after it")

		hangs.Store(true)
		_, err = e.ServerConfig()
		assert.ErrorContains(t, err, "has not answered")
		close(answers)
	})
}

func TestExpiryOfTheOwnCertificateIsLogged(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	at := now
	e, log := s.logged(t)
	e.Verifier.Time = func() time.Time { return at }
	e.Certificate = tlsconfig.StaticCertificate(s.subCA.issue(t, providerName, func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, 40) }))
	cfg, err := e.ServerConfig()
	require.NoError(t, err)
	levels := map[string]int{}
	for range 43 * 24 { // an hour a step
		_, err := cfg.GetCertificate(new(tls.ClientHelloInfo))
		require.NoError(t, err)
		at = at.Add(time.Hour)
	}
	for _, record := range log.Records(t) {
		levels[record["level"].(string)]++
	}
	assert.Equal(t, map[string]int{"WARN": 1 + 8, "ERROR": 3}, levels, "30 days, the last 7 days by the day, and each day after")
}

func TestHTTP2IsRefusedByClients(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.EnableHTTP2 = true
	cert := s.subCA.issue(t, providerName)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	cfg, err := s.endpoint(t, sspName, providerName).ClientConfig()
	require.NoError(t, err)
	get := func(transport *http.Transport) (*http.Response, error) {
		transport.TLSClientConfig = cfg.Clone()
		t.Cleanup(transport.CloseIdleConnections)
		return (&http.Client{Transport: transport}).Get(server.URL)
	}
	resp, err := get(new(http.Transport))
	require.NoError(t, err)
	assert.Equal(t, 1, resp.ProtoMajor)
	_, err = get(http.DefaultTransport.(*http.Transport).Clone())
	assert.ErrorContains(t, err, "ForceAttemptHTTP2")
}
