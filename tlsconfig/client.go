// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"crypto/tls"
	"crypto/x509"
)

// ClientConfig returns a config that speaks TLS 1.2 only, presents the
// certificate and verifies the server by Verifier on every handshake, resumed ones
// included. It returns an error if anything is missing or wrong, if
// crypto/tls has none of Suites, or if GODEBUG, which is for the whole process, has
// tlssha1=1.
//
// InsecureSkipVerify is set, because crypto/x509 knows neither pins nor FQDNs
// in the common name: VerifyConnection is all that stands between the client
// and an unverified server, and must stay. A client cannot order its suites, crypto/tls
// does; leaving suites out with Suites is the only means. A connection on which
// HTTP/2 was negotiated is an error: http.Transport offers it, whatever the config
// says, if ForceAttemptHTTP2 is set, as in a clone of http.DefaultTransport.
//
// ClientSessionCache is this config's alone. To a server a resumed session is still
// that of the certificate it began with: the config of another Endpoint that is given
// this cache is taken for this client.
func (e *Endpoint) ClientConfig() (*tls.Config, error) {
	e, own, suites, err := e.build(x509.ExtKeyUsageClientAuth)
	if err != nil {
		return nil, err
	}
	cfg := e.config(suites)
	cfg.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return own.present(request.Context()), nil
	}
	cfg.InsecureSkipVerify = true
	cache := &sessions{endpoint: e, own: own, cache: tls.NewLRUClientSessionCache(0)}
	cfg.VerifyConnection = (&hook{endpoint: e, peer: x509.ExtKeyUsageServerAuth, suites: suites, accepted: cache.verified}).verify
	cfg.ClientSessionCache = cache
	return cfg, nil
}
