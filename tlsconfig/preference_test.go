// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"crypto/tls"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// native is what crypto/tls has of the suites given, in the guidance's order.
func native(asked ...tlsconfig.Suite) []tlsconfig.Suite {
	return slices.DeleteFunc(tlsconfig.Suites(), func(s tlsconfig.Suite) bool {
		return !s.Native() || len(asked) > 0 && !slices.Contains(asked, s)
	})
}

func TestTheMostPreferredSharedSuiteIsChosenWhateverTheOrderOfTheOffer(t *testing.T) {
	s := newSpine(t)
	foreign := []uint16{
		tls.TLS_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_FALLBACK_SCSV, 0x00FF,
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, narrowed := range [][]tlsconfig.Suite{
		nil,
		{tlsconfig.ECDHE_RSA_AES256_SHA, tlsconfig.ECDHE_RSA_AES128_GCM_SHA256},
		{tlsconfig.ECDHE_RSA_AES256_GCM_SHA384},
	} {
		e := s.endpoint(t, providerName, sspName)
		e.Suites = narrowed
		cfg := serverConfig(t, e)
		for range 2000 {
			offer := slices.Clone(foreign)
			for _, suite := range tlsconfig.Suites() {
				if random.IntN(3) > 0 {
					offer = append(offer, uint16(suite))
				}
			}
			random.Shuffle(len(offer), func(i, j int) { offer[i], offer[j] = offer[j], offer[i] })
			want := []uint16{}
			for _, suite := range native(narrowed...) {
				if slices.Contains(offer, uint16(suite)) {
					want = append(want, uint16(suite))
					break
				}
			}
			chosen, err := cfg.GetConfigForClient(&tls.ClientHelloInfo{CipherSuites: offer})
			require.NoError(t, err)
			require.Equal(t, want, chosen.CipherSuites)
			require.NotNil(t, chosen.VerifyConnection)
			require.Equal(t, tls.RequireAnyClientCert, chosen.ClientAuth)
		}
	}
}

func TestEverySubsetOfTheSuitesNegotiatesByTheGuidancesOrder(t *testing.T) {
	s := newSpine(t)
	server := serverConfig(t, s.endpoint(t, providerName, sspName))
	ssp := s.subCA.issue(t, sspName)
	suites := native()
	require.Len(t, suites, 3)
	for subset := 1; subset < 1<<len(suites); subset++ {
		client := plainClient(ssp)
		var want tlsconfig.Suite
		for i, suite := range suites {
			if subset&(1<<i) != 0 {
				client.CipherSuites = append(client.CipherSuites, uint16(suite))
				if want == 0 {
					want = suite
				}
			}
		}
		o := handshake(t, client, server)
		require.NoError(t, o.clientErr)
		require.NoError(t, o.serverErr)
		require.Equal(t, want, tlsconfig.Suite(o.server.CipherSuite))
	}
}

func TestAClientWithForeignSuitesOnlyGetsHandshakeFailure(t *testing.T) {
	s := newSpine(t)
	client := plainClient(s.subCA.issue(t, sspName))
	client.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384}
	o := handshake(t, client, serverConfig(t, s.endpoint(t, providerName, sspName)))
	require.Error(t, o.serverErr)
	alert(t, o.clientErr, alertHandshakeFailure)
}

func TestClientsOfferNothingBeyondTheirSuites(t *testing.T) {
	s := newSpine(t)
	for _, narrowed := range [][]tlsconfig.Suite{nil, {tlsconfig.ECDHE_RSA_AES256_GCM_SHA384, tlsconfig.DHE_RSA_AES256_SHA}} {
		e := s.endpoint(t, sspName)
		e.Suites = narrowed
		var offered []uint16
		server := serverConfig(t, s.endpoint(t, providerName, sspName))
		choose := server.GetConfigForClient
		server.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			offered = hello.CipherSuites
			return choose(hello)
		}
		o := handshake(t, dialling(clientConfig(t, e), providerName), server)
		require.NoError(t, o.clientErr)
		var want []uint16
		for _, suite := range native(narrowed...) {
			want = append(want, uint16(suite))
		}
		require.ElementsMatch(t, want, offered)
	}
}

func TestTheCertificateRequestNamesThePinnedSubCAs(t *testing.T) {
	s := newSpine(t)
	server := serverConfig(t, s.endpoint(t, providerName, sspName))
	var named [][]byte
	client := plainClient()
	ssp := s.subCA.issue(t, sspName)
	client.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		named = request.AcceptableCAs
		return &ssp, nil
	}
	require.NoError(t, handshake(t, client, server).clientErr)
	require.Equal(t, [][]byte{s.subCA.cert.RawSubject}, named)

	s.pins.Replace(pin(t, []*authority{s.root}, []*authority{s.subCA, s.sibling}))
	require.NoError(t, handshake(t, client, server).clientErr)
	require.Equal(t, [][]byte{s.subCA.cert.RawSubject, s.sibling.cert.RawSubject}, named)
}

// http.Server changes the config that it is given and serves by a clone.
func TestHTTPServersServeByTheConfig(t *testing.T) {
	s := newSpine(t)
	for name, narrowed := range map[string][]tlsconfig.Suite{
		"with all suites":                        nil,
		"without the suite that HTTP/2 requires": {tlsconfig.ECDHE_RSA_AES256_GCM_SHA384},
		"with a suite that HTTP/2 forbids":       {tlsconfig.ECDHE_RSA_AES256_SHA},
	} {
		t.Run(name, func(t *testing.T) {
			e := s.endpoint(t, providerName, sspName)
			e.Suites = narrowed
			cfg := serverConfig(t, e)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			srv := &http.Server{TLSConfig: cfg, ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Write([]byte(r.TLS.PeerCertificates[0].Subject.CommonName))
			})}
			served := make(chan error, 1)
			go func() { served <- srv.ServeTLS(l, "", "") }()
			defer func() {
				srv.Close()
				require.ErrorIs(t, <-served, http.ErrServerClosed)
			}()

			transport := &http.Transport{TLSClientConfig: clientConfig(t, s.endpoint(t, sspName, providerName)), ForceAttemptHTTP2: true}
			defer transport.CloseIdleConnections()
			for range 2 {
				resp, err := (&http.Client{Transport: transport}).Get("https://" + l.Addr().String())
				require.NoError(t, err)
				resp.Body.Close()
				require.Equal(t, native(narrowed...)[0], tlsconfig.Suite(resp.TLS.CipherSuite))
				require.Equal(t, "HTTP/1.1", resp.Proto)
				transport.CloseIdleConnections()
			}

			other := &http.Transport{TLSClientConfig: plainClient(s.subCA.issue(t, "other.nhs.uk"))}
			_, err = (&http.Client{Transport: other}).Get("https://" + l.Addr().String())
			alert(t, err, alertBadCertificate)
			require.NoError(t, tlsconfig.Audit(cfg))
		})
	}
}
