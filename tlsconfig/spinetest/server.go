// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A Server is a running test server.
type Server struct {
	URL string // https and the address on loopback, no trailing slash

	pki   *PKI
	name  string
	leaf  *x509.Certificate // nil: see Serve
	close func()
}

// NewServer serves handler on loopback over mutual TLS for e, as
// httptest.NewTLSServer does; the caller should Close it. The FQDNs of e's
// certificate become the server's names for DialContext.
func (p *PKI) NewServer(e *tlsconfig.Endpoint, handler http.Handler) *Server {
	config, err := e.ServerConfig()
	if err != nil {
		panic("spinetest: " + err.Error())
	}
	cert, err := e.Certificate(context.Background())
	if err != nil {
		panic("spinetest: " + err.Error())
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		panic("spinetest: " + err.Error())
	}
	names, err := tlsconfig.FQDNs(leaf)
	if err != nil {
		panic("spinetest: " + err.Error())
	}
	server := p.Serve(config, names[0], handler)
	for _, name := range names[1:] {
		p.SetHost(name, strings.TrimPrefix(server.URL, "https://"))
	}
	server.leaf = leaf
	return server
}

// Serve is NewServer for a config of any making, whose server is called fqdn.
func (p *PKI) Serve(config *tls.Config, fqdn string, handler http.Handler) *Server {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("spinetest: " + err.Error())
	}
	server := &http.Server{
		Handler:           handler,
		TLSConfig:         config,
		ReadHeaderTimeout: 10 * time.Second,
		// Refused handshakes are what tests are about; Endpoint.Logger has them.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.ServeTLS(listener, "", "") // ends with Close
	}()
	p.SetHost(fqdn, listener.Addr().String())
	return &Server{
		URL:  "https://" + listener.Addr().String(),
		pki:  p,
		name: fqdn,
		close: sync.OnceFunc(func() {
			server.Close()
			<-served
		}),
	}
}

// Certificate returns the certificate that the server presented when it was
// started, and nil for a server that Serve started.
func (s *Server) Certificate() *x509.Certificate { return s.leaf }

// Close ends the server and its connections.
func (s *Server) Close() { s.close() }

// Client returns a client that presents cert, fit or not, and none if cert is
// zero; it accepts this server only. Each request makes a handshake of its own,
// resumed if the server allows it, so that each is judged by the rules of its
// time.
func (s *Server) Client(cert tls.Certificate) *http.Client {
	return s.pki.Client(cert, s.name)
}

// Client is Server.Client for servers of any of the given names; without names,
// for those of the name that is dialled.
func (p *PKI) Client(cert tls.Certificate, servers ...string) *http.Client {
	e := &tlsconfig.Endpoint{
		// Any that the builder accepts: what is presented is set below.
		Certificate: tlsconfig.StaticCertificate(p.Issue("client.spinetest.nhs.uk")),
		Verifier:    tlsconfig.Verifier{Pins: p.Pins(), FQDNs: servers, Revocation: p.Checker(), Time: p.Now},
	}
	config, err := e.ClientConfig()
	if err != nil {
		panic("spinetest: " + err.Error())
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, DialContext: p.DialContext, DisableKeepAlives: true}}
}
