// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"crypto"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A pulled key signs until it is pulled, and then hangs until it is told to return.
type pulled struct {
	crypto.Signer
	out   atomic.Bool
	asked atomic.Int64
	until chan struct{}
}

func (k *pulled) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k.out.Load() {
		k.asked.Add(1)
		<-k.until
		return nil, errors.New("the token was pulled")
	}
	return k.Signer.Sign(random, digest, opts)
}

// A message key is one that hashes by itself.
type messageKey struct {
	*pulled
	messages atomic.Int64
}

func (k *messageKey) SignMessage(random io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.messages.Add(1)
	h := opts.HashFunc().New()
	h.Write(message)
	return k.Sign(random, h.Sum(nil), opts)
}

// piped shakes hands over a pipe, which may be made in a bubble, and returns the
// error of the end given and how long that took.
func piped(t *testing.T, client, server *tls.Config, end string) (time.Duration, error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	ends, start := map[string]chan error{"client": make(chan error, 1), "server": make(chan error, 1)}, time.Now()
	go func() { ends["client"] <- tls.Client(a, client).Handshake() }()
	go func() { ends["server"] <- tls.Server(b, server).Handshake() }()
	err := <-ends[end]
	return time.Since(start), err
}

// A token may hang at any time. Every client that connects makes the key of a server sign before
// anything is known of the client: the handshake ends, and only so many calls go on.
func TestAHandshakeDoesNotWaitForeverForAKey(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	for _, end := range []string{"server", "client"} {
		for _, hashes := range []bool{false, true} {
			own := s.subCA.issue(t, map[string]string{"server": providerName, "client": sspName}[end])
			t.Run(end+map[bool]string{true: ", whose key hashes by itself"}[hashes], func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					key := &pulled{Signer: own.PrivateKey.(crypto.Signer), until: make(chan struct{})}
					hashing := &messageKey{pulled: key}
					own.PrivateKey = key
					if hashes {
						own.PrivateKey = hashing
					}
					server, client := s.endpoint(t, providerName, sspName), s.endpoint(t, sspName)
					pins := pin(t, []*authority{s.root}, []*authority{s.subCA})
					server.Verifier.Pins, client.Verifier.Pins = pins, pins
					if end == "server" {
						server.Certificate = tlsconfig.StaticCertificate(own)
					} else {
						client.Certificate = tlsconfig.StaticCertificate(own)
					}
					serverCfg, clientCfg := serverConfig(t, server), dialling(clientConfig(t, client), providerName)
					clientCfg.ClientSessionCache = nil
					took, err := piped(t, clientCfg, serverCfg, end)
					require.NoError(t, err)
					assert.Zero(t, took)
					assert.Equal(t, hashes, hashing.messages.Load() > 0)

					key.out.Store(true)
					took, err = piped(t, clientCfg, serverCfg, end)
					require.Error(t, err)
					assert.Equal(t, 10*time.Second+bounded.Grace, took)
					sign := func() error { // as a handshake does
						var presented *tls.Certificate
						if end == "server" {
							presented, err = serverCfg.GetCertificate(new(tls.ClientHelloInfo))
						} else {
							presented, err = clientCfg.GetClientCertificate(new(tls.CertificateRequestInfo))
						}
						require.NoError(t, err)
						_, err := crypto.SignMessage(presented.PrivateKey.(crypto.Signer), nil, []byte("a transcript"), crypto.SHA256)
						return err
					}
					for range bounded.MaxLate / 2 {
						require.ErrorContains(t, sign(), "has not signed")
					}
					asked := key.asked.Load()
					assert.Less(t, asked, int64(bounded.MaxLate/2))

					key.out.Store(false) // while the same key is put into another config
					serverCfg, clientCfg = serverConfig(t, server), dialling(clientConfig(t, client), providerName)
					clientCfg.ClientSessionCache = nil
					key.out.Store(true)
					require.ErrorContains(t, sign(), "have not returned")
					assert.Equal(t, asked, key.asked.Load())
					close(key.until)
					synctest.Wait()
					key.out.Store(false)
					_, err = piped(t, clientCfg, serverCfg, end)
					require.NoError(t, err, "once it has returned")
				})
			})
		}
	}
}
