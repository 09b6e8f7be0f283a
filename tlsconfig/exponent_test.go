// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

// A keyless signer has no private key: with the public exponent 1, the padded
// digest is its own signature (RFC 8017 section 9.2).
type keyless struct{ public *rsa.PublicKey }

func (k keyless) Public() crypto.PublicKey { return k.public }

func (k keyless) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	info, err := asn1.Marshal(struct {
		Algorithm struct {
			OID        asn1.ObjectIdentifier
			Parameters asn1.RawValue
		}
		Digest []byte
	}{struct {
		OID        asn1.ObjectIdentifier
		Parameters asn1.RawValue
	}{map[crypto.Hash]asn1.ObjectIdentifier{
		crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1},
		crypto.SHA384: {2, 16, 840, 1, 101, 3, 4, 2, 2},
		crypto.SHA512: {2, 16, 840, 1, 101, 3, 4, 2, 3},
	}[opts.HashFunc()], asn1.NullRawValue}, digest})
	if err != nil {
		return nil, err
	}
	padded := make([]byte, k.public.Size())
	padded[1] = 1
	for i := 2; i < len(padded)-len(info)-1; i++ {
		padded[i] = 0xff
	}
	copy(padded[len(padded)-len(info):], info)
	return padded, nil
}

// keylessLeaf is a certificate whose RSA key has the exponent.
func keylessLeaf(t *testing.T, s *spine, name string, exponent int) tls.Certificate {
	t.Helper()
	cert := s.subCA.issueFor(t, name, keyless{&rsa.PublicKey{N: testca.RSA("leaf").N, E: exponent}})
	cert.SupportedSignatureAlgorithms = []tls.SignatureScheme{tls.PKCS1WithSHA256, tls.PKCS1WithSHA384, tls.PKCS1WithSHA512}
	return cert
}

func TestRSAKeyWithUnsoundExponentIsRefused(t *testing.T) {
	t.Parallel()
	s := rsaSpine(t)
	for _, exponent := range []int{1, 2, 4, 65536} {
		cert := keylessLeaf(t, s, sspName, exponent)
		v := s.endpoint(t, providerName, sspName).Verifier
		_, err := v.Verify(t.Context(), clientPresents(cert.Leaf))
		refused(t, err, tlsconfig.RuleKey)

		e := s.endpoint(t, providerName, sspName)
		e.Certificate = tlsconfig.StaticCertificate(keylessLeaf(t, s, providerName, exponent))
		_, err = e.ServerConfig()
		assert.ErrorContains(t, err, "public exponent")

		root := newRoot(t, "Root", "root")
		ca := root.issueCA(t, "SubCA", keyless{&rsa.PublicKey{N: testca.RSA("subca").N, E: exponent}})
		_, err = tlsconfig.NewPins([]*x509.Certificate{root.cert}, []*x509.Certificate{ca.cert})
		assert.ErrorContains(t, err, "public exponent")
	}
}

func TestClientWithoutPrivateKeyIsRefusedByBothEngines(t *testing.T) {
	t.Parallel()
	s := rsaSpine(t)
	for engine, listen := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			e, log := s.logged(t)
			inner, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			listener := listen(t, inner, e)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				server := &http.Server{Handler: http.NotFoundHandler(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
				_ = server.Serve(listener)
			}()
			cert := keylessLeaf(t, s, sspName, 1)
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
				InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12,
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil },
			}}}
			_, err = client.Get("https://" + inner.Addr().String())
			require.Error(t, err)
			require.NoError(t, listener.Close())
			<-ended
			records := log.Records(t)
			require.Len(t, records, 1)
			assert.Equal(t, "key", records[0]["rule"])
		})
	}
}

func TestServerWithoutPrivateKeyIsRefusedByBothEngines(t *testing.T) {
	t.Parallel()
	s := rsaSpine(t)
	cert := keylessLeaf(t, s, providerName, 1)
	serve := func(t *testing.T) string {
		inner, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12})
		require.NoError(t, err)
		testenv.Serve(t, &http.Server{Handler: http.NotFoundHandler(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}, inner)
		return inner.Addr().String()
	}
	t.Run("crypto/tls", func(t *testing.T) {
		t.Parallel()
		cfg, err := s.endpoint(t, sspName, providerName).ClientConfig()
		require.NoError(t, err)
		_, err = (&tls.Dialer{Config: cfg}).DialContext(t.Context(), "tcp", serve(t))
		refused(t, err, tlsconfig.RuleKey)
	})
	t.Run("libssl", func(t *testing.T) {
		t.Parallel()
		if err := openssl.Available(); err != nil {
			testenv.Missing(t, err.Error())
		}
		d, err := openssl.NewDialer(s.endpoint(t, sspName, providerName))
		require.NoError(t, err)
		_, err = d.DialContext(context.Background(), "tcp", serve(t))
		refused(t, err, tlsconfig.RuleKey)
	})
}
