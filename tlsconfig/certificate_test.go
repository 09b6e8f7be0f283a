// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

func TestAnOwnCertificateThatPeersWouldRefuseIsRefusedWhenTheConfigIsBuilt(t *testing.T) {
	s := rsaSpine(t)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	good := s.subCA.issue(t, providerName)
	with := func(edit func(*tls.Certificate)) tlsconfig.CertificateSource {
		cert := good
		edit(&cert)
		return tlsconfig.StaticCertificate(cert)
	}
	leaf := func(edit func(*x509.Certificate)) tlsconfig.CertificateSource {
		return tlsconfig.StaticCertificate(s.subCA.issue(t, providerName, edit))
	}
	for _, test := range []struct {
		name   string
		source tlsconfig.CertificateSource
		want   string
	}{
		{"leaf and SubCA", tlsconfig.StaticCertificate(good), ""},
		{"leaf, SubCA and root", with(func(c *tls.Certificate) { c.Certificate = append(c.Certificate, s.root.cert.Raw) }), ""},
		{"no source", nil, "Certificate is nil"},
		{"nothing", with(func(c *tls.Certificate) { *c = tls.Certificate{} }), "no certificate in it"},
		{"neither certificate nor error", func(context.Context) (*tls.Certificate, error) { return nil, nil }, "neither"},
		{"an error", func(context.Context) (*tls.Certificate, error) { return nil, errors.New("the vault is shut") }, "the vault is shut"},
		{"a certificate and an error", func(context.Context) (*tls.Certificate, error) { return &good, errors.New("the vault is shut") }, "the vault is shut"},
		{"the leaf alone", with(func(c *tls.Certificate) { c.Certificate = c.Certificate[:1] }), "without the SubCA"},
		{"another CA after the leaf", with(func(c *tls.Certificate) { c.Certificate = [][]byte{c.Certificate[0], s.sibling.cert.Raw} }), "was not issued by"},
		{"the SubCA before the leaf", with(func(c *tls.Certificate) { c.Certificate = [][]byte{c.Certificate[1], c.Certificate[0]} }), "not that of the leaf"},
		{"something that is no certificate", with(func(c *tls.Certificate) { c.Certificate = [][]byte{{1}} }), "x509"},
		{"another key", with(func(c *tls.Certificate) { c.PrivateKey = s.root.key }), "not that of the leaf"},
		{"no key", with(func(c *tls.Certificate) { c.PrivateKey = nil }), "cannot sign"},
		{"an ECDSA key", tlsconfig.StaticCertificate(s.subCA.issueFor(t, providerName, ecKey)), "not RSA"},
		{"an RSA key of 1024 bits", tlsconfig.StaticCertificate(s.subCA.issueFor(t, providerName, testca.RSAOf("weak", 1024))), "1024 bits"},
		{"an expired leaf", leaf(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) }), "expired"},
		{"a leaf for clients", leaf(func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[1:] }), "serverAuth"},
		{"a leaf signed with SHA-1", leaf(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA }), "SHA1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := s.endpoint(t, providerName, sspName)
			e.Certificate = test.source
			_, validated := e.Check(x509.ExtKeyUsageServerAuth)
			cfg, err := e.ServerConfig()
			if test.want == "" {
				require.NoError(t, err)
				require.NoError(t, validated)
				return
			}
			require.ErrorContains(t, err, test.want)
			require.EqualError(t, validated, err.Error())
			require.Nil(t, cfg)
		})
	}
}

func TestTheCertificateThatTheSourceReturnsNowIsPresented(t *testing.T) {
	s := rsaSpine(t)
	var current atomic.Pointer[tls.Certificate]
	source := func(context.Context) (*tls.Certificate, error) { return current.Load(), nil }
	older, newer := s.subCA.issue(t, providerName), s.subCA.issue(t, providerName)
	client := clientConfig(t, s.endpoint(t, sspName, providerName))
	client.ClientSessionCache = nil

	current.Store(&older)
	e := s.endpoint(t, providerName, sspName)
	e.Certificate = source
	var log testenv.Log
	e.Logger = slog.New(slog.NewTextHandler(&log, nil))
	server := serverConfig(t, e)
	presented := func() *x509.Certificate {
		t.Helper()
		o := handshake(t, client, server)
		require.NoError(t, o.clientErr)
		return o.client.PeerCertificates[0]
	}
	require.Equal(t, older.Leaf.Raw, presented().Raw)
	current.Store(&newer)
	require.Equal(t, newer.Leaf.Raw, presented().Raw)

	t.Run("unless it is unfit, which is logged once", func(t *testing.T) {
		unfit := s.subCA.issue(t, providerName, func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[1:] })
		current.Store(&unfit)
		require.Equal(t, newer.Leaf.Raw, presented().Raw)
		require.Equal(t, newer.Leaf.Raw, presented().Raw)
		require.Len(t, log.Lines(), 1)
		require.Contains(t, log.Lines()[0], "serverAuth")
	})
	t.Run("and again when it is fit", func(t *testing.T) {
		current.Store(&older)
		require.Equal(t, older.Leaf.Raw, presented().Raw)
		require.Len(t, log.Lines(), 1)
	})
	t.Run("and stays while the source has nothing, which is logged", func(t *testing.T) {
		current.Store(nil)
		require.Equal(t, older.Leaf.Raw, presented().Raw)
		require.Len(t, log.Lines(), 2)
		require.Contains(t, log.Lines()[1], "neither a certificate nor an error")
	})
}

func TestAClientPresentsTheCertificateOfNow(t *testing.T) {
	s := rsaSpine(t)
	var current atomic.Pointer[tls.Certificate]
	older, newer := s.subCA.issue(t, sspName), s.subCA.issue(t, sspName)
	current.Store(&older)
	e := s.endpoint(t, sspName, providerName)
	e.Certificate = func(context.Context) (*tls.Certificate, error) { return current.Load(), nil }
	client := clientConfig(t, e)
	client.ClientSessionCache = nil
	server := serverConfig(t, s.endpoint(t, providerName, sspName))
	require.Equal(t, older.Leaf.Raw, handshake(t, client, server).server.PeerCertificates[0].Raw)
	current.Store(&newer)
	require.Equal(t, newer.Leaf.Raw, handshake(t, client, server).server.PeerCertificates[0].Raw)
}

// In the bubble time stands still while files are read, and moves only in Sleep.
func TestCertificateFilesAreReadAgainWhenTheyChange(t *testing.T) {
	s := rsaSpine(t)
	older, newer := s.subCA.issue(t, providerName), s.subCA.issueFor(t, providerName, testca.RSA("impostor"))
	chain := func(c tls.Certificate) []byte { return certPEM(c.Certificate...) }
	dir := t.TempDir()
	certFile := writeFile(t, dir, "cert.pem", chain(older))
	keyFile := writeFile(t, dir, "key.pem", keyPEM(t, older.PrivateKey))

	synctest.Test(t, func(t *testing.T) {
		source := tlsconfig.CertificateFiles(certFile, keyFile)
		get := func() *tls.Certificate {
			t.Helper()
			cert, err := source(t.Context())
			require.NoError(t, err)
			return cert
		}
		last := func() (*tls.Certificate, error) {
			time.Sleep(time.Second)
			return source(t.Context())
		}
		first := get()
		require.Equal(t, older.Certificate, first.Certificate)
		time.Sleep(time.Minute)
		require.Same(t, first, get(), "what has not changed is the same certificate")

		// A renewal seen halfway, at each of its stages.
		half := chain(newer)
		for _, stage := range []struct {
			name string
			file []byte
		}{
			{"the file is empty", nil},
			{"the leaf is cut short", half[:len(half)/4]},
			{"the SubCA is cut short", half[:len(half)-40]},
			{"the certificate is new and the key is old", half},
		} {
			writeFile(t, dir, "cert.pem", stage.file)
			for range 2 {
				cert, err := last()
				require.Error(t, err, stage.name)
				require.Same(t, first, cert, stage.name)
			}
		}
		writeFile(t, dir, "key.pem", keyPEM(t, newer.PrivateKey))
		require.Error(t, justErr(source(t.Context())), "not looked at again within the second")
		cert, err := last()
		require.NoError(t, err)
		require.Equal(t, newer.Certificate, cert.Certificate)

		writeFile(t, dir, "cert.pem", bytes.Repeat([]byte{'\n'}, 1<<20+1))
		kept, err := last()
		require.ErrorContains(t, err, "larger than")
		require.Same(t, cert, kept)
	})
	t.Run("and an error if there never was a good pair", func(t *testing.T) {
		cert, err := tlsconfig.CertificateFiles(certFile, dir+"/none.pem")(t.Context())
		require.Nil(t, cert)
		require.Error(t, err)
		_, err = tlsconfig.CertificateFiles(dir+"/none.pem", keyFile)(t.Context())
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
	t.Run("and both may be one file", func(t *testing.T) {
		one := writeFile(t, dir, "both.pem", append(chain(older), keyPEM(t, older.PrivateKey)...))
		cert, err := tlsconfig.CertificateFiles(one, one)(t.Context())
		require.NoError(t, err)
		require.Equal(t, older.Certificate, cert.Certificate)
	})
}

func justErr[T any](_ T, err error) error { return err }
