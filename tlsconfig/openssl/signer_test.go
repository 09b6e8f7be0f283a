// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

// A storedKey signs and shows nothing else of itself.
type storedKey struct {
	key   *rsa.PrivateKey
	signs atomic.Int64
	do    func() error // before it signs, once it is in use
	inUse atomic.Bool  // the endpoint was built, for which the key signs on trial
	given func(digest []byte)
}

func (k *storedKey) Public() crypto.PublicKey { return k.key.Public() }

func (k *storedKey) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if !k.inUse.Load() {
		return k.key.Sign(random, digest, opts)
	}
	k.signs.Add(1)
	if k.given != nil {
		k.given(digest)
	}
	if k.do != nil {
		if err := k.do(); err != nil {
			return nil, err
		}
	}
	return k.key.Sign(random, digest, opts)
}

// stored is a certificate whose key does not leave its store.
func stored(fqdn string, do func() error) (tls.Certificate, *storedKey) {
	cert := spine().Leaf(fqdn)
	key := &storedKey{key: testpki.Key("leaf"), do: do}
	cert.PrivateKey = key
	return cert, key
}

func TestAKeyThatDoesNotLeaveItsStoreSigns(t *testing.T) {
	needLibrary(t)
	clientCert, clientKey := stored(clientName, nil)
	serverCert, serverKey := stored(serverName, nil)
	for i, suite := range tlsconfig.Suites() {
		client := spine().Endpoint(clientCert, serverName)
		client.Suites = []tlsconfig.Suite{suite}
		c, s := pair(t, client, spine().Endpoint(serverCert, clientName))
		clientKey.inUse.Store(true)
		serverKey.inUse.Store(true)
		clientErr, serverErr := shake(c, s)
		clientKey.inUse.Store(false)
		serverKey.inUse.Store(false)
		require.NoError(t, clientErr, suite)
		require.NoError(t, serverErr, suite)
		assert.EqualValues(t, i+1, clientKey.signs.Load())
		assert.EqualValues(t, i+1, serverKey.signs.Load())
	}
}

func TestAKeyThatDoesNotLeaveItsStoreMeetsCryptoTLS(t *testing.T) {
	needLibrary(t)
	cert, _ := stored(serverName, nil)
	newServer, err := openssl.NewServer(spine().Endpoint(cert, clientName))
	require.NoError(t, err)
	own := spine().Leaf(clientName)
	_, _, clientErr, serverErr := shaken(t, loose(&own), newServer)
	require.NoError(t, clientErr)
	require.NoError(t, serverErr)
}

// A pssToken signs by RSASSA-PSS and not by PKCS #1 v1.5.
type pssToken struct{ crypto.Signer }

func (k pssToken) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if _, pss := opts.(*rsa.PSSOptions); !pss {
		return nil, errors.New("the token has no PKCS #1 v1.5")
	}
	return k.Signer.Sign(random, digest, opts)
}

func TestAKeyThatLibsslCannotHaveSignIsRefusedWhenBuilt(t *testing.T) {
	needLibrary(t)
	cert := spine().Leaf(serverName)
	cert.PrivateKey, cert.SupportedSignatureAlgorithms = pssToken{testpki.Key("leaf")}, pss
	e := spine().Endpoint(cert, clientName)
	_, err := e.ServerConfig()
	require.NoError(t, err, "crypto/tls has it sign")
	_, err = openssl.NewServer(e)
	require.ErrorContains(t, err, "SupportedSignatureAlgorithms")
}

// libcrypto would call a function that the RSA_METHOD lacks.
func TestASignatureThatAKeyElsewhereCannotMakeEndsTheHandshake(t *testing.T) {
	needLibrary(t)
	cert, key := stored(serverName, nil)
	newServer, err := openssl.NewServerSigningBy("rsa_pss_rsae_sha256", spine().Endpoint(cert, clientName))
	require.NoError(t, err)
	key.inUse.Store(true)
	own := spine().Leaf(clientName)
	_, _, clientErr, serverErr := shaken(t, loose(&own), newServer)
	requireFailure(t, clientErr, serverErr)
	assert.Zero(t, key.signs.Load())
}

// crypto/rsa signs without the primes, too; no encoding of the key does without them.
func TestAKeyWithoutPrimesSigns(t *testing.T) {
	needLibrary(t)
	bare := func(cert tls.Certificate) tls.Certificate {
		key := testpki.Key("leaf")
		cert.PrivateKey = &rsa.PrivateKey{PublicKey: key.PublicKey, D: key.D}
		return cert
	}
	c, s := pair(t, spine().Endpoint(bare(spine().Leaf(clientName)), serverName), spine().Endpoint(bare(spine().Leaf(serverName)), clientName))
	clientErr, serverErr := shake(c, s)
	require.NoError(t, clientErr)
	require.NoError(t, serverErr)
}

func TestAKeyThatFailsEndsTheHandshake(t *testing.T) {
	needLibrary(t)
	for name, do := range map[string]func() error{
		"it returns an error": func() error { return errors.New("the store is locked") },
		"it panics":           func() error { panic("store") },
	} {
		t.Run(name, func(t *testing.T) {
			cert, key := stored(serverName, do)
			c, s := pair(t, clientEndpoint(), spine().Endpoint(cert, clientName))
			key.inUse.Store(true)
			clientErr, serverErr := shake(c, s)
			requireFailure(t, clientErr, serverErr)
		})
	}
}

// requireFailure wants a server whose libssl has failed, and its client told so.
func requireFailure(t *testing.T, clientErr, serverErr error) {
	t.Helper()
	_, ok := errors.AsType[*openssl.LibraryError](serverErr)
	require.True(t, ok, "%v", serverErr)
	requireAlert(t, 80, clientErr)
}

func TestCloseDoesNotWaitForAKey(t *testing.T) {
	needLibrary(t)
	signing, store := make(chan struct{}), make(chan struct{})
	cert, key := stored(serverName, func() error {
		close(signing)
		<-store
		return nil
	})
	c, s := pair(t, clientEndpoint(), spine().Endpoint(cert, clientName))
	key.inUse.Store(true)
	client, server := make(chan error, 1), make(chan error, 1)
	go func() { client <- c.Handshake() }()
	go func() { server <- s.Handshake() }()
	<-signing
	require.NoError(t, s.Close())
	close(store)
	require.ErrorIs(t, <-server, net.ErrClosed)
	require.Error(t, <-client)
}

func TestASignerKeepsItsDigest(t *testing.T) {
	needLibrary(t)
	var kept, then []byte
	cert, key := stored(serverName, nil)
	key.given = func(digest []byte) { kept, then = digest, bytes.Clone(digest) }
	for range 2 {
		c, s := pair(t, clientEndpoint(), spine().Endpoint(cert, clientName))
		key.inUse.Store(true)
		clientErr, serverErr := shake(c, s)
		key.inUse.Store(false)
		require.NoError(t, clientErr)
		require.NoError(t, serverErr)
		c.Close()
		s.Close()
		runtime.GC()
		assert.Equal(t, then, kept)
	}
}

// libcrypto has made room for signatures of the key that it was told of.
func TestAStoreThatChangesItsKeyIsNotBelieved(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a key of another size")
	}
	needLibrary(t)
	cert, key := stored(serverName, nil)
	newServer, err := openssl.NewServer(spine().Endpoint(cert, clientName))
	require.NoError(t, err)
	key.key = testca.RSAOf("larger", 2304)
	own := spine().Leaf(clientName)
	_, _, clientErr, serverErr := shaken(t, loose(&own), newServer)
	requireFailure(t, clientErr, serverErr)
}

// Each step of a key that signs elsewhere holds a thread while it waits.
func TestStepsOfAKeyThatSignsElsewhereAreBounded(t *testing.T) {
	needLibrary(t)
	signing, store := make(chan struct{}, 1), make(chan struct{})
	cert, key := stored(serverName, func() error {
		signing <- struct{}{}
		<-store
		return nil
	})
	newServer, err := openssl.NewServerSigning(spine().Endpoint(cert, clientName), 1)
	require.NoError(t, err)
	key.inUse.Store(true)
	shaking := func(ctx context.Context) chan error {
		a, b := tcpPipe(t)
		go func() { _ = tls.Client(a, loose(nil)).Handshake() }()
		s := newServer(b)
		t.Cleanup(func() { s.Close() })
		ended := make(chan error, 1)
		go func() { ended <- s.HandshakeContext(ctx) }()
		return ended
	}
	first := shaking(t.Context())
	<-signing
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, <-shaking(ctx), context.DeadlineExceeded, "there is no place for it")
	assert.EqualValues(t, 1, key.signs.Load())
	close(store)
	require.Error(t, <-first, "a client without a certificate")
}
